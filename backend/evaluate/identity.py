"""Whether a drawn face is still that person's: distance of dlib's face descriptors (King 2017, ResNet, 128 numbers).

Needs the package dlib-bin, and the net's file MODEL by dlib's author (public domain, CC0): in the models folder, or in
the package face-recognition-models, which carries it. Without them there is no such score.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np

from backend.model_files import find_optional_model
from shared.errors import InputError
from shared.files import file_sha256

MODEL = "dlib_face_recognition_resnet_model_v1.dat"
MODEL_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
SAME_PERSON = 0.6
"""Descriptors closer than this are taken for one person's (dlib's own threshold)."""
_EYE_CORNERS_AND_NOSE = (263, 362, 33, 133, 2)
"""MediaPipe's landmarks at the five points by which dlib aligns a face: outer and inner corner of the eye on the right
of the picture, the same on the left, and the base of the nose."""


class FaceIdentity:
    """The net. Descriptors are (128,) float64; the distance of two is at most about 1.5."""

    def __init__(self, path: Path) -> None:
        """path: the file MODEL. Raises InputError for another file, ImportError without dlib."""
        if file_sha256(path) != MODEL_SHA256:
            raise InputError(
                f"{path} is not the model file it should be (wrong SHA-256 checksum).",
                "Replace it by dlib's own, or remove it: the identity is left out then.",
            )
        import dlib

        self._dlib = dlib
        self._net = dlib.face_recognition_model_v1(str(path))

    @classmethod
    def find(cls, models_dir: str | os.PathLike | None = None) -> FaceIdentity | None:
        """The net, or None where dlib or its file is missing: `why_missing` says which."""
        path = _model_path(models_dir)
        return None if path is None or importlib.util.find_spec("dlib") is None else cls(path)

    def descriptor(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(128,) of the face in (H, W, 3) uint8 RGB at `landmarks` (478, 2 or more), px.

        Give the recorded landmarks for the drawn picture too: both are then cut alike, and no face can be missed.
        """
        points = [self._dlib.point(*np.rint(landmarks[index, :2]).astype(int)) for index in _EYE_CORNERS_AND_NOSE]
        low, high = landmarks[:, :2].min(axis=0).astype(int), landmarks[:, :2].max(axis=0).astype(int)
        face = self._dlib.full_object_detection(self._dlib.rectangle(*low, *high), points)
        chip = self._dlib.get_face_chip(np.ascontiguousarray(picture), face)
        return np.array(self._net.compute_face_descriptor(chip))


def identity_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Euclidean distance of two descriptors: 0 the same picture, from SAME_PERSON another person."""
    return float(np.linalg.norm(a - b))


def why_missing(models_dir: str | os.PathLike | None = None) -> str | None:
    """What an identity score lacks on this machine, in words; None if nothing."""
    if importlib.util.find_spec("dlib") is None:
        return "dlib is not installed: no identity score"
    if _model_path(models_dir) is None:
        return f"{MODEL} is neither in the models folder nor in the package face-recognition-models: no identity score"
    return None


def _model_path(models_dir: str | os.PathLike | None) -> Path | None:
    found = find_optional_model(MODEL, models_dir)
    if found is not None:
        return found
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations:
        return None
    # The package itself is never imported: it asks for a module that setuptools no longer has.
    path = Path(package.submodule_search_locations[0]) / "models" / MODEL
    return path if path.is_file() else None
