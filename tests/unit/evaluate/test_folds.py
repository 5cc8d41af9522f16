"""A recipe on several parts of its clip: which models are trained, how, and what is made of their scores."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from backend.command.verbs import VERBS
from backend.evaluate import folds as pooling
from backend.evaluate.folds import chosen_folds, evaluate_folds, trained_as
from backend.evaluate.report import figures, markdown_table
from backend.settings import EvaluateSettings, train_settings
from backend.subject.model_folder import ModelFolder
from shared.errors import InputError
from shared.jobs import Reporter
from shared.training import Start
from tests.support.evaluations import evaluation, keep

BASE = train_settings("standard", "talkinggaussian", steps=70, holdout=4, seed=5, losses={"ssim": 0.3})


@pytest.fixture
def measured() -> list:
    """What each model was scored with that others may have measured."""
    return []


@pytest.fixture
def trained(subject, monkeypatch, measured):
    """A model that was trained by BASE; returns what is trained from then on."""
    asked = []
    model = ModelFolder.of(subject.root, "base")
    model.make()
    record = {
        "recipe": "talkinggaussian", "preset": "standard", "settings": asdict(BASE),
        "rounds": [{"steps": 70, "minutes": None}], "minutes": 0.5, "learned_from": [[1, 9]], "held_out": [[10, 12]],
    }  # fmt: skip
    model.update_config({"training": record})

    def score(subject, name, report, settings, shared) -> dict:
        measured.append(shared)
        fold = 4 if name == "base" else int(name.split("fold")[1][0])
        frames = np.arange(3 * fold - 3, 3 * fold)
        one = evaluation(frames, {"psnr": 10.0 * fold + np.arange(3)}, model=name)
        folder = keep(one, ModelFolder.of(subject.root, name).evaluation_folder)
        about = {"size_note": None, "leak": 0.0, "phones": "", "frames": 3, "folder": str(folder), "sheet": "s"}
        return one.about | about | figures(one.rows)

    monkeypatch.setattr(pooling, "train", lambda subject, settings, *rest: asked.append(settings))
    monkeypatch.setattr(pooling, "evaluate", score)
    return asked


def test_a_model_is_trained_for_every_other_part_and_seed_as_the_first_one_was(subject, trained):
    result = evaluate_folds(subject, "base", "all", 2, Reporter(), EvaluateSettings())
    names = [*(f"base_fold{k}" for k in (1, 2, 3)), *(f"base_fold{k}_seed1" for k in (1, 2, 3, 4))]
    assert [settings.model for settings in trained] == names
    for settings in trained:
        assert settings.start is Start.AUTO and settings.seed == (6 if "_seed1" in settings.model else 5)
        alike = replace(BASE, model=settings.model, holdout_fold=settings.holdout_fold, seed=settings.seed)
        assert settings == replace(alike, start=Start.AUTO)
    assert [one["model"] for one in result["models"]] == [*names[:3], "base", *names[3:]]


def test_what_the_models_of_a_clip_have_in_common_is_measured_once(subject, trained, measured):
    evaluate_folds(subject, "base", "1,2,3", 1, Reporter(), EvaluateSettings())
    assert len(measured) == 3 and measured[0] is not None and all(one is measured[0] for one in measured)
    evaluate_folds(subject, "base", None, 1, Reporter(), EvaluateSettings())
    assert measured[3] is None, "of a long clip, only what is about the scored frames is listened to"


def test_what_they_scored_is_pooled_over_all_frames(subject, trained):
    result = evaluate_folds(subject, "base", "1,4", 1, Reporter(), EvaluateSettings())
    assert (result["frames"], result["folds"], result["seeds"]) == (6, [1, 4], 1)
    assert result["scores"]["recorded"]["psnr"] == pytest.approx(np.mean([10, 11, 12, 40, 41, 42]))
    assert "| base | 32 | 1.0 | 6 | recorded torso | 26.00 |" in markdown_table([result])


def test_the_newest_model_is_never_that_of_a_fold(subject, trained):
    fold = ModelFolder.of(subject.root, "base_fold2")
    fold.make()
    fold.update_config({})
    assert ModelFolder.newest_of(subject.root).name == "base"


def test_the_verb_takes_folds_and_seeds(subject, trained):
    given = {"subject": str(subject.root), "model": "base", "seeds": 2}
    assert VERBS["evaluate"](given, Reporter())["seeds"] == 2
    assert [settings.model for settings in trained] == ["base_fold4_seed1"]
    with pytest.raises(InputError, match="seeds"):
        VERBS["evaluate"]({**given, "seeds": 0}, Reporter())


def test_a_training_in_several_rounds_or_on_all_frames_has_no_folds(subject, trained):
    model = ModelFolder.of(subject.root, "base")
    record = model.training_record()
    with pytest.raises(InputError, match="older version"):
        trained_as({name: value for name, value in record.items() if name != "learned_from"})
    with pytest.raises(InputError, match="several rounds"):
        trained_as(record | {"rounds": 2 * record["rounds"]})
    model.update_config({"training": record | {"settings": record["settings"] | {"holdout": 0}}})
    with pytest.raises(InputError, match="every frame"):
        evaluate_folds(subject, "base", "all", 1, Reporter(), EvaluateSettings())


def test_settings_of_another_version_are_passed_over_and_missing_ones_take_their_default():
    settings = asdict(BASE) | {"magic": 3}
    del settings["static_share"]
    settings["losses"]["glamour"] = 1.0
    record = {"recipe": "talkinggaussian", "preset": "standard", "settings": settings, "learned_from": [],
              "rounds": [{"steps": None, "minutes": 2.0}]}  # fmt: skip
    assert trained_as(record) == replace(BASE, minutes=2.0, steps=train_settings("standard").steps)


def test_folds_are_told_by_number_or_all():
    assert chosen_folds("all", 4) == [1, 2, 3, 4]
    assert chosen_folds("3,1,3", 4) == [1, 3]
    for text in ("0,1", "5", "one", ""):
        with pytest.raises(InputError, match="Folds"):
            chosen_folds(text, 4)
