"""The worked example: a .blend with three lines ends in a composited movie."""

import runpy
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.bpy.picture import render

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "lines_to_movie.py"
FRAMES, FIRST, LAST = 6, 1, 30
STARTS = {"anna": 3, "ben": 12, "anna again": 21}


@pytest.fixture
def verbs():
    return "tests.bpy.drawing_verbs"


@pytest.fixture
def film(addon, bpy, scene, tmp_path):
    """A saved file with three lines on its timeline, and the head trained that says them."""
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")
    scene.render.fps, scene.render.engine = 25, "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = 80, 48
    scene.frame_start, scene.frame_end = FIRST, LAST
    strips = addon.compat.strips(scene.sequence_editor_create())
    for number, (name, frame) in enumerate(STARTS.items()):
        path = tmp_path / f"{number}.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 16000, 0, "NONE", ""))
            sound.writeframes(bytes(2 * 16000 * FRAMES // 25))
        strips.new_sound(name, str(path), 1, frame)
    (tmp_path / "subject" / "models" / "m2dao").mkdir(parents=True)
    (tmp_path / "subject" / "models" / "m2dao" / "config.json").write_text("{}")
    addon.bridge.colour.make_exact(scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    return tmp_path


def test_three_lines_become_a_composited_movie_and_nothing_is_drawn_twice(
    addon, bpy, connection, film, monkeypatch, capfd
):
    movie = film / "shot.mp4"
    command = ["blender", "--", "--subject", str(film / "subject"), "--out", str(movie)]
    monkeypatch.setattr(sys, "argv", command)
    submitted, real = [], connection.submit

    def submit(verb, values):
        submitted.append(verb)
        return real(verb, values)

    monkeypatch.setattr(connection, "submit", submit)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert submitted == ["render"] * 3
    scene = bpy.context.scene
    image = bpy.data.images.load(str(movie))
    image.source = "MOVIE"
    assert image.frame_duration == LAST - FIRST + 1 and tuple(image.size) == (80, 48)
    head = (20, 50)  # within the head's square (test_compositor.py)
    for name, start in STARTS.items():
        scene.frame_set(start)
        picture = render(scene, film / f"{name}.png", sequencer=False)
        np.testing.assert_allclose(picture[head][:3], (0.949, 0.051, 0.5), atol=0.01)
        scene.frame_set(start - 1)
        empty = render(scene, film / f"{name} before.png", sequencer=False)
        assert abs(float(empty[head][0]) - 0.949) > 0.1
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert submitted == ["render"] * 3
