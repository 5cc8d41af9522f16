"""Start positions and colours of a portrait's Gaussians, from the face mesh, the poses and some of the frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.face.points import EYE_RINGS, LIP_RING_INNER, LIP_RING_OUTER
from backend.portrait.gaussians import FACE, HAIR, ORAL, TORSO, Seeds
from shared.camera import Intrinsics

SKULL_RADII_CM = np.array([8.3, 12.0, 10.0])
SKULL_BELOW_FOREHEAD_CM = 7.0
SKULL_BEHIND_EARS_CM = 1.0
TORSO_BEHIND_HEAD_CM = 3.0
TORSO_OVERHANG = 0.08
"""The torso is continued beyond the picture by this share of its side: shoulders move."""
MOUTH_CAVITY_CM = np.array([2.6, 1.8, 3.0])
"""Half width, height under the upper lip, and depth of the box behind the lips."""
NECK_UNDER_CHIN = 0.09
"""How far the neck goes on behind the head, as a share of the picture's side: other poses uncover it."""
NECK_BELOW_EDGE_PX = 2
"""Its colour is that of so many pixels below the head's edge, which is a mixture."""
HIDDEN_SHARE = 0.9
"""A pixel that the head covers by more than this hides what lies behind it."""
DETAIL_DENSITY = 2.0
"""How much denser than elsewhere the face's points lie at lips and lids, less one."""
DETAIL_REACH_CM = 0.8
EDGE_DENSITY = 1.0
"""The same for hairline and silhouette."""
EDGE_WIDTH = 0.01
"""Of a border, as a share of the picture's side."""
LEAST_DENSITY = 0.25
"""Points count as no sparser than this share of the mean: one alone is not to become a balloon."""
MOUTH_COLOUR = np.array([0.35, 0.18, 0.16])


@dataclass
class Evidence:
    """What the seeds are read from: F frames spread over the training part."""

    frames: np.ndarray
    """(F, S, S, 3) uint8 RGB."""
    regions: np.ndarray
    """(F, S, S, 4) uint8 region maps."""
    poses: np.ndarray
    """(F, 4, 4) camera_from_head."""
    rest_pose: np.ndarray
    """(4, 4) mean pose of the track."""
    intrinsics: Intrinsics
    """Camera of the frames."""
    vertices: np.ndarray
    """(468, 3) this person's neutral face, head cm."""
    triangles: np.ndarray
    """(898, 3) vertex numbers."""
    lips: np.ndarray
    """(L,) vertex numbers of the inner lips."""
    forehead: int
    """Vertex number of the forehead's top."""
    chin: int
    """Vertex number of the chin."""
    ears: tuple[int, int]
    """Vertex numbers before the ears."""


def seed_face(evidence: Evidence, count: int, rng: np.random.Generator) -> Seeds:
    """Points on the face mesh, denser at lips and lids, coloured by the frames' average."""
    detailed = evidence.vertices[[*LIP_RING_OUTER, *LIP_RING_INNER, *EYE_RINGS[0], *EYE_RINGS[1]]]
    distance = np.linalg.norm(evidence.vertices[:, None] - detailed[None], axis=2).min(axis=1)
    density = 1.0 + DETAIL_DENSITY * np.exp(-((distance / DETAIL_REACH_CM) ** 2))
    points, spacing = sample_mesh(evidence.vertices, evidence.triangles, count, rng, density)
    colours = _average_colours(evidence, points, (FACE, HAIR))
    return Seeds(points, colours, spacing, np.full(count, FACE))


def seed_oral(evidence: Evidence, count: int, rng: np.random.Generator) -> Seeds:
    """Points in a box behind the lips, coloured by what the frames show between them."""
    lips = evidence.vertices[evidence.lips]
    unit = rng.random((count, 3))
    width, height, depth = MOUTH_CAVITY_CM
    top, front = lips[:, 1].mean() + 0.4, lips[:, 2].max() - 0.7
    points = np.stack(
        [lips[:, 0].mean() + (2 * unit[:, 0] - 1) * width, top - unit[:, 1] * height, front - unit[:, 2] * depth],
        axis=1,
    )
    weight = evidence.regions[..., ORAL].astype(np.float64)
    shown = (evidence.frames / 255.0 * weight[..., None]).sum((0, 1, 2)) / max(weight.sum(), 1e-6)
    colour = shown if weight.sum() > 255 else MOUTH_COLOUR
    spacing = (4 * width * height * depth / max(count, 1)) ** (1 / 3)
    return Seeds(points, np.tile(colour, (count, 1)), np.full(count, spacing), np.full(count, ORAL))


def seed_rest_of_head(evidence: Evidence, count: int, rng: np.random.Generator) -> Seeds:
    """Points over hair, ears and skull, denser along hairline and silhouette: pixels that the hair region shows, cast
    onto an ellipsoid about the head, or to the ray's nearest point to it where the ray passes beside it."""
    per_frame = np.full(len(evidence.frames), count // len(evidence.frames))
    per_frame[: count - per_frame.sum()] += 1
    points, colours, spacing = [], [], []
    for frame, region, pose, number in zip(evidence.frames, evidence.regions, evidence.poses, per_frame, strict=True):
        weight = region[..., HAIR].astype(np.float64)
        if weight.sum() < 255:
            weight = region[..., [FACE, HAIR]].sum(-1).astype(np.float64)
        weight = weight * (1.0 + EDGE_DENSITY * _edge(weight / 255.0))
        pixels, distance = _draw_pixels(weight, number, count, rng)
        depth = _skull_depth(evidence, pixels, pose)
        points.append(pixels_to_head(pixels, depth, pose, evidence.intrinsics))
        colours.append(read_pixels(frame, pixels) / 255.0)
        spacing.append(distance * depth / evidence.intrinsics.fx)
    return Seeds(np.concatenate(points), np.concatenate(colours), np.concatenate(spacing), np.full(count, HAIR))


def seed_torso(evidence: Evidence, count: int, rng: np.random.Generator) -> Seeds:
    """Points on a plane behind the chin, at the mean pose, where the torso is on average, a little beyond the picture's
    sides, and a little further up behind the head."""
    weight = evidence.regions[..., TORSO].astype(np.float64) / 255.0
    share = weight.mean(axis=0)
    colour = (evidence.frames / 255.0 * weight[..., None]).sum(0) / np.maximum(weight.sum(0), 1e-6)[..., None]
    head = evidence.regions[..., [ORAL, FACE, HAIR]].sum(axis=-1).mean(axis=0) / 255.0
    share, colour = _neck_under_chin(share, colour, head)
    side = len(share)
    margin = max(1, round(TORSO_OVERHANG * side))
    wide_share = cv2.copyMakeBorder(share, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    pixels, distance = _draw_pixels(wide_share * (wide_share > 0.02), count, count, rng)
    pixels = pixels - margin
    depth = np.full(count, evidence.rest_pose[2, 3] + TORSO_BEHIND_HEAD_CM) + rng.normal(0, 0.3, count)
    points = pixels_to_head(pixels, depth, evidence.rest_pose, evidence.intrinsics)
    spacing = distance * depth / evidence.intrinsics.fx
    return Seeds(points, read_pixels(colour, pixels), spacing, np.full(count, TORSO))


def _neck_under_chin(share: np.ndarray, colour: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The torso's share (H, W) and colour (H, W, 3), continued upwards in every column where the head's share (H, W)
    covers it."""
    share, colour = share.copy(), colour.copy()
    for column in np.flatnonzero((share > 0.5).any(axis=0)):
        top = int(np.argmax(share[:, column] > 0.5))
        above = np.arange(max(0, top - max(1, round(NECK_UNDER_CHIN * len(share)))), top)
        covered = above[head[above, column] > HIDDEN_SHARE]
        share[covered, column] = 1.0
        colour[covered, column] = colour[min(top + NECK_BELOW_EDGE_PX, len(share) - 1), column]
    return share, colour


def _average_colours(evidence: Evidence, points: np.ndarray, regions: tuple[int, ...]) -> np.ndarray:
    """(N, 3) average over the frames of what is seen where the points lie, as far as it belongs to the regions."""
    total, weight = np.zeros((len(points), 3)), np.full((len(points), 1), 1e-6)
    for frame, region, pose in zip(evidence.frames, evidence.regions, evidence.poses, strict=True):
        pixels = head_to_pixels(points, pose, evidence.intrinsics)
        seen = read_pixels(region, pixels)[:, regions].sum(axis=1, keepdims=True) / 255.0
        total += seen * read_pixels(frame, pixels) / 255.0
        weight += seen
    return total / weight


def _edge(share: np.ndarray) -> np.ndarray:
    """(H, W) in [0, 1]: 1 at the border of a region of shares (H, W) in [0, 1], 0 in its inside and far from it."""
    soft = cv2.GaussianBlur(share, (0, 0), max(1.0, EDGE_WIDTH * len(share)))
    return np.clip(4 * soft * (1 - soft), 0, 1)


def _draw_pixels(weight: np.ndarray, count: int, of: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(count, 2) positions drawn from a map of weights (H, W), stratified, and (count,) how far apart, px, they lie in
    the end, when `of` of them are drawn from such maps."""
    flat = np.cumsum(weight.ravel())
    if flat[-1] <= 0:
        flat = np.cumsum(np.ones(weight.size))
    targets = (np.arange(count) + rng.random(count)) / max(count, 1) * flat[-1]
    index = np.minimum(np.searchsorted(flat, targets), weight.size - 1)
    row, column = np.divmod(index, weight.shape[1])
    pixels = np.stack([column, row], axis=1) + rng.random((count, 2))
    mean = flat[-1] / max(float((weight > 0).sum()), 1.0)
    dense = np.maximum(weight.ravel()[index] / mean, LEAST_DENSITY)
    return pixels, np.sqrt(float((weight > 0).sum()) / max(of, 1) / dense)


def _skull_depth(evidence: Evidence, pixels: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """(N,) depth at which the rays through pixels (N, 2) meet the skull, or pass it nearest, cm."""
    centre = np.array(
        [
            evidence.vertices[:, 0].mean(),
            evidence.vertices[evidence.forehead, 1] - SKULL_BELOW_FOREHEAD_CM,
            evidence.vertices[list(evidence.ears), 2].mean() - SKULL_BEHIND_EARS_CM,
        ]
    )
    origin = (-pose[:3, 3] @ pose[:3, :3] - centre) / SKULL_RADII_CM
    i = evidence.intrinsics
    rays = np.concatenate([(pixels - (i.cx, i.cy)) / (i.fx, i.fy), np.ones((len(pixels), 1))], axis=1)
    direction = rays @ pose[:3, :3] / SKULL_RADII_CM
    a, b = (direction**2).sum(axis=1), direction @ origin
    inside = np.maximum(b**2 - a * (origin @ origin - 1), 0)
    return (-b - np.sqrt(inside)) / a


def sample_mesh(
    vertices: np.ndarray,
    triangles: np.ndarray,
    count: int,
    rng: np.random.Generator,
    density: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`count` points spread over a mesh: (count, 3) points and (count,) spacing, in the vertices' units.

    vertices (V, 3), triangles (F, 3) vertex indices; density (V,): how dense the points lie, None: evenly. Stratified
    over the cumulated area.
    """
    corners = vertices[triangles]
    areas = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    dense = np.ones(len(triangles)) if density is None else density[triangles].mean(axis=1)
    edges = np.cumsum(areas * dense)
    targets = (np.arange(count) + rng.random(count)) / count * edges[-1]
    index = np.minimum(np.searchsorted(edges, targets), len(areas) - 1)
    chosen = corners[index]
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    points = np.einsum("nk,nkd->nd", weights, chosen)
    return points, np.sqrt(edges[-1] / max(count, 1) / dense[index])


def head_to_pixels(points: np.ndarray, camera_from_head: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """(N, 2) pixels of head points (N, 3)."""
    seen = points @ camera_from_head[:3, :3].T + camera_from_head[:3, 3]
    depth = np.maximum(seen[:, 2:], 1e-3)
    return seen[:, :2] / depth * (intrinsics.fx, intrinsics.fy) + (intrinsics.cx, intrinsics.cy)


def pixels_to_head(
    pixels: np.ndarray, depth_cm: np.ndarray, camera_from_head: np.ndarray, intrinsics: Intrinsics
) -> np.ndarray:
    """(N, 3) head points that are seen at pixels (N, 2) in depths (N,) along the optical axis, cm."""
    rays = (pixels - (intrinsics.cx, intrinsics.cy)) / (intrinsics.fx, intrinsics.fy)
    seen = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) * np.asarray(depth_cm)[:, None]
    return (seen - camera_from_head[:3, 3]) @ camera_from_head[:3, :3]


def read_pixels(picture: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, C) values of a picture (H, W, C) at pixels (N, 2), the nearest one inside the frame."""
    height, width = picture.shape[:2]
    column = np.clip(np.floor(pixels[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.floor(pixels[:, 1]).astype(int), 0, height - 1)
    return picture[row, column]
