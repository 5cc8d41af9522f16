"""Pictures for tests of scores: one that is like a photograph in what it holds, and ways to spoil it."""

from __future__ import annotations

import cv2
import numpy as np


def photograph(size: int = 128, seed: int = 1) -> np.ndarray:
    """(size, size, 3) uint8: soft light, edges and fine texture, with the spectrum that pictures of things have."""
    rng = np.random.default_rng(seed)
    layers = [_smooth(rng.standard_normal((size, size)), size / k) / k**0.7 for k in (4, 8, 16, 32, 64)]
    luma = np.sum(layers, axis=0)
    luma = 128 + 45 * luma / luma.std()
    for _ in range(6):
        centre, radius = rng.integers(0, size, 2), int(rng.integers(size // 16, size // 4))
        cv2.circle(luma, tuple(int(v) for v in centre), radius, float(rng.uniform(40, 220)), -1, cv2.LINE_AA)
    colour = np.stack([_smooth(rng.standard_normal((size, size)), size / 4) for _ in range(3)], axis=2)
    picture = luma[..., None] + 12 * colour / colour.std()
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def noisy(picture: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, deviation, picture.shape)
    return np.rint(np.clip(picture + noise, 0, 255)).astype(np.uint8)


def shifted(picture: np.ndarray, px: float) -> np.ndarray:
    move = np.array([[1, 0, px], [0, 1, 0]], np.float32)
    size = picture.shape[1::-1]
    return cv2.warpAffine(picture, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def needled(picture: np.ndarray, count: int) -> np.ndarray:
    """With thin bright or dark strokes, as splats have them that have become too thin."""
    rng = np.random.default_rng(3)
    spoilt, size = picture.copy(), picture.shape[0]
    for _ in range(count):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, np.pi)
        end = start + size * rng.uniform(0.03, 0.1) * np.array([np.cos(angle), np.sin(angle)])
        under = picture[tuple(start.astype(int)[::-1])].astype(int)
        colour = np.clip(under + rng.choice([-70, 70]), 0, 255).tolist()
        cv2.line(spoilt, start.astype(int).tolist(), end.astype(int).tolist(), colour, 1, cv2.LINE_AA)
    return spoilt


def cracked(picture: np.ndarray, count: int) -> np.ndarray:
    """With hairlines of grey across the whole picture."""
    spoilt, size = picture.copy(), picture.shape[0]
    for row in np.linspace(0, size, count, endpoint=False).astype(int):
        cv2.line(spoilt, (0, int(row)), (size, int(row) + 5), (160, 160, 160), 1, cv2.LINE_AA)
    return spoilt


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    smooth = cv2.GaussianBlur(values, (0, 0), max(sigma / 6, 0.5))
    return smooth / smooth.std()
