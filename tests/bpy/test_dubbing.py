"""Which frame of the footage lies under which frame of a line: compared with what Blender renders of the timeline."""

import importlib
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FRAMES, START = 60, 10


@pytest.fixture(scope="session")
def movie(backend_python, tmp_path_factory):
    """A function that makes a numbered movie of 60 frames at a rate."""
    made = {}

    def make(fps="25", name="footage"):
        if (fps, name) not in made:
            path = tmp_path_factory.mktemp("movies") / f"{name}.mp4"
            script = Path(__file__).with_name("numbered_movie.py")
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run([backend_python, script, path, str(FRAMES), fps], check=True, env=environment)
            made[fps, name] = path
        return made[fps, name]

    return make


@pytest.fixture
def timeline(addon, scene):
    """The scene's timeline at 25 frames a second, as small as the movies."""
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.render.resolution_percentage = 100
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    return addon.compat.strips(scene.sequence_editor_create())


@pytest.fixture
def rendered(bpy, scene, tmp_path):
    """A function: the numbers that rendered frames show, None where they show nothing."""

    def numbers(first, count):
        found = []
        for frame in range(first, first + count):
            scene.frame_set(frame)
            scene.render.filepath = str(tmp_path / "shown.png")
            bpy.ops.render.render(write_still=True, scene=scene.name)
            image = bpy.data.images.load(scene.render.filepath)
            pixels = np.array(image.pixels[:]).reshape(64, 64, -1)
            bpy.data.images.remove(image)
            found.append(sum(1 << bit for bit in range(8) if pixels[32, bit * 8 + 4, 0] > 0.5) or None)
        return found

    return numbers


@pytest.fixture
def retime(bpy, scene, in_sequencer):
    """A function that gives a strip a speed, in percent, as an artist does."""

    def set_speed(strip, percent):
        for other in scene.sequence_editor.strips_all if hasattr(scene.sequence_editor, "strips_all") else ():
            other.select = False
        strip.select, scene.sequence_editor.active_strip = True, strip
        with in_sequencer():
            bpy.ops.sequencer.retiming_segment_speed_set(speed=percent)

    return set_speed


@pytest.fixture
def computed(addon, scene):
    """A function: the footage's frames as the add-on computes them."""
    module = importlib.import_module(f"{addon.__name__}.bridge.footage_strips")

    def frames(footage, first, count):
        return module.shown(scene, footage, first, count)[0]

    return frames


def put(timeline, path, frame=START, channel=1, name="footage"):
    return timeline.new_movie(name, str(path), channel, frame)


def test_a_plain_strip_shows_its_frames_one_by_one(timeline, movie, rendered, computed):
    put(timeline, movie())
    expected = [None, None, 1, 2, 3, 4]
    assert rendered(START - 2, 6) == expected == computed(movie(), START - 2, 6)


def test_trimmed_slipped_and_moved_strips_show_what_is_rendered(addon, timeline, movie, rendered, computed):
    strip = put(timeline, movie())
    _trim(strip, 5)
    assert rendered(START + 3, 5) == [None, None, 6, 7, 8] == computed(movie(), START + 3, 5)
    addon.compat.set_strip_content_start(strip, START - 3)  # slipped, or moved
    assert computed(movie(), START, 8) == rendered(START, 8) == [None, None, 6, 7, 8, 9, 10, 11]


def _trim(strip, frames):
    name = "left_handle_offset" if hasattr(strip, "left_handle_offset") else "frame_offset_start"
    setattr(strip, name, frames)


@pytest.mark.parametrize("percent", [200.0, 50.0, 75.0, 130.0, 40.0, 90.0])
def test_a_retimed_strip_shows_what_is_rendered(addon, timeline, movie, rendered, retime, computed, percent):
    strip = put(timeline, movie())
    retime(strip, percent)
    count = min(round(FRAMES * 100 / percent), 48)
    shown = rendered(START, count)
    assert computed(movie(), START, count) == shown
    assert shown[0] == 1 and abs(shown[count - 1] - (count - 1) * percent / 100) < 3


def test_a_retimed_strip_that_is_trimmed_shows_what_is_rendered(timeline, movie, rendered, retime, computed):
    strip = put(timeline, movie())
    retime(strip, 50.0)
    _trim(strip, 7)
    assert computed(movie(), START, 30) == rendered(START, 30)


def test_a_strip_played_backwards_or_in_steps_shows_what_is_rendered(timeline, movie, rendered, computed):
    strip = put(timeline, movie())
    strip.use_reverse_frames = True
    assert computed(movie(), START, 6) == rendered(START, 6) == [60, 59, 58, 57, 56, 55]
    strip.use_reverse_frames, strip.strobe = False, 3
    assert computed(movie(), START, 8) == rendered(START, 8) == [1, 1, 1, 4, 4, 4, 7, 7]


def test_what_lies_over_the_footage_hides_it_unless_one_sees_through(addon, timeline, movie, computed):
    footage, other = movie(), movie(name="other")
    put(timeline, footage)
    over = put(timeline, other, START + 2, 3, "other")
    addon.compat.set_strip_length(over, 2)
    assert computed(footage, START, 6) == [1, 2, None, None, 5, 6]
    over.mute = True
    assert computed(footage, START, 6) == [1, 2, 3, 4, 5, 6]


def test_two_strips_of_the_footage_give_two_ranges(addon, scene, timeline, movie):
    dubbing = importlib.import_module(f"{addon.__name__}.bridge.dubbing")
    audio = importlib.import_module(f"{addon.__name__}.bridge.audio")
    scene.talker.footage = str(movie())
    line = audio.Line(scene.name, "line", START, 40, "RANGE")
    with pytest.raises(addon.bridge.strips.InputError, match="No strip of the footage footage.mp4 is seen"):
        dubbing.under(scene, line)
    addon.compat.set_strip_length(put(timeline, movie(), START + 5), 10)
    second = put(timeline, movie(), START, 1, "again")
    _trim(second, 20)
    assert dubbing.under(scene, line) == "6:15=1,21:40=21"


def test_a_retimed_strip_is_told_as_one_range_with_its_speed(addon, scene, timeline, movie, retime):
    dubbing = importlib.import_module(f"{addon.__name__}.bridge.dubbing")
    audio = importlib.import_module(f"{addon.__name__}.bridge.audio")
    scene.talker.footage = str(movie())
    retime(put(timeline, movie()), 200.0)
    told = dubbing.under(scene, audio.Line(scene.name, "line", START, 25, "RANGE"))
    assert told.count("=") <= 2, told
    shared = importlib.import_module(f"{addon.__name__}.shared.dubbing")
    ranges = shared.parse_dub(told)
    assert {abs(part.speed - 2) < Fraction(1, 20) for part in ranges} == {True}
    assert shared.footage_frames(ranges, 25, 1, FRAMES)[:4] == [1, 3, 5, 7]


def test_a_speed_that_changes_is_refused_in_words(addon, bpy, scene, timeline, movie, retime, in_sequencer, computed):
    strip = put(timeline, movie())
    retime(strip, 200.0)
    scene.frame_set(START + 10)
    with in_sequencer():
        bpy.ops.sequencer.retiming_key_add(timeline_frame=START + 10)
    if len(strip.retiming_keys) < 3:
        pytest.skip("this Blender adds no key without a window")
    with pytest.raises(addon.bridge.strips.InputError, match="changes its speed"):
        computed(movie(), START, 5)


def test_a_line_that_dubs_changes_with_the_footages_strip(addon, scene, timeline, movie, monkeypatch):
    dubbing = importlib.import_module(f"{addon.__name__}.bridge.dubbing")
    scene.talker.footage = str(movie())
    strip = put(timeline, movie())
    assert dubbing.told(scene, START) == {}
    scene.talker.dub = "LOWER"
    before = dubbing.told(scene, START)
    addon.compat.set_strip_content_start(strip, START + 1)
    slipped = dubbing.told(scene, START)
    assert before != slipped != dubbing.told(scene, START + 1)
    addon.compat.set_strip_content_start(strip, START)
    assert dubbing.told(scene, START) == before
