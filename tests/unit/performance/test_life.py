"""Head and brows of a line for which no motion was recorded: as the clip's own, with the line's stress, no jump."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from backend.media.audio_features import log_mel
from backend.performance.curves import CURVE_NAMES, UPPER_CURVES
from backend.performance.liveliness import Life, life_of
from backend.performance.manner import Manner, _solved
from backend.performance.parts import _starts, parts_of
from backend.performance.poses import to_vectors
from backend.performance.stress import Stress, smooth, stress_of
from backend.performance.voice import Voice
from tests.support.lively_clip import FPS, RATE, LivelyClip, lively_clip, spoken

BROW = UPPER_CURVES.index("browInnerUp")
PITCH = 0


@functools.cache
def clip(linked: bool = True, seconds: float = 20.0) -> tuple[LivelyClip, Manner]:
    made = lively_clip(seconds, linked)
    return made, made.manner


def heard(sound: np.ndarray, voice: Voice | None = None) -> Stress:
    features = log_mel(sound, RATE)
    return stress_of(features, voice or Voice.of(features))


def times_of(sound: np.ndarray) -> np.ndarray:
    return np.arange(int(np.ceil(len(sound) / RATE * float(FPS)))) / float(FPS)


def live(manner: Manner, sound: np.ndarray, seed: int = 0, **strengths: float) -> Life:
    stress = heard(sound)
    return life_of(manner, stress, parts_of(manner, stress, seed), times_of(sound), **strengths)


def steps(head: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of the differences of that order, of turning and of moving."""
    return tuple(np.linalg.norm(np.diff(head[:, part], order, axis=0), axis=1) for part in (slice(0, 3), slice(3, 6)))


def fast(values: np.ndarray) -> np.ndarray:
    return smooth(values, 2.0, hold=True) - smooth(values, 25.0, hold=True)


def test_stress_is_where_a_syllable_is_louder_than_those_around_it():
    sound = np.random.default_rng(0).standard_normal(4 * RATE) * 0.02
    sound[2 * RATE : 2 * RATE + RATE // 5] *= 8.0
    stress = heard(sound.astype(np.float32))
    at = np.arange(0.5, 3.5, 0.02)
    contrast = stress.contrast_at(at, (-9.0, 9.0))
    assert abs(at[contrast.argmax()] - 2.1) < 0.05 and contrast.max() > 1.0
    assert np.abs(contrast[at < 0.7]).max() < 0.2


def test_phrases_end_in_pauses_and_silence_has_none():
    quiet = 1e-4 * np.random.default_rng(1).standard_normal(RATE)
    word = np.random.default_rng(2).standard_normal(RATE) * 0.1
    stress = heard(np.concatenate([quiet, word, quiet, word]).astype(np.float32))
    assert np.allclose(stress.phrases, [(1.0, 2.0), (3.0, 4.0)], atol=0.1)
    silent = stress_of(log_mel(np.zeros(RATE, np.float32), RATE), None)
    assert silent.phrases == () and not silent.contrast.any() and not silent.speaking().any()


def test_how_stress_moves_the_head_is_learned_where_it_does_and_is_nothing_where_it_does_not():
    linked, apart = clip(True)[1], clip(False)[1]
    face = linked.face.start + [k for k, name in enumerate(UPPER_CURVES) if name.startswith(("brow", "cheek"))].index(
        BROW
    )
    assert linked.share[PITCH] > 0.6 and linked.share[face] > 0.6
    assert linked.share[1] < 0.1 and apart.share[PITCH] < 0.1 and apart.share[face] < 0.1
    assert not apart.gain[:, apart.share == 0].any()


def test_the_head_nods_and_the_brows_rise_on_the_stress_of_a_line_as_much_as_in_the_clip():
    made, _ = clip(True)
    recorded, _ = to_vectors(made.poses)
    pairs: dict[str, list[np.ndarray]] = {"linked": [], "apart": []}
    for seed in range(4):
        sound = spoken(16.0, 50 + seed)
        stressed = fast(heard(sound).contrast_at(times_of(sound) + 0.1, (-2.0, 2.0)))
        for name, moved in (("linked", live(clip(True)[1], sound, seed)), ("apart", live(clip(False)[1], sound, seed))):
            columns = [stressed, fast(moved.head[:, PITCH]), fast(moved.face[:, BROW])]
            pairs[name].append(np.stack(columns, axis=1)[25:-25])
    alike, apart = (np.corrcoef(np.concatenate(pairs[name]).T)[0, 1:] for name in ("linked", "apart"))
    own = stress_of(made.features, Voice.of(made.features)).contrast_at(
        np.arange(len(recorded)) / 25 + 0.1, (-2.0, 2.0)
    )
    filmed = [
        np.corrcoef(fast(own), fast(v))[0, 1]
        for v in (recorded[:, PITCH], made.curves[:, CURVE_NAMES.index("browInnerUp")])
    ]
    assert (alike > 0.7 * np.array(filmed)).all() and (np.abs(apart) < 0.25).all()


@pytest.mark.parametrize("seconds", [5.0, 20.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_motion_stays_in_the_clips_range_and_is_no_faster_or_more_abrupt(seconds, seed):
    made, manner = clip(True, seconds)
    life = live(manner, spoken(30.0, 7 + seed), seed)
    recorded, _ = to_vectors(made.poses)
    assert (life.head >= recorded.min(axis=0) - 1e-9).all() and (life.head <= recorded.max(axis=0) + 1e-9).all()
    assert (life.body >= made.body.min(axis=0)).all() and (life.body <= made.body.max(axis=0)).all()
    for order, most in ((1, 1.0), (2, 1.0)):
        for moved, filmed in zip(steps(life.head, order), steps(recorded, order), strict=True):
            assert moved.max() <= most * filmed.max()
            assert np.percentile(moved, 95) <= 1.05 * np.percentile(filmed, 95)


def test_a_spoken_line_moves_about_as_much_and_as_slowly_as_the_clip():
    made, manner = clip()
    recorded, _ = to_vectors(made.poses)
    head = np.concatenate([live(manner, spoken(20.0, 20 + seed), seed).head for seed in range(3)])
    amount = head.std(axis=0) / recorded.std(axis=0)
    assert amount.min() > 0.4 and amount.max() < 1.1 and amount.mean() > 0.55

    def share_of_slow(values: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(values - values.mean(axis=0), axis=0)) ** 2
        return power[np.fft.rfftfreq(len(values), 0.04) < 0.6].sum(axis=0) / power.sum(axis=0)

    assert np.abs(share_of_slow(head) - share_of_slow(recorded)).max() < 0.2


def test_a_line_begins_and_ends_at_rest_so_that_it_can_be_looped():
    _, manner = clip()
    most = np.abs(np.diff(live(manner, spoken(9.0, 3)).head, axis=0)).max(axis=0)
    for seconds in (0.2, 1.0, 9.0):
        life = live(manner, spoken(seconds, 3))
        for values, rest in ((life.head, manner.rest[:6]), (life.body, manner.rest[manner.body])):
            assert np.allclose(values[[0, -1]], rest, atol=1e-12)
        assert (np.abs(np.diff(life.head, axis=0)[[0, -1]]) < 0.05 * most).all()
        assert (np.abs(np.diff(life.head, axis=0)) <= most).all()


def test_a_silent_line_is_calm_and_not_frozen():
    _, manner = clip()
    quiet = 1e-4 * np.random.default_rng(1).standard_normal(20 * RATE).astype(np.float32)
    stress = stress_of(log_mel(quiet, RATE), None)
    silent = life_of(manner, stress, parts_of(manner, stress), times_of(quiet)).head
    spoke = live(manner, spoken(20.0, 4)).head
    assert 0.2 < silent.std(axis=0).mean() / spoke.std(axis=0).mean() < 0.7
    assert steps(silent, 1)[0].mean() < 0.6 * steps(spoke, 1)[0].mean()


def test_the_same_line_moves_the_same_and_another_seed_otherwise():
    _, manner = clip()
    sound = spoken(8.0, 5)
    first, again, other = live(manner, sound), live(manner, sound), live(manner, sound, seed=1)
    assert np.array_equal(first.head, again.head) and np.array_equal(first.face, again.face)
    assert np.abs(first.head - other.head).max() > 0.01


def test_cropping_a_line_changes_nothing_inside_it():
    _, manner = clip()
    sound = spoken(40.0, 6)
    voice = Voice.of(log_mel(sound, RATE))

    def moved(part: np.ndarray) -> tuple[np.ndarray, list[float]]:
        stress = heard(part, voice)
        life = life_of(manner, stress, parts_of(manner, stress), times_of(part))
        return life.head, [start for start, is_fresh in _starts(stress, 4.5) if is_fresh]

    whole, fresh = moved(sound)
    assert len(fresh) > 2
    for cut in (3, 6, 9, 14):
        later, _ = moved(sound[cut * RATE :])
        known = next(start for start in fresh if start > cut + 4.6)
        inside = slice(round((known + 0.7) * 25) - 25 * cut, None)
        assert np.abs(later - whole[cut * 25 :])[inside].max() < 1e-9, f"cut at {cut} s, fresh at {known}"
    for end in (16, 22, 31):
        sooner, _ = moved(sound[: end * RATE])
        known = max(start for start in fresh if start < end - 6.0)
        assert np.abs(sooner - whole[: end * 25])[: round((known - 1.0) * 25)].max() < 1e-9


def test_more_strength_moves_further_and_never_out_of_range():
    _, manner = clip()
    sound = spoken(10.0, 8)
    spread = []
    for strength in (0.0, 0.5, 1.0, 2.0):
        life = live(manner, sound, head=strength, face=strength)
        spread.append(life.head.std(axis=0))
        assert (life.head >= manner.low[:6] - 1e-12).all() and (life.head <= manner.high[:6] + 1e-12).all()
    assert spread[0].max() < 1e-12
    assert all((less < more).all() for less, more in zip(spread[:-1], spread[1:], strict=True))


def test_a_clip_too_short_to_tell_leaves_the_head_at_rest():
    manner = lively_clip(3.0).manner
    life = live(manner, spoken(6.0, 9))
    assert np.allclose(life.head, manner.rest[:6]) and manner.seconds == 0.0


def test_elimination_solves_what_lapack_solves():
    draw = np.random.default_rng(3)
    scatter = draw.standard_normal((20, 9))
    matrix, right = scatter.T @ scatter, draw.standard_normal((9, 4))
    assert np.allclose(_solved(matrix, right), np.linalg.solve(matrix, right))
