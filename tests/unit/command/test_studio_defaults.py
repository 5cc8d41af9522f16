"""A studio's defaults: from a file, from the environment, under what a command or a job says."""

from __future__ import annotations

import json

import pytest

from backend.command.arguments import (
    chunk_arguments,
    evaluate_arguments,
    preprocess_arguments,
    render_arguments,
    run_arguments,
    train_arguments,
)
from backend.command.cli import main
from backend.settings.defaults import all_defaults
from shared.errors import InputError

LINE = {"subject": "a", "audio": "b", "out": "c"}


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """Writes the file of defaults and names it."""

    def write(text):
        path = tmp_path / "studio.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("TALKER_SETTINGS", str(path))
        return path

    return write


def test_without_anything_set_there_are_no_defaults():
    assert all_defaults() == {}


def test_options_go_before_variables_and_variables_before_the_file(studio, monkeypatch):
    studio('[render]\nlayers = "png"\nsize = 640\ntimecode = "01:00:00:00"\n')
    monkeypatch.setenv("TALKER_RENDER_SIZE", "512")
    settings = render_arguments({**LINE, "timecode": "02:00:00:00"}).settings
    assert (settings.layers, settings.size, settings.timecode) == ("png", 512, "02:00:00:00")
    settings = render_arguments({**LINE, "set": {"layers": "mp4"}, "size": 256}).settings
    assert (settings.layers, settings.size) == ("mp4", 256)
    found = all_defaults()
    assert found["render.size"].source == "TALKER_RENDER_SIZE" and found["render.layers"].source.endswith("studio.toml")


def test_groups_are_reached_by_tables_and_by_two_underscores(studio, monkeypatch):
    studio('[train]\npreset = "draft"\nrecipe = "talkinggaussian"\n[train.portrait]\nlip_curves = true\n')
    monkeypatch.setenv("TALKER_TRAIN_PORTRAIT__HIDDEN", "48")
    monkeypatch.setenv("TALKER_PREPROCESS_SIZE", "384")
    settings = train_arguments({"subject": "a"}).settings
    assert (settings.portrait.lip_curves, settings.portrait.hidden) == (True, 48)
    assert settings.portrait.recipe == "talkinggaussian"
    assert train_arguments({"subject": "a", "recipe": "m2dao"}).settings.portrait.recipe == "m2dao"
    assert preprocess_arguments({"subject": "a", "footage": "b"}).settings.size == 384


def test_run_has_those_of_its_stages_unless_it_says_otherwise(studio):
    studio('[render]\nlayers = "png"\nstrength = 0.5\n[train]\nseed = 7\nsteps = 10\n[evaluate]\nsize = 96\n')
    asked = {"footage": "a", "audio": "b", "out": "c"}
    settings = run_arguments(asked).settings
    assert (settings.render.layers, settings.render.strength, settings.train.seed) == ("png", 0.5, 7)
    settings = run_arguments({**asked, "strength": 1.5, "render": {"layers": "exr"}, "seed": 3}).settings
    assert (settings.render.layers, settings.render.strength) == ("exr", 1.5)
    assert (settings.train.seed, settings.render.seed) == (3, 3)


def test_one_way_to_say_how_long_a_training_is_replaces_the_other(studio, monkeypatch):
    studio("[train]\nsteps = 10\n")
    assert train_arguments({"subject": "a"}).settings.steps == 10
    assert train_arguments({"subject": "a", "minutes": 2.0}).settings.minutes == 2.0
    monkeypatch.setenv("TALKER_TRAIN_MINUTES", "3")
    assert train_arguments({"subject": "a"}).settings.minutes == 3.0


def test_chunks_of_a_farm_go_by_their_job_alone(studio):
    studio('[render]\nlayers = "png"\n')
    assert chunk_arguments(LINE).settings.layers == "exr"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[render]\nlayer = 'png'", "no setting 'layer' of render"),
        ("[render]\nlayers = 'tiff'", "layers is 'tiff'"),
        ("[rendr]\nlayers = 'png'", "has rendr outside of a stage"),
        ("layers = 'png'", "has layers outside of a stage"),
        ("[render", "is no TOML"),
        ("[train]\na = " + "[" * 50_000, "is no TOML"),
        ("[train]\nlosses = " + "{a = " * 3000 + "1" + "}" * 3000, "is no TOML"),
        ("[train]\n" + ".".join("a" * 3000) + " = 1", "is no TOML"),
        ("[train]\nsteps = " + "9" * 5000, "is no TOML"),
        ("[train]\nrecipe = 'other'", "no recipe 'other'"),
        ("[train.portrait]\nhiden = 3", "no setting 'portrait.hiden'"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_name(studio, text, said):
    path = studio(text)
    with pytest.raises(InputError, match=said) as refused:
        all_defaults()
    assert str(path) in refused.value.what


def test_a_file_in_the_folder_of_nobody_is_said(monkeypatch):
    monkeypatch.setenv("TALKER_SETTINGS", "~no such user/studio.toml")
    with pytest.raises(InputError, match="no such user"):
        all_defaults()


def test_a_file_that_is_gone_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("TALKER_SETTINGS", str(tmp_path / "none.toml"))
    with pytest.raises(InputError, match=r"none\.toml"):
        evaluate_arguments({"subject": "a"})


@pytest.mark.parametrize(("name", "value"), [("TALKER_RENDER_LAYER", "png"), ("TALKER_RENDER_SIZE", "big")])
def test_a_variable_with_a_mistake_is_refused_with_its_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=name):
        render_arguments(LINE)


def test_settings_lists_what_holds_here(studio, capsys):
    studio('[render]\nlayers = "png"\n')
    for verb, name in (("render", "layers"), ("run", "render.layers")):
        assert main(["settings", verb, "--json"]) == 0
        told = {entry["name"]: entry["value"] for entry in json.loads(capsys.readouterr().out)}
        assert told[name] == "png"
