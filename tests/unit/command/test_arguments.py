"""Plain arguments become a verb's typed ones, and a slip in them is refused by every verb alike."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.command import verbs
from backend.command.arguments import (
    chunk_arguments,
    doctor_arguments,
    evaluate_arguments,
    join_arguments,
    preprocess_arguments,
    render_arguments,
    run_arguments,
    set_from_texts,
    track_arguments,
    train_arguments,
)
from backend.command.trees import TREES, known, stages_meant
from backend.settings import (
    EvaluateSettings,
    MattingSettings,
    PreprocessSettings,
    RegionSettings,
    RenderSettings,
    RunSettings,
    train_settings,
)
from shared.checked import field_types
from shared.errors import EXIT_CALLER, InputError
from shared.jobs import Reporter
from shared.training import Start

OWN = {
    "preprocess": {"footage": "a.mp4", "subject": "s"},
    "track": {"subject": "s"},
    "train": {"subject": "s"},
    "render": {"subject": "s", "audio": "a.wav", "out": "o"},
    "chunk": {"subject": "s", "audio": "a.wav", "out": "o"},
    "join": {"out": "o"},
    "evaluate": {"subject": "s"},
    "run": {"footage": "a.mp4", "audio": "a.wav", "out": "o"},
}
PARSERS: dict[str, Callable[[dict], Any]] = {
    "preprocess": preprocess_arguments,
    "track": track_arguments,
    "train": train_arguments,
    "render": render_arguments,
    "chunk": chunk_arguments,
    "join": join_arguments,
    "evaluate": evaluate_arguments,
    "run": run_arguments,
}


def test_what_is_not_given_has_its_default():
    asked = preprocess_arguments({**OWN["preprocess"], "size": None, "set": None})
    assert (asked.footage, asked.subject, asked.settings) == (Path("a.mp4"), Path("s"), PreprocessSettings())
    assert train_arguments(OWN["train"]).settings == train_settings()
    assert render_arguments(OWN["render"]).settings == RenderSettings()
    assert evaluate_arguments(OWN["evaluate"]).settings == EvaluateSettings()
    assert run_arguments(OWN["run"]).settings == RunSettings()
    assert run_arguments(OWN["run"]).evaluate is False
    assert doctor_arguments({"models_dir": None}).models_dir is None


@pytest.mark.parametrize(
    "given",
    [
        {"set": {"regions.matting.radius": 0.07}},
        {"set": {"regions": {"matting": {"radius": 0.07}}}},
        {"regions": {"matting": {"radius": 0.07}}},
        {"regions.matting.radius": 0.07},
    ],
)
def test_a_setting_is_reached_by_dots_or_by_nesting(given):
    settings = preprocess_arguments({**OWN["preprocess"], **given}).settings
    assert settings == PreprocessSettings(regions=RegionSettings(matting=MattingSettings(radius=0.07)))


@pytest.mark.parametrize("verb", PARSERS)
@pytest.mark.parametrize("slip", ["sise", "sett", "rates.nest"])
def test_an_unknown_name_is_refused_by_every_verb_before_any_work(verb, slip):
    for given in ({slip: 3}, {"set": {slip: 3}}):
        with pytest.raises(InputError, match="There is no setting"):
            verbs.VERBS[verb]({**OWN[verb], **given}, Reporter())


@pytest.mark.parametrize(
    ("verb", "given", "near"),
    [
        ("preprocess", {"sise": 64}, "size"),
        ("preprocess", {"set": {"bundle.shape_spred_cm": 1}}, "bundle.shape_spread_cm"),
        ("train", {"presett": "draft"}, "preset"),
        ("train", {"recipes": "m2dao"}, "recipe"),
        ("train", {"losses": {"sim": 1}}, "losses.ssim"),
        ("render", {"layer": "exr"}, "layers"),
        ("render", {"subjekt": "s"}, "subject"),
        ("evaluate", {"drivenby": "track"}, "driven_by"),
        ("run", {"set": {"train.preset_": "film"}}, "preset"),
        ("run", {"set": {"preprocess.bundle.hubre": 3}}, "preprocess.bundle.huber"),
    ],
)
def test_a_slip_is_answered_with_what_may_have_been_meant(verb, given, near):
    with pytest.raises(InputError) as caught:
        PARSERS[verb]({**OWN[verb], **given})
    assert caught.value.do.startswith("Did you mean ") and near in caught.value.do
    assert caught.value.exit_status == EXIT_CALLER


@pytest.mark.parametrize(
    ("verb", "given", "said"),
    [
        ("preprocess", {"size": "64"}, "size is '64', but must be a whole number"),
        ("preprocess", {"size": 5}, "at least 16"),
        ("preprocess", {"consent": 3}, "consent is 3, but must be text"),
        ("preprocess", {"footage": 3}, "footage is 3"),
        ("preprocess", {"set": ["size=3"]}, "set must be settings"),
        ("preprocess", {"size": 64, "set": {"size": 64}}, "size is given twice"),
        ("train", {"preset": "huge"}, "no preset 'huge'"),
        ("train", {"preset": 3}, "no preset 3"),
        ("train", {"minutes": 0}, "more than 0"),
        ("train", {"set": {"rates.nets": True}}, "rates.nets is True, but must be a number"),
        ("train", {"start": "later"}, "one of anew, resume, more, auto"),
        ("render", {"layers": "tiff"}, "one of exr, png, mp4"),
        ("render", {"engine": "metal"}, "one of native, cuda, reference"),
        ("evaluate", {"driven_by": "hope"}, "one of audio, track"),
        ("run", {"evaluate": "yes"}, "evaluate is 'yes', but must be true or false"),
        ("run", {"size": 64, "set": {"preprocess.size": 64}}, "preprocess.size is given twice"),
        ("run", {"train": 3}, "train must be settings"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_reason(verb, given, said):
    with pytest.raises(InputError) as caught:
        PARSERS[verb]({**OWN[verb], **given})
    assert said in caught.value.what


@pytest.mark.parametrize(("verb", "name"), [(verb, name) for verb, own in OWN.items() for name in own])
def test_a_verb_asks_for_what_it_cannot_do_without(verb, name):
    for missing in (None, ""):
        with pytest.raises(InputError, match=f"{name} is missing"):
            PARSERS[verb]({**OWN[verb], name: missing})


@pytest.mark.parametrize("name", ["preset", "recipe", "start", "engine"])
@pytest.mark.parametrize("value", [[], ["draft"], {}, {"a": 1}, 4, True])
def test_a_value_of_another_kind_is_refused_in_words_where_a_name_is_wanted(name, value):
    with pytest.raises(InputError):
        train_arguments({"subject": "s", name: value})


def test_the_older_name_of_pose_refinement_still_counts():
    for verb in ("preprocess", "run"):
        settings = PARSERS[verb]({**OWN[verb], "photometric": False}).settings
        assert (settings if verb == "preprocess" else settings.preprocess) == PreprocessSettings(refine_poses=False)
    asked = preprocess_arguments({**OWN["preprocess"], "photometric": {"iterations": 3}})
    assert asked.settings.refine_poses and asked.settings.photometric.iterations == 3


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ({}, Start.ANEW),
        ({"start": "auto"}, Start.AUTO),
        ({"start": "more", "minutes": 2}, Start.MORE),
        ({"resume": "auto"}, Start.AUTO),
        ({"more": True, "resume": False}, Start.MORE),
    ],
)
def test_how_a_training_starts_is_said_by_start_or_as_older_jobs_did(given, start):
    assert train_arguments({**OWN["train"], **given}).settings.start is start


def test_run_gives_each_name_to_the_stages_that_it_is_for():
    asked = run_arguments(
        {
            **OWN["run"], "evaluate": True, "size": 64, "engine": "reference", "threads": 2, "seed": 5,
            "models_dir": "m", "preset": "film", "recipe": "talkinggaussian", "minutes": 3, "consent": "yes",
            "layers": "png", "driven_by": "track",
            "set": {"train.size": 96, "render.size": 128, "evaluate.size": 32, "preprocess.bundle.huber": 2},
        }
    )  # fmt: skip
    plain = PreprocessSettings(size=64, models_dir="m", consent="yes")
    assert asked.settings.preprocess == replace(plain, bundle=replace(plain.bundle, huber=2.0))
    assert asked.settings.train == train_settings(
        "film", "talkinggaussian", minutes=3.0, engine="reference", threads=2, seed=5, size=96, start="auto"
    )
    assert asked.settings.render == RenderSettings(engine="reference", threads=2, seed=5, layers="png", size=128)
    assert asked.settings.evaluate == EvaluateSettings(
        driven_by="track", size=32, engine="reference", threads=2, models_dir="m"
    )
    assert (asked.audio, asked.evaluate) == (Path("a.wav"), True)


def test_no_name_of_run_means_two_things_unsaid():
    stages = field_types(RunSettings)
    for stage in stages:
        for name in known(stage):
            having = [other for other in stages if name in known(other)]
            said = stages_meant(name)
            one_of_them = {"size": "preprocess", "audio_track": "preprocess", "model": "train", "strength": "render"}
            assert list(said) == having or said == (one_of_them[name],), name


def test_the_command_lines_texts_become_set():
    texts = ["train.rates.nets=0.01", "preprocess.audio=a=b.wav", "train.minutes = 2"]
    assert set_from_texts("run", texts) == {
        "train.rates.nets": 0.01, "preprocess.audio": "a=b.wav", "train.minutes": 2.0,
    }  # fmt: skip
    for wrong, said in ((["size"], "NAME=VALUE"), (["=3"], "NAME=VALUE"), (["size=64", "size=32"], "twice")):
        with pytest.raises(InputError, match=said):
            set_from_texts("preprocess", wrong)


def test_every_verb_with_settings_has_its_tree():
    assert set(PARSERS) == set(TREES) - {"serve", "farm"} <= set(verbs.VERBS)


def test_doctor_knows_its_arguments_too():
    with pytest.raises(InputError, match="models_dir"):
        doctor_arguments({"model_dir": "m"})
