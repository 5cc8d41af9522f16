"""A head may be driven by the lips' own curves beside the blend shapes; one that is not has nothing of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.deliver.line import plan_line
from backend.media.audio import save_wav
from backend.performance.curves import CURVE_NAMES, FACE_CURVES, SPEECH_CURVES, SPOKEN_CURVES
from backend.performance.learning import load_heard
from backend.performance.speech import SpeechModel
from backend.portrait.saving import open_portrait
from backend.settings import RenderSettings, SpeechSettings
from backend.subject.model_folder import ModelFolder
from backend.train.driving import PredictedSpeech
from backend.train.trainer import train
from shared.jobs import Reporter
from shared.training import Did, Start
from tests.support.synthetic_subject import TINY

SPEECH = SpeechSettings(steps=20, members=2)


def settings_with(lips: bool):
    portrait = replace(TINY.portrait, lip_curves=lips)
    return replace(TINY, portrait=portrait, steps=4, model="m", speech=SPEECH, more_for_long=False)


@pytest.mark.parametrize("lips", [True, False])
def test_portrait_voice_and_line_have_them_or_not(subject, tmp_path, lips):
    train(subject, settings_with(lips), Reporter())
    model = ModelFolder.of(subject.root, "m")
    portrait, speech = open_portrait(model), SpeechModel.load(model.speech_file)
    assert portrait.curve_names == (CURVE_NAMES if lips else FACE_CURVES)
    assert speech.curve_names == (SPOKEN_CURVES if lips else SPEECH_CURVES)
    assert load_heard(model, subject.frame_count).shape == (subject.frame_count, len(speech.curve_names))
    save_wav(tmp_path / "line.wav", np.random.default_rng(0).standard_normal(16000).astype(np.float32), 16000)
    line = plan_line(subject, speech, tmp_path / "line.wav", RenderSettings(pose="still"), Reporter())
    assert set(line.performance.curves) == set(portrait.curve_names)


def test_a_model_without_them_goes_on_without_them(subject):
    train(subject, settings_with(False), Reporter())
    done = train(subject, replace(settings_with(False), start=Start.MORE, steps=3), Reporter())
    assert done.did is Did.MORE
    assert open_portrait(ModelFolder.of(subject.root, "m")).curve_names == FACE_CURVES


def test_what_was_heard_goes_where_it_belongs(subject):
    train(subject, settings_with(True), Reporter())
    heard = load_heard(ModelFolder.of(subject.root, "m"), subject.frame_count)
    for names in (CURVE_NAMES, FACE_CURVES):
        columns = PredictedSpeech(heard, 1.0, 0, names)._columns.tolist()
        assert [names[column] for column in columns] == [name for name in SPOKEN_CURVES if name in names]
