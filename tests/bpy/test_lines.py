"""The list of lines: new, changed since, ready; and what is out of date is rendered again."""

import json
import os
import types
import wave

import pytest

from tests.bpy.recorder import Recorder, settle
from tests.bpy.trimming import trim


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


@pytest.fixture(params=["as files carry it", "as given"])
def held(addon, request):
    """Makes of a line's id what a manifest holds of it, now or by older versions."""
    return addon.shared.take_ids.public_id if request.param == "as files carry it" else str


@pytest.fixture
def render(addon, timeline, lines, tmp_path, held):
    """A function that leaves a take of a line as a render does, at a time in seconds."""

    def leave(name, at=2000, complete=True):
        folder = tmp_path / "lines" / name
        folder.mkdir(parents=True, exist_ok=True)
        manifest = {"take_id": held(lines.id_of(timeline, name)), "complete": complete}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        asked = folder.with_name(f"{folder.name}.line.json")
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
        *("other speaker", "other model", "own channel", "in a trimmed meta", "directed", "curves edited"),
        *("following an object", "poses written"),
    ],
)
def test_a_line_that_changes_in_any_way_is_out_of_date(
    addon, bpy, states, render, timeline, lines, make_take, make_meta, tmp_path, change
):
    folder = render("one")
    render("two")
    strip = addon.compat.all_strips(timeline.sequence_editor)["one"]
    both = change in (
        *("stronger mouth", "other channel", "other rate", "sound written", "model trained"),
        *("following an object", "poses written"),
    )
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
    elif change == "other speaker":
        strip.talker.subject = str(tmp_path / "somebody")
    elif change == "other model":
        strip.talker.model = "film"
    elif change == "own channel":
        strip.talker.channel = "RIGHT"
    elif change == "in a trimmed meta":
        for each in addon.compat.all_strips(timeline.sequence_editor):
            each.select = each.name == "one"
        make_meta(5, 0)
    elif change == "directed":
        timeline.talker.line_strip = "one"
        bpy.ops.talker.direct_line()
        bpy.context.object.pose.bones["Smile"].location[1] = 0.5
    elif change == "curves edited":
        timeline.talker.use_performance = True
        folder.with_name("one.line.json").write_text(json.dumps(lines.asked(timeline, "one")))
        folder.with_name("two.line.json").write_text(json.dumps(lines.asked(timeline, "two")))
        for path in folder.parent.glob("*.line.json"):
            os.utime(path, (1990, 1990))
        brought_back(addon, timeline, lines, make_take, "one", 11)
    elif change == "following an object":
        timeline.talker.pose_mode = "OBJECT"
    elif change == "poses written":
        timeline.talker.pose_mode, timeline.talker.pose_file = "FILE", str(tmp_path / "poses.json")
    elif change == "broken off":
        os.utime(folder.with_name(f"{folder.name}.line.json"), (3000, 3000))
    else:
        render("one", complete=False)
    assert states() == {"one": "OUT_OF_DATE", "two": "OUT_OF_DATE" if both else "READY"}
    assert lines.to_render(timeline) == (["one", "two"] if both else ["one"])


def brought_back(addon, scene, lines, make_take, name, frame):
    """A take of a line, in the scene."""
    take = make_take(name, "--frames", "48", "--id", addon.shared.take_ids.public_id(lines.id_of(scene, name)))
    addon.headless.bring_back(take, frame, scene=scene, match_scene=False)


def test_a_line_that_is_only_moved_is_not_out_of_date(addon, bpy, states, render, timeline, lines, make_take):
    folder = render("one")
    strip = addon.compat.all_strips(timeline.sequence_editor)["one"]
    addon.compat.set_strip_content_start(strip, 50)
    assert states()["one"] == "READY", "its take is in no scene"
    brought_back(addon, timeline, lines, make_take, "one", 50)
    assert states()["one"] == "READY"
    addon.compat.set_strip_content_start(strip, 60)
    assert states()["one"] == "MOVED" and lines.to_render(timeline) == []
    assert lines.moved(timeline) == {"one": folder}


def test_a_muted_line_is_left_out(addon, states, render, timeline, lines):
    render("one")
    for strip in addon.compat.all_strips(timeline.sequence_editor):
        strip.mute, strip.volume = True, 0.5
    assert states() == {"one": "MUTED", "two": "MUTED"}
    assert lines.to_render(timeline, also_new=True) == []


def test_the_line_that_is_being_rendered_says_so(addon, states, render, timeline, lines, monkeypatch):
    render("one")
    monkeypatch.setattr(addon.ui.line_list.connection, "rendered_line", lambda: lines.id_of(timeline, "one"))
    assert states() == {"one": "RENDERING", "two": "NEW"}


def test_new_lines_are_rendered_where_that_is_asked(render, timeline, lines):
    assert lines.to_render(timeline) == [] and lines.to_render(timeline, also_new=True) == ["one", "two"]


def test_what_older_takes_do_not_tell_puts_none_out_of_date(states, render, timeline, lines):
    folder = render("one")
    asked = folder.with_name(f"{folder.name}.line.json")
    told = json.loads(asked.read_text())
    for later in ("direction", "base", "poses", "subject"):
        del told[later]
    asked.write_text(json.dumps(told))
    os.utime(asked, (1990, 1990))
    assert states()["one"] == "READY"


def test_a_line_renders_by_itself_once_it_has_been_quiet_and_what_fails_is_not_tried_again(
    addon, bpy, states, render, timeline, monkeypatch
):
    auto = addon.ui.auto_render
    monkeypatch.setattr(addon.ui.reasons, "backend", lambda context: "")
    render("one")
    strip = addon.compat.all_strips(timeline.sequence_editor)["one"]
    auto.forget()

    def times(*seconds):
        states()
        return [at for at in seconds if auto.is_time(bpy.context, float(at))]

    strip.volume = 0.5
    assert times(0, 1, 10, 20) == [], "nobody has asked for it"
    timeline.talker.render_by_itself = True
    assert times(20, 21, 22) == []
    strip.volume = 0.4
    assert times(23, 24, 25) == [], "it is still being changed"
    assert times(26, 27, 60, 90) == [26]
    strip.volume = 0.3
    assert times(91, 92, 95, 99) == [95]
    render("one")
    assert times(100, 110, 120) == []


def test_a_speaker_of_its_own_goes_to_the_render_and_stays_the_same_folder_when_saved_elsewhere(
    addon, bpy, timeline, tmp_path
):
    addon.headless.save(tmp_path / "shot.blend")
    (tmp_path / "somebody").mkdir()
    strip = addon.compat.all_strips(bpy.context.scene.sequence_editor)["two"]
    strip.talker.subject, strip.talker.model, strip.talker.channel = "//somebody", "film", "LEFT"
    addon.headless.save(tmp_path / "deeper" / "shot.blend")
    scene = bpy.context.scene
    arguments = addon.jobs.steps.read_render(scene, "two").arguments
    assert (arguments["subject"], arguments["model"]) == (str(tmp_path / "somebody"), "film")
    assert addon.bridge.audio.line_of_strip(scene, "two").channel == "LEFT"
    assert addon.jobs.steps.read_render(scene, "one").arguments["model"] == "m2dao"


def test_the_list_offers_what_is_to_be_done_and_the_chosen_lines_speaker_and_versions(
    addon, bpy, states, render, timeline
):
    def drawn():
        for _ in range(2):
            states()
            layout = Recorder(bpy)
            addon.ui.line_list.draw(layout, timeline)
            settle(addon)
        layout = Recorder(bpy)
        addon.ui.line_list.draw(layout, timeline)
        return " ".join(layout.texts)

    folder = render("one")
    assert "Render New Lines (1)" in drawn() and "Out of Date" not in drawn()
    timeline.talker.line_strip = "one"
    addon.jobs.versions.keep(folder, 3)
    addon.compat.all_strips(timeline.sequence_editor)["one"].volume = 0.5
    text = drawn()
    assert "one: frames 11 to 58 (48)." in text and "Changed since it was rendered." in text
    assert "Render New Lines Too (1)" in text and "Render What Is Out of Date (1)" in text
    assert "<subject>" in text and "<channel>" in text
    assert "Version 1: 1970-01-01" in text and "[talker.bring_version_back]" in text


def test_a_lines_tick_knows_the_id_as_files_carry_it(addon, timeline, lines, held):
    timeline.talker.line_source, timeline.talker.line_strip = "STRIP", "one"
    is_of = addon.ui.folders.is_of_line
    taken = addon.ui.folders.ScannedTake(1, "", "", "", held(lines.id_of(timeline, "one")))
    other = addon.ui.folders.ScannedTake(1, "", "", "", held(lines.id_of(timeline, "two")))
    assert is_of(taken, timeline) and not is_of(other, timeline)


def test_a_take_from_before_lines_were_noted_goes_by_its_files(states, render, timeline, lines, tmp_path):
    folder = render("one")
    folder.with_name(f"{folder.name}.line.json").unlink()
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
    assert layout.texts == ["one", "ready"]


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
    monkeypatch.setattr(addon.jobs.versions, "is_by", lambda take, subject: True)
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
