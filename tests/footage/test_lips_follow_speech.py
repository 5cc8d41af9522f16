"""Lips follow speech: a head trained on part of a clip says the rest of it, driven by the rest's own sound."""

from __future__ import annotations

import numpy as np
import pytest

from backend.evaluate.report import evaluate, markdown_table
from backend.preprocess.pipeline import preprocess
from backend.settings import PreprocessSettings, train_settings
from backend.train.trainer import train
from shared.jobs import Reporter
from tests.support.places import FOOTAGE

CLIP = FOOTAGE / "office_20s_450.mp4"

pytestmark = pytest.mark.skipif(
    not CLIP.is_file(), reason=f"no {CLIP.name}: neither TALKER_FOOTAGE nor ../shared/footage has it"
)


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Scores of a quickly trained head on the last third of the clip: more held-out frames tell more about lags."""
    folder = tmp_path_factory.mktemp("office") / "subject"
    subject = preprocess(CLIP, folder, PreprocessSettings(matting_size=128), Reporter())
    train(subject, train_settings(steps=2500, holdout=3), Reporter())
    result = evaluate(subject, None, Reporter())
    print(markdown_table([result]))
    return result


def test_lip_opening_correlates_with_the_recorded_lips_and_most_at_no_lag(scores):
    """What the head's motion explains is taken out of each opening."""
    recorded = scores["scores"]["recorded"]
    assert scores["frames"] == 500 // 3
    assert recorded["frames_with_face"] > 0.95 * scores["frames"]
    assert recorded["lip_correlation"] > 0.3
    assert abs(recorded["lip_lag"]) <= 1
    assert scores["floor"]["lip_correlation"] > 0.95 and abs(scores["static"]["lip_correlation"]) < 0.25


def test_the_driven_mouth_is_nearer_to_the_recorded_one_than_a_static_head_is(scores):
    recorded, static = scores["scores"]["recorded"], scores["static"]
    assert recorded["psnr_mouth"] > static["psnr_mouth"] + 0.3
    assert recorded["lmd"] < static["lmd"]
    assert np.isfinite(recorded["psnr_head"]) and recorded["psnr_head"] > 24
