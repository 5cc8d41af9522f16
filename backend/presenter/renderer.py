"""A small z-buffer renderer for the presenter: textured, smoothly shaded triangles under one fixed light."""

from __future__ import annotations

import cv2
import numba
import numpy as np

_LIGHT = np.array([-0.42, -0.5, -0.76])
_SUPERSAMPLING = 2


@numba.njit(cache=True, fastmath=True, nogil=True)
def _rasterise(
    points: np.ndarray,
    normals: np.ndarray,
    uv: np.ndarray,
    triangles: np.ndarray,
    texture_of: np.ndarray,
    atlas: np.ndarray,
    focal: float,
    cx: float,
    cy: float,
    light: np.ndarray,
    picture: np.ndarray,
) -> None:
    """Draw triangles into `picture` (H, W, 3) in place. `points` (V, 3) cm in camera space, `uv` (V, 2) in [0, 1]."""
    height, width, _ = picture.shape
    size = atlas.shape[1]
    inverse_depth = np.zeros((height, width), np.float32)
    for face in range(triangles.shape[0]):
        a, b, c = triangles[face]
        if points[a, 2] < 1.0 or points[b, 2] < 1.0 or points[c, 2] < 1.0:
            continue
        wa, wb, wc = 1.0 / points[a, 2], 1.0 / points[b, 2], 1.0 / points[c, 2]
        ax, ay = focal * points[a, 0] * wa + cx, focal * points[a, 1] * wa + cy
        bx, by = focal * points[b, 0] * wb + cx, focal * points[b, 1] * wb + cy
        px, py = focal * points[c, 0] * wc + cx, focal * points[c, 1] * wc + cy
        area = (bx - ax) * (py - ay) - (px - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        x0 = max(0, int(np.floor(min(ax, bx, px) - 0.5)))
        x1 = min(width - 1, int(np.ceil(max(ax, bx, px) - 0.5)))
        y0 = max(0, int(np.floor(min(ay, by, py) - 0.5)))
        y1 = min(height - 1, int(np.ceil(max(ay, by, py) - 0.5)))
        texture = texture_of[face]
        for y in range(y0, y1 + 1):
            sy = y + 0.5
            for x in range(x0, x1 + 1):
                sx = x + 0.5
                la = ((bx - sx) * (py - sy) - (px - sx) * (by - sy)) / area
                lb = ((px - sx) * (ay - sy) - (ax - sx) * (py - sy)) / area
                lc = 1.0 - la - lb
                if la < 0.0 or lb < 0.0 or lc < 0.0:
                    continue
                w = la * wa + lb * wb + lc * wc
                if w <= inverse_depth[y, x]:
                    continue
                inverse_depth[y, x] = w
                ka, kb, kc = la * wa / w, lb * wb / w, lc * wc / w
                nx = ka * normals[a, 0] + kb * normals[b, 0] + kc * normals[c, 0]
                ny = ka * normals[a, 1] + kb * normals[b, 1] + kc * normals[c, 1]
                nz = ka * normals[a, 2] + kb * normals[b, 2] + kc * normals[c, 2]
                length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
                if nz > 0.0:
                    length = -length
                lambert = max(0.0, (nx * light[0] + ny * light[1] + nz * light[2]) / length)
                shade = 0.5 + 0.58 * lambert
                u = min(max((ka * uv[a, 0] + kb * uv[b, 0] + kc * uv[c, 0]) * size - 0.5, 0.0), size - 1.001)
                v = min(max((ka * uv[a, 1] + kb * uv[b, 1] + kc * uv[c, 1]) * size - 0.5, 0.0), size - 1.001)
                iu, iv = int(u), int(v)
                fu, fv = u - iu, v - iv
                for k in range(3):
                    top = atlas[texture, iv, iu, k] * (1 - fu) + atlas[texture, iv, iu + 1, k] * fu
                    low = atlas[texture, iv + 1, iu, k] * (1 - fu) + atlas[texture, iv + 1, iu + 1, k] * fu
                    picture[y, x, k] = shade * (top * (1 - fv) + low * fv)


@numba.njit(cache=True, nogil=True)
def _vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    normals = np.zeros_like(points)
    for face in range(triangles.shape[0]):
        a, b, c = triangles[face]
        normal = np.cross(points[b] - points[a], points[c] - points[a])
        normals[a] += normal
        normals[b] += normal
        normals[c] += normal
    return normals


class MeshRenderer:
    """Draws one set of meshes again and again; topology and textures are fixed, vertices change.

    `parts` lists (triangles (F, 3), uv (V, 2), texture name); `textures` maps names to (S, S, 3) float32 in [0, 1].
    """

    def __init__(self, parts: list[tuple[np.ndarray, np.ndarray, str]], textures: dict[str, np.ndarray]) -> None:
        names = list(textures)
        self._atlas = np.stack([textures[name] for name in names]).astype(np.float32)
        self._offsets = np.cumsum([0] + [len(uv) for _, uv, _ in parts])
        self._triangles = np.concatenate(
            [triangles + offset for (triangles, _, _), offset in zip(parts, self._offsets, strict=False)]
        ).astype(np.int64)
        self._texture_of = np.concatenate(
            [np.full(len(triangles), names.index(texture)) for triangles, _, texture in parts]
        ).astype(np.int64)
        self._uv = np.concatenate([uv for _, uv, _ in parts]).astype(np.float64)

    def draw(
        self, vertices_camera: np.ndarray, focal_px: float, principal_px: tuple[float, float], background: np.ndarray
    ) -> np.ndarray:
        """(H, W, 3) uint8 RGB over `background` (H, W, 3) float32; `vertices_camera` (V, 3) cm, OpenCV camera."""
        height, width, _ = background.shape
        s = _SUPERSAMPLING
        picture = cv2.resize(background, (width * s, height * s), interpolation=cv2.INTER_LINEAR)
        points = np.ascontiguousarray(vertices_camera, dtype=np.float64)
        normals = _vertex_normals(points, self._triangles)
        light = _LIGHT / np.linalg.norm(_LIGHT)
        _rasterise(
            points, normals, self._uv, self._triangles, self._texture_of, self._atlas,
            float(focal_px * s), float(principal_px[0] * s), float(principal_px[1] * s), light, picture,
        )  # fmt: skip
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
