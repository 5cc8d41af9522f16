"""Odd sound: in footage, and as lines of dialogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.odd_inputs.footage import Footage
from tests.odd_inputs.writing import AUDIO_RATE, Clip, Movie, SoundOf, at_rate, write, write_wav


@dataclass(frozen=True)
class Line:
    """One odd sound file, made from a spoken line at AUDIO_RATE."""

    name: str
    make: Callable[[np.ndarray, Path], Path]
    """(n,) line, folder -> the file."""
    says: tuple[str, ...] = ()
    refused: bool = False
    length: float = 1.0
    """How long what is read is, as a share of the line."""
    alike: float = 0.98
    """Least correlation with the line, at its best lag within 30 ms; 0: not compared."""


def _tone(samples: np.ndarray) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 1000 * np.arange(len(samples)) / AUDIO_RATE)).astype(np.float32)


def time_code(samples: np.ndarray) -> np.ndarray:
    """Biphase-mark code, as SMPTE's linear time code is recorded: 80 bits, 25 times a second."""
    bits = np.random.default_rng(3).integers(0, 2, len(samples) // 24 + 1)
    half = np.ones((len(bits), 2))
    half[:, 1] = np.where(bits == 1, -1, 1)
    level = np.cumprod(np.concatenate([[1.0], -half[:-1, 1]]))
    wave = np.repeat((level[:, None] * half).ravel(), 12)[: len(samples)]
    return (0.4 * wave).astype(np.float32)


def _sounds(
    name: str, tracks: Callable[[np.ndarray], list[SoundOf]], *says: str, file: str = "clip.mkv", **more: object
):
    def make(clip: Clip, folder: Path) -> Path:
        return write(folder / file, clip, Movie(), tracks(clip.sound))

    settings: dict = {"says": says} | more
    return Footage(name, make, **settings)


def _stereo(left: np.ndarray, right: np.ndarray) -> SoundOf:
    return SoundOf(np.stack([left, right]), "pcm_s16le", "stereo")


SOUND_OF_FOOTAGE = [
    _sounds("silent track first", lambda s: [SoundOf(0 * s[None]), SoundOf(s[None])], "2 sound tracks", "1 is silent"),
    _sounds("tone first", lambda s: [SoundOf(_tone(s)[None]), SoundOf(s[None])], "1 has sound that is no speech"),
    _sounds("time code first", lambda s: [SoundOf(time_code(s)[None]), SoundOf(s[None])], "1 has sound that is no"),
    _sounds(
        "--audio-track 2", lambda s: [SoundOf(s[None]), SoundOf(s[None])], "2 is taken", options=("--audio-track", "2")
    ),
    _sounds(
        "--audio-track 9", lambda s: [SoundOf(s[None])], "no sound track 9", options=("--audio-track", "9"), status=2
    ),
    _sounds("opposite phase", lambda s: [_stereo(s, -s)], "opposite phase"),
    _sounds("speech left, silence right", lambda s: [_stereo(s, 0 * s)], "2 is silent"),
    _sounds("speech right, time code left", lambda s: [_stereo(time_code(s), s)], "1 is without speech"),
    _sounds(
        "5.1, speech in the centre",
        lambda s: [SoundOf(np.stack([_tone(s), _tone(s), s, 0 * s, _tone(s), _tone(s)]), "ac3", "5.1")],
        "the centre alone",
    ),
    _sounds("silence throughout", lambda s: [SoundOf(0 * s[None])], "is silent", sound=0.0),
    _sounds("no sound", lambda s: [], "no sound", status=2),
    _sounds("AAC in MP4 (priming)", lambda s: [SoundOf(s[None])], file="clip.mp4"),
    # Its first half second is not there.
    _sounds("sound starts late", lambda s: [SoundOf(s[None, 24000:], "pcm_s16le", start_s=0.5)], sound=0.8),
    _sounds("sound at 8 kHz", lambda s: [SoundOf(at_rate(s, 8000)[None], "pcm_s16le", rate=8000)]),
    _sounds("sound at 96 kHz, 24 bits", lambda s: [SoundOf(at_rate(s, 96000)[None], "pcm_s24le", rate=96000)]),
]  # fmt: skip


def _wav(name: str, subtype: str = "PCM_16", rate: int = AUDIO_RATE, gain: float = 1.0, **more: object) -> Line:
    def make(line: np.ndarray, folder: Path) -> Path:
        return write_wav(folder / "line.wav", gain * at_rate(line, rate), rate, subtype)

    settings: dict = more
    return Line(name, make, **settings)


def _header(name: str, stated: int, **more: object) -> Line:
    def make(line: np.ndarray, folder: Path) -> Path:
        path = write_wav(folder / "line.wav", line)
        data = bytearray(path.read_bytes())
        at = data.index(b"data") + 4
        data[4:8] = data[at : at + 4] = stated.to_bytes(4, "little")
        path.write_bytes(data)
        return path

    settings: dict = more
    return Line(name, make, **settings)


def _channels(name: str, channels: Callable[[np.ndarray], list[np.ndarray]], *says: str) -> Line:
    return Line(name, lambda line, folder: write_wav(folder / "line.wav", np.stack(channels(line))), says)


def _file(file: str, **more: object) -> Line:
    settings: dict = more
    return Line(file, lambda line, folder: write_wav(folder / file, line), **settings)


def _coded(file: str, codec: str) -> Line:
    def make(line: np.ndarray, folder: Path) -> Path:
        pictures = [np.full((64, 64, 3), 90, np.uint8)] * 3
        return write(folder / file, Clip(pictures, line), Movie(), [SoundOf(line[None], codec)])

    return Line(f"{file}, {codec}", make)


def _cut(line: np.ndarray, folder: Path) -> Path:
    path = write_wav(folder / "line.wav", line)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def _not_numbers(share: float) -> Callable[[np.ndarray, Path], Path]:
    def make(line: np.ndarray, folder: Path) -> Path:
        hurt = line.copy()
        hurt[: round(share * len(line))] = np.nan
        return write_wav(folder / "line.wav", hurt, subtype="FLOAT")

    return make


def _text(line: np.ndarray, folder: Path) -> Path:
    (folder / "line.wav").write_text("This is no sound.")
    return folder / "line.wav"


LINES = [
    *(_wav(f"WAV, {kind}", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")),
    *(_wav(f"WAV at {rate} Hz", rate=rate) for rate in (8000, 11025, 22050, 44100, 96000, 192000)),
    _wav("float, 4 times full scale", "FLOAT", gain=4.0, says=("turned down",)),
    _wav("integers written as floats", "FLOAT", gain=32767.0, says=("turned down",)),
    _wav("silence", gain=0.0, says=("is silent",), alike=0.0),
    Line("some samples not numbers", _not_numbers(0.01), ("not numbers",)),
    Line("most samples not numbers", _not_numbers(0.9), ("not numbers",), refused=True),
    _header("header without a length", 0xFFFFFFFF),
    _header("header with length 0", 0),
    _header("header of 2 GB", 0x7FFFFFFF),
    Line("cut off in the middle", _cut, length=0.5),
    _channels("opposite phase", lambda s: [s, -s], "opposite phase"),
    _channels("almost opposite phase", lambda s: [s, -0.7 * s], "opposite phase"),
    _channels("speech left", lambda s: [s, 0 * s], "2 is silent"),
    _channels("speech right, tone left", lambda s: [_tone(s), s], "1 is without speech"),
    _channels("speech left, time code right", lambda s: [s, time_code(s)], "2 is without speech"),
    _channels("both channels alike", lambda s: [s, s]),
    _channels("5.1, speech in the centre", lambda s: [_tone(s), _tone(s), s, 0 * s, 0 * s, 0 * s], "the centre alone"),
    _channels("8 channels, one with speech", lambda s: [0 * s] * 4 + [s] + [0 * s] * 3, "are silent"),
    *map(_file, ("line.flac", "line.ogg", "line.mp3", "line.aiff", "line: 50% アンナ.wav")),
    *map(_coded, ("line.m4a", "line.mp4", "line.mkv", "line.mov"), ("aac", "aac", "libopus", "pcm_s24be")),
    Line("no sound", _text, ("line.wav",), refused=True),
]  # fmt: skip
