"""Region maps, background plate and sound offset on real footage, where there is some."""

from __future__ import annotations

import numpy as np
import pytest

from backend.face.landmarker import Landmarker
from backend.media.audio import load_audio, read_audio
from backend.media.decode import read_frames
from backend.preprocess import background, quality, regions, sync
from tests.support.places import FOOTAGE

OFFICE, SYNCED_SOUND = FOOTAGE / "office_20s_450.mp4", FOOTAGE / "office_20s_audio_synced_16k.wav"
CLIPS = ("office_20s_450.mp4", "podium_5s_512.mp4", "flag_8s_512.mp4")

pytestmark = pytest.mark.skipif(
    not FOOTAGE.is_dir(), reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there"
)


def _clip(name: str, count: int | None) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """`count` frames spread over a clip (None: all, pictures forgotten), their landmarks and times."""
    path = FOOTAGE / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {FOOTAGE}")
    every = 1 if count is None else max(1, sum(1 for _ in read_frames(path)) // count)
    frames, landmarks, times = [], [], []
    with Landmarker(None, max_faces=1) as landmarker:
        for number, (time, rgb) in enumerate(read_frames(path)):
            if number % every:
                continue
            found = landmarker.find(np.ascontiguousarray(rgb))
            landmarks.append(found[0].landmarks if found else np.full((478, 3), np.nan))
            times.append(float(time))
            if count is not None:
                frames.append(np.ascontiguousarray(rgb))
    return frames, np.array(landmarks), np.array(times) - times[0]


@pytest.fixture(scope="module", params=CLIPS)
def segmented(request):
    frames, landmarks, _ = _clip(request.param, 16)
    assert np.isfinite(landmarks).all()
    return frames, landmarks, list(regions.segment(frames, landmarks))


def test_alpha_is_zero_well_outside_the_person_full_inside_and_soft_between(segmented):
    for rgb, landmarks, region in zip(*segmented, strict=True):
        alpha = region.astype(int).sum(axis=2)
        height = regions.face_height(landmarks)
        left, right = landmarks[:, 0].min(), landmarks[:, 0].max()
        rows = slice(0, max(1, int(landmarks[:, 1].min())))
        assert alpha.max() == 255
        assert alpha[rows, : max(1, int(left - 0.6 * height))].max(initial=0) == 0
        assert alpha[rows, int(right + 0.6 * height) :].max(initial=0) == 0
        oval = regions.polygon(rgb.shape[0], rgb.shape[1], landmarks[list(regions.FACE_OVAL), :2], 0.0) > 0.99
        assert alpha[oval].mean() > 253
        soft = (alpha > 10) & (alpha < 245)
        edge = np.abs(np.diff((alpha > 127).astype(int), axis=1)).sum()
        assert 1.0 < soft.sum() / edge < 30.0


def test_oral_face_hair_and_torso_lie_where_they_should(segmented):
    for _, landmarks, region in zip(*segmented, strict=True):
        share = region.reshape(-1, 4).astype(float).mean(axis=0) / 255
        assert share[1] > 0.08 and share[2] > 0.03 and share[3] > 0.05
        assert share[0] < 0.1 * share[1]
        nose, (chin, forehead) = landmarks[1, :2], landmarks[[152, 10], :2]
        assert region[int(nose[1]), int(nose[0]), 1] > 250
        above = (forehead + 0.12 * (forehead - chin)).astype(int)
        assert region[max(above[1], 0), above[0], 2] > 200
        below = (chin + 0.25 * (chin - forehead)).astype(int)
        if below[1] < region.shape[0]:
            assert region[below[1], below[0], 3] > 200


def test_the_plate_agrees_with_every_frame_where_nobody_is_and_holds_no_ghost(segmented):
    frames, landmarks, maps = segmented
    alphas = np.array([region.astype(int).sum(axis=2) for region in maps]).astype(np.uint8)
    plate = background.estimate_plate(frames, alphas)
    clear = alphas == 0
    errors = np.abs(np.array(frames).astype(int) - plate).mean(axis=3)
    assert errors[clear].mean() < 6.0
    hidden = (alphas > 250).all(axis=0)
    noses = landmarks[:, 1, :2].astype(int)
    skin = np.median([frame[y, x] for frame, (x, y) in zip(frames, noses, strict=True)], axis=0)
    assert np.abs(plate[hidden].astype(float).mean(axis=0) - skin).max() > 25


def test_late_sound_is_reported_as_late_and_synced_sound_as_in_sync():
    _, landmarks, times = _clip(OFFICE.name, None)
    mouth = quality.mouth(landmarks)
    sound = read_audio(OFFICE)
    own = sync.estimate_offset(sound[0], sound[1], mouth, times)
    assert own.offset_s == pytest.approx(0.14, abs=0.04)
    assert own.calls_for_correction
    synced = sync.estimate_offset(load_audio(SYNCED_SOUND, 16000), 16000, mouth, times)
    assert synced.offset_s == pytest.approx(0.0, abs=0.04)
    assert not synced.calls_for_correction
    # Whatever counts as in sync: this does not depend on where the measure has its zero.
    assert own.offset_s - synced.offset_s == pytest.approx(0.14, abs=0.02)


@pytest.mark.parametrize(
    "name, corrected", [("podium_5s_512.mp4", False), ("flag_8s_512.mp4", False), ("grid_bbaf2n.mpg", True)]
)
def test_sound_of_short_clips_is_moved_where_it_is_likely_to_be_out(name, corrected):
    assert abs(_offset_of(name).offset_s) < 0.13
    assert _offset_of(name).calls_for_correction == corrected


def test_clips_of_the_same_maker_are_found_out_alike():
    offsets = [_offset_of(f"grid_{name}.mpg").offset_s for name in ("bbaf2n", "lbax4n", "swiz3n")]
    assert max(offsets) < -0.04 and max(offsets) - min(offsets) < 0.06


@pytest.mark.parametrize("first_s, last_s", [(0, 3), (3, 6), (6, 9), (9, 12), (12, 15), (15, 18)])
def test_three_seconds_never_put_the_sound_further_out(first_s, last_s):
    _, landmarks, times = _clip(OFFICE.name, None)
    shown = (times >= first_s) & (times < last_s)
    sound = read_audio(OFFICE)
    samples = sound[0][int(first_s * sound[1]) : int(last_s * sound[1])]
    part = sync.estimate_offset(samples, sound[1], quality.mouth(landmarks[shown]), times[shown] - first_s)
    assert 0.0 < part.offset_s < 0.2


def _offset_of(name: str) -> sync.SyncEstimate:
    _, landmarks, times = _clip(name, None)
    sound = read_audio(FOOTAGE / name)
    return sync.estimate_offset(sound[0], sound[1], quality.mouth(landmarks), times)
