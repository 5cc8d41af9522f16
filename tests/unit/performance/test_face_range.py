"""What controls make of a face stays within what the footage showed, curve by curve and together."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backend.performance.curves import FACE_CURVES, SPEECH, UPPER, Performance
from backend.performance.direction import Direction
from backend.performance.face_range import Range, Together

FPS = Fraction(25)
INDEX = {name: k for k, name in enumerate(FACE_CURVES)}
FRAMES = 300


def footage() -> np.ndarray:
    """(T, 51) a person who always smiles with pressed lips, and never looks aside but with the lids half closed."""
    random = np.random.default_rng(3)
    smile, aside, brows = random.uniform(0.0, 1.0, (3, FRAMES))
    curves = np.full((FRAMES, len(FACE_CURVES)), 0.05) + random.uniform(0.0, 0.01, (FRAMES, len(FACE_CURVES)))
    for side in ("Left", "Right"):
        curves[:, INDEX[f"mouthSmile{side}"]] += 0.5 * smile
        curves[:, INDEX[f"mouthPress{side}"]] += 0.6 * smile
        curves[:, INDEX[f"eyeBlink{side}"]] += 0.4 * aside
        curves[:, INDEX[f"browOuterUp{side}"]] += 0.3 * brows
    curves[:, INDEX["eyeLookOutLeft"]] += 0.4 * aside
    curves[:, INDEX["eyeLookInRight"]] += 0.4 * aside
    curves[:, INDEX["jawOpen"]] += 0.4 * random.uniform(0.0, 1.0, FRAMES)
    return curves


def directed(values: np.ndarray, reach: Range, **controls: float) -> np.ndarray:
    """(T, 51) curves under controls that are the same in all frames."""
    base = Performance.from_array(FPS, values.astype(np.float32), FACE_CURVES)
    direction = Direction(FPS, {name: np.full(len(values), value) for name, value in controls.items()})
    return direction.applied(base, reach, np.zeros(len(values))).array(FACE_CURVES).astype(np.float64)


@pytest.mark.parametrize("name", ["smile", "gazeSide", "blink", "brows", "jaw", "lipsWide"])
@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_no_control_makes_a_face_that_the_footage_never_showed(name, value):
    filmed = footage()
    reach = Range.of(filmed)
    made = directed(filmed[:20], reach, **{name: value})
    for part in reach.together:
        found = part.components(made[:, part.curves])
        beyond = np.maximum(found - part.high, part.low - found) / (part.high - part.low)
        assert beyond.max() < 0.1, part.curves


def test_what_is_within_the_footage_moves_as_the_table_says_and_a_little_more_by_as_little():
    filmed = footage()
    calm = filmed[[int(filmed[:, INDEX["jawOpen"]].argmin())]]
    reach = Range.of(filmed)
    change = (directed(calm, reach, jaw=0.25) - calm)[0]
    assert change[INDEX["jawOpen"]] == pytest.approx(0.15, abs=0.01)
    steps = np.array([directed(calm, reach, smile=v)[0] for v in np.linspace(0.0, 1.0, 101)])
    assert np.abs(np.diff(steps, axis=0)).max() < 0.02


def test_a_frame_depends_on_itself_alone_and_one_that_is_not_moved_keeps_its_bits():
    filmed, reach = footage().astype(np.float32).astype(np.float64), Range.of(footage())
    wanted = filmed[:9].copy()
    wanted[4, INDEX["mouthSmileLeft"]] += 0.8
    held = reach.held(wanted, filmed[:9])
    assert (np.delete(held, 4, axis=0) == np.delete(filmed[:9], 4, axis=0)).all()
    assert (held[4, UPPER] == filmed[4, UPPER]).all() and (held[4, SPEECH] != filmed[4, SPEECH]).any()
    assert (reach.held(wanted[4:5], filmed[4:5]) == held[4:5]).all()


def test_a_face_that_was_farther_out_before_is_not_pulled_back():
    filmed = footage()
    reach = Range.of(filmed)
    before = filmed[:1].copy()
    before[0, INDEX["mouthSmileLeft"]] = 1.0
    held = reach.held(before + np.where(np.arange(before.shape[1]) == INDEX["jawOpen"], 0.01, 0.0), before)
    assert held[0, INDEX["mouthSmileLeft"]] == pytest.approx(1.0, abs=1e-5)


def test_footage_in_which_nothing_moves_leaves_nothing_to_direct():
    still = np.full((30, len(FACE_CURVES)), 0.3)
    part = Together.of(still, SPEECH)
    assert np.isfinite(part.axes).all() and (part.low == part.high).all()
    assert directed(still[:2], Range.of(still), smile=1.0) == pytest.approx(still[:2], abs=1e-6)
