"""Draws the presenter's footage and writes its ground truth beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.face.mesh import CanonicalFace
from backend.parallel import in_order
from backend.presenter.geometry import Presenter
from backend.presenter.motion import MOUTH_CURVES, Motion, presenter_motion
from backend.presenter.paint import paint, paint_background
from backend.presenter.renderer import MeshRenderer
from backend.presenter.speech import SpokenLine
from shared.files import write_text
from shared.jobs import Reporter
from shared.timing import fps_text, frame_times

_REST_PLACE_CM = np.array([1.2, -2.0, 70.0])
_TORSO_SWAY = 0.18
_FOCAL_HEIGHTS = 1.75


@dataclass(frozen=True)
class GroundTruth:
    """What the tracker should find, for T frames."""

    fps: Fraction
    focal_px: float
    principal_px: tuple[float, float]
    camera_from_head: np.ndarray
    """(T, 4, 4), head cm to OpenCV camera cm."""
    motion: Motion

    def save(self, path: Path) -> None:
        """Write as JSON."""
        values = {
            "fps": fps_text(self.fps),
            "focal_px": self.focal_px,
            "principal_px": self.principal_px,
            "camera_from_head": self.camera_from_head.tolist(),
            "mouth_curves": MOUTH_CURVES,
            "mouth": self.motion.mouth.tolist(),
            "blink": self.motion.blink.tolist(),
        }
        write_text(path, json.dumps(values))


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Head turned by yaw (to the picture's right), pitch (up) and roll (clockwise), radians; y up, z to the camera."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]).T
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def camera_from_head(motion: Motion) -> np.ndarray:
    """(T, 4, 4) head poses in the OpenCV camera."""
    flip = np.diag([1.0, -1.0, -1.0])
    poses = np.tile(np.eye(4), (len(motion.head), 1, 1))
    for pose, (yaw, pitch, roll, x, y, z) in zip(poses, motion.head, strict=True):
        pose[:3, :3] = flip @ _rotation(yaw, pitch, roll)
        pose[:3, 3] = _REST_PLACE_CM + flip @ np.array([x, y, z])
    return poses


def _camera_vertices(
    presenter: Presenter, motion: Motion, frame: int, pose: np.ndarray, torso: np.ndarray
) -> np.ndarray:
    """All vertices (V, 3) in the camera: head parts follow the head, the torso its own pose, the neck both."""
    posed = presenter.posed(motion.mouth[frame], motion.blink[frame], motion.gaze[frame])
    vertices = []
    for name, part in presenter.parts.items():
        points = posed[name]
        with_head = points @ pose[:3, :3].T + pose[:3, 3]
        if part.body.any():
            with_torso = points @ torso[:3, :3].T + torso[:3, 3]
            with_head += part.body[:, None] * (with_torso - with_head)
        vertices.append(with_head)
    return np.concatenate(vertices)


def draw_footage(
    line: SpokenLine,
    face: CanonicalFace,
    write_frame: Callable[[np.ndarray], None],
    *,
    fps: Fraction = Fraction(25),
    width: int = 640,
    height: int = 512,
    seed: int = 0,
    report: Reporter | None = None,
) -> GroundTruth:
    """Draw the presenter saying `line`; `write_frame` gets every frame, (height, width, 3) uint8 RGB, in order.

    Returns the ground truth. The footage lasts as long as the line, whole frames only.
    """
    report = report or Reporter()
    count = int(Fraction(len(line.samples), line.sample_rate) * fps)
    times = np.array(frame_times(count, fps))
    motion = presenter_motion(line, times, seed)
    poses = camera_from_head(motion)
    torso = camera_from_head(Motion(motion.mouth, motion.blink, motion.gaze, _TORSO_SWAY * motion.head))
    presenter = Presenter(face)
    textures = paint(presenter.parts["face"].uv, seed)
    renderer = MeshRenderer([(p.triangles, p.uv, p.texture) for p in presenter.parts.values()], textures)
    background = paint_background(width, height, seed + 1)
    focal = _FOCAL_HEIGHTS * height
    principal = (width / 2, height / 2)
    grain = np.random.default_rng(seed + 2).normal(0, 1.2, (8, height, width, 1))

    def draw(frame: int) -> np.ndarray:
        vertices = _camera_vertices(presenter, motion, frame, poses[frame], torso[frame])
        picture = renderer.draw(vertices, focal, principal, background)
        return np.clip(picture + grain[frame * 5 % 8], 0, 255).astype(np.uint8)

    report.phase("drawing the presenter", count)
    for picture in in_order(draw, range(count)):
        write_frame(picture)
        report.step()
    return GroundTruth(fps, focal, principal, poses, motion)
