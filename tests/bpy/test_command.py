"""`blender -b FILE --command talker …`: verbs, options over the file's settings, exit statuses, one line on errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DONE, FAULT, CALLER, CANCELLED = 0, 1, 2, 130


@pytest.fixture
def execute(addon, capfd):
    """The command: (exit status, standard output, standard error)."""

    def run(*arguments):
        capfd.readouterr()
        status = addon.scripting.command.execute([str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return run


def test_the_verbs_do_the_files_settings_with_options_over_them(connection, talker, execute, tmp_path):
    status, out, _ = execute("preprocess", "--subject", tmp_path / "other")
    assert status == DONE and "4 frames" in out and "It is dark." in out
    assert talker.subject == str(tmp_path / "other") and (tmp_path / "other").is_dir()
    assert execute("train", "--recipe", "talkinggaussian")[0] == DONE
    assert talker.recipe == "talkinggaussian"
    status, out, _ = execute("render", "--audio", tmp_path / "line.wav", "--model", "mine")
    assert status == DONE and Path(talker.take) == tmp_path / "lines" / "line"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ((), {"start": "auto"}),
        (("--anew",), {"start": "anew"}),
        (("--more", "3"), {"start": "more", "minutes": 3.0}),
    ],
)
def test_training_goes_on_or_begins_anew_or_takes_more_minutes(
    connection, talker, execute, monkeypatch, options, asked
):
    submitted, real = [], connection.submit

    def submit(verb, arguments):
        submitted.append(arguments)
        return real(verb, arguments)

    monkeypatch.setattr(connection, "submit", submit)
    status, out, _ = execute("train", *options)
    assert status == DONE and "Trained: m2dao." in out
    assert [{key: a[key] for key in a if key in ("start", "resume", "more", "minutes")} for a in submitted] == [asked]


def test_a_take_is_imported_and_the_file_saved(bpy, scene, addon, make_take, execute, tmp_path):
    take = make_take()
    saved = tmp_path / "shots" / "a.blend"
    arguments = ("--take", take, "--frame", 31, "--match-scene", "--exact-colours", "--save", saved)
    status, out, _ = execute("import", *arguments)
    assert status == DONE and "line_01 is on frames 31 to 42." in out
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    scene = bpy.context.scene
    assert (scene.render.resolution_x, scene.render.resolution_y) == (80, 48)
    assert scene.view_settings.view_transform == "Standard"
    assert addon.compat.strip_range(addon.compat.strips(scene.sequence_editor)[0])[0] == 31


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], "invalid choice"),
        (["train", "--preset", "huge"], "invalid choice"),
        (["train", "--more", "3", "--anew"], "not allowed with"),
        ([], "required"),
        (["preprocess", "--footage", "/no/such.mp4"], "There is no file"),
        (["render", "--subject", "/no/such", "--strip", "gone"], "no sound strip gone"),
        (["import", "--take", "/no/such/folder"], "not a rendered line"),
        (["import", "--scene", "Nowhere"], "no scene Nowhere"),
    ],
)
def test_what_the_caller_can_mend_is_one_line_and_status_two(scene, execute, arguments, words):
    status, _, err = execute(*arguments)
    lines = [line for line in err.splitlines() if line.strip()]
    assert status == CALLER
    assert len(lines) == 1 and words in lines[0]


def test_a_backends_refusal_has_its_own_status(connection, talker, execute, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    status, _, err = execute("preprocess")
    assert status == CALLER and "The footage is empty. Use another clip." in err


def test_a_fault_of_ours_says_so(addon, scene, execute, monkeypatch):
    monkeypatch.setattr(addon.headless, "bring_back_take", lambda scene: 1 / 0)
    status, _, err = execute("import")
    assert status == FAULT and "a fault of ours" in err and "ZeroDivisionError" in err


def test_help_is_no_error(scene, execute):
    status, out, _ = execute("--help")
    assert status == DONE and "preprocess" in out and "import" in out


def test_a_script_gets_the_line_rendered_and_brought_back(addon, connection, scene, make_take, monkeypatch, tmp_path):
    take = make_take("rendered")
    asked = []
    real = addon.jobs.blocking.run

    def run(verb, arguments, timeout_s=None):
        asked.append((verb, arguments))
        real("render", arguments, timeout_s)
        return {"out": str(take), "frames": 12}

    monkeypatch.setattr(addon.jobs.blocking, "run", run)
    done = addon.headless.run_line(tmp_path / "subject", tmp_path / "line.wav", tmp_path / "out", 51, fps="25/1")
    assert asked[0][0] == "render" and asked[0][1]["fps"] == "25/1" and asked[0][1]["out"] == str(tmp_path / "out")
    assert (done.frame_start, done.frame_end) == (51, 62)


def test_a_process_that_used_the_extension_ends_cleanly(bpy, make_take, tmp_path):
    """Classes left registered crash Blender 4.2 at its end and hang 4.5."""
    import addon_utils

    module = next(a.module for a in bpy.context.preferences.addons if a.module.endswith("m2dao_talker"))
    script = f"""
import os, sys
import bpy, addon_utils
bpy.ops.wm.read_factory_settings(use_empty=True)
assert addon_utils.enable({module!r}, default_set=True)
headless = sys.modules[{module!r}].headless
headless.bring_back({str(make_take())!r}, 5)
headless.save({str(tmp_path / "a.blend")!r})
addon_utils.disable({module!r}, default_set=True)
left = [n for n in dir(bpy.types) if n.startswith(('TALKER_', 'Talker'))]
assert not left, left
assert not hasattr(bpy.types.Scene, 'talker') and not hasattr(bpy.types.WindowManager, 'talker_job')
print('ENDED WELL')
"""
    assert addon_utils.check(module) == (True, True)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert "ENDED WELL" in ended.stdout, ended.stderr
    assert ended.returncode == 0
    assert (tmp_path / "a.blend").is_file()


def test_nothing_of_blenders_is_kept_between_calls(addon, bpy, scene, make_take):
    """A reference that outlives an undo or another file crashes Blender."""
    done = addon.headless.bring_back(make_take())
    json.dumps(vars(done))
    for name, module in list(sys.modules.items()):
        if name.startswith(addon.__name__):
            for key, value in vars(module).items():
                kept = isinstance(value, (bpy.types.ID, bpy.types.PropertyGroup, bpy.types.Node))
                assert not kept, f"{name}.{key}"
