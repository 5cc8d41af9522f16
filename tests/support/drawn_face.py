"""A few frames of the drawn presenter, with the place of the face in them; nothing is spoken."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from backend.face.mesh import load_canonical_face
from backend.presenter.footage import GroundTruth, draw_footage
from backend.presenter.speech import SpokenLine


def draw_face(width: int = 320, height: int = 256, frames: int = 2) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures (H, W, 3) uint8 sRGB, and as many masks (H, W) bool of what the face's mesh covers."""
    rate = 16000
    silence = SpokenLine(np.zeros(rate * frames // 25 + 1, np.float32), rate, [(0.0, "")])
    pictures: list[np.ndarray] = []
    truth = draw_footage(silence, load_canonical_face(), pictures.append, fps=Fraction(25), width=width, height=height)
    return pictures, face_masks(truth, width, height)


def face_masks(truth: GroundTruth, width: int, height: int) -> list[np.ndarray]:
    """For every frame, (H, W) bool: where the canonical face's mesh is seen, with all that lies inside its outline."""
    face, masks = load_canonical_face(), []
    for pose in truth.camera_from_head:
        seen = face.vertices @ pose[:3, :3].T + pose[:3, 3]
        points = seen[:, :2] / seen[:, 2:] * truth.focal_px + truth.principal_px
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.float32)).astype(np.int32), 1)
        masks.append(mask > 0)
    return masks
