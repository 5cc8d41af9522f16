"""Footage to stored frames and landmarks, in one pass over the frames that are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.face.landmarker import FaceObservation, Landmarker
from backend.face.points import LANDMARK_POINTS
from backend.media.arrays import load_arrays, save_arrays
from backend.media.colour import to_bytes
from backend.media.decode import VideoInfo, read_frames
from backend.media.png import write_png
from backend.parallel import in_order_with_tools
from backend.preprocess import crop as cropping
from backend.preprocess.scan import Scan
from backend.preprocess.speaker import FaceTracker
from shared.camera import Crop
from shared.errors import InputError
from shared.jobs import Reporter
from shared.layout import frame_name

BLENDSHAPES = 52


@dataclass
class Capture:
    """Landmarks of every stored frame, px of the stored frames; frames without a face are interpolated."""

    landmarks: np.ndarray
    """(T, 478, 3) float32 px."""
    blendshapes: np.ndarray
    """(T, 52) float32."""
    blendshape_names: np.ndarray
    """(52,) str."""
    found: np.ndarray
    """(T,) bool: whether the face was seen."""
    times_s: np.ndarray
    """(T,) float64 seconds from the first frame, by source timestamps."""

    def save(self, path: Path) -> None:
        """Write as .npz, through a temporary name. Raises OSError."""
        save_arrays(path, vars(self))

    @classmethod
    def load(cls, path: Path) -> Capture:
        """Read what `save` wrote. Raises InputError where it is damaged."""
        do = "Delete it, then preprocess the footage again."
        try:
            return cls(**load_arrays(path, do))
        except TypeError as error:
            raise InputError(f"{path} does not hold what it should ({error}).", do) from error


def store_frames(
    footage: Path,
    info: VideoInfo,
    scan: Scan,
    crop: Crop,
    size: int,
    folder: Path,
    models_dir: str | None,
    report: Reporter,
    warn: Callable[[str], None],
) -> Capture:
    """Write the crops of the scan's frames into `folder` and measure their landmarks. Memory does not grow with the
    clip."""
    folder.mkdir(parents=True, exist_ok=True)
    report.phase("landmarks", scan.count(info))
    scale = size / crop.width
    landmarks: list[np.ndarray] = []
    blendshapes: list[np.ndarray] = []
    found: list[bool] = []
    names: tuple[str, ...] = ()
    times: list[Fraction] = []

    def numbered() -> Iterator[tuple[int, np.ndarray]]:
        for number, (time, rgb) in enumerate(read_frames(footage, info, warn, first=scan.first, end=scan.end)):
            times.append(time)
            yield number, rgb

    @contextmanager
    def tracker() -> Iterator[FaceTracker]:
        with Landmarker(models_dir, 2) as landmarker:
            yield FaceTracker(landmarker, scan.speaker)

    def work(tracker: FaceTracker, item: tuple[int, np.ndarray]) -> FaceObservation | None:
        number, rgb = item
        write_png(folder / frame_name(number + 1), cropping.cut(rgb, crop, size), fast=True)
        return tracker.measure(number, to_bytes(rgb))

    unseen = np.full((LANDMARK_POINTS, 3), np.nan, np.float32), np.full(BLENDSHAPES, np.nan, np.float32)
    for face in in_order_with_tools(work, numbered(), tracker):
        found.append(face is not None)
        if face is None:
            landmarks.append(unseen[0])
            blendshapes.append(unseen[1])
        else:
            landmarks.append(((face.landmarks - [crop.x, crop.y, 0.0]) * scale).astype(np.float32))
            blendshapes.append(face.blendshapes.astype(np.float32))
            names = face.blendshape_names
        report.step()
    seen = np.array(found)
    return Capture(
        interpolated(np.stack(landmarks), seen),
        interpolated(np.stack(blendshapes), seen),
        np.array(names),
        seen,
        np.array([float(time - times[0]) for time in times]),
    )


def interpolated(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(T, ...) with the frames not `found` (T,) interpolated linearly, held before the first and after the last."""
    numbers, wanted = np.flatnonzero(found), np.flatnonzero(~found)
    if not len(numbers) or not len(wanted):
        return values
    position = np.searchsorted(numbers, wanted)
    after = numbers[np.minimum(position, len(numbers) - 1)]
    before = numbers[np.maximum(position - 1, 0)]
    share = np.clip((wanted - before) / np.maximum(after - before, 1), 0.0, 1.0).reshape(-1, *[1] * (values.ndim - 1))
    filled = values.copy()
    filled[wanted] = values[before] * (1 - share) + values[after] * share
    return filled
