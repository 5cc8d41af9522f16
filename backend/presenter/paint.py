"""The presenter's textures, painted with a seeded random generator: RGB float32 in [0, 1], display-referred."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from backend.face.points import EYE_RINGS
from backend.presenter.geometry import OUTER_LIPS

TEXTURE_SIZE = 768
_SKIN = np.array([0.83, 0.62, 0.51], np.float32)


def _noise(random: np.random.Generator, octaves: tuple[tuple[int, float], ...]) -> np.ndarray:
    """(S, S) smooth noise around zero; each octave is (cells across, amplitude)."""
    size = TEXTURE_SIZE
    total = np.zeros((size, size), np.float32)
    for cells, amplitude in octaves:
        coarse = random.standard_normal((cells, cells)).astype(np.float32)
        total += amplitude * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return total


def _flat(colour: ArrayLike, noise: np.ndarray | None = None) -> np.ndarray:
    picture = np.tile(np.asarray(colour, np.float32), (TEXTURE_SIZE, TEXTURE_SIZE, 1))
    if noise is not None:
        picture *= 1.0 + noise[..., None]
    return picture


def _blend(picture: np.ndarray, mask: np.ndarray, colour: ArrayLike) -> None:
    picture += mask[..., None] * (np.asarray(colour, np.float32) - picture)


def _polygon(points: np.ndarray, blur: float) -> np.ndarray:
    """(S, S) soft mask of a polygon in texture coordinates [0, 1]."""
    mask = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.float32)
    cv2.fillPoly(mask, [np.round(points * TEXTURE_SIZE * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), blur)


def _ellipse(centre: ArrayLike, radii: ArrayLike, blur: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return _polygon(np.asarray(centre) + np.stack([np.cos(angle), np.sin(angle)], 1) * np.asarray(radii), blur)


def paint_face(face_uv: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The face's texture; `face_uv` (468, 2) are the mesh's texture coordinates in [0, 1]."""
    picture = _flat(_SKIN, _noise(random, ((6, 0.02), (24, 0.02), (96, 0.018), (300, 0.015))))
    for side in (-1, 1):
        _blend(picture, 0.35 * _ellipse((0.5 + side * 0.25, 0.56), (0.1, 0.07), 22), (0.86, 0.47, 0.42))
        _blend(picture, 0.35 * _ellipse((0.5 + side * 0.185, 0.385), (0.09, 0.03), 9), (0.55, 0.36, 0.31))
        brow = np.array([[0.085, 0.275], [0.17, 0.252], [0.275, 0.283], [0.27, 0.296], [0.17, 0.275], [0.09, 0.303]])
        brow[:, 0] = 0.5 + side * brow[:, 0]
        _blend(picture, 0.85 * _polygon(brow, 2.2), (0.2, 0.12, 0.08))
        _blend(picture, 0.8 * _ellipse((0.5 + side * 0.055, 0.578), (0.025, 0.01), 2.5), (0.32, 0.16, 0.13))
        fold = np.array([[0.11, 0.57], [0.16, 0.66], [0.19, 0.72], [0.175, 0.72], [0.145, 0.66], [0.1, 0.58]])
        fold[:, 0] = 0.5 + side * fold[:, 0]
        _blend(picture, 0.22 * _polygon(fold, 4), (0.5, 0.3, 0.25))
    for _ in range(90):
        spot = random.uniform((0.14, 0.08), (0.86, 0.92))
        _blend(picture, random.uniform(0.1, 0.4) * _ellipse(spot, (0.0035, 0.003), 0.8), (0.5, 0.3, 0.22))
    lips = _polygon(face_uv[list(OUTER_LIPS)], 1.6)
    _blend(picture, 0.9 * lips, (0.72, 0.3, 0.3))
    picture *= 1.0 + (lips * _noise(random, ((60, 0.05),)))[..., None]
    for eye in EYE_RINGS:
        outline = face_uv[list(eye)]
        centre = outline.mean(axis=0)
        _blend(picture, 0.75 * _polygon(centre + (outline - centre) * (1.1, 1.28), 1.5), (0.3, 0.17, 0.14))
    chin = _noise(random, ((160, 0.05),)) - 0.06
    picture *= 1.0 + (_ellipse((0.5, 0.88), (0.28, 0.14), 30) * chin)[..., None]
    return np.clip(picture, 0, 1)


def _paint_eye() -> np.ndarray:
    picture = _flat((0.93, 0.92, 0.9))
    _blend(picture, _ellipse((0.5, 0.5), (0.082, 0.15), 2), (0.25, 0.34, 0.42))
    _blend(picture, _ellipse((0.5, 0.5), (0.04, 0.072), 1.5), (0.03, 0.03, 0.03))
    _blend(picture, 0.9 * _ellipse((0.485, 0.465), (0.012, 0.022), 1.5), (1.0, 1.0, 1.0))
    return picture


def _paint_teeth() -> np.ndarray:
    picture = _flat((0.9, 0.88, 0.82))
    for index in range(1, 13):
        x = int(index / 13 * TEXTURE_SIZE)
        picture[:, x - 5 : x + 5] *= 0.72
    return picture


def _paint_hair(random: np.random.Generator) -> np.ndarray:
    few = random.standard_normal((8, 256)).astype(np.float32)
    strands = cv2.resize(few, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(_flat((0.23, 0.15, 0.1), 0.28 * strands), 0, 1)


def _paint_shirt(random: np.random.Generator) -> np.ndarray:
    picture = _flat((0.2, 0.3, 0.44), _noise(random, ((12, 0.08), (48, 0.06), (200, 0.05))))
    for index in range(24):
        x = int((index + 0.5) / 24 * TEXTURE_SIZE)
        picture[:, x - 2 : x + 2] *= 1.35
    picture[: int(0.055 * TEXTURE_SIZE)] = (0.86, 0.86, 0.84)
    middle = TEXTURE_SIZE // 2
    picture[:, middle - 3 : middle + 3] *= 0.6
    for v in (0.16, 0.28, 0.4, 0.52):
        _blend(picture, _ellipse((0.5, v), (0.006, 0.009), 1.0), (0.9, 0.88, 0.8))
    return np.clip(picture, 0, 1)


def paint(face_uv: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """All textures by name, each (TEXTURE_SIZE, TEXTURE_SIZE, 3) float32."""
    random = np.random.default_rng(seed)
    return {
        "face": paint_face(face_uv, random),
        "skin": np.clip(_flat(_SKIN * 0.97, _noise(random, ((10, 0.03), (60, 0.025), (250, 0.015)))), 0, 1),
        "eye": _paint_eye(),
        "teeth": _paint_teeth(),
        "tongue": _flat((0.66, 0.3, 0.3), _noise(random, ((40, 0.05),))),
        "cavity": _flat((0.17, 0.05, 0.05)),
        "hair": _paint_hair(random),
        "shirt": _paint_shirt(random),
    }


def paint_background(width: int, height: int, seed: int = 1) -> np.ndarray:
    """(height, width, 3) float32 RGB: a plain room, a little out of focus."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    wall = np.array([0.52, 0.56, 0.55], np.float32)
    picture = wall * (1.08 - 0.3 * y - 0.1 * (x - 0.5) ** 2)[..., None]
    for left, top, right, bottom in ((0.06, 0.1, 0.3, 0.42), (0.98, 0.06, 1.2, 0.36)):
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        frame = inside & ~((x > left + 0.015) & (x < right - 0.015) & (y > top + 0.015) & (y < bottom - 0.015))
        picture[inside] = random.uniform(0.35, 0.7, 3)
        picture[frame] = (0.24, 0.2, 0.16)
    shelf = (y > 0.6) & (y < 0.625)
    picture[shelf] = (0.36, 0.27, 0.2)
    left = 0.02
    while left < width / height - 0.05:
        thickness = random.uniform(0.02, 0.045)
        tall = random.uniform(0.08, 0.15)
        book = (x > left) & (x < left + thickness) & (y > 0.6 - tall) & (y <= 0.6)
        picture[book] = random.uniform(0.15, 0.75, 3)
        left += thickness + random.uniform(0.0, 0.05)
    picture = cv2.GaussianBlur(picture, (0, 0), height / 170)
    return np.clip(picture * (1 + 0.01 * random.standard_normal((height, width, 1))), 0, 1).astype(np.float32)
