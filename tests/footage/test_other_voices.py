"""Heads driven by other people's voices: do their lips do what the driver's own filmed lips did?

`pytest tests/footage/test_other_voices.py -s` prints the table, head by driver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from backend.face.landmarker import Landmarker
from backend.media.audio import SPEECH_RATE, read_audio, resample
from backend.media.audio_features import AudioFeatures, log_mel
from backend.media.decode import read_frames
from backend.performance.curves import SPEECH_CURVES, from_track
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.preprocess import quality, sync
from tests.support.places import FOOTAGE

CLIPS = (
    "office_20s_450.mp4",
    "podium_5s_512.mp4",
    "flag_8s_512.mp4",
    "grid_bbaf2n.mpg",
    "grid_lbax4n.mpg",
    "grid_swiz3n.mpg",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all((FOOTAGE / name).is_file() for name in CLIPS),
        reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there",
    ),
]


@dataclass
class Speaker:
    """One clip: its sound, in time with its picture as far as preprocessing would see to it, and its filmed mouth."""

    features: AudioFeatures
    voice: Voice
    curves: np.ndarray
    times_s: np.ndarray

    @classmethod
    def filmed(cls, path: Path) -> Speaker:
        landmarks, expressions, times = [], [], []
        names: tuple[str, ...] = ()
        with Landmarker(None, max_faces=1) as landmarker:
            for time, rgb in read_frames(path):
                found = landmarker.find(np.ascontiguousarray(rgb))
                assert found, f"no face at {float(time):.2f} s of {path.name}"
                landmarks.append(found[0].landmarks)
                expressions.append(found[0].blendshapes)
                names = landmarker.blendshape_names
                times.append(float(time))
        times_s = np.array(times) - times[0]
        sound = read_audio(path)
        samples = resample(sound[0], sound[1], SPEECH_RATE)
        late = sync.estimate_offset(samples, SPEECH_RATE, quality.mouth(np.array(landmarks)), times_s)
        features = log_mel(samples, SPEECH_RATE)
        voice = Voice.of(features)
        assert voice is not None
        curves = from_track(np.array(expressions), names)[:, : len(SPEECH_CURVES)].astype(float)
        return cls(features, voice, curves, times_s + (late.offset_s if late.calls_for_correction else 0.0))


def opening(curves: np.ndarray) -> np.ndarray:
    return curves[:, SPEECH_CURVES.index("jawOpen")] - curves[:, SPEECH_CURVES.index("mouthClose")]


@pytest.fixture(scope="module")
def speakers() -> dict[str, Speaker]:
    return {name: Speaker.filmed(FOOTAGE / name) for name in CLIPS}


@pytest.fixture(scope="module")
def heads(speakers) -> dict[str, SpeechModel]:
    return {name: SpeechModel.fit(one.features, one.curves, one.times_s) for name, one in speakers.items()}


def test_the_lips_do_what_the_drivers_own_lips_did(speakers, heads):
    followed, spread = [], []
    for name, head in heads.items():
        row = []
        for driver, one in speakers.items():
            if driver == name:
                row.append("      –     ")
                continue
            voice = replace(one.voice, reach=head.reach_of(one.features, one.voice))
            curves = head.predict_array(one.features, one.times_s, voice, strength=1.0)
            drawn, filmed, own = opening(curves), opening(one.curves), opening(speakers[name].curves)
            followed.append(np.corrcoef(drawn, filmed)[0, 1])
            spread.append(drawn.std() / own.std())
            row.append(f"{followed[-1]:.2f} (x{spread[-1]:.2f})")
        print(f"{name[:12]:12} <- " + "  ".join(row))
    print(f"correlation {np.mean(followed):.2f}, deviation x{np.median(spread):.2f}, {len(followed)} pairs")
    assert len(followed) == 30
    assert np.mean(followed) > 0.38
    assert 0.7 < np.median(spread) < 1.3


def test_the_own_voice_tells_more_than_nothing_of_every_clip_however_short(speakers, heads):
    for name, head in heads.items():
        own = opening(speakers[name].curves)
        heard = opening(head.heard)
        print(f"{name[:12]:12} {np.corrcoef(heard, own)[0, 1]:.2f}")
        assert np.mean((heard - own) ** 2) < 1.0 * own.var(), name
