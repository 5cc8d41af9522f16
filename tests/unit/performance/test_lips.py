"""The lips' own curves: measured in the head, each for what its name says, whatever the head does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.face.points import LIP_RING_INNER, LIP_RING_OUTER
from backend.performance.curves import CURVE_NAMES, FACE_CURVES, SPOKEN_CURVES, ordered_curves
from backend.performance.lips import LIP_CURVES, lip_curves, lip_positions
from backend.subject.track import Track

FRAMES = 9
STILL = np.array([0.0, -4.0, 5.4])
RING = list(LIP_RING_OUTER) + list(LIP_RING_INNER)
UPPER, LOWER = LIP_RING_INNER[1:10], LIP_RING_INNER[11:]
UPPER_OUTER, LOWER_OUTER = LIP_RING_OUTER[1:10], LIP_RING_OUTER[11:]
RIGHT, LEFT = (61, 78), (291, 308)
FORM = {
    RIGHT: (-2.5, 0.0), LEFT: (2.5, 0.0), UPPER: (0.0, 0.5), LOWER: (0.0, -0.5), UPPER_OUTER: (0.0, 1.3),
    LOWER_OUTER: (0.0, -1.3),
}  # fmt: skip
USUAL = {
    "lipsApart": 0.25,
    "lipsWidth": 0.5,
    "lipUpperThickness": 0.4,
    "lipLowerThickness": 0.4,
    "lipCornersRaise": 0.5,
}


def track_of(moves: dict[tuple[int, ...], tuple[float, float]], turned: bool = False) -> Track:
    """Lips 5 cm wide, 1 cm apart and 0.8 cm thick, of which some landmarks go, evenly over the clip, from half of
    `moves` (cm across, up) below that to half of it above."""
    way = np.linspace(-0.5, 0.5, FRAMES)
    in_head = np.tile(STILL, (FRAMES, 478, 1))
    for points, place in FORM.items():
        in_head[:, list(points), :2] += place
    for points, (across, up) in moves.items():
        in_head[:, list(points), 0] += across * way[:, None]
        in_head[:, list(points), 1] += up * way[:, None]
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    turn = np.array([0.1, 0.3, -0.2]) * (way[:, None] if turned else 0.0)
    poses[:, :3, :3] = Rotation.from_rotvec(turn).as_matrix() @ np.diag([1.0, -1.0, -1.0])
    poses[:, :3, 3] = [1.0, -2.0, 60.0]
    seen = in_head @ poses[:, :3, :3].transpose(0, 2, 1) + poses[:, None, :3, 3]
    landmarks = np.zeros((FRAMES, 478, 3), np.float32)
    landmarks[..., :2] = seen[..., :2] / seen[..., 2:] * 500 + 256
    return Track(
        focal_px=500.0, principal_px=np.array([256.0, 256.0]), camera_from_head=poses, landmarks=landmarks,
        shape_offsets=np.zeros((468, 3), np.float32), blendshapes=np.zeros((FRAMES, 52), np.float32),
        blendshape_names=np.array(["b"] * 52), curves=np.zeros((FRAMES, 51), np.float32),
        curve_names=np.array(FACE_CURVES), confidence=np.ones(FRAMES, np.float32),
        reprojection_px=np.zeros(FRAMES, np.float32), times_s=np.arange(FRAMES) / 25,
    )  # fmt: skip


def test_a_curve_does_what_its_name_says_and_no_other_moves():
    upper, lower = (UPPER, UPPER_OUTER), (LOWER, LOWER_OUTER)
    cases: dict[str, dict[tuple[int, ...], tuple[float, float]]] = {
        "lipsApart": {**dict.fromkeys(upper, (0, 0.3)), **dict.fromkeys(lower, (0, -0.3))},
        "lipsWidth": {LEFT: (0.3, 0), RIGHT: (-0.3, 0)},
        "lipUpperThickness": {UPPER_OUTER: (0, 0.6)},
        "lipLowerThickness": {LOWER_OUTER: (0, -0.6)},
        "lipCornersRaise": {LEFT + RIGHT: (0, 0.6)},
    }
    assert set(cases) == set(LIP_CURVES)
    for name, moves in cases.items():
        curves = dict(zip(LIP_CURVES, lip_curves(track_of(moves)).T, strict=True))
        moved = curves.pop(name)
        low, high = LIP_CURVES[name]
        assert moved == pytest.approx(USUAL[name] + 0.6 * np.linspace(-0.5, 0.5, FRAMES) / (high - low), abs=1e-4), name
        assert all(curve == pytest.approx(USUAL[other], abs=1e-4) for other, curve in curves.items()), name


def test_lips_are_measured_in_the_head_however_it_turns():
    moves = {UPPER: (0, 0.5), LOWER: (0, -1.0), LEFT: (0.2, 0.1)}
    assert lip_positions(track_of({}, turned=True)) == pytest.approx(lip_positions(track_of({})), abs=1e-3)
    assert lip_curves(track_of(moves, turned=True)) == pytest.approx(lip_curves(track_of(moves)), abs=1e-3)


def test_lips_that_are_elsewhere_in_the_head_have_the_same_form():
    everything = (*LIP_RING_OUTER, *LIP_RING_INNER)
    moved, still = lip_curves(track_of({everything: (0.5, 0.5)})), lip_curves(track_of({}))
    assert moved == pytest.approx(still, abs=1e-4)
    assert still[0] == pytest.approx(list(USUAL.values()), abs=1e-4)


def test_frames_without_a_face_lie_between_their_neighbours_and_values_stay_curves():
    track = track_of({LOWER: (0, -8.0), LOWER_OUTER: (0, -8.0)})
    track.confidence[6] = 0.0
    track.landmarks[6] = 1e4
    apart = lip_curves(track)[:, list(LIP_CURVES).index("lipsApart")]
    assert apart[6] == pytest.approx((apart[5] + apart[7]) / 2, abs=1e-3)
    assert apart.min() == 0.0 and apart.max() == 1.0
    track.confidence[:] = 0.0
    assert (lip_curves(track) == 0.0).all()


def test_a_track_of_any_age_has_them_in_order():
    track = track_of({UPPER: (0, 0.6)})
    track.curves[:, FACE_CURVES.index("jawOpen")] = 0.25
    curves = ordered_curves(track)
    assert curves.shape == (FRAMES, len(CURVE_NAMES)) and curves.dtype == np.float32
    assert (ordered_curves(track, SPOKEN_CURVES)[:, -len(LIP_CURVES) :] == lip_curves(track)).all()
    assert (curves[:, CURVE_NAMES.index("jawOpen")] == np.float32(0.25)).all()
