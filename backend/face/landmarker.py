"""MediaPipe's FaceLandmarker (Tasks API) on single pictures: landmarks and blendshapes of every face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions, RunningMode

from backend.face.mesh import LANDMARKER_MODEL
from backend.face.points import CHIN, FOREHEAD_TOP, MESH_POINTS
from backend.model_files import find_model

MIN_INPUT_PX = 384
"""The picture given to the landmarker is enlarged to at least this width."""
MAX_INPUT_PX = 768
"""It is reduced to at most this width."""


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

    @property
    def roll_degrees(self) -> float:
        """How far the face lies on its side: 0 upright, 90 with the chin to the picture's right, -90 to its left."""
        right, down = (self.landmarks[CHIN] - self.landmarks[FOREHEAD_TOP])[:2]
        return float(np.degrees(np.arctan2(right, down)))


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
