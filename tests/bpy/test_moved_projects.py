"""A project that is moved, copied or saved elsewhere finds its takes and its folders again."""

import shutil

import pytest

from tests.bpy.test_bring_back import counts

START = 11


@pytest.fixture
def project(addon, bpy, scene, make_take, tmp_path):
    """A saved project with a take of its own beside it."""
    folder = tmp_path / "project"
    shutil.copytree(make_take("line", "--id", "scene/Scene/strip/line"), folder / "lines" / "line")
    (folder / "subject").mkdir()
    addon.headless.save(folder / "shot.blend")
    bpy.context.scene.talker.take = "//lines/line"
    bpy.context.scene.talker.take_frame = START
    addon.headless.bring_back_take()
    addon.headless.save()
    return folder


def names(addon, scene):
    return sorted(strip.name for strip in addon.compat.all_strips(scene.sequence_editor))


def opened(bpy, path):
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return bpy.context.scene


def outside_of(addon, bpy, folder):
    """Paths of strips and images that do not lie in a folder."""
    scene = bpy.context.scene
    paths = [image.filepath for image in bpy.data.images if image.filepath]
    for strip in addon.compat.all_strips(scene.sequence_editor):
        paths.append(getattr(strip, "directory", "") or getattr(strip, "filepath", ""))
        paths.append(strip.sound.filepath if strip.type == "SOUND" else "")
    absolute = [addon.bridge.paths.absolute(path) for path in paths if path]
    return [path for path in absolute if not path.startswith(str(folder.resolve()))]


def test_strips_and_images_are_kept_relative_to_the_file(addon, bpy, project):
    images = [image for image in bpy.data.images if image.filepath]
    assert images and all(image.filepath.startswith("//") for image in images)
    for strip in addon.compat.all_strips(bpy.context.scene.sequence_editor):
        path = strip.sound.filepath if strip.type == "SOUND" else getattr(strip, "directory", "") or strip.filepath
        assert path.startswith("//"), strip.name


def brought_back_elsewhere(addon, bpy, project, elsewhere, is_copy):
    """Copy or move a project, bring its take back there, and see that it has all of its own and nothing doubles."""
    before = counts(bpy), names(addon, bpy.context.scene)
    (shutil.copytree if is_copy else shutil.move)(project, elsewhere)
    scene = opened(bpy, elsewhere / "shot.blend")
    addon.headless.bring_back_take(scene)
    assert (counts(bpy), names(addon, scene)) == before
    assert outside_of(addon, bpy, elsewhere / "lines") == []


@pytest.mark.parametrize("is_copy", [True, False], ids=["copied", "moved"])
def test_a_project_elsewhere_has_all_of_its_own_and_nothing_doubles(addon, bpy, project, tmp_path, is_copy):
    elsewhere = tmp_path / "elsewhere" / "project"
    brought_back_elsewhere(addon, bpy, project, elsewhere, is_copy)
    assert addon.bridge.curves.find_controller(elsewhere / "lines" / "line") is not None


@pytest.mark.parametrize("is_copy", [True, False], ids=["copied", "moved"])
def test_a_project_of_absolute_paths_finds_its_own_by_the_takes_id(addon, bpy, project, tmp_path, is_copy):
    preferences = bpy.context.preferences.filepaths
    preferences.use_relative_paths = False
    try:
        addon.headless.bring_back_take(bpy.context.scene)
        assert all(not image.filepath.startswith("//") for image in bpy.data.images)
        addon.headless.save()
        brought_back_elsewhere(addon, bpy, project, tmp_path / "elsewhere" / "project", is_copy)
    finally:
        preferences.use_relative_paths = True


def test_two_takes_of_one_line_beside_each_other_stay_two(addon, bpy, project, make_take):
    other = project / "other" / "line"
    shutil.copytree(project / "lines" / "line", other)
    before = counts(bpy)["objects"]
    addon.headless.bring_back(other, START + 30, scene=bpy.context.scene, match_scene=False)
    assert counts(bpy)["objects"] == 2 * before


def test_a_variant_of_a_line_does_not_take_over_what_is_there_of_another_one_whose_folder_is_away(addon, bpy, project):
    first, variant = project / "lines" / "line", project / "lines" / "line_soft"
    shutil.copytree(first, variant)
    shutil.move(first, project / "disk_that_is_away")
    controller = addon.bridge.curves.find_controller(first)
    before = counts(bpy)["objects"]
    addon.headless.bring_back(variant, START + 30, scene=bpy.context.scene, match_scene=False)
    assert counts(bpy)["objects"] == 2 * before
    shutil.move(project / "disk_that_is_away", first)
    assert controller is not None and addon.bridge.curves.find_controller(first) == controller


def test_saved_elsewhere_the_settings_still_mean_the_same_folders(addon, bpy, project, tmp_path):
    settings = bpy.context.scene.talker
    settings.subject, settings.output = "//subject", "//lines/"
    (project / "clip.mp4").write_bytes(b"")
    settings.footage = "//clip.mp4"
    addon.headless.save(tmp_path / "versions" / "v2" / "shot_v2.blend")

    def held():
        settings = bpy.context.scene.talker
        return [addon.bridge.paths.absolute(getattr(settings, n)) for n in ("subject", "take", "footage", "output")]

    wanted = [str((project / name).resolve()) for name in ("subject", "lines/line", "clip.mp4", "lines")]
    assert held() == wanted
    opened(bpy, tmp_path / "versions" / "v2" / "shot_v2.blend")
    assert held() == wanted


def test_saved_elsewhere_folders_that_are_yet_to_come_lie_beside_the_new_file(addon, bpy, project, tmp_path):
    bpy.context.scene.talker.subject = "//yet/to/come"
    addon.headless.save(tmp_path / "new" / "shot.blend")
    assert bpy.context.scene.talker.subject == "//yet/to/come"


def test_a_copy_that_is_saved_elsewhere_leaves_the_open_file_as_it_is(addon, bpy, project, tmp_path):
    (tmp_path / "backup").mkdir()
    bpy.context.scene.talker.subject = "//subject"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "backup" / "copy.blend"), copy=True)
    assert bpy.context.scene.talker.subject == "//subject"
    scene = opened(bpy, tmp_path / "backup" / "copy.blend")
    assert addon.bridge.paths.absolute(scene.talker.subject) == str((project / "subject").resolve())
