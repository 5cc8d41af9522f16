"""The list of lines: new, changed since, ready; and what is out of date is rendered again."""

import json
import os
import types
import wave

import pytest

from tests.bpy.recorder import Recorder, settle
from tests.bpy.test_line_audio import trim


@pytest.fixture
def timeline(addon, scene, tmp_path):
    """A timeline with the lines "one" and "two", a subject with a trained head, and an output folder."""
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    with wave.open(str(tmp_path / "talk.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(4 * 16000))
    collection = addon.compat.strips(scene.sequence_editor_create())
    for name, frame, channel in (("two", 101, 1), ("one", 11, 2)):
        collection.new_sound(name, str(tmp_path / "talk.wav"), channel, frame)
    settings = scene.talker
    settings.subject, settings.output = str(tmp_path / "subject"), str(tmp_path / "lines")
    config = tmp_path / "subject" / "models" / "m2dao" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    for path in (config, tmp_path / "talk.wav"):
        os.utime(path, (1000, 1000))
    return scene


@pytest.fixture
def lines(addon):
    return addon.jobs.lines


@pytest.fixture
def render(addon, timeline, lines, tmp_path):
    """A function that leaves a take of a line as a render does, at a time in seconds."""

    def leave(name, at=2000, complete=True):
        folder = tmp_path / "lines" / name
        folder.mkdir(parents=True, exist_ok=True)
        manifest = {"take_id": lines.id_of(timeline, name), "complete": complete}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        asked = folder.with_name(lines.asked_name(folder))
        asked.write_text(json.dumps(lines.asked(timeline, name)))
        os.utime(folder / "manifest.json", (at, at))
        os.utime(asked, (at - 10, at - 10))
        return folder

    return leave


@pytest.fixture
def states(addon, timeline):
    """A function that tells the states by the lines' names, once the disk is read."""

    def read():
        addon.ui.folders.forget()
        for _ in range(2):
            found = {name: addon.ui.line_list.state_of(timeline, name).name for name in ("one", "two")}
            settle(addon)
        return {name: addon.ui.line_list.state_of(timeline, name).name for name in found}

    return read


def test_a_line_is_new_until_it_is_rendered_and_then_ready(states, render, timeline, lines):
    assert states() == {"one": "NEW", "two": "NEW"}
    render("one")
    assert states() == {"one": "READY", "two": "NEW"}
    assert lines.to_render(timeline) == [], "what is new is not out of date"


@pytest.mark.parametrize(
    "change",
    [
        *("trimmed", "louder", "stronger mouth", "other channel", "other rate"),
        *("sound written", "model trained", "broken off", "unfinished"),
    ],
)
def test_a_line_that_changes_in_any_way_is_out_of_date(addon, states, render, timeline, lines, tmp_path, change):
    folder = render("one")
    render("two")
    strip = addon.compat.all_strips(timeline.sequence_editor)["one"]
    both = change in ("stronger mouth", "other channel", "other rate", "sound written", "model trained")
    if change == "trimmed":
        trim(strip, 5, 0)
    elif change == "louder":
        strip.volume = 0.5
    elif change == "stronger mouth":
        timeline.talker.strength = 0.5
    elif change == "other channel":
        timeline.talker.line_channel = "LEFT"
    elif change == "other rate":
        timeline.render.fps = 30
    elif change == "sound written":
        os.utime(tmp_path / "talk.wav", (3000, 3000))
    elif change == "model trained":
        os.utime(tmp_path / "subject" / "models" / "m2dao" / "config.json", (3000, 3000))
    elif change == "broken off":
        os.utime(folder.with_name(lines.asked_name(folder)), (3000, 3000))
    else:
        render("one", complete=False)
    assert states() == {"one": "OUT_OF_DATE", "two": "OUT_OF_DATE" if both else "READY"}
    assert lines.to_render(timeline) == (["one", "two"] if both else ["one"])


def test_a_line_that_is_only_moved_stays_ready(addon, states, render, timeline):
    render("one")
    addon.compat.set_strip_content_start(addon.compat.all_strips(timeline.sequence_editor)["one"], 50)
    assert states()["one"] == "READY"


def test_a_take_from_before_lines_were_noted_goes_by_its_files(states, render, timeline, lines, tmp_path):
    folder = render("one")
    folder.with_name(lines.asked_name(folder)).unlink()
    assert states()["one"] == "READY"
    os.utime(tmp_path / "talk.wav", (3000, 3000))
    assert states()["one"] == "OUT_OF_DATE"


def test_the_list_has_the_lines_in_their_order_and_no_takes(addon, bpy, timeline, states, render, make_take):
    render("one")
    addon.headless.bring_back(make_take("taken"), 11, scene=timeline, match_scene=False)
    states()
    kind = addon.ui.line_list.TALKER_UL_lines
    listed = types.SimpleNamespace(bitflag_filter_item=1)
    editor, name = timeline.sequence_editor, addon.compat.all_strips_name(timeline.sequence_editor)
    shown, places = kind.filter_items(listed, bpy.context, editor, name)
    strips = list(getattr(editor, name))
    assert [strip.name for strip, flag in zip(strips, shown, strict=True) if flag] == ["two", "one"]
    place = {strip.name: place for strip, place in zip(strips, places, strict=True)}
    assert place["one"] < place["two"]
    layout = Recorder(bpy)
    kind.draw_item(listed, bpy.context, layout, editor, strips[1], 0, timeline.talker, "line_index", 1, 0)
    assert layout.texts == ["one", "frame 11: rendered as it is now"]


def test_the_line_that_is_clicked_is_the_line(addon, timeline):
    names = [strip.name for strip in addon.compat.all_strips(timeline.sequence_editor)]
    timeline.talker.line_source = "RANGE"
    timeline.talker.line_index = names.index("two")
    assert (timeline.talker.line_source, timeline.talker.line_strip) == ("STRIP", "two")


def test_what_is_out_of_date_is_rendered_again_and_brought_back(
    addon, bpy, timeline, lines, render, connection, make_take, monkeypatch
):
    render("one")
    render("two")
    strip = addon.compat.all_strips(timeline.sequence_editor)["two"]
    strip.volume = 0.5
    brought = []

    def bring_back(scene, folder, frame, options):
        brought.append((folder.name, frame))
        return types.SimpleNamespace(take=folder.name, frame_start=frame, frame_end=frame, warnings=[])

    monkeypatch.setattr(addon.jobs.steps, "bring_back", bring_back)
    assert bpy.ops.talker.render_changed() == {"FINISHED"}
    assert brought == [("two", 101)]
    (asked,) = (path for path in (lines.Path(timeline.talker.output)).glob("two.line.json"))
    assert json.loads(asked.read_text())["volume"] == 0.5


def test_with_nothing_out_of_date_the_words_say_so(bpy, timeline, render):
    render("one")
    with pytest.raises(RuntimeError, match="No take is out of date"):
        bpy.ops.talker.render_changed()


def test_what_is_out_of_date_cannot_be_rendered_without_a_trained_head(addon, bpy, timeline, render, monkeypatch):
    render("one")
    addon.compat.all_strips(timeline.sequence_editor)["one"].volume = 0.5
    installed = addon.ui.folders.ScannedBackend(True, "words")
    monkeypatch.setattr(addon.ui.folders, "backend", lambda context: installed)

    def off():
        for _ in range(2):
            addon.ui.line_list.draw(Recorder(bpy), timeline)
            settle(addon)
        layout = Recorder(bpy)
        addon.ui.line_list.draw(layout, timeline)
        assert "[talker.render_changed]" in layout.texts
        return layout.off

    addon.ui.folders.forget()
    subject = addon.ui.folders.Path(timeline.talker.subject)
    assert off() == {"talker.render_changed"}  # the folder is no subject yet
    (subject / "subject.json").write_text(json.dumps({"source": "a.mp4", "frame_count": 50, "fps": "25"}))
    addon.ui.folders.forget()
    assert off() == set()
