"""Blinks and gaze of a line for which none was recorded."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from backend.media.audio_features import log_mel
from backend.performance.blinks import BLINK_S, LIDS, SHORTEST_INTERVAL_S, blinking_of, drawn_to_ends
from backend.performance.curves import UPPER, UPPER_CURVES
from backend.performance.gaze import SIDEWAYS, _gaze
from backend.performance.liveliness import eye_events, life_of, with_eyes
from backend.performance.manner import Manner
from backend.performance.parts import parts_of
from backend.performance.stress import Stress, stress_of
from backend.performance.voice import Voice
from tests.support.lively_clip import BROW_IN_BLINK, CLOSED, FPS, RATE, LivelyClip, lively_clip, spoken

LEFT, RIGHT = UPPER_CURVES.index("eyeLookOutLeft"), UPPER_CURVES.index("eyeLookInLeft")
UP, DOWN = UPPER_CURVES.index("eyeLookUpLeft"), UPPER_CURVES.index("eyeLookDownLeft")


@functools.cache
def clip() -> tuple[LivelyClip, Manner]:
    made = lively_clip()
    return made, made.manner


@functools.cache
def line(seconds: float, seed: int = 3) -> tuple[Stress, np.ndarray]:
    features = log_mel(spoken(seconds, seed), RATE)
    return stress_of(features, Voice.of(features)), np.arange(round(seconds * FPS)) / float(FPS)


def events(seconds: float, seed: int) -> tuple[list[tuple[float, np.ndarray]], np.ndarray]:
    stress, times_s = line(seconds)
    jumps, blinks = eye_events(clip()[1], stress, parts_of(clip()[1], stress, seed), float(times_s[-1]))
    return jumps, np.array(blinks)


def upper(seconds: float, turns: np.ndarray | None = None, seed: int = 0, strength: float = 1.0) -> np.ndarray:
    stress, times_s = line(seconds)
    manner = clip()[1]
    parts = parts_of(manner, stress, seed)
    face = life_of(manner, stress, parts, times_s, face=strength).face
    return with_eyes(
        manner, stress, parts, times_s, face, np.zeros((len(times_s), 3)) if turns is None else turns, strength
    )


def test_blinks_of_the_clip_are_found_and_the_face_without_them():
    made, manner = clip()
    blinking, open_eyed = blinking_of(made.curves[:, UPPER], float(FPS))
    assert blinking.count == len(np.arange(1.0, 19.5, 2.5)) == manner.blinking.count
    assert open_eyed[:, LIDS].max() < 0.2 and np.abs(open_eyed - made.curves[:, UPPER])[~blinking.during].max() == 0.0
    assert blinking.shape[LIDS] == pytest.approx(CLOSED - 0.1, abs=0.02)
    brow = UPPER_CURVES.index("browDownLeft")
    assert blinking.shape[brow] == pytest.approx(BROW_IN_BLINK * blinking.count / (blinking.count + 1), abs=0.02)
    assert not blinking.shape[SIDEWAYS].any() and open_eyed[:, brow].max() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_blinks_come_as_often_as_in_the_clip_apart_from_each_other_and_never_cut(seed):
    _, blinks = events(240.0, seed)
    asked = clip()[1].blinking.rate_hz * 60
    assert 12 <= asked <= 26
    assert len(blinks) / 4 == pytest.approx(asked, rel=0.25)
    gaps = np.diff(blinks)
    assert gaps.min() >= SHORTEST_INTERVAL_S and gaps.std() > 0.3 * gaps.mean()
    assert blinks[0] >= 0.2 and blinks[-1] + BLINK_S < 240.0 - 0.2


def test_blinks_are_likelier_where_phrases_end():
    ends = [end for _, end in line(240.0)[0].phrases]
    near = [np.abs(np.array(ends)[:, None] - events(240.0, seed)[1] + 0.08).min(axis=1) < 0.12 for seed in range(4)]
    by_chance = 0.24 * clip()[1].blinking.rate_hz
    assert np.mean(near) > 1.5 * by_chance
    assert drawn_to_ends(np.random.default_rng(0), [5.0], []) == [5.0]


def test_lids_close_in_a_blink_as_far_as_in_the_clip_and_open_again():
    curves = upper(60.0)
    blinks = events(60.0, 0)[1]
    for lid in LIDS:
        closure = curves[:, lid]
        peaks = [closure[round(t * 25) : round(t * 25) + 9].max() for t in blinks]
        assert min(peaks) > 0.9 * CLOSED and max(peaks) < CLOSED + 0.1
        assert np.percentile(closure, 50) < 0.2
        away = np.abs(np.arange(len(closure))[:, None] / 25 - blinks - BLINK_S / 2).min(axis=1) > BLINK_S
        assert closure[away].max() < 0.25


def test_eyes_rest_and_jump_within_what_they_did_in_the_clip():
    made, _ = clip()
    curves = upper(60.0)
    gaze = _gaze(curves.astype(float))
    filmed = made.curves[:, UPPER]
    for column in (LEFT, RIGHT):
        assert filmed[:, column].min() - 1e-6 <= curves[:, column].min()
        assert curves[:, column].max() <= filmed[:, column].max() + 1e-6
    speed = np.abs(np.diff(gaze[:, 0]))
    assert (speed < 0.005).mean() > 0.8, "most of the time they rest"
    seen = np.flatnonzero((speed[1:] >= 0.02) & (speed[:-1] < 0.02))
    jumps, _ = events(60.0, 0)
    assert 5 < len(seen) <= len(jumps) and 30 < len(jumps) < 90 and gaze[:, 0].std() > 0.02
    assert np.abs(gaze[[0, -1], 0] - np.median(_gaze(filmed)[:, 0])).max() < 0.05


def test_eyes_turn_back_as_the_head_turns_so_that_they_keep_to_their_aim():
    turns = np.zeros((250, 3))
    still = upper(10.0).astype(float)
    turns[:, 1] = 0.1  # to the right of the picture: the person's left
    yawed = upper(10.0, turns).astype(float) - still
    assert np.median(yawed[:, LEFT]) < -0.07 and np.median(yawed[:, RIGHT]) > 0.07
    turns[:, 1], turns[:, 0] = 0.0, 0.05  # chin down
    nodded = upper(10.0, turns).astype(float) - still
    assert np.median(nodded[:, UP]) > 0.03 and np.median(nodded[:, DOWN]) < -0.03
    assert clip()[1].gaze.gain == pytest.approx([2.0, 2.0], abs=0.4)


def test_half_the_strength_moves_gaze_half_as_far_and_blinks_as_far():
    whole, half = (upper(20.0, strength=strength).astype(float) for strength in (1.0, 0.5))
    assert half[:, LEFT].std() == pytest.approx(0.5 * whole[:, LEFT].std(), rel=0.1)
    assert half[:, LIDS].max() == pytest.approx(whole[:, LIDS].max(), abs=0.02)


def test_large_jumps_go_with_blinks_more_often_than_small_ones():
    large = clip()[1].gaze.large
    with_blink: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(3):
        jumps, blinks = events(240.0, seed)
        before = np.zeros(2)
        for time, offset in jumps:
            is_large = float(np.linalg.norm(offset - before)) > large
            with_blink[is_large].append(bool(((blinks < time) & (time < blinks + 0.2)).any()))
            before = offset
    assert len(with_blink[True]) > 20
    assert np.mean(with_blink[True]) > 2 * np.mean(with_blink[False])
