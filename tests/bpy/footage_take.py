"""Writes a take whose head is the footage itself, with the footage. Runs in the backend's environment.

The footage is tagged as told. It goes the project's own way: decoded, stored as clean plate, and delivered as EXR
frames, whose head covers the left half of the crop. The picture is rows of one colour each, so footage, head and plate
lie side by side and must look the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from backend.deliver.store import frame_store
from backend.media.colour import chosen_transfer, srgb_to_linear, to_bytes, to_unit
from backend.media.colour_tags import footage_colour
from backend.media.decode import probe, read_frames
from backend.media.png import write_png
from backend.portrait.portrait import PortraitFrame
from shared import layout
from tests.bpy import synthetic_take
from tests.support.colour_twins import KINDS, write_twin

COLOURS = (
    *((6, 5, 8), (40, 32, 28), (90, 70, 60), (128, 128, 128), (224, 172, 144), (250, 248, 240)),
    *((200, 30, 30), (20, 160, 60), (30, 50, 210), (235, 210, 40)),
)
"""Dark, mid, skin, bright and saturated."""
ROW_PX, CROP_X, FRAMES = 8, 48, 3
SIZE = ROW_PX * len(COLOURS)
WIDTH = SIZE + 2 * CROP_X
CLIPS = {
    "bt709": ("libx264", 1, Colorspace.ITU709, ColorRange.MPEG),
    "untagged": ("libx264", 2, Colorspace.ITU601, ColorRange.MPEG),
    "bt601": ("libx264", 6, Colorspace.ITU601, ColorRange.MPEG),
    "full range": ("libx264", 1, Colorspace.ITU709, ColorRange.JPEG),
    "sRGB PNG": ("png", 13, None, ColorRange.JPEG),
}
"""Name to codec, H.273 code of primaries, transfer and matrix, and the matrix and range that are used."""


def write_clip(path: Path, kind: str) -> None:
    """A clip of a still picture, coded without loss, with its tags."""
    codec, code, matrix, used_range = CLIPS[kind]
    rows = np.repeat(np.array(COLOURS, np.uint8), ROW_PX, axis=0)
    picture = av.VideoFrame.from_ndarray(np.repeat(rows[:, None], WIDTH, axis=1), format="rgb24")
    if matrix is not None:
        picture = picture.reformat(
            format="yuv420p", dst_colorspace=matrix, src_color_range=ColorRange.JPEG, dst_color_range=used_range
        )
    with av.open(str(path), "w") as container:
        options = {"qp": "0"} if codec == "libx264" else {}
        stream = cast(av.VideoStream, container.add_stream(codec, rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, SIZE, picture.format.name
        coder = stream.codec_context
        coder.color_primaries = coder.color_trc = code
        coder.colorspace = code if matrix is not None else 0
        coder.color_range = used_range if kind != "untagged" else 0
        picture.color_primaries, picture.color_trc = code, code
        picture.colorspace, picture.color_range = coder.colorspace, coder.color_range
        for number in range(FRAMES):
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def write_deep_clip(path: Path, kind: str) -> None:
    """A clip of the same picture as one of the kinds of tests.support.colour_twins."""
    light = srgb_to_linear(np.repeat(np.array(COLOURS) / 255, ROW_PX, axis=0))
    write_twin(path, KINDS[kind], [np.repeat(light[:, None], WIDTH, axis=1)] * FRAMES)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=[*CLIPS, *KINDS])
    parser.add_argument("--input-colour", default="auto")
    options = parser.parse_args()
    folder = options.folder
    crop = ("--crop", CROP_X, 0, SIZE, SIZE, "--size", SIZE, "--footage", WIDTH, SIZE)
    sys.argv = ["synthetic_take", str(folder), *map(str, crop), "--frames", str(FRAMES)]
    synthetic_take.main()
    if options.kind in CLIPS:
        clip = folder.parent / ("clip.mov" if options.kind == "sRGB PNG" else "clip.mp4")
        write_clip(clip, options.kind)
        tagged = CLIPS[options.kind][1]
    else:
        clip = folder.parent / f"clip{KINDS[options.kind].suffix}"
        write_deep_clip(clip, options.kind)
        tagged = KINDS[options.kind].truth[1]
    info = probe(clip)
    assert info.tags.transfer == tagged, f"the clip says transfer {info.tags.transfer}"
    info = replace(info, colour=footage_colour(info.tags, options.input_colour)[0])
    _, decoded = next(read_frames(clip, info))
    stored = np.ascontiguousarray(decoded[:, CROP_X : CROP_X + SIZE])
    plate = folder.parent / "subject" / layout.BACKGROUND_FILE
    write_png(plate, stored)
    transfer = chosen_transfer(options.input_colour)
    alpha = np.zeros((SIZE, SIZE), np.float32)
    alpha[:, : SIZE // 2] = 1.0
    frame: PortraitFrame[np.ndarray] = PortraitFrame(
        rgb=to_unit(stored) * alpha[..., None],
        alpha=alpha,
        depth=np.full((SIZE, SIZE), 50, np.float32),
        mattes=np.repeat(alpha[..., None] / 4, 4, axis=2),
    )
    store = frame_store(folder, "exr", transfer, {"m2dao_talker.transfer": transfer}, to_bytes(stored))
    for number in range(1, FRAMES + 1):
        store.write(number, frame, "key")
    frames = {"first": 1, "colour": transfer, "footage_colour": info.colour.space}
    (folder / layout.MANIFEST_FILE).write_text(json.dumps({"frames": frames}))
    levels = (to_unit(stored[:, 0]) * 255).tolist()
    known = {"stored": levels, "source": np.repeat(COLOURS, ROW_PX, axis=0).tolist(), "clip": str(clip)}
    (folder / "known.json").write_text(json.dumps(known))


if __name__ == "__main__":
    main()
