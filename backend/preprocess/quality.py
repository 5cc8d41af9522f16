"""Quality of a clip, as numbers and warnings in plain words, and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from backend.face.mesh import CanonicalFace
from backend.face.points import CHIN, FOREHEAD_TOP, LOWER_LIP_INNER, MOUTH_CORNERS, UPPER_LIP_INNER
from backend.preprocess import face_picture
from backend.preprocess.expectations import expectations
from backend.preprocess.pnp import FRONTAL, project
from backend.subject.track import Track

_LOOKED_AT = 24
"""Frames of which the picture of the face is measured."""
SHEET_FRAMES = 6
SHEET_CELL_PX = 320
REGION_COLOURS = np.array([[230, 60, 60], [70, 200, 90], [80, 120, 240], [230, 190, 60]], dtype=np.float32)
"""Oral, face, hair, torso on the contact sheet, RGB."""


def lip_opening(landmarks: np.ndarray) -> np.ndarray:
    """(T,) gap between the inner lips in face heights, from landmarks (T, 478, 3) px; depth counts, so nodding does not
    look like speaking."""
    return _distance(landmarks, UPPER_LIP_INNER, LOWER_LIP_INNER) / _distance(landmarks, FOREHEAD_TOP, CHIN)


def mouth(landmarks: np.ndarray) -> np.ndarray:
    """(T, 2) how far the lips are apart and how much they are rounded (less wide), in face heights."""
    narrow = -_distance(landmarks, *MOUTH_CORNERS) / _distance(landmarks, FOREHEAD_TOP, CHIN)
    return np.stack([lip_opening(landmarks), narrow], axis=1)


def _distance(landmarks: np.ndarray, one: int, other: int) -> np.ndarray:
    return np.linalg.norm(landmarks[:, one] - landmarks[:, other], axis=1)


def head_angles(poses: np.ndarray) -> np.ndarray:
    """(T, 3) degrees of turn (to the image's right), nod (down), tilt of poses (T, 4, 4) camera from head."""
    return Rotation.from_matrix(poses[:, :3, :3] @ FRONTAL).as_euler("yxz", degrees=True)


def quality_report(
    track: Track,
    frames: Sequence[np.ndarray],
    size: int,
    audio_offset_s: float,
    bits_per_pixel: float | None,
    warnings: Sequence[str],
) -> dict:
    """Numbers and `warnings` for subject.json. `warnings` found so far come first.

    frames: T stored ones, (size, size, 3) uint8 RGB. bits_per_pixel: of the coded footage; None where that says
    nothing.
    Keys: usable_frames, frames, face_height_px, sharpness, noise, brightness, bits_per_pixel, yaw_range_degrees,
    pitch_range_degrees, mouth_opening_range (face heights), audio_offset_s, reprojection_px, reprojection_px_at_512,
    warnings.
    """
    usable = track.confidence > 0
    height = np.linalg.norm(track.landmarks[:, FOREHEAD_TOP, :2] - track.landmarks[:, CHIN, :2], axis=1)
    angles = head_angles(track.camera_from_head)[usable]
    opening = lip_opening(track.landmarks)[usable]
    sharpness, noise, brightness = _face_picture(track, frames)
    error = float(track.reprojection_px[usable].mean())
    mouth_range = float(np.percentile(opening, 98) - np.percentile(opening, 2))
    face_px = float(np.median(height[usable]))
    said = list(warnings)
    if usable.sum() < len(usable):
        missing = int(len(usable) - usable.sum())
        said.append(f"The face is not to be seen in {missing} of {len(usable)} frames; training leaves them out.")
    said += expectations(face_px, sharpness, noise, brightness, mouth_range, bits_per_pixel)
    return {
        "usable_frames": int(usable.sum()),
        "frames": len(usable),
        "face_height_px": round(face_px, 1),
        "sharpness": round(sharpness, 2),
        "noise": round(noise, 2),
        "brightness": round(brightness, 1),
        "bits_per_pixel": None if bits_per_pixel is None else round(bits_per_pixel, 4),
        "yaw_range_degrees": [round(float(value), 1) for value in (angles[:, 0].min(), angles[:, 0].max())],
        "pitch_range_degrees": [round(float(value), 1) for value in (angles[:, 1].min(), angles[:, 1].max())],
        "mouth_opening_range": round(mouth_range, 4),
        "audio_offset_s": round(float(audio_offset_s), 3),
        "reprojection_px": round(error, 3),
        "reprojection_px_at_512": round(error * 512 / size, 3),
        "warnings": said,
    }


def _face_picture(track: Track, frames: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Medians of sharpness, noise and brightness over frames in which the face was found."""
    found = np.flatnonzero(track.confidence > 0)
    measured: list[tuple[float, float, float]] = []
    for t in found[np.linspace(0, len(found) - 1, min(_LOOKED_AT, len(found))).astype(int)]:
        face = face_picture.face_of(frames[t], track.landmarks[t])
        other = frames[t + 1] if t + 1 < len(frames) else frames[t - 1]
        noise = face_picture.noise(face, face_picture.face_of(other, track.landmarks[t]))
        measured.append((face_picture.sharpness(face), noise, face_picture.brightness(face)))
    sharpness, noise, brightness = np.median(measured, axis=0)
    return float(sharpness), float(noise), float(brightness)


def contact_sheet(
    track: Track, frames: Sequence[np.ndarray], regions: Sequence[np.ndarray], face: CanonicalFace
) -> np.ndarray:
    """(H, W, 3) uint8 picture: a few frames of the clip over the tracked mesh and landmarks, over the region maps."""
    chosen = np.linspace(0, track.frame_count - 1, SHEET_FRAMES).round().astype(int)
    rows: list[list[np.ndarray]] = [[], [], []]
    for t in chosen:
        frame = frames[t]
        scale = SHEET_CELL_PX / frame.shape[0]
        cell = cv2.resize(frame, (SHEET_CELL_PX, SHEET_CELL_PX), interpolation=cv2.INTER_AREA)
        rows[0].append(_labelled(cell.copy(), f"{t + 1}"))
        rows[1].append(_mesh_overlay(cell.copy(), track, int(t), scale, face))
        rows[2].append(_region_overlay(cell, regions[t]))
    return np.vstack([np.hstack(row) for row in rows])


def _labelled(cell: np.ndarray, text: str) -> np.ndarray:
    return cv2.putText(cell, text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)


def _mesh_overlay(cell: np.ndarray, track: Track, t: int, scale: float, face: CanonicalFace) -> np.ndarray:
    """The mesh at its tracked pose in green, landmarks as red dots, the head's axes from the nose."""
    pose = track.camera_from_head[t : t + 1]
    shape = face.vertices + track.shape_offsets
    points = project(shape, pose, track.focal_px, track.principal_px)[0] * scale
    fine = 16
    lines = [(points[triangle] * fine).astype(np.int32) for triangle in face.triangles]
    cell = cv2.addWeighted(cv2.polylines(cell.copy(), lines, True, (60, 230, 90), 1, cv2.LINE_AA, 4), 0.5, cell, 0.5, 0)
    for x, y in track.landmarks[t, :, :2] * scale:
        cv2.circle(cell, (int(x * fine), int(y * fine)), fine, (255, 40, 40), -1, cv2.LINE_AA, 4)
    nose = shape[1]
    axes = np.stack([nose, *(nose + 6.0 * np.eye(3))])
    tips = (project(axes, pose, track.focal_px, track.principal_px)[0] * scale).astype(int)
    for tip, colour in zip(tips[1:], ((255, 60, 60), (60, 255, 60), (80, 120, 255)), strict=True):
        cv2.line(cell, tuple(map(int, tips[0])), tuple(map(int, tip)), colour, 2, cv2.LINE_AA)
    colour = (255, 255, 255) if track.confidence[t] > 0 else (255, 80, 80)
    turn, nod, tilt = head_angles(pose)[0]
    text = f"turn {turn:.0f} nod {nod:.0f} tilt {tilt:.0f}"
    return cv2.putText(cell, text, (8, SHEET_CELL_PX - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)


def _region_overlay(cell: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Region maps as colours over the darkened frame."""
    maps = cv2.resize(region, cell.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    alpha = np.minimum(maps.sum(-1, keepdims=True), 1.0)
    lit = cell * (0.25 + 0.35 * alpha) + 0.4 * (maps @ REGION_COLOURS)
    return np.clip(lit, 0, 255).astype(np.uint8)
