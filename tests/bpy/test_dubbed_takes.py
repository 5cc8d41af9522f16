"""A take that dubs the footage, brought back: each frame over its own of the footage, and nothing else touched."""

import importlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.bpy.picture import render

ROOT = Path(__file__).resolve().parents[2]
START, SIDE = 11, 64
DUB = "1:3=5,5:8=21@1/2,10:12=40"
"""Of 12 frames; the fourth and the ninth lie over no footage."""
SHOWN = [5, 6, 7, None, 21, 21, 22, 22, None, 40, 41, 42]
HEAD = slice(24, 36), slice(24, 40)
"""Rows and columns of the head's opaque square: a crop of 32 px at (16, 16), its soft rows left out."""


@pytest.fixture(scope="module")
def movie(backend_python, tmp_path_factory):
    path = tmp_path_factory.mktemp("movies") / "footage.mp4"
    script = Path(__file__).with_name("numbered_movie.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([backend_python, script, path, "60", "25"], check=True, env=environment)
    return path


@pytest.fixture(scope="module")
def take(make_take):
    folder = make_take("dub", "--footage", str(SIDE), str(SIDE), "--crop", "16", "16", "32", "32")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["settings"] = {"dub": DUB, "dub_part": "lower"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def number_in(picture):
    """The number that the bars above the head show; None where nothing is."""
    row = picture[2, [bar * 8 + 4 for bar in range(8)], 0] * picture[2, [bar * 8 + 4 for bar in range(8)], 3]
    return sum(1 << bit for bit, value in enumerate(row) if value > 0.5) or None


def test_every_frame_lies_over_its_own_frame_of_the_footage(addon, scene, take, movie, tmp_path):
    addon.headless.bring_back(take, START, exact_colours=True, footage=movie)
    shown, heads = [], []
    for frame in range(START - 1, START + 13):
        scene.frame_set(frame)
        picture = render(scene, tmp_path / "a.png", sequencer=False)
        shown.append(number_in(picture))
        heads.append(bool(picture[HEAD][..., 0].mean() > 0.8 and picture[HEAD][..., 2].mean() < 0.6))
    assert shown == [None, *SHOWN, None]
    assert heads == [number is not None for number in shown], "a head where no footage is, or none where some is"


def test_outside_of_the_matte_the_footage_is_untouched_to_the_bit(addon, scene, take, movie, tmp_path):
    addon.headless.bring_back(take, START, exact_colours=True, footage=movie)
    nodes = addon.compat.compositor_tree(scene).nodes
    group = next(node for node in nodes if node.bl_idname == "CompositorNodeGroup").node_tree
    scene.frame_set(START + 1)
    dubbed = render(scene, tmp_path / "dubbed.png", sequencer=False)
    head, nothing = (next(node for node in group.nodes if node.label == label) for label in ("Head", "Canvas"))
    for link in list(head.outputs["Combined"].links):
        group.links.new(nothing.outputs["Image"], link.to_socket)
    plain = render(scene, tmp_path / "plain.png", sequencer=False)
    outside = np.ones((SIDE, SIDE), bool)
    outside[24:40, 24:40] = False
    assert (dubbed[outside] == plain[outside]).all() and (dubbed[HEAD] != plain[HEAD]).any()


def test_on_the_timeline_the_dub_lies_over_the_footages_own_strip(addon, scene, take, movie, tmp_path):
    strips = addon.compat.strips(scene.sequence_editor_create())
    scene.render.fps, scene.render.fps_base = 25, 1.0
    strips.new_movie("footage", str(movie), 4, START)
    done = addon.headless.bring_back(take, START, exact_colours=True, footage=movie)
    pictures = next(strip for strip in strips if strip.name in done.strips and strip.type in ("IMAGE", "MOVIE"))
    assert pictures.channel > 4
    assert not any("plate" in name for name in done.strips)
    if pictures.type == "MOVIE":  # a sequencer that reads no multilayer EXR shows the preview, opaque
        assert any("multilayer" in warning for warning in done.warnings)
        return
    scene.frame_set(START)
    with_dub = render(scene, tmp_path / "dub.png", sequencer=True)
    pictures.mute = True
    plain = render(scene, tmp_path / "plain.png", sequencer=True)
    outside = np.ones((SIDE, SIDE), bool)
    outside[23:41, 23:41] = False
    assert (with_dub[outside] == plain[outside]).all() and (with_dub[HEAD] != plain[HEAD]).any()


def test_a_dub_without_its_footage_says_what_is_missing(addon, scene, take):
    done = addon.headless.bring_back(take, START)
    assert any("choose the footage" in warning for warning in done.warnings)


def test_a_render_is_asked_for_the_dub_of_the_scene(addon, scene, movie, modules, tmp_path):
    strips = addon.compat.strips(scene.sequence_editor_create())
    scene.render.fps, scene.render.fps_base = 25, 1.0
    strips.new_movie("footage", str(movie), 1, 5)
    sound = tmp_path / "line.wav"
    _silence(sound)
    settings = scene.talker
    settings.footage, settings.subject, settings.output = str(movie), str(tmp_path / "s"), str(tmp_path / "out")
    settings.line_source, settings.line_file, settings.line_frame = "FILE", str(sound), 10
    assert "dub" not in modules.steps.read_render(scene).arguments
    settings.dub = "HEAD"
    arguments = modules.steps.read_render(scene).arguments
    assert (arguments["dub"], arguments["dub_part"]) == ("1:25=6", "head")
    command, options = (importlib.import_module(f"{addon.__name__}.scripting.{n}") for n in ("command", "options"))
    parsed = command.build_parser().parse_args(["render", "--dub", "LOWER", "--footage", "clip.mp4"])
    options.apply(settings, "render", options.given("render", parsed))
    assert settings.dub == "LOWER"


def _silence(path):
    import wave

    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(bytes(2 * 16000))
