"""Odd footage: how each is made, and what is right."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from backend.media.colour import srgb_to_linear
from tests.odd_inputs.writing import (
    AUDIO_RATE,
    Clip,
    Movie,
    SoundOf,
    picture_stream,
    sound_stream,
    trimmed_without_encoding,
    write,
    write_wav,
)

Make = Callable[[Clip, Path], Path]


@dataclass(frozen=True)
class Footage:
    """One odd clip, made from the plain one."""

    name: str
    make: Make
    """Plain clip, folder -> the footage."""
    options: tuple[str, ...] = ()
    """Of `talker preprocess`."""
    status: int = 0
    says: tuple[str, ...] = ()
    """What is said among other things."""
    never: tuple[str, ...] = ()
    """What is not said."""
    first: int | None = 0
    """The plain clip's picture that the first of the subject shows; None: landmarks are not compared."""
    frames: int | None = None
    """Pictures of the subject; None: as many as the plain clip has."""
    within_px: float = 1.0
    """How near landmarks lie to the plain clip's, at 512 px."""
    place: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Size of the plain picture in the footage's, and its left and top, px of the footage."""
    sound: float = 0.95
    """Least correlation of the subject's sound with the plain one's; 0: not compared."""


def oriented(degrees: int, mirrored: bool) -> Footage:
    def make(clip: Clip, folder: Path) -> Path:
        stored = [np.rot90(p[:, ::-1] if mirrored else p, -(degrees // 90)) for p in clip.pictures]
        turned = Clip(stored, clip.sound, clip.fps)
        return write(folder / "clip.mp4", turned, Movie(turn=(degrees, mirrored)))

    name = f"display matrix: {degrees} degrees{', mirrored' if mirrored else ''}"
    return Footage(name, make, says=("shown mirrored",) if mirrored else ())


def squeezed(aspect: Fraction, turned: bool = False) -> Footage:
    def make(clip: Clip, folder: Path) -> Path:
        height, width = clip.pictures[0].shape[:2]
        size = (round(width / aspect), height) if aspect > 1 else (width, round(height * aspect))
        size = (size[0] // 2 * 2, size[1] // 2 * 2)
        exact = Fraction(width * size[1], height * size[0])
        pictures = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in clip.pictures]
        turn = (90, False) if turned else (0, False)
        if turned:
            pictures, exact = [np.rot90(picture, -1) for picture in pictures], 1 / exact
        return write(folder / "clip.mp4", Clip(pictures, clip.sound), Movie(pixel_aspect=exact, turn=turn))

    return Footage(f"pixel aspect {aspect}{', turned' if turned else ''}", make, says=("not square",))


def interlaced(first: str) -> Footage:
    def make(clip: Clip, folder: Path) -> Path:
        woven = []
        for one, two in zip(clip.pictures, [*clip.pictures[1:], clip.pictures[-1]], strict=True):
            middle = ((one.astype(np.uint16) + two) // 2).astype(np.uint8)  # half a period later
            picture = one.copy()
            picture[(1 if first == "tff" else 0) :: 2] = middle[(1 if first == "tff" else 0) :: 2]
            woven.append(picture)
        options = {"crf": "8", "x264-params": f"{first}=1"}
        return write(folder / "clip.mp4", Clip(woven, clip.sound), Movie(options=options))

    return Footage(f"interlaced, {first}", make, says=("interlaced",))


def coded(
    name: str, file: str, codec: str, pixels: str, audio: str = "aac", frames: int | None = None,
    within_px: float = 1.0, **options: str,
) -> Footage:  # fmt: skip
    def make(clip: Clip, folder: Path) -> Path:
        sounds = [SoundOf(clip.sound[None], audio)]
        return write(folder / file, clip, Movie(codec, pixels, options), sounds)

    return Footage(name, make, frames=frames, within_px=within_px)


def at_rate(fps: Fraction, **more: object) -> Footage:
    """The pictures of the plain clip that are nearest to the times of another rate."""

    def make(clip: Clip, folder: Path) -> Path:
        count = int(len(clip.pictures) / clip.fps * fps)
        nearest = [min(round(n / fps * clip.fps), len(clip.pictures) - 1) for n in range(count)]
        return write(folder / "clip.mp4", Clip([clip.pictures[n] for n in nearest], clip.sound, fps))

    options: dict = {"first": None, "frames": -1, "sound": 0.9} | more
    return Footage(f"{float(fps):.5g} pictures a second", make, **options)


def named(file: str) -> Footage:
    return Footage(f"named {file!r}", lambda clip, folder: write(folder / file, clip))


def variable_rate(clip: Clip, folder: Path) -> Path:
    times = [n / clip.fps + (Fraction(1, 60) if n % 3 == 1 else 0) for n in range(len(clip.pictures))]
    return write(folder / "clip.mp4", clip, Movie(times=times.__getitem__))


def size_change(clip: Clip, folder: Path) -> Path:
    half = len(clip.pictures) // 2
    small = [cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for p in clip.pictures[:half]]
    parts = (Clip(small, clip.part(0, half).sound), clip.part(half, len(clip.pictures)))
    files = [write(folder / f"{n}.ts", part).read_bytes() for n, part in enumerate(parts)]
    (folder / "clip.ts").write_bytes(b"".join(files))
    return folder / "clip.ts"


def trimmed(clip: Clip, folder: Path) -> Path:
    silence = np.zeros(20 * 1920, np.float32)
    longer = Clip([*[clip.pictures[0]] * 20, *clip.pictures], np.concatenate([silence, clip.sound]))
    whole = write(folder / "whole.mp4", longer, Movie(options={"crf": "8", "g": "250"}))
    return trimmed_without_encoding(whole, folder / "clip.mp4", 0.8)


def dv_avi(clip: Clip, folder: Path) -> Path:
    height, width = clip.pictures[0].shape[:2]
    left = (768 * height // 576 - width) // 2  # DV's own shape, 768 x 576 in square pixels
    wide = [cv2.copyMakeBorder(p, 0, 0, left, left, cv2.BORDER_REPLICATE) for p in clip.pictures]
    pictures = [cv2.resize(picture, (720, 576), interpolation=cv2.INTER_CUBIC) for picture in wide]
    sounds = [SoundOf(np.stack([clip.sound] * 2), "pcm_s16le", "stereo")]
    return write(folder / "clip.avi", Clip(pictures, clip.sound), Movie("dvvideo", "yuv420p", {}), sounds)


def alpha(clip: Clip, folder: Path) -> Path:
    opaque = [np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]) for picture in clip.pictures]
    return write(folder / "clip.mov", Clip(opaque, clip.sound), Movie("prores_ks", "yuva444p10le", {"profile": "4444"}))


def gif(clip: Clip, folder: Path) -> Path:
    write_wav(folder / "sound.wav", clip.sound)
    return write(folder / "clip.gif", clip, Movie("gif", "rgb8", {}), [])


def hdr(transfer: int, name: str) -> Footage:
    """The plain pictures, tagged as HDR: they look odd, but the face is where it was."""

    def make(clip: Clip, folder: Path) -> Path:
        options = {"x265-params": "log-level=none:crf=8", "preset": "ultrafast"}
        movie = Movie("libx265", "yuv420p10le", options, colour=(9, transfer, 9))
        return write(folder / "clip.mov", clip, movie)

    return Footage(f"HDR, {name}, 10 bits", make, says=(f"HDR ({name})",), within_px=4.0)


def sequence(ending: str, pixels: str, pattern: str | None = None, hole: bool = False) -> Footage:
    def make(clip: Clip, folder: Path) -> Path:
        (folder / "shot").mkdir()
        for number, picture in enumerate(clip.pictures):
            if hole and number == 40:
                continue
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if ending == "exr":
                light = srgb_to_linear(picture / np.float32(255)).astype(np.float32)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(light), format="gbrpf32le")
            path = folder / "shot" / f"a_{number + 1001}.{ending}"
            codec = {"tif": "tiff"}.get(ending, ending)
            with av.open(str(path), "w", format="image2", options={"update": "1"}) as made:
                stream = picture_stream(made, codec, 25)
                stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], pixels
                made.mux(stream.encode(frame.reformat(format=pixels)))
                made.mux(stream.encode(None))
        write_wav(folder / "shot" / "sound.wav", clip.sound)
        return folder / "shot" / pattern if pattern else folder / "shot"

    said = ("is taken as the sound",) + (("missing",) if hole else ())
    told = f"pictures, {ending}" + (f", as {pattern}" if pattern else "") + (", one missing" if hole else "")
    return Footage(told, make, ("--fps", "25"), says=said)


def damaged_middle(clip: Clip, folder: Path) -> Path:
    path = write(folder / "clip.mp4", clip, Movie(options={"crf": "8", "g": "10"}))
    data = bytearray(path.read_bytes())
    middle = (data.index(b"mdat") + data.index(b"moov")) // 2
    data[middle : middle + 8000] = bytes(8000)
    path.write_bytes(data)
    return path


def cut_off(clip: Clip, folder: Path) -> Path:
    path = write(folder / "clip.mkv", clip)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 85 // 100])
    return path


def without_index(clip: Clip, folder: Path) -> Path:
    path = write(folder / "clip.mp4", clip)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def turned_without_tag(turns: int) -> Footage:
    def make(clip: Clip, folder: Path) -> Path:
        return write(folder / "clip.mp4", Clip([np.rot90(p, -turns) for p in clip.pictures], clip.sound))

    return Footage(f"filmed {90 * turns} degrees turned, without a tag", make, says=("does not stand upright",))


def _noise(clip: Clip, count: int) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    small = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return [cv2.resize(small, clip.pictures[0].shape[1::-1], interpolation=cv2.INTER_NEAREST)] * count


def titles_and_black(clip: Clip, folder: Path) -> Path:
    black = [np.zeros_like(clip.pictures[0])] * 20
    silence = np.zeros(20 * 1920, np.float32)
    title = [cv2.putText(black[0].copy(), "TITLE", (20, 100), 0, 2, (255, 255, 255), 5)] * 20
    pictures = [*black, *title, *clip.pictures, *black]
    return write(folder / "clip.mp4", Clip(pictures, np.concatenate([silence, silence, clip.sound, silence])))


def cut_to_another(clip: Clip, folder: Path) -> Path:
    silence = np.zeros(30 * 1920, np.float32)
    return write(folder / "clip.mp4", Clip([*_noise(clip, 30), *clip.pictures], np.concatenate([silence, clip.sound])))


def two_people(clip: Clip, folder: Path) -> Path:
    """The same presenter twice; the one at the left is a second behind its own sound."""
    late = [*clip.pictures[-25:], *clip.pictures[:-25]]
    pictures = [np.concatenate([a, b], axis=1) for a, b in zip(late, clip.pictures, strict=True)]
    return write(folder / "clip.mp4", Clip(pictures, clip.sound))


def cover_art(clip: Clip, folder: Path) -> Path:
    """A movie whose first picture stream is a still."""
    path = folder / "clip.mkv"
    with av.open(str(path), "w") as container:
        still = picture_stream(container, "mjpeg", 1, {"strict": "unofficial"})
        still.width, still.height, still.pix_fmt = 64, 64, "yuvj420p"
        moving = picture_stream(container, "libx264", clip.fps, {"crf": "8"})
        moving.height, moving.width = clip.pictures[0].shape[:2]
        sound = sound_stream(container, "pcm_s16le")
        container.mux(still.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(still.encode(None))
        for number, picture in enumerate(clip.pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, 1 / clip.fps
            container.mux(moving.encode(frame))
        container.mux(moving.encode(None))
        heard = av.AudioFrame.from_ndarray((clip.sound[None] * 32767).astype(np.int16), format="s16", layout="mono")
        heard.sample_rate, heard.time_base, heard.pts = AUDIO_RATE, Fraction(1, AUDIO_RATE), 0
        container.mux(sound.encode(heard))
        container.mux(sound.encode(None))
    return path


def false_rate(clip: Clip, folder: Path) -> Path:
    """An MP4 whose sound track starts 0.5 s before the picture, and whose header is right about everything else."""
    return write(folder / "clip.mp4", clip, Movie(times=lambda n: Fraction(1, 2) + n / clip.fps), [
        SoundOf(np.concatenate([np.zeros(AUDIO_RATE // 2, np.float32), clip.sound])[None])
    ])  # fmt: skip


def absurd_pixel_aspect(clip: Clip, folder: Path) -> Path:
    path = write(folder / "clip.mp4", clip, Movie(pixel_aspect=Fraction(3, 2)))
    data = bytearray(path.read_bytes())
    at = data.index(b"pasp") + 4
    data[at : at + 8] = struct.pack(">II", 1000, 1)
    path.write_bytes(data)
    return path


FOOTAGE = [
    *(oriented(degrees, mirrored) for degrees in (0, 90, 180, 270) for mirrored in (False, True)),
    *(squeezed(aspect) for aspect in (Fraction(4, 3), Fraction(16, 15), Fraction(8, 9))),
    squeezed(Fraction(4, 3), turned=True),
    Footage("pixel aspect 1000", absurd_pixel_aspect, first=None),
    interlaced("tff"),
    interlaced("bff"),
    at_rate(Fraction(1), status=2, says=("pictures a second",)),
    at_rate(Fraction(12)),
    at_rate(Fraction(24000, 1001)),
    at_rate(Fraction(60)),
    at_rate(Fraction(240)),
    Footage("variable rate", variable_rate, within_px=4.0, frames=-1),
    # Each half has its own coder's delay in the sound, some hundredths of a second.
    Footage("the size changes", size_change, says=("size of the pictures changes",), within_px=2.0, sound=0.5),
    Footage("trimmed without encoding (edit list)", trimmed, never=("breaks off",)),
    Footage("picture and sound start late", false_rate),
    Footage("DV in AVI", dv_avi, says=("not square",), within_px=1.5, place=(2.25, 24.0, 0.0)),
    hdr(18, "HLG"),
    hdr(16, "PQ"),
    coded("10 bits", "clip.mov", "libx265", "yuv420p10le", crf="8"),
    coded("12 bits", "clip.mkv", "ffv1", "yuv444p12le", "flac"),
    coded("full range, 4:4:4", "clip.mp4", "libx264", "yuvj444p", crf="8"),
    coded("grey", "clip.mkv", "ffv1", "gray", "flac"),
    coded("RGB", "clip.mkv", "ffv1", "bgr0", "pcm_s24le"),
    # MP3 begins before the picture, which AVI can put off by whole frames only.
    coded(
        "MJPEG in AVI, MP3", "clip.avi", "mjpeg", "yuvj420p", "mp3", frames=-1, within_px=2.0,
        q="2", qmin="1", qmax="2",
    ),
    coded("VP8, Opus", "clip.webm", "libvpx", "yuv420p", "libopus", b="4000000", deadline="realtime"),
    coded("VP9, Opus", "clip.webm", "libvpx-vp9", "yuv420p", "libopus", crf="10", b="0", deadline="realtime"),
    coded("MPEG-2 in a transport stream", "clip.ts", "mpeg2video", "yuv420p", "mp2", b="8000000"),
    coded("MPEG-4 part 2 in AVI", "clip.avi", "mpeg4", "yuv420p", "ac3", b="8000000"),
    Footage("alpha (ProRes 4444)", alpha),
    Footage("GIF without sound", gif, status=2, says=("no sound",), first=None),
    *(sequence(*kind) for kind in (("png", "rgb24"), ("tif", "rgb48le"), ("dpx", "gbrp10le"), ("exr", "gbrpf32le"))),
    sequence("png", "rgb24", "a_####.png"),
    sequence("png", "rgb24", "a_%04d.png"),
    sequence("png", "rgb24", "a_1001.png"),
    sequence("png", "rgb24", hole=True),
    *map(named, ("take:1 50%.mp4", 'he said "go" & \'left\'.mp4', "アンナ 🎬 Jürgen.mp4", "-rf.mp4", "%04d.mp4")),
    # Packets of sound are lost as well, each shorter than what is filled with silence.
    Footage(
        "damaged in the middle", damaged_middle, says=("damaged", "missing"), never=("breaks off",),
        within_px=4.0, sound=0.5,
    ),
    Footage("cut off at the end", cut_off, never=("varies",), frames=-1, sound=0.0),
    Footage("without its index", without_index, status=2, says=("breaks off before its index",)),
    *(turned_without_tag(turns) for turns in (1, 2, 3)),
    Footage("black, a title, black", titles_and_black, says=("is taken",)),
    Footage("a cut to another picture", cut_to_another, says=("2 shots",)),
    Footage("two people", two_people, says=("number 2 from the left",), first=None),
    Footage("two people, --speaker 1", two_people, ("--speaker", "1"), says=("as asked",), first=None, sound=0.0),
    Footage("two people, --speaker 3", two_people, ("--speaker", "3"), 2, ("no face 3",)),
    Footage(
        "--in and --out", lambda clip, folder: write(folder / "clip.mp4", clip), ("--in", "0.4", "--out", "3.2"),
        first=10, frames=70,
    ),
    Footage("--in behind the end", lambda clip, folder: write(folder / "clip.mp4", clip), ("--in", "60"), 2, ("--in",)),
    Footage("a still as the first stream", cover_art),
]  # fmt: skip
