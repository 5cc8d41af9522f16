"""MediaPipe's canonical face: the mesh that landmarks 0 to 467 belong to (sets of them by name: face.points).

The mesh lies inside the model file `face_landmarker.task`, a zip; its member
`geometry_pipeline_metadata_landmarks.binarypb` is a protocol-buffer message whose field 1 is the mesh
(mediapipe/tasks/cc/vision/face_geometry/proto/mesh_3d.proto).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from backend.face.points import MESH_POINTS
from backend.model_files import find_model
from shared.errors import InputError

LANDMARKER_MODEL = "face_landmarker.task"
GEOMETRY_MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"


@dataclass(frozen=True)
class CanonicalFace:
    """The mesh: head frame of shared.camera (cm, X right in a frontal picture, Y up, Z out of the face)."""

    vertices: np.ndarray
    """(468, 3) float64 cm."""
    uv: np.ndarray
    """(468, 2) float64 texture coordinates in [0, 1]."""
    triangles: np.ndarray
    """(898, 3) int64 vertex numbers."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protocol-buffer message: integers for varints, bytes for everything else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(data, at)
        else:
            if kind == 2:
                length, at = _varint(data, at)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise ValueError(f"wire type {kind} is not known")
            if at + length > len(data):
                raise ValueError("a field is longer than the message")
            value, at = data[at : at + length], at + length
        yield key >> 3, value


def parse_mesh(metadata: bytes) -> CanonicalFace:
    """The mesh in a GeometryPipelineMetadata message. Raises ValueError if it holds no mesh of 468 points."""
    mesh = next((value for number, value in _fields(metadata) if number == 1 and isinstance(value, bytes)), None)
    if mesh is None:
        raise ValueError("no mesh in the message")
    floats, indices = bytearray(), []
    for number, value in _fields(mesh):
        if number == 3 and isinstance(value, bytes):
            floats += value
        elif number == 4 and isinstance(value, int):
            indices.append(value)
        elif number == 4 and isinstance(value, bytes):
            at = 0
            while at < len(value):
                index, at = _varint(value, at)
                indices.append(index)
    buffer = np.array(struct.unpack(f"<{len(floats) // 4}f", floats), dtype=np.float64)
    if buffer.size != MESH_POINTS * 5 or len(indices) % 3:
        raise ValueError(
            f"mesh of {buffer.size / 5:g} points and {len(indices)} indices, expected {MESH_POINTS} points"
        )
    buffer = buffer.reshape(MESH_POINTS, 5)
    return CanonicalFace(buffer[:, :3].copy(), buffer[:, 3:].copy(), np.array(indices, dtype=np.int64).reshape(-1, 3))


@lru_cache(maxsize=4)
def load_canonical_face(models_dir: str | None = None) -> CanonicalFace:
    """The canonical face from the landmarker's model file. Raises InputError if that is missing or damaged."""
    path = Path(find_model(LANDMARKER_MODEL, models_dir))
    try:
        with zipfile.ZipFile(path) as bundle:
            return parse_mesh(bundle.read(GEOMETRY_MEMBER))
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"The model file {path} holds no face mesh ({error}).", "Delete it and start again."
        ) from error
