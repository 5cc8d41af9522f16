"""Exported movies and pictures, and delivered frames, as Blender opens them: the same picture, length and rate."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction

import numpy as np
import pytest

from tests.bpy.conftest import ROOT

MOST = 1 / 255
MOVIE_MOST = 4 / 255
"""ProRes loses a little, and Blender reads movies with 8 bits."""
FIRST, FRAMES = 3, 6


@pytest.fixture(scope="module")
def exported(backend_python, tmp_path_factory):
    """A folder with a take, what it is exported to, and the pictures that it shows."""
    folder = tmp_path_factory.mktemp("exported")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [backend_python, "-m", "tests.support.disc_take", str(folder), "01:00:00:00"]
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return folder


def pixels(image) -> np.ndarray:
    """(H, W, 4) as Blender keeps them, from the top."""
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(height, width, 4)[::-1]


def apart(seen: np.ndarray, asked: np.ndarray) -> float:
    """The largest difference where there is anything to be seen."""
    visible = asked[..., 3] > 0.1
    return float(max(np.abs(seen - asked)[visible].max(), np.abs(seen - asked)[..., 3].max()))


def displayed(linear: np.ndarray) -> np.ndarray:
    """Display values of linear light, by sRGB's curve."""
    light = np.clip(linear, 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_a_picture_is_the_takes(bpy, scene, exported):
    wanted = np.load(exported / "pictures.npy")
    for index in range(FRAMES):
        image = bpy.data.images.load(str(exported / f"head.{FIRST + index:06d}.png"))
        assert image.colorspace_settings.name == "sRGB" and image.alpha_mode == "STRAIGHT"
        assert apart(pixels(image), wanted[index]) < MOST


def test_a_frame_is_the_takes(bpy, scene, exported):
    wanted = np.load(exported / "pictures.npy")[0]
    viewed = scene.view_settings
    viewed.view_transform = "Standard"
    target = exported / "seen.png"
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    scene.sequence_editor_create()
    strips = getattr(scene.sequence_editor, "strips", None) or scene.sequence_editor.sequences
    strip = strips.new_image("frame", str(exported / "take" / f"head.{FIRST:06d}.exr"), 1, 1, fit_method="ORIGINAL")
    strip.blend_type, strip.blend_alpha = "ALPHA_OVER", 0.99999
    scene.render.resolution_x = scene.render.resolution_y = wanted.shape[0]
    scene.render.film_transparent, scene.render.dither_intensity, scene.frame_end = True, 0.0, 1
    scene.render.filepath = str(target)
    bpy.ops.render.render(write_still=True)
    assert apart(pixels(bpy.data.images.load(str(target))), wanted) < MOST


def test_a_movie_has_the_takes_length_rate_and_pictures(bpy, scene, exported):
    clip = bpy.data.movieclips.load(str(exported / "head.mov"))
    assert clip.frame_duration == FRAMES
    assert Fraction(clip.fps).limit_denominator(1001) == Fraction(30000, 1001)
    image = bpy.data.images.load(str(exported / "head.mov"))
    assert image.frame_duration == FRAMES and tuple(image.size) == (48, 48)
    wanted = np.load(exported / "pictures.npy")[0]
    seen = pixels(image)
    if image.is_float:  # Blenders from 4.5 on read movies of more than 8 bits so, in linear light
        seen = np.concatenate([displayed(seen[..., :3]), seen[..., 3:]], axis=2)
    opaque = wanted[..., 3] > 0.99  # at soft edges they take straight colour for premultiplied
    assert np.abs(seen - wanted)[opaque].max() < MOVIE_MOST
    assert np.abs(seen - wanted)[..., 3].max() < MOVIE_MOST
