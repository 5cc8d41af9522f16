"""Writes a tiny render folder in the delivered form, whose every pixel is known. Runs in the backend's environment.

The head is a square of solid colour with a soft lower rim, in a crop of a bigger footage frame; the plate is a solid
colour. `expected` in known.json holds what a composite must show.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
import wave
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR

from backend.media.encode import MovieWriter
from shared import layout
from shared.camera import camera_to_world
from shared.timing import samples_for_frames

HEAD_DISPLAY = (0.949, 0.051, 0.5)
"""Colour of the head as the footage shows it: bright, dark and middle, hence saturated."""
PLATE_DISPLAY = (51, 204, 102)
DEPTH_M = 0.7
SOFT_ALPHA = 0.5
SAMPLE_RATE = 16000


def linear(display: np.ndarray) -> np.ndarray:
    """Scene-linear value of a display value, by sRGB's curve."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def write_exr(path: Path, frame: int, size: int) -> None:
    """Square from a quarter to three quarters; its last row of quarter size is half transparent; the green is darker
    on odd frames, so that frames can be told apart."""
    quarter = size // 4
    alpha = np.zeros((size, size), np.float32)
    alpha[quarter : 3 * quarter, quarter : 3 * quarter] = 1.0
    alpha[3 * quarter - quarter // 2 : 3 * quarter, quarter : 3 * quarter] = SOFT_ALPHA
    red, green, blue = linear(np.array(HEAD_DISPLAY))
    colour = {"R": red, "G": green * (1.0 if frame % 2 else 4.0), "B": blue}
    channels = {f"head.Combined.{c}": (alpha * value).astype(np.float16) for c, value in colour.items()}
    channels["head.Combined.A"] = alpha.astype(np.float16)
    channels["head.Depth.Z"] = np.where(alpha > 0, DEPTH_M, layout.DEPTH_EMPTY).astype(np.float32)
    for share, name in zip((0.1, 0.4, 0.2, 0.3), layout.REGION_NAMES, strict=True):
        channels[f"head.{name.title()}.X"] = (alpha * share).astype(np.float16)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


def write_png(path: Path, width: int, height: int, rgb: tuple[int, int, int], square: tuple[int, ...] = ()) -> None:
    """A picture of one colour, with a white square (left, top, width, height) where one is asked for."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = [bytes(rgb) * width] * height
    if square:
        left, top, wide, high = square
        for row in range(top, top + high):
            lines[row] = lines[row][: 3 * left] + b"\xff" * (3 * wide) + lines[row][3 * (left + wide) :]
    rows = b"".join(b"\0" + line for line in lines)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def camera_from_head(frame: int) -> list[list[float]]:
    """A head 70 cm away that nods and turns a little."""
    yaw, pitch = 0.2 * math.sin(frame / 3), 0.1 * math.cos(frame / 4)
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    pose = np.eye(4)
    pose[:3, :3] = np.diag([1.0, -1.0, -1.0]) @ turn @ nod  # the head faces the camera: its Y is up, its Z towards us
    pose[:3, 3] = (2.0 * math.sin(frame / 5), -1.5, 70.0 + math.cos(frame / 2))
    return pose.tolist()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--fps", default="25")
    parser.add_argument("--footage", type=int, nargs=2, default=(80, 48))
    parser.add_argument("--crop", type=int, nargs=4, default=(36, 6, 32, 32))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--pictures", default="1:")
    parser.add_argument(
        "--plate", action="store_true", help="a clean plate of the whole frame, white where the head is"
    )
    parser.add_argument("--id", default="")
    options = parser.parse_args()
    folder, fps, count = options.folder, Fraction(options.fps), options.frames
    folder.mkdir(parents=True)
    first, last = options.pictures.split(":")
    for frame in range(int(first), int(last or count) + 1):
        write_exr(folder / layout.EXR_NAME.format(frame=frame), frame, options.size)
    x, y, width, height = options.crop
    scale = options.size / width
    focal = 1.6 * options.footage[0]
    poses = [camera_from_head(frame) for frame in range(count)]
    camera = {
        "fps": f"{fps.numerator}/{fps.denominator}",
        "width": options.size,
        "height": options.size,
        "fx": focal * scale,
        "fy": focal * scale,
        "cx": (options.footage[0] / 2 + 0.7 - x) * scale,
        "cy": (options.footage[1] / 2 - 0.4 - y) * scale,
        "crop": [x, y, width, height],
        "footage": {"width": options.footage[0], "height": options.footage[1]},
        "camera_to_world": [camera_to_world(pose) for pose in poses],
    }
    (folder / layout.CAMERA_FILE).write_text(json.dumps(camera))
    curves = {
        "jawOpen": [0.5 + 0.5 * math.sin(0.7 * frame) for frame in range(count)],
        "mouthClose": [0.01 * frame for frame in range(count)],
        "eyeBlinkLeft": [float(frame % 5 == 0) for frame in range(count)],
    }
    performance = {"fps": camera["fps"], "curves": curves}
    (folder / layout.PERFORMANCE_FILE).write_text(json.dumps(performance))
    samples = samples_for_frames(count, SAMPLE_RATE, fps)
    with wave.open(str(folder / layout.AUDIO_FILE), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        tone = 8000 * np.sin(np.arange(samples) * 2 * np.pi * 220 / SAMPLE_RATE)
        sound.writeframes(tone.astype("<i2").tobytes())
    with MovieWriter(folder / layout.PREVIEW_FILE, width, height, fps) as movie:
        for _ in range(count):
            movie.write(np.full((height, width, 3), PLATE_DISPLAY, np.uint8))
    subject = folder.parent / "subject"
    subject.mkdir(exist_ok=True)
    write_png(subject / layout.BACKGROUND_FILE, width, height, PLATE_DISPLAY)
    if options.plate:
        square = (x + width // 4, y + height // 4, width // 2, height // 2)
        frame_width, frame_height = options.footage
        write_png(folder / layout.PLATE_FILE, frame_width, frame_height, PLATE_DISPLAY, square)
    (folder / layout.MANIFEST_FILE).write_text(json.dumps({"synthetic": True, "take_id": options.id}))
    known = {
        "camera_from_head": poses,
        "head_display": HEAD_DISPLAY,
        "plate_display": [value / 255 for value in PLATE_DISPLAY],
        "depth_m": DEPTH_M,
        "soft_alpha": SOFT_ALPHA,
    }
    (folder / "known.json").write_text(json.dumps(known))


if __name__ == "__main__":
    main()
