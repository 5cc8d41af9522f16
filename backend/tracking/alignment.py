"""What a drawn head says about the pose of a frame: the pictures' difference, linearised by the pose.

Gauss-Newton on pixels (Lucas and Kanade 1981; the slopes of both pictures are averaged as by Benhimane and Malis 2004,
"Efficient Second-order Minimization"). A head is drawn under the present pose; every pixel of face and hair then moves
as the surface that is drawn there does when the pose is changed. The mouth is left out, gain and bias of every colour
channel are eliminated, and differences that are larger than usual (a hand, a highlight) count less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from backend.portrait.frame import Drive, PortraitFrame, to_numpy
from backend.portrait.gaussians import FACE, HAIR
from backend.portrait.head_motion import quaternion_from_matrix
from backend.portrait.portrait import Portrait
from backend.preprocess.bundle import huber_weights, pose_jacobian
from backend.settings import SelfTrackingSettings
from backend.train.data import TrainingData
from backend.train.views import View

_LEAST_WEIGHT = 0.05
"""Pixels with less of the head than this are not looked at."""
_LEAST_PIXELS = 100
"""A frame that shows less of the head says nothing of its pose."""
_MAD = 1.4826
"""Standard deviation of a normal distribution, by its median magnitude."""


@dataclass(frozen=True)
class Alignment:
    """One frame's normal equations, light eliminated."""

    information: np.ndarray
    """(6, 6) J'WJ of the pose step (bundle.update_poses)."""
    gradient: np.ndarray
    """(6,) J'Wr."""
    difference: float
    """Root mean square difference of face and hair, levels of 255."""


class Aligner:
    """Aligns frames of `data` with a portrait, whose fields are driven by `drive` (all frames)."""

    def __init__(self, portrait: Portrait, data: TrainingData, drive: Drive, settings: SelfTrackingSettings) -> None:
        self._portrait, self._data, self._drive, self._settings = portrait, data, drive, settings
        self._view = View.whole(data.fine)
        self._camera = camera = data.camera(self._view)
        rows, columns = np.mgrid[0 : data.fine, 0 : data.fine].astype(np.float32) + 0.5
        self._rays = np.stack(
            [(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones_like(rows)], -1
        )

    def at(self, frame: int, pose: np.ndarray) -> Alignment:
        """The equations of frame `frame` (from 0) under `pose` (4, 4); all zero where hardly any head is seen."""
        drawn = self._drawn(frame, pose)
        sample = self._data.sample(frame, self._view)
        picture, recorded, regions, alpha, depth, mattes = to_numpy(
            (drawn.over(sample.background), sample.rgb, sample.regions, drawn.alpha, drawn.depth, drawn.drawn_mattes)
        )
        weight = mattes[..., [FACE, HAIR]].sum(-1) * regions[..., [FACE, HAIR]].sum(-1)
        weight[sample.mouth] = 0.0
        used = weight > _LEAST_WEIGHT
        if used.sum() < _LEAST_PIXELS:
            return Alignment(np.zeros((6, 6)), np.zeros(6), 0.0)
        picture, recorded = (cv2.GaussianBlur(values, (0, 0), self._settings.blur_px) for values in (picture, recorded))
        flow = self._flow(used, depth[used] / alpha[used], pose)
        slopes = _slopes(0.5 * (picture + recorded), used)
        # The picture at a place is what was at `place - flow`.
        jacobian = -(slopes[..., 0, None] * flow[:, None, 0] + slopes[..., 1, None] * flow[:, None, 1])
        return self._equations(jacobian, (recorded - picture)[used], picture[used], weight[used])

    def _drawn(self, frame: int, pose: np.ndarray) -> PortraitFrame[Tensor]:
        """The frame's portrait with the head under `pose`."""
        one, settings = self._drive.only(frame), self._settings

        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values.astype(np.float32))[None].to(one.poses.device)

        posed = replace(one, poses=tensor(pose), rotations=tensor(quaternion_from_matrix(pose[:3, :3])))
        with torch.no_grad():
            drawn, _ = self._portrait(posed, 0, self._camera, engine=settings.engine, threads=settings.threads)
        return drawn

    def _flow(self, used: np.ndarray, depth: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(P, 2, 6) px by the pose step, of the surface points at depth (P,) cm under the pixels `used`."""
        points = self._rays[used] * depth[:, None]
        by_pose, _ = pose_jacobian(points - pose[:3, 3].astype(np.float32), points, self._camera.fx)
        return by_pose.astype(np.float32)

    def _equations(
        self, jacobian: np.ndarray, difference: np.ndarray, picture: np.ndarray, weight: np.ndarray
    ) -> Alignment:
        """jacobian (P, 3, 6), difference (P, 3) and picture (P, 3) in [0, 1], weight (P,)."""
        size = np.abs(difference).mean(axis=1)
        noise = max(self._settings.noise_floor, _MAD * float(np.median(size)))
        trust = weight * huber_weights(size / noise, self._settings.huber)
        squares = float((trust @ np.square(difference).mean(axis=1)) / trust.sum())
        share = min(1.0, self._settings.independent_pixels / float(trust.sum())) / max(squares, noise**2)
        information, gradient = np.zeros((6, 6)), np.zeros(6)
        for channel in range(3):
            # Gain and bias of this channel have columns of their own.
            columns = np.column_stack([jacobian[:, channel], picture[:, channel], np.ones(len(picture), np.float32)])
            weighted = columns * trust[:, None]
            normal = (weighted.T @ columns).astype(np.float64)
            right = (weighted.T @ difference[:, channel]).astype(np.float64)
            light = normal[:6, 6:] @ np.linalg.inv(normal[6:, 6:] + 1e-6 * np.eye(2))
            information += normal[:6, :6] - light @ normal[6:, :6]
            gradient -= right[:6] - light @ right[6:]
        return Alignment(share * information / 3.0, share * gradient / 3.0, 255.0 * squares**0.5)


def _slopes(picture: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(P, 3, 2) central differences of a picture (H, W, 3) to the right and down, at the pixels `used`, per px."""
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    across[:, 1:-1] = 0.5 * (picture[:, 2:] - picture[:, :-2])
    down[1:-1] = 0.5 * (picture[2:] - picture[:-2])
    return np.stack([across[used], down[used]], axis=-1)
