"""The command line's contract: one helpful line and the right exit status."""

import json
import os
import subprocess
import sys

import pytest

from backend.command import bench, cli
from backend.command.arguments import render_arguments
from backend.settings import RenderSettings, RunSettings
from backend.settings.tree import names
from shared.errors import InputError
from tests.support.places import ROOT


def _talker(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "backend", *arguments], capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "VERB"),
        (("fly",), "fly"),
        (("train",), "--subject"),
        (("train", "--subject", "x", "--steps", "1", "--minutes", "1"), "--minutes"),
        (("render", "--subject", "x"), "--audio"),
        (("train", "--subject", "x", "--engine", "cuda"), "cuda"),
        (("train", "--subject", "x", "--resume", "--more"), "--more"),
        (("preprocess", "x.mp4", "--subject", "x", "--set", "bundle.hubre=2"), "bundle.huber"),
        (("run", "x.mp4", "--audio", "x", "--out", "x", "--set", "train.losses.ssim=-1"), "train.losses.ssim"),
        (("render", "--subject", "x", "--audio", "x", "--out", "x", "--set", "layers"), "NAME=VALUE"),
        (("evaluate", "--subject", "x", "--set", "driven_by=hope"), "audio, track"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(arguments, word, capsys):
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.main(list(arguments)))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert word in said
    assert len(said.strip().splitlines()) == 1


def test_wrong_usage_ends_a_process_of_its_own_with_status_2():
    done = _talker("fly")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_subject_is_the_callers_to_mend(tmp_path):
    done = _talker("train", "--subject", str(tmp_path))
    assert done.returncode == 2
    assert "is not a subject folder" in done.stderr
    assert "Preprocess footage first" in done.stderr


def test_json_prints_one_document_even_for_an_error(tmp_path):
    done = _talker("evaluate", "--subject", str(tmp_path), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["status"] == 2
    assert "not a subject folder" in document["error"]


@pytest.mark.slow
def test_bench_without_an_engine_measures_the_native_one(monkeypatch, capsys):
    monkeypatch.setattr(bench.bench, "__defaults__", ("native", 0, 0.01, ((60, 24),), (80, 24), (80, 32)))
    assert cli.main(["bench", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    measured = [(entry["name"], entry["engine"]) for entry in entries]
    names = ["raster", "step", "render", "render+exr", "render+movie"]
    assert [entry for entry in measured if entry != ("raster", "reference")] == [(name, "native") for name in names]


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ((), {}),
        (("--resume",), {"start": "resume"}),
        (("--more", "--minutes", "2"), {"start": "more", "minutes": 2.0}),
        (("--set", "losses.ssim=0.3", "--set", "alternate=no"), {"set": {"losses.ssim": 0.3, "alternate": False}}),
    ],
)
def test_a_command_asks_for_what_a_job_would(monkeypatch, options, asked):
    seen = []

    def note(arguments, report) -> dict:
        seen.append(arguments)
        return {}

    monkeypatch.setitem(cli.VERBS, "train", note)
    assert cli.main(["train", "--subject", "x", *options]) == 0
    assert [{name: value for name, value in arguments.items() if value is not None} for arguments in seen] == [
        {"subject": "x", **asked}
    ]


def test_render_asks_for_life_as_a_job_would(monkeypatch):
    seen = []

    def note(arguments, report):
        seen.append(arguments)
        return {}

    monkeypatch.setitem(cli.VERBS, "render", note)
    line = ["render", "--subject", "x", "--audio", "a.wav", "--out", "o"]
    assert cli.main([*line, "--pose", "life", "--head-life", "0.5", "--face-life", "1.5"]) == 0
    assert cli.main(line) == 0
    full, plain = seen
    assert (full["pose"], full["head_life"], full["face_life"]) == ("life", 0.5, 1.5)
    assert render_arguments(full).settings.head_life == 0.5
    without = {name: value for name, value in plain.items() if value is not None}
    assert render_arguments(without).settings == RenderSettings() and RenderSettings().pose == "life"
    with pytest.raises(InputError, match="head_life"):
        render_arguments({**without, "head_life": 3.0})


def test_settings_prints_every_setting_with_its_value_and_its_sentence(capsys):
    assert cli.main(["settings", "preprocess"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("bundle.huber = 2.5   (a number, more than 0)")
    assert lines[at + 1] == "    Errors beyond this many times the noise count linearly."
    assert cli.main(["settings", "--json"]) == 0
    told = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert set(told) == set(names(RunSettings))
    assert told["train.preset"]["value"] == "draft"


def test_keys_are_made_and_handed_over_and_taken_back(tmp_path):
    out = tmp_path / "anna.json"
    made = _talker("keys", str(tmp_path / "keys"), "--add", "anna", "--at", "tcp://h:5600", "--out", str(out), "--json")
    assert made.returncode == 0, made.stderr
    assert (json.loads(made.stdout)["clients"], json.loads(made.stdout)["hand_over"]) == (["anna"], str(out))
    assert "secret" not in made.stdout
    taken = _talker("keys", str(tmp_path / "keys"), "--remove", "anna", "--json")
    assert json.loads(taken.stdout)["clients"] == []
    unsaid = _talker("keys", str(tmp_path / "keys"), "--add", "berta")
    assert (unsaid.returncode, "--at tcp://HOST:PORT" in unsaid.stderr) == (2, True)


def test_a_server_for_other_machines_wants_keys(tmp_path):
    options = ("--state-dir", str(tmp_path / "state"), "--ready-file", str(tmp_path / "ready.json"))
    refused = _talker("serve", "--listen", "tcp://0.0.0.0:5600", *options)
    assert (refused.returncode, "talker keys FOLDER" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["jobs", "show", "abc", "--state-dir", "s"],
        ["jobs", "show", "--state-dir", "s", "abc"],
        ["jobs", "--state-dir", "s", "show", "abc"],
        ["jobs", "--json", "show", "--state-dir", "s", "abc"],
    ],
)
def test_options_and_other_arguments_come_in_any_order(words):
    parsed = cli.build_parser().parse_args(words)
    assert (parsed.verb, parsed.action, parsed.id, parsed.state_dir) == ("jobs", "show", "abc", "s")


def test_several_names_may_stand_around_options():
    parsed = cli.build_parser().parse_args(["compare", "a", "--subject", "s", "b", "--json"])
    assert (parsed.models, parsed.subject, parsed.json) == (["a", "b"], "s", True)
    parsed = cli.build_parser().parse_args(["farm", "--job", "j", "anna", "--chunk", "5", "berta"])
    assert (parsed.subjects, parsed.chunk) == (["anna", "berta"], 5)
    parsed = cli.build_parser().parse_args(["settings"])
    assert parsed.of == "run"
