"""The drawn presenter: poses that its own head refines are nearer to the truth, and other poses show no holes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.performance.curves import ordered_curves
from backend.preprocess.pipeline import preprocess
from backend.presenter.make import draw_clip
from backend.settings import PortraitSettings, PreprocessSettings, SelfTrackingSettings, TrainSettings
from backend.tracking.self_tracking import self_track
from backend.train.trainer import prepare, steps
from shared.jobs import Reporter
from tests.support.presenter_truth import pose_errors

pytestmark = pytest.mark.slow
SENTENCE = "Papa bought a map, and we sail before five in the morning."
SIZE = 256
BEYOND_DEGREES = 15.0
GAP_PX = 13
"""Holes up to this wide are looked for."""


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presenter")
    truth = draw_clip(SENTENCE, folder / "presenter.mp4", seed=0)
    subject = preprocess(folder / "presenter.mp4", folder / "subject", PreprocessSettings(size=SIZE), Reporter())
    return subject, truth


def test_poses_by_rendering_are_nearer_to_the_truth(filmed):
    subject, truth = filmed
    found = self_track(subject, SelfTrackingSettings(size=192, steps=600, more_steps=200), Reporter())
    track = subject.track()
    before, after = (
        pose_errors(track.posed_by(poses).camera_from_head, truth.camera_from_head)[0]
        for poses in ("refined", "rendered")
    )
    print(f"{before.mean():.3f} (worst {before.max():.3f}) to {after.mean():.3f} ({after.max():.3f}) degrees; {found}")
    assert after.mean() < 0.8 * before.mean() and after.max() < before.max()


def holes(portrait, curves: np.ndarray, turn: np.ndarray) -> float:
    """Share of a turned head, per cent, through which one looks though it is closed all about."""
    rest = portrait.rest_pose.numpy().astype(np.float64)
    pose = rest.copy()
    pose[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ rest[:3, :3]
    alpha = portrait.render(portrait.drive(curves, np.tile(pose, (len(curves), 1, 1))), len(curves) // 2, SIZE).alpha
    above = alpha[: SIZE * 4 // 5]  # below it ends with the picture's lower edge
    closed = cv2.morphologyEx(above, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP_PX, GAP_PX)))
    return 100.0 * float((closed - above).sum() / above.sum())


def test_a_head_that_is_turned_further_than_it_was_filmed_has_no_holes(filmed):
    subject, _ = filmed
    track = subject.track()
    rest = Rotation.from_matrix(track.camera_from_head[:, :3, :3])
    turns = (rest * rest.mean().inv()).as_rotvec()
    beyond = np.radians(BEYOND_DEGREES)
    shares = {}
    for name, portrait in (("with", PortraitSettings()), ("without", PortraitSettings(inside_share=0.0))):
        run = prepare(subject, TrainSettings(portrait=portrait, size=SIZE, steps=700, holdout=0, more_for_long=False))
        list(steps(run))
        head = run.portrait.eval()
        curves = ordered_curves(track)
        seen = []
        for axis in (0, 1):
            for edge in (turns[:, axis].min() - beyond, turns[:, axis].max() + beyond):
                seen.append(holes(head, curves, edge * np.eye(3)[axis]))
        shares[name] = seen
    print({name: [round(value, 2) for value in seen] for name, seen in shares.items()})
    assert max(shares["with"]) < 1.0
    assert np.mean(shares["with"]) < 0.7 * np.mean(shares["without"])
