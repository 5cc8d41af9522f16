"""Preprocessing to put faults under: only what finds faces, cameras and mattes has stand-ins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from backend.media.encode import MovieWriter
from backend.media.png import read_png
from backend.performance.curves import FACE_CURVES
from backend.preprocess import capture, pipeline
from backend.preprocess.camera import CameraSolution
from backend.preprocess.scan import Scan
from backend.preprocess.speaker import FacePath
from backend.settings import PreprocessSettings
from backend.subject.subject import Subject
from shared import layout
from shared.jobs import Reporter
from tests.support.failing_disk import Undertaking, files_of, in_fork
from tests.support.synthetic_subject import blob_face

SIZE, _FRAMES, _RATE = 64, 8, 16000


class _Tracker:
    """Sees the same face in every frame, moved a little."""

    def __init__(self, *arguments: object) -> None:
        pass

    def measure(self, number: int, rgb: np.ndarray) -> SimpleNamespace:
        points = np.random.default_rng(0).uniform(12, 52, (478, 3)) + number
        names = ("_neutral", *FACE_CURVES)
        return SimpleNamespace(landmarks=points, blendshapes=np.full(52, 0.1 * (number % 5)), blendshape_names=names)


@contextmanager
def _nothing(*arguments: object) -> Iterator[None]:
    yield None


def _solve(landmarks: np.ndarray, *arguments: object, **options: object) -> CameraSolution:
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (len(landmarks), 1, 1))
    poses[:, 2, 3] = 50.0
    nothing, centre = np.zeros((468, 3)), np.array([32.0, 32.0])
    return CameraSolution(60.0, centre, poses, nothing, poses, nothing, np.zeros(len(poses)), (2.0, 1.0))


def _segment(pictures: Any, landmarks: np.ndarray, **options: object) -> Iterator[np.ndarray]:
    for picture in pictures:
        region = np.zeros((*picture.shape[:2], 4), np.uint8)
        region[16:48, 16:48, 1] = 255
        region[48:, :, 3] = 255
        yield region


def stand_ins_of_preprocessing() -> None:
    boxes = [np.array([12.0, 12.0, 52.0, 52.0])] * _FRAMES
    for where, what in {
        "scan_faces": lambda *a: Scan(FacePath(list(range(_FRAMES)), boxes), []),
        "solve_camera": _solve,
        "load_canonical_face": lambda *a: blob_face(),
        "hair_model": lambda *a: None,
        "track_body": lambda frames, *a: np.zeros((len(frames), 2), np.float32),
        "MIN_USABLE_S": 0.1,
    }.items():
        mock.patch.object(pipeline, where, what).start()
    mock.patch.object(pipeline.regions, "segment", _segment).start()
    estimate = SimpleNamespace(offset_s=0.0, confidence=0.5, calls_for_correction=False)
    mock.patch.object(pipeline.sync, "estimate_offset", lambda *a: estimate).start()
    mock.patch.object(capture, "Landmarker", _nothing).start()
    mock.patch.object(capture, "FaceTracker", _Tracker).start()


def write_clip(path: Path) -> None:
    random = np.random.default_rng(0)
    sound = random.standard_normal(_RATE).astype(np.float32) * 0.1
    with MovieWriter(path, SIZE, SIZE, Fraction(25), (sound, _RATE)) as movie:
        for _ in range(_FRAMES):
            movie.write(random.integers(90, 110, (SIZE, SIZE, 3), dtype=np.uint8))


def _preprocess(size: int) -> Callable[[Path], object]:
    def job(folder: Path) -> Subject:
        return pipeline.preprocess(folder / "clip.mp4", folder / "anna", PreprocessSettings(size=size), Reporter())

    return job


def _subject_files(folder: Path) -> dict[str, bytes]:
    """All of the subject, as it is once it has been opened; of the contact sheet only the size of its picture:
    where OpenCV gets no memory for a digit on it, it leaves that out, and says nothing."""
    if (folder / "anna").is_dir() or (folder / "anna.set-aside").is_dir():
        Subject.open(folder / "anna")
    found = {name: data for name, data in files_of(folder / "anna").items() if name != layout.STAGES_FILE}
    if layout.CONTACT_SHEET_FILE in found:
        sheet = read_png(folder / "anna" / layout.CONTACT_SHEET_FILE, 3, "")
        found[layout.CONTACT_SHEET_FILE] = repr(sheet.shape).encode()
    return found


def preprocess_new(start: Path) -> Undertaking:
    stand_ins_of_preprocessing()
    in_fork(lambda: write_clip(start / "clip.mp4"))
    return Undertaking(_preprocess(SIZE), _subject_files)


def preprocess_again(start: Path) -> Undertaking:
    stand_ins_of_preprocessing()
    in_fork(lambda: write_clip(start / "clip.mp4"))
    in_fork(lambda: _preprocess(SIZE)(start))
    weights = layout.model_folder(start / "anna", "m2dao") / layout.MODEL_WEIGHTS_FILE
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(range(256)) * 64)
    return Undertaking(_preprocess(SIZE // 2), _subject_files)
