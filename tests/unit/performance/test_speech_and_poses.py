"""Audio to curves, blinks, and pose tracks for a new line."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from backend.media.audio import resample
from backend.media.audio_features import AudioFeatures, log_mel
from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES
from backend.performance.idle import blink_curve, blink_times, idle_upper
from backend.performance.poses import from_vectors, plan_replay, resample_poses, still_pose, to_vectors
from backend.performance.speech import SpeechModel
from backend.performance.speech_net import blocks_of
from backend.performance.speech_targets import usual_when
from backend.performance.spline import spline
from backend.performance.voice import Voice
from backend.presenter.speech import speak
from backend.settings import SpeechSettings
from shared.errors import InputError

RATE, FPS = 16000, 25
UPSIDE_DOWN = np.array([0.0, 1.0, 0.0, 0.0])
"""A quaternion: half a turn about x."""
SMALL = SpeechSettings(members=3, hidden=24, steps=150)


def voice(seconds: float, seed: int, pitch_hz: float = 150.0) -> tuple[np.ndarray, np.ndarray]:
    """A humming whose loudness is the mouth's opening (25 a second), and that opening."""
    draw = np.random.default_rng(seed)
    knots = draw.random(round(seconds * 4) + 2)
    time = np.arange(round(seconds * RATE)) / RATE
    opening = np.interp(time * 4, np.arange(len(knots)), knots)
    hum = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 20))
    sound = (0.02 + 0.3 * opening**2) * hum + 0.001 * draw.standard_normal(len(time))
    return sound.astype(np.float32), opening[:: RATE // FPS].astype(np.float32)


def curves_of(opening: np.ndarray) -> np.ndarray:
    curves = np.zeros((len(opening), len(CURVE_NAMES)), np.float32)
    curves[:, CURVE_NAMES.index("jawOpen")] = 0.5 * opening
    curves[:, CURVE_NAMES.index("mouthSmileLeft")] = 0.3
    return curves


@pytest.fixture(scope="module")
def taught() -> SpeechModel:
    sound, opening = voice(10, seed=1)
    return SpeechModel.fit(log_mel(sound, RATE), curves_of(opening), np.arange(len(opening)) / FPS, SMALL)


def test_opening_that_follows_the_voice_is_learned_and_holds_for_another_voice(taught):
    for pitch_hz, least in ((150.0, 0.85), (210.0, 0.75)):
        sound, opening = voice(6, seed=2, pitch_hz=pitch_hz)
        predicted = taught.predict_array(log_mel(sound, RATE), np.arange(len(opening)) / FPS)
        jaw = predicted[:, SPEECH_CURVES.index("jawOpen")]
        assert np.corrcoef(jaw, opening)[0, 1] > least
        assert 0.5 < jaw.std() / (0.5 * opening).std() < 1.5


def test_what_the_voice_does_not_tell_stays_at_the_style(taught):
    sound, _ = voice(3, seed=3)
    predicted = taught.predict_array(log_mel(sound, RATE), np.arange(75) / FPS)
    assert np.abs(predicted[:, SPEECH_CURVES.index("mouthSmileLeft")] - 0.3).max() < 1e-3
    assert predicted.min() >= 0.0 and predicted.max() <= 1.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_short_clip_whose_voice_tells_nothing_leaves_the_mouth_at_its_style(seed):
    sound, _ = voice(5, seed=seed)
    _, unheard = voice(5, seed=seed + 100)
    features, times_s = log_mel(sound, RATE), np.arange(len(unheard)) / FPS
    model = SpeechModel.fit(features, curves_of(unheard), times_s, SMALL)
    jaw = model.predict_array(features, times_s)[:, SPEECH_CURVES.index("jawOpen")]
    truth = 0.5 * unheard
    assert np.mean((jaw - truth) ** 2) < 1.1 * truth.var()


def test_what_was_heard_of_the_footage_is_no_better_than_on_sound_never_heard(taught):
    """Lips memorised word by word would come out of the training's own sound nearly as they were."""
    jaw = SPEECH_CURVES.index("jawOpen")
    sound, opening = voice(10, seed=1)
    heard = taught.heard[:, jaw]
    again = taught.predict_array(log_mel(sound, RATE), np.arange(len(opening)) / FPS)[:, jaw]
    truth = 0.5 * opening
    assert taught.heard.shape == (len(opening), len(SPEECH_CURVES)) and taught.heard.dtype == np.float32
    assert np.corrcoef(heard, truth)[0, 1] > 0.8
    assert np.mean((heard - truth) ** 2) > np.mean((again - truth) ** 2)
    assert 0.0 <= taught.heard.min() and taught.heard.max() <= 1.0


def test_lips_that_move_before_their_sound_are_learned():
    sound, opening = voice(10, seed=1)
    late = np.concatenate([np.zeros(RATE * 16 // 100, np.float32), sound])[: len(sound)]
    model = SpeechModel.fit(log_mel(late, RATE), curves_of(opening), np.arange(len(opening)) / FPS, SMALL)
    sound, opening = voice(6, seed=2)
    late = np.concatenate([np.zeros(RATE * 16 // 100, np.float32), sound])[: len(sound)]
    jaw = model.predict_array(log_mel(late, RATE), np.arange(len(opening)) / FPS)[:, SPEECH_CURVES.index("jawOpen")]
    assert np.corrcoef(jaw, opening)[0, 1] > 0.8


def test_curves_are_the_same_bits_for_any_number_of_threads_and_whatever_else_is_in_the_line(taught):
    sound, _ = voice(8, seed=3)
    times_s, threads = np.arange(200) / FPS, torch.get_num_threads()
    heard_in = Voice.of(log_mel(sound, RATE))
    results = []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            results.append(taught.predict_array(log_mel(sound, RATE), times_s, heard_in))
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])
    for first, last in ((0, 1), (61, 67), (30, 190)):
        part = taught.predict_array(log_mel(sound, RATE), times_s[first:last], heard_in)
        assert np.array_equal(part, results[0][first:last])


def test_the_mouth_rests_in_silence(taught):
    silent = taught.predict_array(log_mel(np.zeros(RATE, np.float32), RATE), np.arange(FPS) / FPS)
    assert silent[:, SPEECH_CURVES.index("jawOpen")].max() < 0.15


def test_a_mouth_that_a_noisy_line_makes_smaller_is_brought_to_the_speakers_own_reach(taught):
    own, opening = voice(6, seed=2)
    noisy = own + 0.4 * own.std() * np.random.default_rng(0).standard_normal(len(own)).astype(np.float32)
    times_s, jaw = np.arange(len(opening)) / FPS, SPEECH_CURVES.index("jawOpen")
    spread = []
    for sound in (own, noisy):
        features = log_mel(sound, RATE)
        heard = Voice.of(features)
        assert heard is not None
        for reach in (None, taught.reach_of(features, heard)):
            curve = taught.predict_array(features, times_s, replace(heard, reach=reach))[:, jaw]
            spread.append(curve.std())
    assert spread[2] < 0.8 * spread[0], "noise hides some of what is said"
    assert spread[3] > 1.3 * spread[2]
    assert abs(spread[1] / spread[0] - 1) < 0.25, "the speaker's own voice is left much as it is"


def test_a_word_says_less_about_the_reach_than_a_speech(taught):
    sound, _ = voice(8, seed=2)
    features = log_mel(0.3 * sound, RATE)
    heard = Voice.of(features)
    assert heard is not None
    long, short = (taught.reach_of(features, replace(heard, seconds=seconds)) for seconds in (8.0, 0.5))
    assert abs(short.scale - 1) < 0.5 * abs(long.scale - 1) + 0.01
    assert np.abs(short.mean).max() < 0.5 * np.abs(long.mean).max()


def spoken_line() -> tuple[AudioFeatures, np.ndarray]:
    """What is heard of a spoken line, and its frames' times."""
    line = speak("Papa bought a map, and we sail before five in the morning.")
    samples = resample(line.samples, line.sample_rate, RATE)
    return log_mel(samples, RATE), np.arange(int(len(samples) / RATE * FPS)) / FPS


def test_strength_says_how_far_the_mouth_moves(taught):
    jaw = SPEECH_CURVES.index("jawOpen")
    still, moved = (taught.predict_array(*spoken_line(), strength=s)[:, jaw].std() for s in (0.0, 1.0))
    assert 0.0 < still < moved


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_more_is_never_less_at_any_strength(taught, strength):
    moves = np.tile(np.linspace(-3, 3, 400)[:, None], (1, len(SPEECH_CURVES)))
    stretched = moves + strength * (taught._enlarged(moves) - moves)
    assert (np.diff(stretched, axis=0) > 0).all()


def test_a_humming_opens_no_mouth_that_is_delivered(taught):
    sound, opening = voice(6, seed=2)
    features, times_s, jaw = log_mel(sound, RATE), np.arange(len(opening)) / FPS, SPEECH_CURVES.index("jawOpen")
    spread = [taught.predict_array(features, times_s, strength=s)[:, jaw].std() for s in (0.0, 1.0)]
    assert spread[1] < 0.5 * spread[0]


def test_a_mouth_rests_as_the_footage_shows_it_and_closed_where_it_shows_nothing():
    jaw = SPEECH_CURVES.index("jawOpen")
    speech, quiet = np.zeros((100, len(SPEECH_CURVES))), np.zeros(100)
    speech[:, jaw] = np.linspace(0.0, 1.0, 100)
    assert usual_when(quiet, speech, 4.0)[jaw] < 0.1
    quiet[40:60] = 1.0  # in which it is half open
    short, long = (usual_when(np.repeat(quiet, n), np.repeat(speech, n, axis=0), 4.0 * n)[jaw] for n in (1, 50))
    assert 0.05 < short < 0.2 and long == pytest.approx(0.5, abs=0.1)


def test_a_model_that_knows_one_closed_mouth_closes_it_in_pauses(taught):
    state = {name: value for name, value in taught.state().items() if name not in ("pressed", "resting")}
    state = {name: value for name, value in state.items() if name not in ("told", "meant")}
    each = {"closed": torch.zeros(len(SPEECH_CURVES)), "gain": torch.full((len(SPEECH_CURVES),), 1.5)}
    before = SpeechModel.from_state(state | each)
    silence = log_mel(np.zeros(2 * RATE, np.float32), RATE)
    curves = before.predict_array(silence, np.arange(10, 40) / FPS, strength=1.0)
    assert curves[:, SPEECH_CURVES.index("jawOpen")].max() < 0.02


def test_a_model_of_an_older_version_predicts_by_its_nets_alone(taught):
    new = ("prior", "pressed", "resting", "told", "meant")
    old = SpeechModel.from_state({name: v for name, v in taught.state().items() if not name.startswith(new)})
    sound, opening = voice(6, seed=2)
    features, times_s = log_mel(sound, RATE), np.arange(len(opening)) / FPS
    curves = old.predict_array(features, times_s, strength=1.0)
    assert np.corrcoef(curves[:, SPEECH_CURVES.index("jawOpen")], opening)[0, 1] > 0.8
    own_voice = Voice.of(features)
    assert own_voice is not None and old.reach_of(features, own_voice) is None


def test_a_speech_model_predicts_the_same_after_saving(taught, tmp_path):
    sound, _ = voice(2, seed=4)
    features, times_s = log_mel(sound, RATE), np.arange(50) / FPS
    taught.save(tmp_path / "speech.safetensors")
    loaded = SpeechModel.load(tmp_path / "speech.safetensors")
    assert np.array_equal(loaded.predict_array(features, times_s), taught.predict_array(features, times_s))
    performance = taught.predict(features, times_s)
    assert performance.fps == 25 and performance.frame_count == 50
    (tmp_path / "speech.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="Train"):
        SpeechModel.load(tmp_path / "speech.safetensors")


def test_the_same_seed_gives_the_same_speech_model():
    sound, opening = voice(3, seed=5)
    settings = SpeechSettings(members=2, hidden=8, steps=60, seed=7)
    models = [
        SpeechModel.fit(log_mel(sound, RATE), curves_of(opening), np.arange(len(opening)) / FPS, settings)
        for _ in range(2)
    ]
    first, second = (model.state() for model in models)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_silence_or_too_few_frames_cannot_be_learned_from():
    times_s = np.arange(50) / FPS
    with pytest.raises(InputError, match="silent"):
        SpeechModel.fit(log_mel(np.zeros(2 * RATE, np.float32), RATE), np.zeros((50, 51)), times_s, SMALL)
    with pytest.raises(InputError, match="too few"):
        SpeechModel.fit(log_mel(voice(2, 0)[0], RATE), np.zeros((3, 51)), times_s[:3], SMALL)


def recorded_poses(frames: int = 300) -> np.ndarray:
    """A head that turns and drifts as heads do: slow waves of several lengths, and a little noise."""
    time = np.arange(frames) / FPS
    draw = np.random.default_rng(3)
    waves = np.stack([np.sin(2 * np.pi * (0.31 + 0.17 * k) * time + k) for k in range(6)], axis=1)
    vectors = waves * [0.06, 0.1, 0.04, 1.0, 0.6, 1.5] + 0.0008 * draw.standard_normal((frames, 6))
    vectors[:, 5] += 60.0
    return from_vectors(vectors, UPSIDE_DOWN)


def largest(poses: np.ndarray, order: int, reference: np.ndarray) -> tuple[float, float]:
    """Largest change (order 1) or change of change (2) a frame: of turn (rad, about `reference`), of position (cm)."""
    mean = Rotation.from_quat(reference, scalar_first=True)
    turns = (mean.inv() * Rotation.from_matrix(poses[:, :3, :3])).as_rotvec()
    return tuple(np.linalg.norm(np.diff(v, order, axis=0), axis=1).max() for v in (turns, poses[:, :3, 3]))


@pytest.mark.parametrize("frames", [150, 300])
def test_a_pose_track_goes_on_past_its_end_without_a_jump(frames):
    poses = recorded_poses(frames)
    played = plan_replay(poses, Fraction(FPS), 1000).poses(poses)
    assert played.shape == (1000, 4, 4)
    assert np.array_equal(played[:frames], poses)
    _, reference = to_vectors(poses)
    for order in (1, 2):
        for got, recorded in zip(largest(played, order, reference), largest(poses, order, reference), strict=True):
            assert got <= recorded * (1 + 1e-6)
    assert played[frames:, 0, 3].std() > 0.3  # it moves on, it does not freeze


def test_an_extended_head_never_retraces_its_path():
    poses = recorded_poses()
    vectors, _ = to_vectors(poses)
    replay = plan_replay(poses, Fraction(FPS), 600)
    assert all(piece.length > 0 for piece in replay.pieces)
    after = replay.apply(vectors)[300:350]
    backwards = vectors[::-1][1:51]
    assert np.abs(after[:, 3:] - backwards[:, 3:]).max() > 0.3


def test_a_single_recorded_frame_serves_any_line():
    poses = recorded_poses(1)
    played = plan_replay(poses, Fraction(FPS), 40).poses(poses)
    assert np.abs(played - poses).max() < 1e-9


def test_poses_at_another_rate_lie_where_the_head_was_at_that_time():
    time = np.arange(50) / FPS

    def at(t: np.ndarray) -> np.ndarray:
        vectors = np.stack([0 * t, 0.2 * np.sin(t), 0 * t, np.cos(t), 0 * t, 50 + t], axis=1)
        return from_vectors(vectors, np.array([1.0, 0.0, 0.0, 0.0]))

    fps = Fraction(60000, 1001)
    count = 100
    times_s = np.array([float(n / fps) for n in range(count)])
    resampled = resample_poses(at(time), Fraction(FPS), fps, count)
    assert np.abs(resampled - at(times_s)).max() < 1e-3
    assert np.abs(np.linalg.det(resampled[:, :3, :3]) - 1).max() < 1e-9
    assert np.array_equal(resample_poses(at(time), Fraction(FPS), Fraction(FPS), 50), at(time))


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 60])
def test_values_between_frames_are_those_of_scipys_cubic_spline(frames):
    values = np.random.default_rng(frames).standard_normal((frames, 3))
    places = np.linspace(0, frames - 1, 301)
    found = spline(values, places)
    assert np.abs(found - CubicSpline(np.arange(frames), values)(places)).max() < 1e-13
    assert np.array_equal(spline(values, np.arange(float(frames))), values)


def test_an_edited_pose_moves_no_frame_forty_frames_away():
    values = np.random.default_rng(0).standard_normal((300, 3))
    edited = values + (np.arange(300) == 150)[:, None]
    places = np.linspace(0, 299, 1000)
    moved = places[(spline(values, places) != spline(edited, places)).any(axis=1)]
    assert 110 < moved.min() < 150 < moved.max() < 190


def test_a_still_pose_is_one_that_was_recorded():
    poses = recorded_poses()
    still = still_pose(poses, 5)
    assert still.shape == (5, 4, 4) and (still == still[0]).all()
    assert any(np.array_equal(still[0], pose) for pose in poses)


def test_blinks_come_at_natural_intervals_and_are_the_same_for_a_seed():
    times = blink_times(600.0, seed=1)
    gaps = np.diff(times)
    assert np.array_equal(times, blink_times(600.0, seed=1)) and not np.array_equal(times, blink_times(600.0, seed=2))
    assert gaps.min() > 0.79 and 2.5 < np.median(gaps) < 4.5 and times[-1] < 600


def test_a_blink_closes_fast_opens_slower_and_an_idle_face_uses_this_persons_lids():
    at = np.arange(0, 1, 0.01)
    closure = blink_curve(at, np.array([0.3]))
    assert closure.max() == 1.0 and closure[at < 0.3].max() == 0.0 and closure[at > 0.61].max() == 0.0
    curves = np.zeros((100, 51), np.float32)
    lid = CURVE_NAMES.index("eyeBlinkLeft")
    curves[:, lid] = 0.1
    curves[40:45, lid] = 0.7
    idle = idle_upper(curves, Fraction(FPS), 500)[:, lid - len(SPEECH_CURVES)]
    assert abs(np.median(idle) - 0.1) < 1e-6 and 0.5 < idle.max() <= 0.7


def test_no_block_is_empty_where_frames_are_missing_and_without_missing_ones_blocks_go_by_time():
    times_s = np.arange(125) / 25
    whole = blocks_of(times_s, 5, 2.0)
    assert np.array_equal(whole, np.minimum(times_s / (4.96 + 1e-6) * 5, 4).astype(int))
    for first in (0, 30, 50, 95):
        kept = np.delete(times_s, slice(first, first + 30))
        fold = blocks_of(kept, 5, 2.0)
        assert np.bincount(fold, minlength=5).min() >= 18
        assert (np.diff(fold) >= 0).all()
