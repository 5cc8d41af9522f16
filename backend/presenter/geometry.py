"""The presenter's body: triangle meshes at rest in the head frame (cm), and how they deform.

The face has MediaPipe's canonical topology in another shape: its landmarks are found, and its true shape differs from
the canonical one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from backend.face.mesh import CanonicalFace
from backend.face.points import (
    EYE_RINGS,
    LIP_CORNERS,
    LIP_RING_INNER,
    LIP_RING_OUTER,
    LOWER_LIDS,
    LOWER_LIP_ROWS,
    UPPER_LIDS,
    UPPER_LIP_ROWS,
    other_way_round,
)

INNER_LIPS = other_way_round(LIP_RING_INNER)
OUTER_LIPS = other_way_round(LIP_RING_OUTER)

JAW_HINGE = np.array([0.0, 0.5, -2.0])
JAW_MAX_ANGLE = 0.29
MOUTH_LINE_Y = -4.27

Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Points (…, 3) cm in the head frame, of u and v (…) in [0, 1]."""
PerPoint = Callable[[np.ndarray], np.ndarray]
"""A value (…) for each of points (…, 3)."""


@dataclass
class Part:
    """One mesh: vertices (V, 3) cm in the head frame at rest, triangles (F, 3), texture coordinates (V, 2) in [0, 1]
    and the name of its texture. `jaw` and `body` (V,) say how far each vertex follows the jaw and the torso."""

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    texture: str
    jaw: np.ndarray
    body: np.ndarray


def _smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _grid_part(surface: Surface, columns: int, rows: int, texture: str, keep: PerPoint | None = None) -> Part:
    """A part from a parametric surface; only triangles whose centre `keep` is true for stay."""
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    points = surface(u, v).reshape(-1, 3)
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None, :]).reshape(-1)
    triangles = np.concatenate(
        [np.stack([a, a + 1, a + columns], 1), np.stack([a + 1, a + columns + 1, a + columns], 1)]
    )
    if keep is not None:
        triangles = triangles[keep(points[triangles].mean(axis=1))]
    zero = np.zeros(len(points))
    return Part(points, triangles, np.stack([u, v], -1).reshape(-1, 2), texture, zero, zero.copy())


def _ellipsoid(
    centre: ArrayLike,
    radii: ArrayLike,
    texture: str,
    columns: int = 48,
    rows: int = 32,
    keep: PerPoint | None = None,
    bump: PerPoint | None = None,
) -> Part:
    """Poles up and down, u runs round from the back, over the picture's left, the front (u = 0.5) and back."""

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        angle, height = 2 * np.pi * u, np.pi * v
        unit = np.stack([-np.sin(height) * np.sin(angle), np.cos(height), -np.sin(height) * np.cos(angle)], axis=-1)
        swell = 1.0 if bump is None else bump(unit)[..., None]
        return np.asarray(centre) + unit * np.asarray(radii) * swell

    return _grid_part(surface, columns, rows, texture, keep)


def reshape_face(vertices: np.ndarray) -> np.ndarray:
    """The presenter's own face from the canonical one; (V, 3) cm. Smooth, slightly asymmetric, up to 6 mm."""
    x, y, z = vertices.T
    jaw = _smoothstep(-2.0, -9.0, y)
    nose = np.exp(-((x**2 + (y + 0.9) ** 2) / 5.0))
    brow = np.exp(-(((y - 4.3) / 1.2) ** 2)) * np.exp(-((x / 4.5) ** 2))
    cheek = np.exp(-(((np.abs(x) - 4.5) / 2.0) ** 2 + ((y + 1.2) / 2.2) ** 2))
    own = np.stack(
        [
            x * (1.03 + 0.05 * jaw) + 0.08 * np.sin(0.35 * y),
            y * 1.02 - 0.35 * jaw,
            z + 0.55 * nose + 0.3 * brow + 0.3 * cheek - 0.25 * jaw,
        ],
        axis=1,
    )
    return _close_lips(own)


def _close_lips(vertices: np.ndarray) -> np.ndarray:
    """Close the parted canonical lips: the inner ring completely, the outer rings less and less."""
    lower, upper = np.array(LOWER_LIP_ROWS).reshape(4, 9), np.array(UPPER_LIP_ROWS).reshape(4, 9)
    gap = vertices[upper[3], 1] - vertices[lower[3], 1]
    for ring, share in enumerate((0.1, 0.2, 0.34, 0.46)):
        vertices[lower[ring], 1] += share * gap
        vertices[upper[ring], 1] -= share * gap
    return vertices


def _jaw_weights(vertices: np.ndarray) -> np.ndarray:
    """(V,) how far each face vertex follows the jaw: all of the lower lip's middle, half of the corners, fading out
    over the cheeks and towards the ears."""
    x, y, _ = vertices.T
    side = 1.0 - _smoothstep(2.6, 7.2, np.abs(x))
    weight = _smoothstep(-3.2, -6.2, y) * (0.25 + 0.75 * side)
    below = y < MOUTH_LINE_Y - 0.9
    weight = np.where(below & (np.abs(x) < 3.0), np.maximum(weight, 0.85 * side), weight)
    lower, upper, corners = np.array(LOWER_LIP_ROWS), np.array(UPPER_LIP_ROWS), np.array(LIP_CORNERS)
    weight[lower] = 0.5 + 0.45 * (1.0 - np.clip(np.abs(x[lower]) / 2.4, 0, 1) ** 2)
    weight[upper] = 0.03 + 0.2 * np.clip(np.abs(x[upper]) / 2.4, 0, 1) ** 3
    weight[corners] = 0.38
    return weight


class Presenter:
    """All parts, and their deformation by the mouth, the lids, the gaze and the torso."""

    def __init__(self, face: CanonicalFace) -> None:
        holes = [set(INNER_LIPS), set(EYE_RINGS[0]), set(EYE_RINGS[1])]
        triangles = np.array([t for t in face.triangles.tolist() if not any(set(t) <= hole for hole in holes)])
        canonical = np.asarray(face.vertices, dtype=np.float64)
        own = reshape_face(canonical)
        uv = np.stack([(canonical[:, 0] + 8.0) / 16.0, (9.0 - canonical[:, 1]) / 19.0], axis=1)
        self.face_rest = own
        skin = Part(own, triangles, uv, "face", _jaw_weights(canonical), np.zeros(len(own)))
        self.parts: dict[str, Part] = {"face": skin}
        self.eye_centres = [own[list(eye)].mean(axis=0) - np.array([0.0, 0.0, 1.5]) for eye in EYE_RINGS]
        for index, centre in enumerate(self.eye_centres):
            self.parts[f"eye{index}"] = _ellipsoid(centre, (1.4, 1.4, 1.4), "eye", 40, 32)
        self._add_mouth()
        self._add_head()
        self._add_body()

    def _add_mouth(self) -> None:
        def teeth(y_top: float, y_bottom: float, radius: float, depth: float) -> Surface:
            def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
                angle = (u - 0.5) * 2.6
                y = y_top + (y_bottom - y_top) * v
                return np.stack([radius * np.sin(angle), y, depth + 1.9 * np.cos(angle)], axis=-1)

            return surface

        self.parts["upper_teeth"] = _grid_part(teeth(-3.1, -4.25, 2.1, 2.55), 40, 6, "teeth")
        lower = _grid_part(teeth(-5.2, -4.35, 1.95, 2.4), 40, 6, "teeth")
        lower.jaw = np.full(len(lower.vertices), 0.95)
        self.parts["lower_teeth"] = lower
        tongue = _ellipsoid((0, -5.1, 1.9), (1.5, 0.5, 1.9), "tongue", 24, 16)
        tongue.jaw = np.full(len(tongue.vertices), 0.8)
        self.parts["tongue"] = tongue
        cavity = _ellipsoid((0, -4.6, 1.3), (3.0, 2.2, 2.2), "cavity", 24, 16, keep=lambda p: p[:, 2] < 1.6)
        self.parts["cavity"] = cavity

    def _add_head(self) -> None:
        self.parts["skull"] = _ellipsoid((0, 1.5, -3.2), (7.7, 10.0, 8.3), "skin", keep=lambda p: p[:, 2] < -1.4)
        for index, side in enumerate((-1, 1)):
            centre = (side * 8.0, 0.4, -3.4)
            self.parts[f"ear{index}"] = _ellipsoid(centre, (0.75, 2.9, 1.6), "skin", 20, 16)

        def tufts(unit: np.ndarray) -> np.ndarray:
            angle = np.arctan2(unit[..., 0], unit[..., 2])
            return 1.0 + 0.012 * np.sin(23 * angle + 6 * unit[..., 1]) + 0.01 * np.sin(11 * angle - 9 * unit[..., 1])

        def scalp(points: np.ndarray) -> np.ndarray:
            x, y, z = points.T
            fringe = y > 7.6 + 0.5 * np.sin(0.9 * x + 0.6) - 0.03 * x**2
            side = (z < -1.3) & (y > -1.5 + 0.4 * np.sin(2.1 * z)) & ((np.abs(x) < 7.2) | (y > 2.2))
            back = (z < -5.5) & (y > -6.0)
            return fringe | side | back

        self.parts["hair"] = _ellipsoid((0, 2.9, -2.9), (8.7, 9.9, 9.2), "hair", 120, 80, keep=scalp, bump=tufts)

    def _add_body(self) -> None:
        def neck(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            angle = 2 * np.pi * u
            y = -5.5 - 13.5 * v
            radius = 5.4 + 0.9 * v**2
            return np.stack([-radius * np.sin(angle), y, -3.0 - 0.92 * radius * np.cos(angle) - 0.6 * v], axis=-1)

        column = _grid_part(neck, 48, 24, "skin")
        column.body = _smoothstep(-7.5, -16.5, column.vertices[:, 1])
        self.parts["neck"] = column

        def torso(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            angle = 2 * np.pi * u
            slope = np.sqrt(np.clip(v / 0.32, 0, 1))
            width = 6.1 + 15.5 * slope + 1.5 * np.clip(v - 0.3, 0, 1)
            depth = 6.0 + 3.8 * np.clip(v / 0.4, 0, 1)
            y = -14.6 - 4.5 * slope - 34.0 * v**1.2
            y = y - 0.9 * (1 - slope) * np.cos(angle)
            return np.stack([-width * np.sin(angle), y, -4.4 - depth * np.cos(angle)], axis=-1)

        trunk = _grid_part(torso, 96, 56, "shirt")
        trunk.body = np.ones(len(trunk.vertices))
        self.parts["torso"] = trunk

    def posed(self, mouth: np.ndarray, blink: float, gaze: np.ndarray) -> dict[str, np.ndarray]:
        """Vertices of every part, (V, 3) cm in the head frame, for mouth curves (5,), blink in [0, 1] and gaze (2,)."""
        jaw, press, pucker, wide, tuck = mouth
        posed = {}
        for name, part in self.parts.items():
            vertices = part.vertices.copy()
            if name == "face":
                vertices = self._lips(vertices, press, pucker, wide, tuck)
                vertices = self._lids(vertices, blink)
            if part.jaw.any():
                vertices = _open_jaw(vertices, part.jaw, jaw)
            posed[name] = vertices
        for index, centre in enumerate(self.eye_centres):
            posed[f"eye{index}"] = centre + (posed[f"eye{index}"] - centre) @ _turn(gaze[0], gaze[1]).T
        return posed

    def _lips(self, vertices: np.ndarray, press: float, pucker: float, wide: float, tuck: float) -> np.ndarray:
        x, y, _ = self.face_rest.T
        near = np.exp(-((x / 3.3) ** 2) - ((y - MOUTH_LINE_Y) / 1.7) ** 2)
        vertices[:, 0] += x * near * (0.2 * wide - 0.42 * pucker)
        vertices[:, 1] += near * np.abs(x) * 0.09 * wide
        vertices[:, 2] += near * (0.65 * pucker - 0.22 * wide)
        lower, upper = np.array(LOWER_LIP_ROWS), np.array(UPPER_LIP_ROWS)
        vertices[lower, 1] += (0.16 * press + 0.42 * tuck) * near[lower]
        vertices[upper, 1] -= 0.12 * press * near[upper]
        vertices[lower, 2] -= (0.12 * press + 0.55 * tuck) * near[lower]
        vertices[upper, 2] -= 0.1 * press * near[upper]
        return vertices

    def _lids(self, vertices: np.ndarray, blink: float) -> np.ndarray:
        for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
            meeting = 0.15 * self.face_rest[list(upper)] + 0.85 * self.face_rest[list(lower)]
            vertices[list(upper)] += blink * (meeting - self.face_rest[list(upper)])
            vertices[list(lower)] += 0.9 * blink * (meeting - self.face_rest[list(lower)])
            vertices[list(upper), 2] += 0.12 * np.sin(np.pi * blink)
        return vertices


def _open_jaw(vertices: np.ndarray, weight: np.ndarray, jaw: float) -> np.ndarray:
    angle = JAW_MAX_ANGLE * jaw * weight
    relative = vertices - JAW_HINGE
    cos, sin = np.cos(angle), np.sin(angle)
    y = cos * relative[:, 1] - sin * relative[:, 2]
    z = sin * relative[:, 1] + cos * relative[:, 2]
    return np.stack([vertices[:, 0], y + JAW_HINGE[1], z + JAW_HINGE[2]], axis=1)


def _turn(yaw: float, pitch: float) -> np.ndarray:
    """Rotation that turns +Z towards +X by `yaw` and towards +Y by `pitch` (radians)."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return about_y @ about_x
