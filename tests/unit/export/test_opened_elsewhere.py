"""Delivered frames as other programs open them: the picture, the rate and the time code where they look for them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from backend.export.export import export
from backend.export.finished import FinishedTake
from backend.export.options import ExportOptions
from backend.media import colour
from shared import layout
from shared.jobs import Reporter
from shared.timing import parse_timecode, timecode_text
from tests.support.disc_take import FIRST, FPS, LAST, make_take

START = "01:00:00:10"
MOST = 1 / 255
"""So far a program's picture may be from ours, in display values."""


@pytest.fixture
def take(tmp_path):
    return make_take(tmp_path / "take", START)


def display(linear: np.ndarray) -> np.ndarray:
    """Straight display values and alpha (H, W, 4) of scene-linear premultiplied ones."""
    straight = colour.transfer("srgb")[1](colour.unpremultiply(linear[..., :3], linear[..., 3]))
    return np.concatenate([straight, linear[..., 3:]], axis=2)


def apart(seen: np.ndarray, asked: np.ndarray) -> float:
    """The largest difference where there is anything to be seen."""
    visible = asked[..., 3] > 0.1
    return float(max(np.abs(seen - asked)[visible].max(), np.abs(seen - asked)[..., 3].max()))


def test_ffmpeg_finds_picture_rate_and_count(take):
    finished = FinishedTake.open(take)
    pattern = str(take / "head.%06d.exr")
    with av.open(pattern, options={"start_number": str(FIRST), "framerate": f"{FPS}"}) as container:
        assert container.streams.video[0].average_rate == FPS
        seen = [frame.to_ndarray(format="gbrapf32le") for frame in container.decode(video=0)]
    assert len(seen) == LAST - FIRST + 1
    for number, picture in zip(finished.numbers, seen, strict=True):
        assert apart(display(picture), finished.picture(number)) < MOST


def test_opencv_finds_the_picture(take, tmp_path):
    """In a process of its own: whether it reads EXR is decided when it is imported."""
    name = layout.EXR_NAME.format(frame=FIRST)
    if not re.search(r"OpenEXR:\s+(?!NO\b)\S", cv2.getBuildInformation()):
        pytest.skip("this OpenCV is built without OpenEXR, as the wheels of OpenCV 5 are")
    code = (
        "import sys, cv2, numpy as np; "
        "picture = cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED); "
        "np.save(sys.argv[2], cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA))"
    )
    command = [sys.executable, "-c", code, str(take / name), str(tmp_path / "seen.npy")]
    subprocess.run(command, check=True, env={**os.environ, "OPENCV_IO_ENABLE_OPENEXR": "1"})
    assert apart(display(np.load(tmp_path / "seen.npy")), FinishedTake.open(take).picture(FIRST)) < MOST


def test_openimageio_finds_picture_rate_time_code_and_colour_spaces(take, tmp_path):
    oiio = pytest.importorskip("OpenImageIO", reason="the library is needed by this test alone")
    finished = FinishedTake.open(take)
    export(take, tmp_path / "head.png", Reporter())
    export(take, tmp_path / "deep.png", Reporter(), ExportOptions(deep=True))
    start = parse_timecode(START, FPS)
    for number in finished.numbers:
        asked = finished.picture(number)
        buffer = oiio.ImageBuf(str(take / layout.EXR_NAME.format(frame=number)))
        spec = buffer.spec()
        assert tuple(spec.channelnames) == ("R", "G", "B", "A") and spec.alpha_channel == 3
        assert apart(display(buffer.get_pixels(oiio.FLOAT)), asked) < MOST
        told = {attribute.name: attribute.value for attribute in spec.extra_attribs}
        assert Fraction(*told["framesPerSecond"]) == FPS
        digits = f"{told['smpte:TimeCode'][0]:08x}"
        assert ":".join(digits[at : at + 2] for at in (0, 2, 4, 6)) == timecode_text(start + number - 1, FPS)
        assert buffer.nsubimages == 2 and spec.get_string_attribute("colorInteropID") == "lin_rec709_scene"
        rest = oiio.ImageBuf(str(take / layout.EXR_NAME.format(frame=number)), 1, 0).spec()
        assert rest.get_string_attribute("colorInteropID") == "data"
        for name in ("head", "deep"):
            as_stored = oiio.ImageSpec()
            as_stored.attribute("oiio:UnassociatedAlpha", 1)
            picture = oiio.ImageInput.open(str(tmp_path / f"{name}.{number:06d}.png"), as_stored)
            assert apart(picture.read_image(oiio.FLOAT), asked) < MOST
            assert "srgb" in picture.spec().get_string_attribute("oiio:ColorSpace").lower()
            picture.close()
