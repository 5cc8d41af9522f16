"""Scores of lips on real footage: what the recording scores when it is measured again, late, and at another time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from backend.evaluate import phones
from backend.evaluate.action_units import LOWER_UNITS, UPPER_UNITS
from backend.evaluate.closure import FEWEST, closure, closure_count, closure_rows
from backend.evaluate.face_scores import (
    action_unit_errors,
    expression_errors,
    lip_distances,
    lip_shape_distances,
    shaking,
)
from backend.evaluate.faces import FaceMeter, FaceTrack, barely_changed
from backend.evaluate.lip_sync import TURNS, head_motion, lip_correlation, lip_lag, lip_rows
from backend.evaluate.voice_sync import voice_rows, voice_sync
from backend.face.landmarker import Landmarker
from backend.face.points import RIGID_POINTS
from backend.media.audio import SPEECH_RATE, load_audio
from backend.media.audio_features import log_mel
from backend.media.decode import read_frames
from tests.support.places import FOOTAGE

SOUND_OF = {
    "office_20s_450.mp4": "office_20s_audio_synced_16k.wav",
    "podium_5s_512.mp4": "podium_5s_512.mp4",
    "flag_8s_512.mp4": "flag_8s_512.mp4",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FOOTAGE.is_dir(), reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there"
    ),
]


@pytest.fixture(scope="module", params=SOUND_OF)
def clip(request):
    path, sound = FOOTAGE / request.param, FOOTAGE / SOUND_OF[request.param]
    if not path.is_file() or not sound.is_file():
        pytest.skip(f"{request.param} is not in {FOOTAGE}")
    times: list[float] = []
    seen: dict[str, list] = {"recorded": [], "again": []}
    with Landmarker(None, max_faces=1) as landmarker, FaceMeter() as meter:
        for index, (time, rgb) in enumerate(read_frames(path)):
            picture = np.ascontiguousarray(rgb)
            box = landmarker.find(picture)[0].box
            seen["recorded"].append(meter.measure(picture, box))
            seen["again"].append(meter.measure(barely_changed(picture, index), box))
            times.append(float(time))
    tracks = [FaceTrack(*map(np.array, zip(*seen[name], strict=True))) for name in ("recorded", "again")]
    samples = load_audio(sound, SPEECH_RATE)
    return SimpleNamespace(
        name=request.param,
        times=np.array(times) - times[0],
        recorded=tracks[0],
        again=tracks[1],
        motion=head_motion(poses(tracks[0].landmarks)),
        phones=phones.find_phones(samples),
        features=log_mel(samples, SPEECH_RATE),
    )


def poses(landmarks: np.ndarray) -> np.ndarray:
    """(T, 4, 4) rotations of the rigid landmarks (T, 478, 3) from those of the first frame, and their centres, px."""
    points = landmarks[:, RIGID_POINTS]
    centres = points.mean(axis=1)
    points = points - centres[:, None]
    matrices = np.tile(np.eye(4), (len(points), 1, 1))
    for matrix, own in zip(matrices, points, strict=True):
        u, _, vt = np.linalg.svd(own.T @ points[0])
        matrix[:3, :3] = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    matrices[:, :3, 3] = centres
    return matrices


def scores(clip, opening: np.ndarray) -> dict[str, float]:
    closures = closure_rows(clip.phones, clip.times, opening, clip.recorded.opening)
    rows = voice_rows(opening, clip.recorded.opening, clip.motion[:, :TURNS], clip.features, clip.times)
    lips = lip_rows(opening, clip.recorded.opening, clip.motion)
    return {
        "closure": closure(closures),
        "closures": closure_count(closures),
        "lip_correlation": lip_correlation(lips),
        "lip_lag": lip_lag(lips),
        "voice_sync": voice_sync(rows)[0],
    }


def show(clip, what: str, values: dict) -> None:
    print(f"\n{clip.name}, {what}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()))


def test_the_recording_measured_again_shows_what_the_errors_of_measuring_are(clip):
    pair = clip.again, clip.recorded
    floor = {
        "lmd": lip_distances(*pair).mean(),
        "lmd_shape": lip_shape_distances(*pair).mean(),
        "expression_error": expression_errors(*pair).mean(),
        "aue_upper": action_unit_errors(*pair, UPPER_UNITS).mean(),
        "aue_lower": action_unit_errors(*pair, LOWER_UNITS).mean(),
        "jitter": np.sqrt(np.nanmean(shaking(*pair))),
        **scores(clip, clip.again.opening),
    }
    show(clip, "measured again", floor)
    assert clip.again.found.all()
    assert floor["lmd_shape"] < floor["lmd"] < 0.2
    assert floor["expression_error"] < 0.01 and floor["aue_upper"] < 0.01 and floor["aue_lower"] < 0.01
    assert floor["lip_correlation"] > 0.98 and floor["lip_lag"] == 0
    if floor["closures"] >= FEWEST:
        assert floor["closure"] == pytest.approx(1.0, abs=0.1)


def test_the_same_lips_at_another_time_score_nothing_in_the_mean(clip):
    count = len(clip.times)
    shifts = np.linspace(count / 4, 3 * count / 4, 60).astype(int)
    drawn = [scores(clip, np.roll(clip.recorded.opening, shift)) for shift in shifts]
    mean = {name: float(np.mean([one[name] for one in drawn])) for name in ("closure", "lip_correlation", "voice_sync")}
    show(
        clip, f"at {len(shifts)} other times", mean | {"spread_of_voice_sync": np.std([d["voice_sync"] for d in drawn])}
    )
    own = scores(clip, clip.recorded.opening)
    assert abs(mean["lip_correlation"]) < 0.15
    assert mean["voice_sync"] < 0.4 * own["voice_sync"]
    if own["closures"] >= FEWEST:
        assert abs(mean["closure"]) < 0.2


def test_lips_two_frames_late_are_found_and_charged(clip):
    late, own = (scores(clip, np.roll(clip.recorded.opening, frames)) for frames in (2, 0))
    show(clip, "two frames late", late)
    assert late["lip_lag"] == 2 and late["lip_correlation"] < 0.7
    assert late["voice_sync"] < 0.8 * own["voice_sync"]
    if own["closures"] >= FEWEST:
        assert late["closure"] < 0.5
