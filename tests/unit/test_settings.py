"""The tree of settings: reached by names, strict, told in words, and quick to import."""

import subprocess
import sys
from dataclasses import fields, replace
from typing import get_args

import pytest

from backend.command.trees import TREES
from backend.media.colour import SPACES, TRANSFERS
from backend.settings import (
    INPUT_COLOURS,
    PRESETS,
    BundleSettings,
    PreprocessSettings,
    RunSettings,
    SpeechSettings,
    TrainSettings,
    train_settings,
)
from backend.settings.kinds import ENGINES, Engine
from backend.settings.tree import digest, entries, from_text, names, near_names, nested, sentences, with_changes
from shared import choices
from shared.checked import Unfit, changed
from shared.errors import InputError
from shared.training import Start
from tests.support.places import ROOT


def test_importing_the_settings_needs_no_library():
    code = "import sys, backend.settings; print(sorted({'torch', 'numpy', 'cv2', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("verb", TREES)
def test_every_setting_has_a_sentence_fits_its_own_rules_and_can_be_said_in_text(verb):
    tree = TREES[verb]()
    for entry in entries(tree):
        assert entry.sentence.endswith((".", "…")), entry.name
        assert entry.fits, entry.name
        value = ",".join(map(str, entry.value)) if isinstance(entry.value, tuple) else str(entry.value)
        read = from_text(TREES[verb], entry.name, value)
        assert with_changes(tree, {entry.name: read}) == tree, entry.name


def test_a_sentence_is_what_stands_under_the_field():
    told = sentences(BundleSettings)
    assert set(told) == {field.name for field in fields(BundleSettings)}
    assert told["frames"] == "Frames, evenly spread, that shape and focal length are found on."
    assert told["independent_frames"].endswith("at most this many independent ones.")


def test_names_reach_into_the_tree():
    known = names(RunSettings)
    assert {"preprocess.bundle.huber", "preprocess.regions.matting.radius", "train.rates.nets", "train.size"} <= set(
        known
    )
    assert "train.rates" not in known


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("size", "256", 256),
        ("audio", "none", None),
        ("audio", "none.wav", "none.wav"),
        ("refine_poses", "No", False),
        ("refine_poses", "true", True),
        ("bundle.huber", "2", 2.0),
        ("photometric.depth_steps", "1, 4", [1, 4]),
        ("photometric.depth_steps", "", []),
        ("consent", "2=two", "2=two"),
    ],
)
def test_text_is_read_by_the_fields_type(name, text, value):
    read = from_text(PreprocessSettings, name, text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("size", "1.5", "a whole number"),
        ("size", "", "a whole number"),
        ("bundle.huber", "much", "a number"),
        ("refine_poses", "maybe", "true or false"),
        ("bundle", "3", "bundle.frames"),
        ("bundle.hubre", "3", "bundle.huber"),
        ("huber", "3", "bundle.huber or photometric.huber"),
        ("size.x", "3", "There is no setting 'size.x'"),
    ],
)
def test_text_that_is_no_such_value_or_has_no_such_name_is_refused_with_what_was_meant(name, text, said):
    with pytest.raises(InputError) as caught:
        from_text(PreprocessSettings, name, text)
    assert said in str(caught.value)


def test_a_value_out_of_range_is_refused_with_the_range():
    with pytest.raises(InputError, match="bundle.huber is -1.0, but must be more than 0"):
        with_changes(PreprocessSettings(), {"bundle.huber": -1})


def test_dotted_and_nested_names_are_one_and_nothing_is_set_twice():
    assert nested({"a.b": 1, "a": {"c": 2, "d.e": 3}}, {"a.d.f": 4}) == {"a": {"b": 1, "c": 2, "d": {"e": 3, "f": 4}}}
    for twice in ({"a.b": 1, "a": {"b": 2}}, {"a": 1, "a.b": 2}, {"a.b": 1, "a": 2}):
        with pytest.raises(Unfit, match="twice"):
            nested(twice)


def test_names_alike_as_a_whole_or_at_their_end_are_near():
    known = names(PreprocessSettings)
    assert near_names("photometric.itertions", known)[0] == "photometric.iterations"
    assert near_names("matting_size", known)[0] == "matting_size"
    assert near_names("neck_drp", known) == ["regions.neck_drop"]
    assert near_names("zzzz", known) == []


def test_a_digest_changes_with_any_value_but_those_left_out():
    plain = PreprocessSettings()
    deeper = with_changes(plain, {"regions.matting.radius": 0.06})
    assert digest(plain) == digest(PreprocessSettings()) != digest(deeper)
    assert digest(plain, ("radius",)) == digest(deeper, ("radius",))
    assert digest({"bundle": plain.bundle}) == digest({"bundle": BundleSettings()})


def test_both_sides_choose_from_the_same_names():
    assert tuple(PRESETS) == choices.PRESETS
    assert {choices.COMMAND_PRESET, choices.PANEL_PRESET} <= set(PRESETS)
    assert train_settings() == PRESETS[choices.COMMAND_PRESET] == TrainSettings()
    for recipe in choices.RECIPES:
        assert train_settings(recipe=recipe).portrait.recipe == recipe
    assert get_args(Engine)[1].choices == ENGINES
    assert INPUT_COLOURS == ("auto", *TRANSFERS, *SPACES)


def test_a_part_of_a_preset_changes_and_the_rest_stays():
    film = PRESETS["film"]
    changed_film = train_settings("film", portrait={"hidden": 32}, losses={"ssim": 0}, start="auto")
    assert changed_film.portrait == replace(film.portrait, hidden=32)
    assert (changed_film.losses.ssim, changed_film.losses.mouth) == (0.0, film.losses.mouth)
    assert changed_film.start is Start.AUTO
    with pytest.raises(InputError, match="--recipe"):
        train_settings(portrait={"recipe": "talkinggaussian"})


def test_what_the_voice_is_learnt_by_can_be_changed():
    assert train_settings(speech={"steps": 20}).speech == changed(SpeechSettings(), {"steps": 20})
