"""Three lines by two people in one file: whatever an artist does, frames drawn again are those that changed."""

import os
import shutil
import subprocess
import wave
from array import array
from math import pi, sin
from pathlib import Path

import numpy as np
import pytest

from tests.bpy.conftest import ROOT
from tests.bpy.trimming import trim

FRAMES, RATE = 25, 16000
LINES = {"anna 1": (11, "anna"), "bert": (41, "bert"), "anna 2": (71, "anna")}
COLOURS = {"anna": ("a", "0.8", "0.4", "0.2"), "bert": ("b", "0.2", "0.4", "0.8")}


@pytest.fixture
def verbs():
    return "tests.bpy.disc_verbs"


@pytest.fixture
def project(addon, bpy, scene, backend_python, connection, tmp_path):
    """The folder of a saved file with three lines; none is rendered."""
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    folder = tmp_path / "project"
    for name, colour in COLOURS.items():
        subprocess.run(
            [backend_python, Path(__file__).with_name("disc_verbs.py"), folder / name, *colour],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    scene.render.fps = 25
    addon.headless.save(folder / "shot.blend")
    scene = bpy.context.scene
    strips = addon.compat.strips(scene.sequence_editor_create())
    for number, (name, (start, speaker)) in enumerate(LINES.items()):
        path = folder / f"{name}.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, RATE, 0, "NONE", ""))
            loud = (
                8000 * sin(2 * pi * (150 + 40 * number) * n / RATE) * sin(9 * n / RATE + number) for n in range(RATE)
            )
            sound.writeframes(array("h", [round(value) for value in loud]).tobytes())
        strip = strips.new_sound(name, str(path), 1, start)
        strip.sound.filepath = bpy.path.relpath(str(path))
        if speaker != "anna":
            strip.talker.subject = "//bert"
    settings = scene.talker
    settings.subject, settings.output = "//anna", "//lines"
    settings.pose_mode, settings.pictures, settings.background = "STILL", "TIMELINE", "NONE"
    addon.headless.save()
    return folder


def frames(folder, name):
    """The frames of a line's take: name to bytes and time of writing."""
    take = folder / "lines" / name.replace(" ", "_")
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(take.glob("head.*"))}


def colour(folder, name):
    """Red and blue of the movie's contact sheet, as which is more."""
    import bpy

    image = bpy.data.images.load(str(folder / "lines" / name.replace(" ", "_") / "contact_sheet.png"))
    pixels = np.array(image.pixels).reshape(-1, 4)
    bpy.data.images.remove(image)
    return "anna" if pixels[:, 0].sum() > pixels[:, 2].sum() else "bert"


@pytest.fixture
def do(addon, bpy, project):
    """A function that renders what is to be rendered: by line, the numbers of the frames that were written."""

    def run(folder=project, also_new=True):
        before = {name: frames(folder, name) for name in LINES}
        addon.headless.render_lines(bpy.context.scene, also_new=also_new)
        after = {name: frames(folder, name) for name in LINES}
        for name in LINES:
            for frame, (data, at) in after[name].items():
                told = before[name].get(frame)
                assert told is None or (told[1] == at) or told[0] != data, f"{frame} of {name} was written for nothing"
        changed = {
            name: [int(frame[5:11]) for frame, held in after[name].items() if before[name].get(frame) != held]
            for name in LINES
        }
        return {name: numbers for name, numbers in changed.items() if numbers}

    return run


def states(addon, bpy):
    return {name: state.name for name, state in addon.jobs.lines.states(bpy.context.scene).items()}


def strip_of(addon, bpy, name):
    return addon.compat.all_strips(bpy.context.scene.sequence_editor)[name]


def key_jaw(addon, bpy, name, frame):
    """Open a line's jaw in one frame of the timeline."""
    bpy.context.scene.talker.line_strip = name
    bpy.ops.talker.direct_line()
    rig = bpy.context.object
    for at, value in ((frame - 1, 0.0), (frame, 0.4), (frame + 1, 0.0)):
        rig.pose.bones["Jaw"].location[1] = value
        rig.keyframe_insert('pose.bones["Jaw"].location', index=1, frame=at)
    bpy.ops.object.mode_set(mode="OBJECT")


ALL = list(range(1, FRAMES + 1))
READY = dict.fromkeys(LINES, "READY")


def test_what_is_drawn_again_is_what_changed(addon, bpy, project, do, tmp_path):
    assert states(addon, bpy) == dict.fromkeys(LINES, "NEW")
    assert do(also_new=False) == {}
    assert do() == dict.fromkeys(LINES, ALL)
    assert states(addon, bpy) == READY
    assert {name: colour(project, name) for name in LINES} == {name: who for name, (_, who) in LINES.items()}
    assert do() == {}, "there is nothing to do"

    addon.compat.set_strip_content_start(strip_of(addon, bpy, "anna 1"), 111)
    assert states(addon, bpy) == {**READY, "anna 1": "MOVED"}
    assert do() == {}, "a take that is moved is not drawn again"
    assert states(addon, bpy) == READY
    taken = [strip for strip in addon.compat.all_strips(bpy.context.scene.sequence_editor)
             if strip.get("talker_role") == "pictures" and "anna_1" in strip["talker_take"]]  # fmt: skip
    assert [addon.compat.strip_range(strip) for strip in taken] == [(111, 136)]

    key_jaw(addon, bpy, "anna 2", 80)
    assert states(addon, bpy) == {**READY, "anna 2": "OUT_OF_DATE"}
    assert do() == {"anna 2": [10]}, "frame 80 is the tenth of the line"
    assert states(addon, bpy) == READY

    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    trim(strip_of(addon, bpy, "bert"), 0, 5)
    bpy.ops.ed.undo_push(message="trimmed")
    assert states(addon, bpy) == {**READY, "bert": "OUT_OF_DATE"}
    bpy.ops.ed.undo()
    assert states(addon, bpy) == READY, "what is undone is up to date"
    trim(strip_of(addon, bpy, "bert"), 0, 5)
    before = frames(project, "bert")
    drawn = do()
    assert set(drawn) <= {"bert"}
    kept = frames(project, "bert")
    assert list(kept) == list(before)[:20]
    assert sum(kept[name] == before[name] for name in kept) == 20 - len(drawn.get("bert", ()))
    assert len(drawn.get("bert", ())) <= 2, "at most what the end is heard in"

    strip_of(addon, bpy, "anna 2").mute = True
    assert states(addon, bpy)["anna 2"] == "MUTED" and do() == {}
    strip_of(addon, bpy, "anna 2").mute = False
    assert states(addon, bpy) == READY


def test_a_line_that_somebody_else_speaks_is_drawn_anew_and_the_earlier_take_comes_back(addon, bpy, project, do):
    do()
    spoken = frames(project, "anna 2")
    strip_of(addon, bpy, "anna 2").talker.subject = "//bert"
    assert states(addon, bpy) == {**READY, "anna 2": "OUT_OF_DATE"}
    assert do() == {"anna 2": ALL} and colour(project, "anna 2") == "bert"
    take = project / "lines" / "anna_2"
    assert [version.number for version in addon.jobs.versions.listed(take)] == [1]
    assert bpy.ops.talker.bring_version_back(strip="anna 2", number=1) == {"FINISHED"}
    assert frames(project, "anna 2") == spoken, "to the bit, and the second"
    assert states(addon, bpy)["anna 2"] == "OUT_OF_DATE", "somebody else is still chosen"
    strip_of(addon, bpy, "anna 2").talker.subject = ""
    assert states(addon, bpy) == READY and do() == {}
    assert [version.number for version in addon.jobs.versions.listed(take)] == [2], "the other one is a version now"


def test_a_project_that_is_saved_copied_and_rendered_in_background_draws_what_changed_there_alone(
    addon, bpy, project, do, tmp_path
):
    do()
    addon.headless.save()
    elsewhere = tmp_path / "elsewhere" / "copy"
    shutil.copytree(project, elsewhere)
    bpy.ops.wm.open_mainfile(filepath=str(project / "shot.blend"))
    assert states(addon, bpy) == READY and do() == {}
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "shot.blend"))
    assert states(addon, bpy) == READY and do(elsewhere) == {}
    key_jaw(addon, bpy, "anna 1", 15)
    original, copied = frames(project, "anna 1"), frames(elsewhere, "anna 1")
    assert addon.scripting.command.execute(["lines", "--save"]) == 0
    assert frames(project, "anna 1") == original, "the project it was copied from stays"
    changed = {name for name, held in frames(elsewhere, "anna 1").items() if held[0] != copied[name][0]}
    assert changed == {"head.000005.exr"}
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "shot.blend"))
    assert states(addon, bpy) == READY, "the direction is in the file"
