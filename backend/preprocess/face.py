"""Finding the speaker's face in a clip, and its landmarks in every frame (MediaPipe FaceLandmarker, Tasks API).

Two passes: `scan_faces` looks at a few frames a second for every face and `choose_speaker` takes the largest and most
constant one; `FaceTracker` then measures that face in every frame, on a crop around it at good resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions, RunningMode

from backend.models import find_model
from backend.preprocess.canonical_face import IRIS_POINTS, LANDMARKER_MODEL, MESH_POINTS
from shared.errors import InputError

LANDMARK_POINTS = MESH_POINTS + IRIS_POINTS
MAX_FACES = 5
"""Faces looked for in one frame of the scan."""
FACE_MARGIN = 0.6
"""Border around the face on the picture given to the landmarker, as a share of the face's longer side."""
MIN_INPUT_PX = 384
"""The picture given to the landmarker is enlarged to at least this width."""
MAX_INPUT_PX = 768
SAME_FACE_SHIFT = 0.8
"""A face found this many face widths from where a face was last seen is still the same one."""
OTHER_FACE_AREA, OTHER_FACE_PRESENCE = 0.2, 0.2
"""Another face is worth a warning from this share of the speaker's area and of the clip on."""


@dataclass(frozen=True)
class FaceObservation:
    """One face in one picture, in that picture's px."""

    landmarks: np.ndarray
    """(478, 3) float64 px; z in the scale of x, smaller is nearer."""
    blendshapes: np.ndarray
    """(52,) float64 in [0, 1]."""
    blendshape_names: tuple[str, ...]

    @property
    def box(self) -> np.ndarray:
        """(4,) left, top, right, bottom of the face mesh, px."""
        points = self.landmarks[:MESH_POINTS, :2]
        return np.concatenate([points.min(0), points.max(0)])


@dataclass
class FacePath:
    """One face followed through the scanned frames."""

    numbers: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)

    @property
    def area(self) -> float:
        """Median area of the face's box, px²."""
        return float(np.median([_area(box) for box in self.boxes]))


def _area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def _longer_side(box: np.ndarray) -> float:
    return float(max(box[2] - box[0], box[3] - box[1]))


class Landmarker:
    """MediaPipe's FaceLandmarker on single pictures: no state between frames, so no lag. Close it after use."""

    def __init__(self, models_dir: str | None, max_faces: int) -> None:
        model = str(find_model(LANDMARKER_MODEL, models_dir))
        self._task = FaceLandmarker.create_from_options(
            FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=model),
                running_mode=RunningMode.IMAGE,
                num_faces=max_faces,
                output_face_blendshapes=True,
            )
        )
        self.blendshape_names: tuple[str, ...] = ()

    def find(self, rgb: np.ndarray, region: np.ndarray | None = None) -> list[FaceObservation]:
        """Faces in (H, W, 3) uint8 `rgb`, or in its part `region` (left, top, right, bottom px), in px of `rgb`."""
        picture, offset, scale = _cut(rgb, region)
        result = self._task.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=picture))
        height, width = picture.shape[:2]
        faces = []
        for points, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True):
            landmarks = np.array([(p.x * width, p.y * height, p.z * width) for p in points]) / scale
            landmarks[:, :2] += offset
            self.blendshape_names = self.blendshape_names or tuple(shape.category_name for shape in shapes)
            scores = np.array([shape.score for shape in shapes])
            faces.append(FaceObservation(landmarks, scores, self.blendshape_names))
        return faces

    def close(self) -> None:
        self._task.close()

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _cut(rgb: np.ndarray, region: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float]:
    """The part of `rgb` in `region`, resampled to a width the landmarker likes; its origin in px and its scale."""
    height, width = rgb.shape[:2]
    if region is None:
        region = np.array([0, 0, width, height])
    left, top = np.maximum(np.floor(region[:2]), 0).astype(int)
    right, bottom = np.minimum(np.ceil(region[2:]), [width, height]).astype(int)
    part = rgb[top : max(bottom, top + 1), left : max(right, left + 1)]
    side = max(part.shape[:2])
    scale = min(max(side, MIN_INPUT_PX), MAX_INPUT_PX) / side
    if scale != 1.0:
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
        scale = part.shape[1] / max(right - left, 1)
    return np.ascontiguousarray(part), np.array([left, top], dtype=np.float64), scale


def square_around(box: np.ndarray, margin: float = FACE_MARGIN) -> np.ndarray:
    """Square around a face's box with `margin` of its longer side on every side (may leave the frame)."""
    half = _longer_side(box) * (0.5 + margin)
    centre = _centre(box)
    return np.concatenate([centre - half, centre + half])


def _tiles(width: int, height: int, side: int) -> list[np.ndarray]:
    """Squares of `side` px that cover the frame, each half over the next."""

    def starts(length: int) -> np.ndarray:
        count = 1 if length <= side else int(np.ceil((length - side) / (side / 2))) + 1
        return np.linspace(0, max(length - side, 0), count)

    return [np.array([x, y, x + side, y + side]) for y in starts(height) for x in starts(width)]


def find_all_faces(landmarker: Landmarker, rgb: np.ndarray) -> list[FaceObservation]:
    """Every face in a frame: the detector sees only large faces, so where it finds none, ever smaller tiles follow."""
    height, width = rgb.shape[:2]
    faces = landmarker.find(rgb)
    side = min(width, height)
    while not faces and side >= min(width, height) / 4:
        for tile in _tiles(width, height, side):
            for face in landmarker.find(rgb, tile):
                apart = [np.abs(_centre(face.box) - _centre(o.box)).max() / _longer_side(o.box) for o in faces]
                if not apart or min(apart) > 0.5:
                    faces.append(face)
        side //= 2
    return faces


def scan_step(paths: list[FacePath], number: int, faces: list[FaceObservation]) -> None:
    """Add the faces of frame `number` to the paths they continue, or start new ones."""
    free = list(paths)
    for face in sorted(faces, key=lambda face: -_area(face.box)):
        box = face.box
        near = [
            (float(np.linalg.norm(_centre(box) - _centre(path.boxes[-1]))), index)
            for index, path in enumerate(free)
            if np.linalg.norm(_centre(box) - _centre(path.boxes[-1])) < SAME_FACE_SHIFT * _longer_side(box)
        ]
        path = free.pop(min(near)[1]) if near else FacePath()
        if not near:
            paths.append(path)
        path.numbers.append(number)
        path.boxes.append(box)


def choose_speaker(paths: list[FacePath], scanned: int) -> tuple[FacePath, list[str]]:
    """The largest and most constant face (area times presence), and warnings in words if there are others.

    Raises InputError if no face was found in any of the `scanned` frames.
    """
    if not paths:
        raise InputError(
            "No face was found in the footage.",
            "Give footage that shows one person's face from the front, at least 60 px high, well lit.",
        )
    speaker = max(paths, key=lambda path: path.area * len(path.numbers) / scanned)
    others = [
        path
        for path in paths
        if path is not speaker
        and path.area > OTHER_FACE_AREA * speaker.area
        and len(path.numbers) > OTHER_FACE_PRESENCE * scanned
    ]
    if not others:
        return speaker, []
    centre = _centre(speaker.boxes[0])
    return speaker, [
        f"{len(others) + 1} faces are in the footage; the largest and most constant one is taken as the speaker "
        f"(around x {centre[0]:.0f}, y {centre[1]:.0f} px). Crop the footage if that is the wrong one."
    ]


class FaceTracker:
    """Measures the speaker's face in every frame, on a square cut around where the scan saw it.

    Frames do not depend on each other, so they may be measured in any order.
    """

    def __init__(self, landmarker: Landmarker, speaker: FacePath) -> None:
        self._landmarker = landmarker
        self._numbers = np.array(speaker.numbers)
        self._boxes = np.array(speaker.boxes)

    def measure(self, number: int, rgb: np.ndarray) -> FaceObservation | None:
        """The speaker's face in frame `number` of the scan's numbering; None if it is not to be seen."""
        expected = np.array([np.interp(number, self._numbers, self._boxes[:, k]) for k in range(4)])
        for margin in (FACE_MARGIN, 2 * FACE_MARGIN):
            found = self._landmarker.find(rgb, square_around(expected, margin))
            near = [
                (float(np.linalg.norm(_centre(face.box) - _centre(expected))), index)
                for index, face in enumerate(found)
                if np.linalg.norm(_centre(face.box) - _centre(expected)) < SAME_FACE_SHIFT * _longer_side(expected)
                and 0.4 < _longer_side(face.box) / _longer_side(expected) < 2.5
            ]
            if near:
                return found[min(near)[1]]
        return None
