"""Other ways in than the panel's buttons: files that are dropped, shortcuts, the manual."""

import fnmatch
import types
import wave
from pathlib import Path

import pytest

KEYMAPS = ("3D View", "Sequencer")


@pytest.fixture
def dropped(bpy, tmp_path):
    """A function that drops files of one folder; writes the sounds among them."""

    def drop(*names):
        for name in names:
            if name.endswith(".wav"):
                with wave.open(str(tmp_path / name), "wb") as sound:
                    sound.setparams((1, 2, 16000, 0, "NONE", ""))
                    sound.writeframes(bytes(16000))
            else:
                (tmp_path / name).write_bytes(b"film")
        return bpy.ops.talker.take_files(directory=str(tmp_path), files=[{"name": name} for name in names])

    return drop


def test_a_dropped_clip_is_the_footage(scene, dropped, tmp_path):
    assert dropped("Anna.MOV") == {"FINISHED"}
    assert Path(scene.talker.footage) == tmp_path / "Anna.MOV"


def test_dropped_sounds_are_lines_one_after_the_other_at_the_current_frame(addon, scene, dropped, tmp_path):
    scene.render.fps, scene.frame_current = 24, 31
    assert dropped("one.wav", "two.wav") == {"FINISHED"}
    if not addon.compat.has_sound():
        assert (scene.talker.line_source, Path(scene.talker.line_file).name) == ("FILE", "two.wav")
        return
    strips = {s.name: addon.compat.strip_range(s) for s in addon.compat.strips(scene.sequence_editor)}
    assert strips == {"one": (31, 43), "two": (43, 55)}
    assert (scene.talker.line_source, scene.talker.line_strip) == ("STRIP", "two")


def test_a_dropped_sound_keeps_off_the_strips_that_are_there(addon, scene, dropped):
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    dropped("one.wav")
    dropped("two.wav")
    channels = {s.name: s.channel for s in addon.compat.strips(scene.sequence_editor)}
    assert channels == {"one": 1, "two": 2}


def test_what_is_neither_clip_nor_sound_is_refused_in_words(scene, dropped):
    with pytest.raises(RuntimeError, match="neither a clip nor a sound"):
        dropped("notes.txt")
    assert scene.talker.footage == ""


@pytest.mark.parametrize(
    ("editor", "region", "tab", "takes"),
    [
        ("VIEW_3D", "UI", "Talker", True),
        ("SEQUENCE_EDITOR", "UI", "Talker", True),
        ("SEQUENCE_EDITOR", "UI", "Strip", False),
        ("SEQUENCE_EDITOR", "WINDOW", "Talker", False),
        ("IMAGE_EDITOR", "UI", "Talker", False),
    ],
)
def test_files_are_taken_over_the_talker_tab_alone(addon, bpy, editor, region, tab, takes):
    region = types.SimpleNamespace(type=region, active_panel_category=tab)
    context = types.SimpleNamespace(area=types.SimpleNamespace(type=editor), region=region)
    assert addon.ui.dropping.TALKER_FH_files.poll_drop(context) is takes
    assert not addon.ui.dropping.TALKER_FH_files.poll_drop(types.SimpleNamespace(area=None, region=None))


def test_the_shortcuts_are_there_once_and_go_with_the_add_on(addon, bpy):
    keymaps = bpy.context.window_manager.keyconfigs.addon.keymaps

    def there():
        items = [item.idname for name in KEYMAPS if name in keymaps for item in keymaps[name].keymap_items]
        return sorted(name for name in items if name.startswith("talker."))

    both = ["talker.bring_back", "talker.bring_back", "talker.render_and_bring_back", "talker.render_and_bring_back"]
    assert there() == both
    addon.ui.keymap.unregister()
    assert there() == []
    addon.ui.keymap.register()
    assert there() == both


def test_every_setting_and_operator_has_a_page_that_came_with_the_add_on(addon, bpy):
    folder, patterns = addon.ui.manual.pages()
    there = addon.backend_place.MANUAL.parent
    assert folder == f"{there.as_uri()}/"
    for name in ("bpy.types.talkersettings.preset", "bpy.types.talkersettings.head_life", "bpy.ops.talker.run_all"):
        page = next(page for pattern, page in patterns if fnmatch.fnmatchcase(name, pattern))
        assert page in {"blender.md", "life.md", "tutorial.md"}
    for _, page in patterns:
        assert (there / page).is_file(), page
    assert addon.ui.manual.pages in bpy.utils._manual_map


def test_render_and_bring_back_is_one_step(addon, bpy, connection, scene, make_take, tmp_path, monkeypatch):
    take = make_take("shortcut")
    settings = scene.talker
    with wave.open(str(tmp_path / "line.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    settings.subject, settings.output = str(tmp_path / "subject"), str(tmp_path / "lines")
    settings.line_source, settings.line_file, settings.line_frame = "FILE", str(tmp_path / "line.wav"), 21
    real = addon.client.handles.JobHandle.result
    monkeypatch.setattr(addon.client.handles.JobHandle, "result", lambda job: real(job) | {"out": str(take)})
    assert bpy.ops.talker.render_and_bring_back() == {"FINISHED"}
    assert addon.bridge.curves.find_controller(take) is not None


def test_a_drawn_presenter_brings_footage_and_a_line_into_an_empty_file(
    addon, bpy, connection, scene, draw, disabled, tmp_path
):
    assert "talker.draw_presenter" in disabled()[1]  # it lies beside a file that has no place yet
    with pytest.raises(RuntimeError, match="is not saved. Save the file first."):
        bpy.ops.talker.draw_presenter()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "try.blend"))
    assert bpy.ops.talker.draw_presenter() == {"FINISHED"}
    settings = bpy.context.scene.talker
    assert settings.footage == "//talker/presenter/presenter.mp4" and settings.preset == "draft"
    assert "nobody is shown" in settings.consent
    if addon.compat.has_sound():
        assert (settings.line_source, settings.line_strip) == ("STRIP", "line")
    assert "[talker.draw_presenter]" not in draw()


def test_how_a_line_is_spoken_can_be_kept_as_a_preset(addon, bpy, scene):
    settings = scene.talker
    settings.pose_mode, settings.strength, settings.head_life = "STILL", 0.5, 0.25
    assert bpy.ops.talker.line_preset_add(name="calm") == {"FINISHED"}
    settings.pose_mode, settings.strength, settings.head_life = "LIFE", 1.0, 1.0
    kept = bpy.utils.preset_find("calm", addon.ui.presets.SUBFOLDER)
    assert bpy.ops.script.execute_preset(filepath=kept, menu_idname="TALKER_PT_line_presets") == {"FINISHED"}
    assert (settings.pose_mode, settings.strength, settings.head_life) == ("STILL", 0.5, 0.25)
    assert bpy.ops.talker.line_preset_add(name="calm", remove_name=True) == {"FINISHED"}
    assert not Path(kept).exists()
