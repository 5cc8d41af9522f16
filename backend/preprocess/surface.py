"""The upper face as a set of surface points, and the smooth ways in which its depth may differ from the mesh's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.linalg import eigh

from backend.face.mesh import CanonicalFace
from backend.face.points import EYE_RINGS, MESH_POINTS


@dataclass(frozen=True)
class SurfacePoints:
    """Points of the upper face."""

    positions: np.ndarray
    """(N, 3) cm."""
    normals: np.ndarray
    """(N, 3) unit vectors out of the face."""
    triangles: np.ndarray
    """(N, 3) vertices of the mesh that each lies between."""
    shares: np.ndarray
    """(N, 3) and how near each it lies (barycentric)."""

    def spread(self, by_vertex: np.ndarray) -> np.ndarray:
        """(N, K) values at the points of what is given at the mesh's vertices (468, K)."""
        return np.einsum("nk,nkd->nd", self.shares, by_vertex[self.triangles])


def upper_face_points(
    face: CanonicalFace, shape_cm: np.ndarray, texture_px: int, lowest_cm: float, highest_cm: float, eye_margin: float
) -> SurfacePoints:
    """The texels of the upper face as points on the personal mesh `shape_cm` (468, 3).

    texture_px: width and height of the texture; lowest_cm, highest_cm: heights in the head frame between which points
    are taken; eye_margin: points inside the eyes' outlines, enlarged by this, are left out.
    """
    size = texture_px
    texel_triangle = np.full((size, size), -1, np.int32)
    corners = face.uv * size
    for number, triangle in enumerate(face.triangles):
        cv2.fillConvexPoly(texel_triangle, np.round(corners[triangle] - 0.5).astype(np.int32), number)
    for ring in EYE_RINGS:
        outline = corners[list(ring)]
        centre = outline.mean(0)
        grown = centre + eye_margin * (outline - centre)
        cv2.fillPoly(texel_triangle, [np.round(grown - 0.5).astype(np.int32)], -1)
    rows, columns = np.nonzero(texel_triangle >= 0)
    triangles = face.triangles[texel_triangle[rows, columns]]
    a, b, c = (corners[triangles[:, k]] for k in range(3))
    texels = np.stack([columns, rows], axis=1) + 0.5
    shares = _barycentric(texels, a, b, c)
    canonical = np.einsum("nk,nkd->nd", shares, face.vertices[triangles])
    kept = (canonical[:, 1] > lowest_cm) & (canonical[:, 1] < highest_cm) & (shares > -0.2).all(axis=1)
    shares, triangles = shares[kept], triangles[kept]
    positions = np.einsum("nk,nkd->nd", shares, shape_cm[triangles])
    edges = shape_cm[triangles[:, 1:]] - shape_cm[triangles[:, :1]]
    normals = np.cross(edges[:, 0], edges[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    outwards = np.sign((normals * (positions - [0.0, 0.0, shape_cm[:, 2].min()])).sum(1, keepdims=True))
    return SurfacePoints(positions, normals * outwards, triangles, shares)


def _barycentric(points: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(N, 3) barycentric coordinates of (N, 2) points in triangles a, b, c."""

    def area(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    whole = area(a, b, c)
    whole = np.where(np.abs(whole) < 1e-9, 1e-9, whole)
    return np.stack([area(points, b, c), area(a, points, c), area(a, b, points)], axis=1) / whole[:, None]


def depth_modes(
    face: CanonicalFace, count: int, lowest_cm: float, fade_cm: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth patterns of depth over the upper face: (468, K) of about unit size, and their roughness (K,) from 0.

    The smoothest eigenvectors of the mesh's Laplacian, without what pictures cannot tell from a head pose or a camera:
    a shift, a tilt, a stretch in depth (the bas-relief ambiguity). They fade out below `lowest_cm`.
    """
    adjacent = np.zeros((MESH_POINTS, MESH_POINTS))
    for corner in range(3):
        one, other = face.triangles[:, corner], face.triangles[:, (corner + 1) % 3]
        adjacent[one, other] = adjacent[other, one] = 1.0
    values, modes = eigh(np.diag(adjacent.sum(1)) - adjacent, subset_by_index=[0, count])
    modes = modes[:, 1 : count + 1] * np.sqrt(MESH_POINTS)
    ambiguous = np.hstack([np.ones((MESH_POINTS, 1)), face.vertices])
    upper = face.vertices[:, 1] > lowest_cm
    modes = modes - ambiguous @ np.linalg.lstsq(ambiguous[upper], modes[upper], rcond=None)[0]
    fade = np.clip((face.vertices[:, 1] - lowest_cm + fade_cm) / fade_cm, 0.0, 1.0)
    kept = modes[upper].std(0) > 0.1
    return (modes * fade[:, None])[:, kept], (values[1 : count + 1] / values[count])[kept]
