"""What moves in a line under every choice of poses, and that strength 0 is what there was before there was life."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backend import rotations
from backend.deliver.camera_file import read_poses, write_camera
from backend.deliver.line import Line, plan_line
from backend.deliver.motion import without_effect
from backend.media.audio import save_wav
from backend.performance.curves import UPPER, UPPER_CURVES
from backend.performance.idle import idle_upper
from backend.performance.poses import still_pose
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared.jobs import Reporter
from tests.support.disc_stage import SteadySpeech
from tests.support.lively_clip import RATE, LivelyClip, make_lively, spoken
from tests.support.synthetic_subject import make_subject

LEFT, RIGHT = UPPER_CURVES.index("eyeLookOutLeft"), UPPER_CURVES.index("eyeLookInLeft")
SECONDS = 8.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> tuple[Subject, LivelyClip]:
    folder = tmp_path_factory.mktemp("lively")
    subject = make_subject(folder / "subject")
    save_wav(folder / "line.wav", spoken(SECONDS, 3), RATE)
    return subject, make_lively(subject)


def planned(stage, **options) -> Line:
    subject, _ = stage
    sound = subject.root.parent / "line.wav"
    return plan_line(subject, SteadySpeech(), sound, RenderSettings(**options), Reporter())


def upper(line: Line) -> np.ndarray:
    return line.performance.array()[:, UPPER]


def given(stage, poses: np.ndarray) -> tuple[str, np.ndarray]:
    """A camera.json of poses, and the poses that are read from it."""
    subject, _ = stage
    path = subject.root.parent / "camera.json"
    write_camera(path, Fraction(25), subject.track().intrinsics(32, 32), subject.crop, (32, 32), poses)
    return str(path), read_poses(path)[1]


def test_a_new_line_is_alive_unless_something_else_is_asked(stage):
    line = planned(stage)
    assert np.abs(np.diff(line.poses, axis=0)).max() > 1e-3 and line.body is not None
    assert np.allclose(line.poses[0], still_pose(stage[1].poses, 1)[0], atol=1e-9)
    assert np.array_equal(line.poses, planned(stage, pose="life").poses)
    assert np.abs(np.linalg.det(line.poses[:, :3, :3]) - 1).max() < 1e-6


@pytest.mark.parametrize("options", [{"pose": "life", "head_life": 0.0}, {"pose": "still"}])
def test_without_life_a_line_is_to_the_bit_what_it_was_before_there_was_any(stage, options):
    line = planned(stage, **options, face_life=0.0, seed=5)
    count = line.frame_count
    assert np.array_equal(line.poses, still_pose(stage[1].poses, count)) and line.body is None
    assert np.allclose(upper(line), idle_upper(stage[1].curves, Fraction(25), count, 5), atol=1e-6)


def test_given_poses_stay_as_they_are_and_only_the_face_is_alive(stage):
    path, poses = given(stage, np.tile(stage[1].poses[:1], (200, 1, 1)))
    alive, still = planned(stage, pose=path), planned(stage, pose=path, face_life=0.0)
    for line in (alive, still):
        assert np.array_equal(line.poses, poses) and line.body is None
    assert np.allclose(upper(still), idle_upper(stage[1].curves, Fraction(25), 200, 0), atol=1e-6)
    brow = UPPER_CURVES.index("browInnerUp")
    assert upper(alive)[:, brow].std() > 0.01 and not upper(still)[:, brow].std() > 1e-6


def test_recorded_poses_keep_their_own_face_whatever_life_is_asked(stage):
    line = planned(stage, pose="recorded", head_life=2.0, face_life=0.3)
    assert np.array_equal(line.poses, stage[1].poses[: line.frame_count])
    assert np.allclose(upper(line), stage[1].curves[: line.frame_count, UPPER], atol=1e-6)


def test_the_eyes_stay_on_their_aim_when_an_artist_turns_the_head(stage):
    turn = rotations.to_matrix(rotations.from_vector(np.array([0.0, 0.1, 0.0])))
    poses = still_pose(stage[1].poses, 200)
    turned = poses.copy()
    turned[:, :3, :3] = poses[:, :3, :3] @ turn  # the head turns to the person's left
    ahead, aside = (upper(planned(stage, pose=given(stage, track)[0])) for track in (poses, turned))
    assert np.median(aside[:, LEFT] - ahead[:, LEFT]) < -0.05
    assert np.median(aside[:, RIGHT] - ahead[:, RIGHT]) > 0.05


@pytest.mark.parametrize("fps", ["24000/1001", "30", "60"])
def test_life_is_the_same_at_every_frame_rate(stage, fps):
    usual, other = planned(stage), planned(stage, fps=fps)
    times = np.arange(20, usual.frame_count - 20) / 25
    shown = [np.interp(times, line.times_s, line.poses[:, 0, 2]) for line in (usual, other)]
    assert np.abs(shown[0] - shown[1]).max() < 0.01
    assert np.abs(np.diff(other.poses, 2, axis=0)).max() < 0.02


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ""),
        ({"head_life": 0.5, "face_life": 0.5}, ""),
        ({"pose": "recorded"}, ""),
        ({"pose": "recorded", "head_life": 0.5}, "With --pose recorded, --head-life 0.5 does nothing."),
        (
            {"pose": "recorded", "head_life": 0.5, "face_life": 0.0},
            "With --pose recorded, --head-life 0.5 and --face-life 0 do nothing.",
        ),
        ({"pose": "still", "face_life": 0.5}, ""),
        ({"pose": "poses.json", "head_life": 2.0}, "With poses from a file, --head-life 2 does nothing."),
    ],
)
def test_settings_that_do_nothing_to_the_motion_are_said(settings, said):
    assert without_effect(RenderSettings(**settings)) == said
