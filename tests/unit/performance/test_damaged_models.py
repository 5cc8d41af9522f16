"""What a speech model's file or a take's voice may not hold is refused in words, instead of becoming a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.media.audio_features import MELS, AudioFeatures
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.settings import SpeechSettings
from shared.errors import InputError

FRAMES = 40


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    draw = np.random.default_rng(0)
    features = AudioFeatures(draw.standard_normal((FRAMES * 8, MELS)).astype(np.float32), 200.0)
    model = SpeechModel.fit(
        features, draw.random((FRAMES, 27)), np.arange(FRAMES) / 25, SpeechSettings(steps=10, members=2)
    )
    return model.state()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("style", lambda value: value * np.nan),
        ("style", lambda value: torch.cat((value, value[:3]))),
        ("style", lambda value: value[:0]),
        ("told", lambda value: value * 0),
        ("told", lambda value: value[:1]),
        ("readout", lambda value: value[:, :5]),
        ("pressed", lambda value: value[:4]),
        ("lips_follow", lambda value: torch.zeros(40, 5)),
        ("window", lambda value: value * np.inf),
        ("low", lambda value: value + 9.0),
        ("voice_deviation", lambda value: value * 0),
        ("prior.lead_s", lambda value: value * np.nan),
        ("net.first.weight", lambda value: value * np.nan),
        ("net.first.weight", lambda value: value[:0]),
    ],
)
def test_a_speech_model_that_holds_what_fit_never_makes_is_damaged(state, name, change):
    assert SpeechModel.from_state(dict(state)) is not None
    with pytest.raises(InputError, match="damaged"):
        SpeechModel.from_state({**state, name: change(state[name])})


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [np.nan] * MELS},
        {"seconds": np.nan},
        {"seconds": -1.0},
        {"seconds": 10**400},
        {"reach": {"mean": [np.nan] * 27, "scale": 1.0}},
        {"reach": {"mean": [0.0] * 27, "scale": np.inf}},
        {"reach": {"mean": [0.0] * 27, "scale": 0.0}},
        {"reach": {"mean": [0.0] * 30, "scale": 1.0}},
    ],
)
def test_values_that_no_voice_has_are_refused(change):
    good = Voice(np.zeros(MELS), np.ones(MELS), 1.0).to_dict()
    assert Voice.from_dict(good).seconds == 1.0
    with pytest.raises((ValueError, OverflowError)):
        Voice.from_dict({**good, **change})


@pytest.mark.parametrize(("rate", "start"), [(0.0, 0.0), (np.nan, 0.0), (200.0, np.nan)])
def test_features_without_a_time_are_damaged(tmp_path, rate, start):
    AudioFeatures(np.zeros((9, MELS), np.float32), rate, start).save(tmp_path / "features.npz")
    with pytest.raises(InputError, match="damaged"):
        AudioFeatures.load(tmp_path / "features.npz")
