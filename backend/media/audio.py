"""Reading sound, resampling it, and writing WAV files: whole, or in blocks where hours of it would fill the memory."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from backend.media import riff
from backend.media.sound import Sound
from backend.media.sound_choice import SoundChoice
from backend.media.sound_tracks import tracks_of
from shared.errors import InputError
from shared.files import explaining, replacing, require_file

SPEECH_RATE = 16000
"""Sample rate at which speech is analysed, Hz."""
_BLOCK = 1 << 18
"""Samples of silence that are made at a time."""


def _unheard(text: str) -> None:
    """Takes words for which nobody asked."""


def load_audio(
    path: str | os.PathLike,
    sample_rate: int = SPEECH_RATE,
    choice: SoundChoice | None = None,
    say: Callable[[str], None] = _unheard,
) -> np.ndarray:
    """Read any sound file, or the sound of any movie, as (n,) mono float32 at `sample_rate` Hz; as `read_audio`."""
    samples, rate = read_audio(path, choice, say)
    return resample(samples, rate, sample_rate)


def read_audio(
    path: str | os.PathLike, choice: SoundChoice | None = None, say: Callable[[str], None] = _unheard
) -> tuple[np.ndarray, int]:
    """Read any sound file, or the sound of any movie, as mono at its own rate.

    choice: the track and channels; None: those that hold speech (sound_choice.choose_sound). `say` is told what was
    chosen and what was mended, in words. Sound of a movie lies on the clock of its picture: sample 0 sounds when the
    first frame shows. Returns ((n,) float32, rate in Hz), the mean of the chosen channels.
    Raises InputError when the file is missing, holds no sound or cannot be decoded.
    """
    sound = Sound.open(Path(path), choice)
    for text in sound.words:
        say(text)
    blocks = list(sound.blocks())
    if not blocks:  # its beginning could be read when it was opened: now the disk or the memory fails
        raise InputError(f"No sound can be read from {path}.", "Close other programs, or copy the file, and try again.")
    return np.concatenate(blocks), sound.rate


def require_sound(path: Path, track: int | None = None) -> None:
    """Raises InputError as `read_audio` does, for a file in which there is no sound to be found at its beginning, or
    that has no such track."""
    if track is None:
        require_file(path, "Give a sound file, or a movie with sound.")
    for found in tracks_of(path):
        if track in (None, found.number) and next(found.blocks(), None) is not None:
            return
    raise InputError(
        f"{path} holds no sound." if track is None else f"{path} has no sound track {track} that can be read.",
        "Give a WAV, MP3, M4A … or a movie with sound." if track is None else "Leave --audio-track out.",
    )


def resample(samples: np.ndarray, rate: int, to_rate: int) -> np.ndarray:
    """(n,) float32 at `rate` Hz to round(n to_rate / rate) samples at `to_rate` Hz (soxr, high quality)."""
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if rate == to_rate:
        return samples
    count = round(len(samples) * to_rate / rate)
    resampled = soxr.resample(samples, rate, to_rate, quality="HQ").astype(np.float32)
    return np.pad(resampled, (0, max(0, count - len(resampled))))[:count]


def resampled(blocks: Iterable[np.ndarray], rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Blocks (n,) float32 at `rate` Hz as blocks at `to_rate` Hz: together what `resample` makes of all of them."""
    if rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, to_rate, 1, dtype="float32", quality="HQ")
    came = went = 0
    for block in blocks:
        came += len(block)
        made = stream.resample_chunk(np.ascontiguousarray(block, dtype=np.float32))
        went += len(made)
        yield made
    wanted = round(came * to_rate / rate)
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    yield fit_length(rest, max(0, wanted - went))


def save_wav(path: str | os.PathLike, samples: np.ndarray, rate: int, text: Mapping[str, str] | None = None) -> None:
    """Write (n,) samples in [-1, 1] as 16-bit PCM WAV, through a temporary name; `text` as `wav_bytes` takes it.

    Raises InputError when the file cannot be written.
    """
    save_wav_blocks(path, [samples], rate, text)


def save_wav_blocks(
    path: str | os.PathLike,
    blocks: Iterable[np.ndarray],
    rate: int,
    text: Mapping[str, str] | None = None,
    origin: riff.Origin | None = None,
) -> None:
    """`save_wav` of sound that comes in blocks (n,); origin: what a Broadcast Wave tells of it."""
    with explaining(path), replacing(Path(path)) as temporary:
        with open(temporary, "wb") as file:
            _write_wav(file, blocks, rate, b"" if origin is None else riff.origin_chunk(origin))
        if text:
            riff.append_info(temporary, text)


def wav_bytes(samples: np.ndarray, rate: int, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a 16-bit PCM WAV of (n,) samples in [-1, 1]; text: by the four letters of the INFO list's names."""
    coded = io.BytesIO()
    _write_wav(coded, [samples], rate)
    return riff.with_info(coded.getvalue(), text) if text else coded.getvalue()


def _write_wav(file: BinaryIO, blocks: Iterable[np.ndarray], rate: int, chunk: bytes = b"") -> None:
    """chunk: what stands before the sound."""
    # The library codes the samples and Python writes them: it tells of every write to a disk that fails.
    file.write(riff.mono_header(rate, chunk))
    for block in blocks:
        coded = io.BytesIO()
        soundfile.write(coded, np.clip(block, -1.0, 1.0), rate, subtype="PCM_16", format="RAW")
        file.write(coded.getvalue())
    riff.finish(file, len(chunk))


def fitted(blocks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Blocks (n,) of sound, cut or lengthened with silence so that they have `count` samples together."""
    for block in blocks:
        yield block[:count]
        count -= min(count, len(block))
    while count > 0:
        yield np.zeros(min(count, _BLOCK), np.float32)
        count -= min(count, _BLOCK)


def after(blocks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Blocks (n,) of sound without their first `count` samples."""
    for block in blocks:
        yield block[count:]
        count -= min(count, len(block))


def fit_length(samples: np.ndarray, count: int) -> np.ndarray:
    """`samples` cut, or lengthened with silence, to exactly `count`."""
    return np.pad(samples, (0, max(0, count - len(samples))))[:count]
