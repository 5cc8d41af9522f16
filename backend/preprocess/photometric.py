"""Photometric refinement: every frame's head pose by the pixels of the upper face.

The upper face of the personal mesh is sampled as a fixed set of surface points. Their mean appearance over the clip,
seen through the present poses, is the template; each frame's pose is moved (Gauss-Newton, forward additive: Lucas and
Kanade 1981, Baker and Matthews 2004) until its pixels match the template, under a gain and a bias of its own. The
landmarks' information and the second-difference prior of `bundle` stay in the same equations, so that all frames are
solved together. Points whose look changes (brows, lids, highlights) lose weight by their own variance.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from backend.face.mesh import CanonicalFace
from backend.face.points import RIGID_POINTS
from backend.parallel import in_order
from backend.preprocess.bundle import (
    FRAMES_AT_ONCE,
    LandmarkInformation,
    acceleration_per_frame,
    huber_weights,
    solve_smooth_steps,
    update_poses,
)
from backend.preprocess.grey_pictures import GreyPictures
from backend.preprocess.pnp import project
from backend.preprocess.surface import SurfacePoints, depth_modes, upper_face_points
from backend.settings import PhotometricSettings
from shared.jobs import Reporter

FACING_FADE = 0.2
"""Visibility rises from 0 to 1 over this much of the cosine between normal and view."""
GAIN_RANGE = (0.5, 2.0)
MIN_SEEN_SHARE = 0.05
"""Points seen in a smaller share of the frames have no template."""
UNKNOWN_DEVIATION = 1e3
BOX_MARGIN = 0.1
"""Border around the swept upper face in the pictures compared, as a share of the face's height."""
DEPTH_AXIS = np.array([0.0, 0.0, 1.0])
ROUGH_PENALTY = 6.0
"""The roughest depth mode counts this many times more as unlikely than the smoothest."""


@dataclass(frozen=True)
class PhotometricResult:
    """Refined poses, and how still the upper face stands in the head's frame before and after."""

    poses: np.ndarray
    """(T, 4, 4)."""
    depth_offsets_cm: np.ndarray
    """(468,) what the pictures add to the depth (head frame's Z) of the shape given."""
    texture_deviation_before: float
    """Temporal deviation of the surface points' look, grey levels, with the poses given."""
    texture_deviation_after: float
    """The same with the refined poses."""


@dataclass
class _Equations:
    """One frame's normal equations, gain and bias eliminated, and what it saw."""

    pose_pose: np.ndarray
    """(6, 6) J'WJ of the pose step."""
    pose_right: np.ndarray
    """(6,) J'Wr."""
    depth_pose: np.ndarray
    """(K, 6); K 0 where the depth was not asked for."""
    depth_depth: np.ndarray
    """(K, K)."""
    depth_right: np.ndarray
    """(K,)."""
    values: np.ndarray
    """(N,) look of the points, in the template's gain and bias."""
    weight: np.ndarray
    """(N,) visibility in [0, 1]."""


class _Refiner:
    """What every step needs: surface points, pictures, camera, depth modes, and the template."""

    def __init__(
        self,
        points: SurfacePoints,
        modes: np.ndarray,
        pictures: GreyPictures,
        focal_px: float,
        principal_px: np.ndarray,
        settings: PhotometricSettings,
    ) -> None:
        self.pictures, self.settings = pictures, settings
        self.focal, self.principal = focal_px, principal_px
        self.positions, self.normals = points.positions.copy(), points.normals
        self.modes = points.spread(modes)
        self.template = np.zeros(len(self.positions))
        self.deviation = np.full(len(self.positions), 8.0)

    def equations(self, index: int, pose: np.ndarray, with_depth: bool) -> _Equations:
        """Sample frame `index` under `pose`, and linearise its difference to the template."""
        rotated = self.positions @ pose[:3, :3].T
        camera = rotated + pose[:3, 3]
        values, slopes, weight = self._look(index, pose, camera)
        values, gain = self._normalised(values, weight)
        slope_x, slope_y = (slopes / gain).T
        focal_over_depth = self.focal / camera[:, 2]
        by_point = np.empty_like(camera)
        by_point[:, 0] = slope_x * focal_over_depth
        by_point[:, 1] = slope_y * focal_over_depth
        by_point[:, 2] = -(by_point[:, 0] * camera[:, 0] + by_point[:, 1] * camera[:, 1]) / camera[:, 2]
        columns = [_cross(rotated, by_point), by_point, self.template[:, None], np.ones((len(values), 1))]
        if with_depth:
            columns.append((by_point @ pose[:3, 2])[:, None] * self.modes)
        jacobian = np.hstack(columns)
        difference = values - self.template
        trust = weight * huber_weights(np.abs(difference) / self.deviation, self.settings.huber) / self.deviation**2
        trust *= min(1.0, self.settings.independent_points / max(weight.sum(), 1.0))
        weighted = jacobian * trust[:, None]
        normal, right = weighted.T @ jacobian, weighted.T @ difference
        light, rest = [6, 7], [*range(6), *range(8, jacobian.shape[1])]
        eliminated = normal[np.ix_(rest, light)] @ np.linalg.inv(normal[np.ix_(light, light)] + 1e-9 * np.eye(2))
        normal_rest = normal[np.ix_(rest, rest)] - eliminated @ normal[np.ix_(light, rest)]
        right_rest = right[rest] - eliminated @ right[light]
        return _Equations(
            normal_rest[:6, :6],
            right_rest[:6],
            normal_rest[6:, :6],
            normal_rest[6:, 6:],
            right_rest[6:],
            values,
            weight,
        )

    def _look(self, index: int, pose: np.ndarray, camera: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values (N,) of the points in frame `index`, their slopes (N, 2) by the stored frame's px, visibility (N,)."""
        pixels = self.focal * camera[:, :2] / camera[:, 2:] + self.principal
        # Pixel centres lie at +0.5; cv2.remap counts them from 0.
        at = (self.pictures.to_picture(pixels) - 0.5).astype(np.float32)
        picture = self.pictures.read(index)
        seen = cv2.remap(picture, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        # Column by column, and by einsum: numpy's reductions over rows of two or three are many times slower.
        towards = np.einsum("nk,nk->n", self.normals @ pose[:3, :3].T, camera)
        facing = -towards / np.sqrt(np.einsum("nk,nk->n", camera, camera))
        (x, y), (height, width) = at.T, picture.shape[:2]
        inside = (x >= 1) & (y >= 1) & (x < width - 2) & (y < height - 2)
        visible = np.clip((facing - self.settings.facing) / FACING_FADE, 0.0, 1.0) * inside
        return seen[:, 0].astype(np.float64), seen[:, 1:] * self.pictures.scales, visible

    def _normalised(self, values: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, float]:
        """Values with the gain and bias that fit the template best taken out; and the gain."""
        weight = visible / self.deviation**2
        total = weight.sum() + 1e-12
        template_mean, mean = (weight * self.template).sum() / total, (weight * values).sum() / total
        centred = self.template - template_mean
        spread = (weight * centred**2).sum()
        gain = (weight * centred * (values - mean)).sum() / spread if spread > 1e-6 * total else 1.0
        gain = float(np.clip(gain, *GAIN_RANGE))
        return (values - mean) / gain + template_mean, gain

    def look_at_all(
        self, used: np.ndarray, poses: np.ndarray, depth_of: set[int], report: Reporter
    ) -> Iterator[tuple[int, _Equations]]:
        """Equations of the frames `used` in order."""
        looks = in_order(lambda t: self.equations(t, poses[t], t in depth_of), used, self.settings.workers)
        for t, own in zip(used, looks, strict=True):
            yield t, own
            report.check()


class _Template:
    """Gathers the look of every point over the frames of one pass."""

    def __init__(self, points: int) -> None:
        self._total, self._squares, self._weights, self._frames = (
            np.zeros(points),
            np.zeros(points),
            np.zeros(points),
            0,
        )

    def add(self, equations: _Equations) -> None:
        self._total += equations.weight * equations.values
        self._squares += equations.weight * equations.values**2
        self._weights += equations.weight
        self._frames += 1

    def put_into(self, refiner: _Refiner) -> float:
        """Make mean and deviation the refiner's template; returns the mean deviation, grey levels."""
        mean = self._total / np.maximum(self._weights, 1e-9)
        variance = np.maximum(self._squares / np.maximum(self._weights, 1e-9) - mean**2, 0.0)
        known = self._weights > MIN_SEEN_SHARE * self._frames
        floor = refiner.settings.variance_floor
        refiner.template = np.where(known, mean, 0.0)
        refiner.deviation = np.where(known, np.sqrt(variance + floor**2), UNKNOWN_DEVIATION)
        return float(np.sqrt(np.average(variance, weights=self._weights * known)))


class _DepthSystem:
    """Normal equations of the depth modes, every frame's pose eliminated as it comes."""

    def __init__(self, prior: np.ndarray, depth: np.ndarray, share: float) -> None:
        self._normal, self._right, self._share = np.diag(prior), -prior * depth, share

    def add(self, own: _Equations, information: np.ndarray, right: np.ndarray) -> None:
        """`information` (6, 6) and `right` (6,): all that is known of this frame's pose."""
        along = np.linalg.solve(information, np.column_stack([own.depth_pose.T, right]))
        self._normal += self._share * (own.depth_depth - own.depth_pose @ along[:, :-1])
        self._right -= self._share * (own.depth_right - own.depth_pose @ along[:, -1])

    def solve(self) -> np.ndarray:
        """(K,) step of the modes' coefficients."""
        return np.linalg.solve(self._normal, self._right)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product of (N, 3) arrays; np.cross spends most of its time on checks."""
    return np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=1,
    )


def _swept_box(positions_cm: np.ndarray, poses: np.ndarray, focal_px: float, principal_px: np.ndarray) -> np.ndarray:
    """(4,) left, top, right, bottom px of all that points (N, 3) cross under poses (T, 4, 4)."""
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for start in range(0, len(poses), FRAMES_AT_ONCE):
        projected = project(positions_cm, poses[start : start + FRAMES_AT_ONCE], focal_px, principal_px)
        low, high = np.minimum(low, projected.min((0, 1))), np.maximum(high, projected.max((0, 1)))
    return np.concatenate([low, high])


def refine_poses(
    frames: Sequence[np.ndarray],
    face: CanonicalFace,
    shape_cm: np.ndarray,
    poses: np.ndarray,
    landmarks: LandmarkInformation,
    face_height_px: float,
    fps: float,
    report: Reporter,
    settings: PhotometricSettings | None = None,
    scratch: Path | None = None,
) -> PhotometricResult:
    """Poses, and the depth of the upper face, refined on its pixels.

    frames: T pictures (S, S, 3) uint8 RGB. shape_cm: (468, 3) personal shape. poses: (T, 4, 4). landmarks: the
    landmarks' information about each pose, and the camera; frames without a face follow their neighbours.
    face_height_px: forehead to chin in the frames. scratch: folder for temporary files, some kB a frame; None: the
    system's, which may be in memory.
    """
    settings = settings or PhotometricSettings()
    landmarks = replace(landmarks, noise_px=settings.landmark_noise * landmarks.noise_px)
    points = upper_face_points(
        face, shape_cm, settings.texture_px, settings.lowest_cm, settings.highest_cm, settings.eye_margin
    )
    modes, roughness = depth_modes(face, settings.depth_modes, settings.lowest_cm)
    used = np.flatnonzero(np.isfinite(landmarks.points_px).all(axis=(1, 2)))
    depth_frames = set(used[np.linspace(0, len(used) - 1, min(settings.depth_frames, len(used))).astype(int)].tolist())
    box = _swept_box(points.positions[::7], poses[used], landmarks.focal_px, landmarks.principal_px)
    box += BOX_MARGIN * face_height_px * np.array([-1.0, -1.0, 1.0, 1.0])
    scale = min(1.0, settings.face_px / face_height_px)
    acceleration = acceleration_per_frame(fps, landmarks.settings)
    prior = (1 + roughness / roughness.max() * ROUGH_PENALTY) / settings.depth_spread_cm**2
    depth = np.zeros(modes.shape[1])
    report.phase("pose refinement", settings.iterations + 3)
    # Small matrices in several threads: a BLAS with threads makes this many times slower.
    with (
        threadpool_limits(1, user_api="blas"),
        tempfile.TemporaryDirectory(dir=scratch) as folder,
    ):
        pictures = GreyPictures(
            frames, box, scale, settings.fine_blur, settings.coarse_blur * settings.face_px, Path(folder) / "grey"
        )
        refiner = _Refiner(points, modes, pictures, landmarks.focal_px, landmarks.principal_px, settings)

        def measure() -> float:
            template = _Template(len(points.positions))
            for _, own in refiner.look_at_all(used, poses, set(), report):
                template.add(own)
            report.step()
            return template.put_into(refiner)

        measure()
        before = measure()
        for iteration in range(settings.iterations):
            depth_of = depth_frames if iteration in settings.depth_steps else set()
            share = min(1.0, settings.depth_independent_frames / max(len(depth_of), 1))
            depth_system, template = _DepthSystem(prior, depth, share), _Template(len(points.positions))
            information, right = landmarks.at(poses)
            for t, own in refiner.look_at_all(used, poses, depth_of, report):
                information[t] += own.pose_pose
                right[t] += own.pose_right
                template.add(own)
                if t in depth_of:
                    depth_system.add(own, information[t], right[t])
            template.put_into(refiner)
            poses = update_poses(poses, solve_smooth_steps(poses, information, right, acceleration))
            if depth_of:
                step = depth_system.solve()
                depth = depth + step
                refiner.positions[:, 2] += refiner.modes @ step
                deeper = shape_cm + (modes @ depth)[:, None] * DEPTH_AXIS
                landmarks = replace(landmarks, shape_cm=deeper[RIGID_POINTS])
            report.step()
        after = measure()
    return PhotometricResult(poses, modes @ depth, before, after)
