"""The body's own motion: measured from pictures, kept with the track, replayed with the poses, driving the torso."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from backend.deliver.line import plan_line
from backend.media.audio import save_wav
from backend.performance.curves import FACE_CURVES, SPEECH_CURVES, ordered_curves
from backend.performance.poses import plan_replay, resample_values
from backend.performance.speech import SpeechModel
from backend.portrait.saving import open_portrait, save_portrait
from backend.portrait.torso import TorsoMotion, fit_following
from backend.preprocess.body import principal_curves, track_body, without_outliers
from backend.settings import PortraitSettings, RenderSettings
from backend.subject.track import Track
from backend.train.data import TrainingData
from backend.train.driving import true_drive
from backend.train.new_portrait import start_portrait
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.synthetic_subject import FRAMES, SIZE

SIDE = 160
SMALL = PortraitSettings(
    head_gaussians=120, torso_gaussians=60, facial_planes=(8,), oral_planes=(8,), torso_planes=(4,), hidden=16
)


def shoulders(across_px: float, down_px: float) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8: patterned cloth in the lower half, moved, before a still and plain wall."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    y, x = rows - down_px, columns - across_px
    cloth = 120 + 50 * np.sin(x / 5.0) * np.cos(y / 6.0) + 30 * np.sin((x + 2 * y) / 11.0)
    cover = np.clip(y - (SIDE / 2 + 0.004 * (x - SIDE / 2) ** 2), 0, 1)
    return np.repeat((cover * cloth + (1 - cover) * 90)[..., None], 3, axis=2).astype(np.uint8)


def torso_matte() -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return np.where(rows > SIDE / 2 + 0.004 * (columns - SIDE / 2) ** 2, 255, 0).astype(np.uint8)


def test_shoulders_that_move_two_ways_give_two_curves_as_large_as_the_motion():
    phase = np.linspace(0, 6 * np.pi, 40)
    across, down = 4.0 * np.sin(phase), 1.5 * np.cos(2 * phase)
    frames = [shoulders(0.0, 0.0)] + [shoulders(x, y) for x, y in zip(across, down, strict=True)]
    curves = track_body(frames, 0, torso_matte(), cm_per_px=0.25, report=Reporter())[1:]
    for curve, truth_px in ((curves[:, 0], across), (curves[:, 1], down)):
        truth = 0.25 * (truth_px - truth_px.mean())
        sign = np.sign(curve @ truth)
        assert np.abs(sign * (curve - curve.mean()) - truth).max() < 0.15 * np.abs(truth).max()
    assert curves[:, 2:].std(axis=0).max() < 0.1 * curves[:, 1].std()


def test_where_no_torso_is_to_be_seen_there_are_no_curves():
    frames = [shoulders(0.0, 0.0)] * 3
    assert track_body(frames, 0, np.zeros((SIDE, SIDE), np.uint8), 0.25, Reporter()).shape == (3, 0)


def test_a_hand_before_the_chest_is_no_motion_of_the_body():
    draw = np.random.default_rng(0)
    places = np.argwhere(np.ones((6, 5))).astype(np.float64)
    motion = np.zeros((200, 30, 2))
    motion[..., 0] = np.sin(np.linspace(0, 12, 200))[:, None]
    motion += 0.02 * draw.standard_normal(motion.shape)
    waved = motion.copy()
    waved[80:90, :5] += [0.0, 6.0]
    kept = without_outliers(waved, places, np.ones(30))
    assert np.abs(kept - motion).max() < 0.3
    plain, robust = (principal_curves(values, np.ones(30), 2) for values in (motion, kept))
    assert np.corrcoef(plain[:, 0], robust[:, 0])[0, 1] > 0.999


def test_a_body_that_leans_only_once_keeps_its_lean():
    places = np.argwhere(np.ones((6, 5))).astype(np.float64)
    motion = 0.01 * np.random.default_rng(0).standard_normal((200, 30, 2))
    motion[80:90] += [3.0, 1.0] + 0.2 * places
    assert np.abs(without_outliers(motion, places, np.ones(30)) - motion).max() < 0.05


def with_body(subject, frames: int = FRAMES) -> np.ndarray:
    """Give the synthetic subject a body of two curves, of which the first follows the head; returns them."""
    track = subject.track()
    draw = np.random.default_rng(4)
    sway = 0.5 * track.camera_from_head[:, 0, 3]
    track.body = np.stack([sway, draw.standard_normal(frames)], axis=1).astype(np.float32)
    track.save(subject.root / layout.TRACK_FILE)
    return track.body


def test_a_folder_of_the_older_schema_has_no_body_curves_and_still_trains(subject):
    path = subject.root / layout.TRACK_FILE
    with np.load(path) as data:
        old = {name: data[name] for name in data.files if name != "body"}
    np.savez(path, **old)
    assert Track.load(path).body.shape == (FRAMES, 0)
    portrait = start_portrait(TrainingData(subject, SIZE), SMALL, seed=0)
    assert portrait.sizes.body == 0 and true_drive(portrait, TrainingData(subject, SIZE)).motion.shape == (FRAMES, 6)


def test_the_torso_is_told_the_recorded_body_or_what_the_head_says_of_it(subject):
    body = with_body(subject)
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, SMALL, seed=0)
    track = data.track
    recorded = true_drive(portrait, data).motion
    followed = portrait.drive(ordered_curves(track, FACE_CURVES), track.camera_from_head).motion
    assert np.array_equal(recorded[:, 6:].numpy(), body)
    assert torch.equal(recorded[:, :6], followed[:, :6])
    off = (followed[:, 6:].numpy() - body).std(axis=0) / body.std(axis=0)
    assert off[0] < 0.2 and off[1] > 0.5


def test_following_is_the_linear_rule_that_the_footage_shows():
    draw = torch.Generator().manual_seed(0)
    motion = torch.randn(400, 6, generator=draw, dtype=torch.float64) + 3.0
    rule = torch.randn(6, 2, generator=draw, dtype=torch.float64)
    follow = fit_following(motion, motion @ rule + 1.5)
    said = motion @ follow[:-1] + follow[-1]
    assert ((said - (motion @ rule + 1.5)).std() / (motion @ rule).std()) < 0.06


def test_the_body_moves_the_shoulders_of_a_still_head_and_leaves_the_chin():
    torch.manual_seed(0)
    torso = TorsoMotion(SMALL, 6, 1)
    points = torch.tensor([[0.0, -6.0, 0.0], [0.0, -25.0, 0.0]])
    torso.start(points, -8.0, torch.randn(50, 6), torch.randn(50, 1))
    torch.nn.init.normal_(torso.body.weight, std=1.0)
    pose, turn = torch.eye(4), torch.tensor([1.0, 0, 0, 0])

    def hung(motion: torch.Tensor) -> torch.Tensor:
        drive = torso.drive(motion)
        rest = points + torso.field(points, drive)
        return torso.hang(points, rest, turn.expand(2, 4), torso.body(drive), pose, turn, pose, turn)[0]

    with torch.no_grad():
        still, leaning = hung(torch.zeros(7)), hung(torch.cat([torch.zeros(6), torch.ones(1)]))
    moved = (leaning - still).norm(dim=1)
    assert moved[1] > 0.1 and moved[0] < 0.1 * moved[1]


def test_a_portrait_with_a_body_is_saved_and_opened_with_it(subject):
    with_body(subject)
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, SMALL, seed=0)
    save_portrait(portrait.eval(), subject.model("m"))
    opened = open_portrait(subject.model("m"))
    track = data.track
    assert opened.sizes.body == 2
    assert torch.equal(
        opened.drive(ordered_curves(track, FACE_CURVES), track.camera_from_head).motion,
        portrait.drive(ordered_curves(track, FACE_CURVES), track.camera_from_head).motion,
    )
    with pytest.raises(InputError, match="train again"):
        opened.drive(ordered_curves(track, FACE_CURVES), track.camera_from_head, body=np.zeros((FRAMES, 3), np.float32))


class SteadySpeech(SpeechModel):
    """Stands in for a speech model: a mouth that is half open."""

    def __init__(self):
        """It has learned nothing."""

    @property
    def curve_names(self):
        return SPEECH_CURVES

    def reach_of(self, features, voice):
        return None

    def predict_array(self, features, times_s, voice=None, strength=0.0):
        return np.full((len(times_s), len(SPEECH_CURVES)), 0.5, np.float32)

    def lips_following(self, change):
        return np.zeros((len(change), 0))


def test_recorded_poses_are_replayed_with_their_body_and_others_without(subject, tmp_path):
    body = with_body(subject)
    sound = tmp_path / "line.wav"
    save_wav(sound, np.random.default_rng(0).standard_normal(16000 * 4).astype(np.float32), 16000)
    line = plan_line(subject, SteadySpeech(), sound, RenderSettings(pose="recorded"), Reporter())
    assert line.body is not None
    assert line.body.shape == (line.frame_count, 2) and line.frame_count > FRAMES
    assert np.array_equal(line.body[:FRAMES].astype(np.float32), body)
    still = plan_line(subject, SteadySpeech(), sound, RenderSettings(pose="still"), Reporter())
    assert still.body is None


def test_a_replayed_body_goes_on_without_a_jump():
    time = np.arange(200) / 25
    waves = np.stack([np.sin(2 * np.pi * (0.3 + 0.17 * k) * time + k) for k in range(6)], axis=1)
    poses = np.tile(np.eye(4), (200, 1, 1))
    poses[:, :3, 3] = waves[:, :3] + [0, 0, 60]
    body = waves[:, 3:]
    replay = plan_replay(poses, Fraction(25), 700, body)
    played = replay.motion(body)
    assert np.array_equal(played[:200], body)
    for order in (1, 2):
        largest = [np.linalg.norm(np.diff(values, order, axis=0), axis=1).max() for values in (played, body)]
        assert largest[0] < 1.5 * largest[1]
    assert played[200:].std() > 0.3


def test_values_at_another_rate_lie_where_they_were_at_that_time():
    fps = Fraction(30)
    at = np.arange(50) / 25
    values = np.stack([np.sin(at), at], axis=1)
    resampled = resample_values(values, Fraction(25), fps, 55)
    times_s = np.arange(55) / 30
    assert np.abs(resampled - np.stack([np.sin(times_s), times_s], axis=1)).max() < 1e-4
