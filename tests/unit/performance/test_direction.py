"""Direction: a few controls over a performance that itself is never changed."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from backend.performance.curves import CURVE_NAMES, FACE_CURVES, SPEECH_CURVES, Performance
from backend.performance.direction import Direction, load_direction, require_direction, with_direction
from backend.performance.face_range import Range
from shared.direction import (
    BY_NAME,
    CONTROL_NAMES,
    CONTROLS,
    CURVE_LIMITS,
    HEAD_CONTROLS,
    NECK_CM,
    RECORDED,
    STILL,
)
from shared.errors import InputError

FPS = Fraction(25)
FRAMES = 12
OPEN = np.zeros(FRAMES)
WIDE = Range(np.zeros(len(FACE_CURVES)), np.ones(len(FACE_CURVES)))
FACE_CONTROLS = [control.name for control in CONTROLS if control.plus]


def line() -> Performance:
    values = np.random.default_rng(0).uniform(0.2, 0.5, (FRAMES, len(CURVE_NAMES))).astype(np.float32)
    return Performance.from_array(FPS, values)


def keyed(**values: float) -> Direction:
    """Controls that are keyed in the fifth frame alone."""
    return Direction(FPS, {name: np.eye(1, FRAMES, 4)[0] * value for name, value in values.items()})


def moves(direction: Direction, reach: Range = WIDE, closed=OPEN, resting=None) -> dict[str, np.ndarray]:
    """What a direction adds to the line, by curve, where it adds anything."""
    base = line()
    made = direction.applied(base, reach, closed, resting)
    change = {name: made.curves[name] - base.curves[name] for name in CURVE_NAMES}
    return {name: values for name, values in change.items() if values.any()}


def test_every_control_names_curves_that_there_are_and_0_lies_within_its_limits():
    for control in CONTROLS:
        assert {*control.plus, *control.minus} <= set(FACE_CURVES), control.name
        assert control.low <= 0 < control.high and control.held(99) == control.high
    assert set(CURVE_LIMITS) <= set(FACE_CURVES) and len(CONTROL_NAMES) == len(CONTROLS)


@pytest.mark.parametrize("direction", [Direction(FPS, {}), keyed(**dict.fromkeys(CONTROL_NAMES, 0.0))])
def test_with_all_controls_at_0_every_bit_stays(direction):
    base, poses = line(), np.random.default_rng(1).random((FRAMES, 4, 4))
    made = direction.applied(base, Range.of(base.array(FACE_CURVES)), np.ones(FRAMES), np.zeros(27))
    assert all((made.curves[name] == base.curves[name]).all() for name in CURVE_NAMES)
    assert direction.turned(poses) is poses and not direction.moves_anything()


@pytest.mark.parametrize("name", FACE_CONTROLS)
@pytest.mark.parametrize("value", [1.0, -1.0, 0.25])
def test_a_keyed_control_adds_what_the_table_says_in_its_frame_and_nothing_elsewhere(name, value):
    control, found = BY_NAME[name], moves(keyed(**{name: value}))
    weights = control.plus if value > 0 else control.minus
    assert set(found) == set(weights)
    base = line()
    for curve, change in found.items():
        most = CURVE_LIMITS.get(curve, 1.0)
        wanted = np.clip(base.curves[curve][4] + abs(value) * weights[curve], 0.0, most) - base.curves[curve][4]
        assert change[4] == pytest.approx(wanted, abs=1e-6), curve
        assert not np.delete(change, 4).any()


def test_controls_add_up():
    both = moves(keyed(smile=0.1, lipsWide=0.1))
    single = [moves(keyed(smile=0.1)), moves(keyed(lipsWide=0.1))]
    for curve, change in both.items():
        assert change[4] == pytest.approx(sum(one[curve][4] for one in single if curve in one), abs=1e-6)


def test_no_control_goes_further_beyond_the_footage_than_half_of_its_range_and_the_base_is_never_pulled_back():
    reach = Range(np.full(len(FACE_CURVES), 0.2), np.full(len(FACE_CURVES), 0.3))
    base = line()
    made = keyed(smile=1.0, brows=1.0).applied(base, reach, OPEN)
    for name in FACE_CURVES:
        before, after = base.curves[name][4], made.curves[name][4]
        assert min(before, 0.15) - 1e-6 <= after <= max(before, 0.35) + 1e-6
        assert (np.delete(made.curves[name], 4) == np.delete(base.curves[name], 4)).all()


def test_lips_that_the_sound_closes_stay_closed_whatever_the_jaw_is_told():
    base = line()
    opening = lambda p: p.curves["jawOpen"] - p.curves["mouthClose"]  # noqa: E731
    jaw = Direction(FPS, {"jaw": np.full(FRAMES, 0.5)})
    closed = np.linspace(0, 1, FRAMES)
    opened = opening(jaw.applied(base, WIDE, closed)) - opening(base)
    assert opened[0] == pytest.approx(0.3, abs=1e-6) and opened[-1] == pytest.approx(0.0, abs=1e-6)
    assert (np.diff(opened) < 0).all()
    smaller = Direction(FPS, {"jaw": np.full(FRAMES, -0.3)}).applied(base, WIDE, np.ones(FRAMES))
    assert (smaller.curves["mouthClose"] == base.curves["mouthClose"]).all(), "closing is never taken back"


def test_strength_speaks_more_or_less_about_the_mouth_at_rest():
    base, rest = line(), np.full(len(SPEECH_CURVES), 0.1)
    for value, wanted in ((1.0, 2.0), (-0.5, 0.5), (-1.0, 0.0)):
        made = keyed(strength=value).applied(base, WIDE, OPEN, rest)
        for name in set(SPEECH_CURVES) - set(CURVE_LIMITS):
            assert made.curves[name][4] - 0.1 == pytest.approx(wanted * (base.curves[name][4] - 0.1), abs=1e-6)
        assert all((made.curves[name] == base.curves[name]).all() for name in CURVE_NAMES if name not in SPEECH_CURVES)


def facing() -> np.ndarray:
    """Heads 60 cm before the camera, facing it."""
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (FRAMES, 1, 1))
    poses[:, 2, 3] = 60.0
    return poses


@pytest.mark.parametrize(
    ("control", "point", "axis", "side"),
    [("turn", (0, 0, 10), 0, 1), ("nod", (0, 0, 10), 1, 1), ("tilt", (0, 10, 0), 0, 1)],
)
def test_the_head_turns_as_the_table_says_about_a_neck_that_stays(control, point, axis, side):
    """Right and down are positive in the camera."""
    poses = facing()
    turned = keyed(**{control: 20.0}).turned(poses)
    at = lambda pose, where: pose[:3, :3] @ np.array(where, float) + pose[:3, 3]  # noqa: E731
    assert side * (at(turned[4], point) - at(poses[4], point))[axis] > 2.0
    assert at(turned[4], NECK_CM) == pytest.approx(at(poses[4], NECK_CM), abs=1e-9)
    angle = np.degrees(np.arccos((np.trace(poses[4, :3, :3].T @ turned[4, :3, :3]) - 1) / 2))
    assert angle == pytest.approx(20.0, abs=1e-6)
    assert (np.delete(turned, 4, axis=0) == np.delete(poses, 4, axis=0)).all()
    assert turned[4, :3, :3] @ turned[4, :3, :3].T == pytest.approx(np.eye(3), abs=1e-12)


def test_turn_nod_and_tilt_are_one_rotation_turn_outermost():
    def alone(**value):
        return keyed(**value).turned(np.eye(4)[None].repeat(FRAMES, axis=0))[4, :3, :3]

    together = alone(turn=20.0, nod=-10.0, tilt=5.0)
    assert together == pytest.approx(alone(turn=20.0) @ alone(nod=-10.0) @ alone(tilt=5.0), abs=1e-12)
    assert set(HEAD_CONTROLS) < set(CONTROL_NAMES) and {STILL, RECORDED} < set(CONTROL_NAMES)


def load(tmp_path, controls, fps="25/1", count=FRAMES):
    told: list[str] = []
    (tmp_path / "direction.json").write_text(json.dumps({"fps": fps, "controls": controls}))
    return load_direction(tmp_path / "direction.json", FPS, count, told.append), told


def test_a_file_gives_values_a_frame_one_value_or_keys_between_which_it_runs_straight(tmp_path):
    made, told = load(tmp_path, {"jaw": [0, 0.5, 1.0], "smile": 0.25, "turn": {"3": 0, "5": 10, "9": -10}})
    assert made.controls["jaw"][:5].tolist() == [0, 0.5, 1, 1, 1]
    assert set(made.controls["smile"]) == {0.25}
    assert made.controls["turn"].tolist() == [0, 0, 0, 5, 10, 5, 0, -5, -10, -10, -10, -10]
    assert told == []
    half, _ = load(tmp_path, {"jaw": [0, 1, 0]}, fps="12.5", count=5)
    assert half.controls["jaw"].tolist() == [0, 0.5, 1, 0.5, 0]


def test_what_a_file_says_wrongly_is_told(tmp_path):
    made, told = load(tmp_path, {"jaw": 3, "wink": 1})
    assert set(made.controls["jaw"]) == {1.0}
    assert "wink" in told[0] and "lipsWide" in told[0]
    assert "jaw is 3 in frame 1; held within -1 to 1" in told[1]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"fps": "25"}', '{"fps": "x", "controls": {}}', '{"fps": "25", "controls": []}'),
        *('{"fps": 25, "controls": {"jaw": []}}', '{"fps": 25, "controls": {"jaw": {"x": 1}}}'),
        *('{"fps": 25, "controls": {"jaw": [NaN]}}', '{"fps": 25, "controls": {"jaw": "0"}, "more": 1}x'),
    ],
)
def test_a_file_that_is_no_direction_is_refused_in_words(tmp_path, text):
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(InputError, match="is not a direction|damaged") as refused:
        require_direction(tmp_path / "d.json")
    assert refused.value.do == "Export the direction again."


@pytest.mark.parametrize(
    "text", ["[]", '{"curves": 1}', '{"curves": {"jawOpen": [1]}}', '{"curves": {"jawOpen": ["a"]}}']
)
def test_a_takes_damaged_direction_is_refused_in_words(tmp_path, text):
    assert with_direction(line(), tmp_path).curves.keys() == line().curves.keys()
    (tmp_path / "direction.json").write_text(text)
    with pytest.raises(InputError, match=r"damaged|does not fit"):
        with_direction(line(), tmp_path)
