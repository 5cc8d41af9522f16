"""Whether inputs tell the lips is measured, and what is handed over tells little of them."""

from __future__ import annotations

import numpy as np
import pytest

from backend.evaluate.faces import LIPS
from backend.evaluate.inputs import BLINKS, handed_over
from backend.evaluate.leak import leak, lip_positions
from backend.performance.curves import CURVE_NAMES, SPEECH, UPPER
from backend.subject.track import Track

FRAMES, FPS = 240, 25


def speaker(seed: int = 0) -> tuple[Track, np.ndarray]:
    """A track whose lips open by an unsteady signal (T,), of syllables of some 0.2 s, under a turning head."""
    draw = np.random.default_rng(seed)
    opening = np.convolve(draw.standard_normal(FRAMES + 8), np.hanning(9) / 4, "valid")
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (FRAMES, 1, 1))
    poses[:, :3, 3] = np.stack([2 * np.sin(np.arange(FRAMES) / 40), np.zeros(FRAMES), np.full(FRAMES, 60.0)], axis=1)
    in_head = np.zeros((FRAMES, 478, 3))
    in_head[:] = [0.0, -4.0, 5.4]
    in_head[:, list(LIPS)[::2], 1] -= 0.2 * opening[:, None]
    seen = in_head * [1.0, -1.0, -1.0] + poses[:, None, :3, 3]
    landmarks = np.zeros((FRAMES, 478, 3), np.float32)
    landmarks[..., :2] = seen[..., :2] / seen[..., 2:] * 500 + 256
    curves = np.zeros((FRAMES, len(CURVE_NAMES)), np.float32)
    track = Track(
        focal_px=500.0, principal_px=np.array([256.0, 256.0]), camera_from_head=poses, landmarks=landmarks,
        shape_offsets=np.zeros((468, 3), np.float32), blendshapes=np.zeros((FRAMES, 52), np.float32),
        blendshape_names=np.array(["b"] * 52), curves=curves, curve_names=np.array(CURVE_NAMES),
        confidence=np.ones(FRAMES, np.float32), reprojection_px=np.zeros(FRAMES, np.float32),
        times_s=np.arange(FRAMES) / FPS,
    )  # fmt: skip
    return track, opening


def test_lips_are_placed_in_the_head_whatever_its_pose():
    track, opening = speaker()
    up = lip_positions(track).reshape(FRAMES, len(LIPS), 2)[:, 0]
    assert up[:, 0] == pytest.approx(0.0, abs=1e-4)
    assert up[:, 1] == pytest.approx(-4.0 - 0.2 * opening, abs=1e-4)


def test_inputs_that_hold_the_lips_tell_all_of_them_and_others_nothing():
    track, opening = speaker()
    draw = np.random.default_rng(1)
    noise = draw.standard_normal((FRAMES, 3))
    assert leak(np.column_stack([opening, noise]), track) > 0.9
    assert 0.3 < leak(np.column_stack([opening + opening.std() * draw.standard_normal(FRAMES), noise]), track) < 0.6
    assert leak(noise, track) < 0.03
    assert leak(opening[:, None] ** 2, track) < 0.2 < 0.8 < leak(np.column_stack([opening, opening**2]), track)


def test_a_slow_drift_that_both_share_by_chance_is_no_leak():
    track, _ = speaker()
    drift = np.sin(np.arange(FRAMES) / FPS / 3)[:, None]
    assert leak(drift, track) < 0.03


def test_a_clip_too_short_to_tell_has_no_leak_in_figures():
    track, opening = speaker()
    track.confidence[20:] = 0
    assert np.isnan(leak(opening[:, None], track))


def test_cheeks_that_move_with_the_lips_are_handed_over_without_what_tells_them_and_blinks_as_they_are():
    track, opening = speaker()
    draw = np.random.default_rng(2)
    track.curves[:] = 0.1 * draw.random(track.curves.shape)
    track.curves[:, CURVE_NAMES.index("cheekPuff")] = 0.5 + 0.2 * opening
    raw, given = (handed_over(track, FPS, smooth_s) for smooth_s in (0.0, 0.5))
    assert np.array_equal(raw, track.curves)
    assert leak(raw[:, UPPER], track) > 0.7
    assert leak(given[:, UPPER], track) < 0.1
    same = [*range(len(CURVE_NAMES))[SPEECH], *BLINKS]
    assert np.array_equal(given[:, same], raw[:, same])
    assert given.mean(axis=0) == pytest.approx(raw.mean(axis=0), abs=0.02)
