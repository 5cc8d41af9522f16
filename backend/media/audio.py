"""Sound in and out: any file to mono float samples, the sound of a movie on its picture's clock, and WAV.

Footage and lines of dialogue go through the same functions: `read_audio` takes the track and the channels that hold
speech (media.sound_choice).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile
import soxr

from backend.media import riff
from backend.media.sound_choice import SILENT, SoundChoice, choose_sound
from backend.media.sound_tracks import tracks_of
from shared.errors import InputError
from shared.files import explaining, require_file, write_bytes

SPEECH_RATE = 16000
"""Sample rate at which speech is analysed, Hz."""
_HOT = 1.5
"""Peaks up to here, times full scale, are cut off as any player does; louder ones are turned down."""
_LOUDEST = float(1 << 31) * 1.01
"""Samples beyond so many times full scale are no sound; up to there they may be integers written as floats."""
_MOSTLY = 0.5
"""Share of samples that must be numbers."""


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
    path = Path(path)
    choice = choice or choose_sound(path)
    blocks = [choice.mono(block) for block in choice.track.blocks()] if choice is not None else []
    if choice is None or not blocks:
        raise InputError(f"{path} holds no sound.", "Give a WAV, MP3, M4A … or a movie with sound, with speech in it.")
    for text in choice.words:
        say(text)
    return _mended(np.concatenate(blocks), path, say), choice.track.rate


def extract_audio(
    video: str | os.PathLike, choice: SoundChoice | None = None, say: Callable[[str], None] = _unheard
) -> tuple[np.ndarray, int] | None:
    """As `read_audio`, for a movie that may have no sound: None then. Raises InputError where it cannot be opened."""
    choice = choice or choose_sound(Path(video))
    if choice is None:
        return None
    try:
        return read_audio(video, choice, say)
    except InputError:
        if next(choice.track.blocks(), None) is None:
            return None
        raise


def _mended(samples: np.ndarray, path: Path, say: Callable[[str], None]) -> np.ndarray:
    """(n,) with silence where samples are no numbers, and turned down where they are far beyond full scale."""
    numbers = np.isfinite(samples)
    if numbers.mean() < _MOSTLY:
        raise InputError(f"{path} holds samples that are not numbers.", "Export the sound again.")
    if not numbers.all():
        samples = np.where(numbers, samples, np.float32(0.0))
        say(f"{(~numbers).sum()} samples of {path.name} are not numbers; they are taken as silence.")
    peak = float(np.abs(samples).max())
    if peak > _LOUDEST:
        raise InputError(f"{path} holds samples far beyond full scale.", "Export the sound again, in [-1, 1].")
    if peak > _HOT:
        samples = samples / np.float32(peak)
        say(f"The samples of {path.name} go up to {peak:.3g} times full scale; the sound is turned down to it.")
    if peak <= SILENT:
        say(f"{path.name} is silent: nothing is heard in it from beginning to end.")
    return samples


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


def save_wav(path: str | os.PathLike, samples: np.ndarray, rate: int, text: Mapping[str, str] | None = None) -> None:
    """Write (n,) samples in [-1, 1] as 16-bit PCM WAV, through a temporary name; `text` as `wav_bytes` takes it.

    Raises InputError when the file cannot be written.
    """
    with explaining(path):
        write_bytes(Path(path), wav_bytes(samples, rate, text))


def wav_bytes(samples: np.ndarray, rate: int, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a 16-bit PCM WAV of (n,) samples in [-1, 1]; text: by the four letters of the INFO list's names."""
    coded = io.BytesIO()  # the library does not tell of every write to a disk that fails
    soundfile.write(coded, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format="WAV")
    return riff.with_info(coded.getvalue(), text) if text else coded.getvalue()


def fit_length(samples: np.ndarray, count: int) -> np.ndarray:
    """`samples` cut, or lengthened with silence, to exactly `count`."""
    return np.pad(samples, (0, max(0, count - len(samples))))[:count]
