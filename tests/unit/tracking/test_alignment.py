"""What a drawn head says about the pose of a frame, on frames that it drew itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from backend.portrait.frame import Drive
from backend.portrait.gaussians import FACE, HAIR
from backend.portrait.portrait import Portrait
from backend.preprocess.bundle import update_poses
from backend.settings import SelfTrackingSettings
from backend.tracking.alignment import Aligner
from backend.train.data import Sample, TrainingData
from backend.train.trainer import prepare
from backend.train.views import View
from shared.camera import Intrinsics
from tests.support.synthetic_subject import TINY

SIZE = 96
SETTINGS = SelfTrackingSettings(threads=1)
STEP = np.array([0.012, -0.018, 0.01, 0.08, -0.06, 0.3])
"""Radians and cm by which a pose is put wrong."""


@dataclass
class Filmed:
    """Frames drawn by a portrait under known poses; stands in for TrainingData."""

    portrait: Portrait
    drive: Drive
    whole: Intrinsics
    poses: np.ndarray
    fine: int = SIZE
    gain: float = 1.0
    bias: float = 0.0
    mouth: tuple[slice, slice] = (slice(0, 0), slice(0, 0))
    painted: tuple[slice, slice] | None = None

    def camera(self, view: View) -> Intrinsics:
        return self.whole.scaled(view.size, view.size)

    def sample(self, frame: int, view: View | None = None) -> Sample:
        camera = self.camera(View.whole(SIZE))
        with torch.no_grad():
            drawn, _ = self.portrait(self.drive, frame, camera)
        background = torch.full((SIZE, SIZE, 3), 0.5)
        rgb = self.gain * drawn.over(background) + self.bias
        if self.painted is not None:
            rgb[self.painted] = 1.0
        return Sample(rgb, drawn.mattes, background, self.mouth, camera)


@pytest.fixture
def filmed(subject) -> Filmed:
    run = prepare(subject, replace(TINY, portrait=replace(TINY.portrait, head_gaussians=400)))
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():  # as colourful as a face
        run.portrait.face.colour_logits.add_(torch.randn(run.portrait.face.colour_logits.shape, generator=rng))
    run.portrait.eval()
    return Filmed(run.portrait, run.drive, run.data.camera(View.whole(SIZE)), subject.track().camera_from_head)


def aligner(filmed: Filmed) -> Aligner:
    return Aligner(filmed.portrait, cast(TrainingData, filmed), filmed.drive, SETTINGS)


def put_right(filmed: Filmed, frame: int = 3, steps: int = 3) -> tuple[float, float]:
    """Degrees and cm that are left of STEP."""
    true = filmed.poses[frame]
    pose = update_poses(true[None], STEP[None])
    for _ in range(steps):
        own = aligner(filmed).at(frame, pose[0])
        pose = update_poses(pose, -np.linalg.solve(own.information, own.gradient)[None])
    left = Rotation.from_matrix(pose[0, :3, :3] @ true[:3, :3].T).magnitude()
    return float(np.degrees(left)), float(np.linalg.norm(pose[0, :3, 3] - true[:3, 3]))


def test_a_wrong_pose_is_put_right(filmed):
    degrees, cm = put_right(filmed)
    assert degrees < 0.15 and cm < 0.05


def test_a_brighter_frame_has_the_same_pose(filmed):
    degrees, cm = put_right(replace(filmed, gain=0.8, bias=0.1))
    assert degrees < 0.15 and cm < 0.05


def test_the_mouth_does_not_count(filmed):
    box = (slice(40, 60), slice(30, 66))
    plain, painted = replace(filmed, mouth=box), replace(filmed, mouth=box, painted=box)
    pose = update_poses(filmed.poses[3][None], STEP[None])[0]
    inner = (slice(46, 54), slice(36, 60))  # the blur carries some of it over the border
    a, b = aligner(plain).at(3, pose), aligner(replace(painted, painted=inner)).at(3, pose)
    assert np.allclose(a.gradient, b.gradient, rtol=1e-3, atol=1e-3 * np.abs(a.gradient).max())
    seen, bare = (aligner(replace(filmed, painted=where)).at(3, pose) for where in (inner, None))
    assert not np.allclose(bare.gradient, seen.gradient, rtol=0.05, atol=0.0)


def test_a_hand_before_the_face_moves_the_pose_by_little(filmed):
    degrees, cm = put_right(replace(filmed, painted=(slice(50, 80), slice(20, 45))), steps=5)
    assert degrees < 0.6 and cm < 0.3


def test_a_frame_without_a_head_says_nothing(filmed):
    away = filmed.poses[3].copy()
    away[0, 3] += 500.0
    own = aligner(filmed).at(3, away)
    assert not own.information.any() and not own.gradient.any()


def test_what_is_compared_is_face_and_hair(filmed):
    mattes = filmed.sample(3).regions.numpy()
    assert mattes[..., [FACE, HAIR]].sum(-1).max() > 0.9  # or the tests above say nothing
