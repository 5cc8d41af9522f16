"""Sound in and out: any file to mono float samples, the sound of a movie on its picture's clock, and WAV."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soundfile
import soxr

from backend.media import riff
from shared.errors import InputError
from shared.files import explaining, replacing, require_file

SPEECH_RATE = 16000
"""Sample rate at which speech is analysed, Hz."""
_BLOCK = 1 << 18
"""Samples that are read at a time."""
_LOUDEST = 1000.0
"""Samples beyond so many times full scale are no sound."""
_GAP_S = Fraction(1, 25)
"""A hole between two sound packets longer than this is filled with silence; shorter ones are rounding of timestamps."""


def load_audio(path: str | os.PathLike, sample_rate: int = SPEECH_RATE) -> np.ndarray:
    """Read any sound file, or the sound of any movie, as (n,) mono float32 in [-1, 1] at `sample_rate` Hz.

    Raises InputError as `read_audio` does.
    """
    samples, rate = read_audio(path)
    return resample(samples, rate, sample_rate)


def read_audio(path: str | os.PathLike) -> tuple[np.ndarray, int]:
    """Read any sound file, or the sound of any movie, as mono at its own rate.

    Returns ((n,) float32 in [-1, 1], rate in Hz); several channels are averaged.
    Raises InputError when the file is missing, holds no sound or cannot be decoded.
    """
    blocks, rates = zip(*sound_blocks(path), strict=True)
    return np.concatenate(blocks), rates[0]


def sound_blocks(path: str | os.PathLike) -> Iterator[tuple[np.ndarray, int]]:
    """What `read_audio` gives, block by block: ((n,) float32, rate in Hz), so that hours of sound take no more memory
    than seconds. Raises InputError as it does, where the fault is met."""
    path = Path(path)
    require_file(path, "Give a sound file, or a movie with sound.")
    is_empty = True
    for samples, rate in _decoded(path):
        if not len(samples):
            continue
        is_empty = False
        if not np.isfinite(samples).all():
            raise InputError(f"{path} holds samples that are not numbers.", "Export the sound again.")
        if np.abs(samples).max() > _LOUDEST:
            raise InputError(f"{path} holds samples far beyond full scale.", "Export the sound again, in [-1, 1].")
        yield samples, rate
    if is_empty:
        raise InputError(f"{path} holds no sound (it is empty).", "Give a file with speech in it.")


def sound_length(path: str | os.PathLike) -> tuple[int, int]:
    """Samples of a file's sound, and their rate in Hz. Raises InputError as `read_audio` does."""
    lengths, rates = zip(*((len(samples), rate) for samples, rate in sound_blocks(path)), strict=True)
    return sum(lengths), rates[0]


def _decoded(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Mono blocks by the library for sound files, or where that cannot read on, by the one for movies."""
    given = 0
    try:
        with soundfile.SoundFile(str(path)) as file:
            for block in file.blocks(_BLOCK, dtype="float32", always_2d=True):
                given += len(block)
                yield block.mean(axis=1), file.samplerate
            return
    except soundfile.LibsndfileError:
        has_none = True
    for samples, rate in _track_blocks(path):
        has_none, skipped = False, min(given, len(samples))
        given -= skipped
        yield samples[skipped:], rate
    if has_none:
        raise InputError(f"{path} holds no sound.", "Give a WAV, MP3, M4A … or a movie with sound.")


def require_sound(path: Path) -> None:
    """Raises InputError as `read_audio` does, for a file in which there is no sound to be found at its beginning."""
    require_file(path, "Give a sound file, or a movie with sound.")
    try:
        with soundfile.SoundFile(str(path)) as file:
            if file.frames:
                return
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        with _opened(path) as container:
            if container.streams.audio and next(_audio_frames(container, container.streams.audio[0]), None) is not None:
                return
    raise InputError(f"{path} holds no sound.", "Give a WAV, MP3, M4A … or a movie with sound.")


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


def extract_audio(video: str | os.PathLike) -> tuple[np.ndarray, int] | None:
    """The first sound track of a movie, on the clock of its picture: sample 0 sounds when the first frame shows.

    Silence is put in, or sound cut off, where the two streams start at different times, and holes are filled. A file
    that is damaged further on gives what can be decoded.
    Returns ((n,) mono float32 in [-1, 1], rate in Hz), or None if there is no sound track with anything in it.
    Raises InputError if the file cannot be opened at all.
    """
    found = list(_track_blocks(video))
    if not any(len(samples) for samples, _ in found):
        return None
    return np.concatenate([samples for samples, _ in found]), found[-1][1]


def _track_blocks(video: str | os.PathLike) -> Iterator[tuple[np.ndarray, int]]:
    """What `extract_audio` gives, block by block; nothing where there is no sound track."""
    with _opened(video) as container:
        if not container.streams.audio:
            return
        picture_start = _first_picture_time(container)
        if picture_start is not None:
            container.seek(0)
        lead: int | None = None
        for samples, rate, start in _decode_audio(container):
            if lead is None:
                lead = round((start - picture_start) * rate) if picture_start is not None and start is not None else 0
                if lead > 0:
                    yield np.zeros(lead, np.float32), rate
            skipped = min(max(-lead, 0), len(samples))
            lead += skipped
            yield samples[skipped:], rate


def _opened(path: str | os.PathLike) -> av.container.InputContainer:
    """Raises InputError for a file that is neither sound nor video."""
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as sound or video ({error}).", "Check the file.") from error


def save_wav(path: str | os.PathLike, samples: np.ndarray, rate: int, text: Mapping[str, str] | None = None) -> None:
    """Write (n,) samples in [-1, 1] as 16-bit PCM WAV, through a temporary name; `text` as `wav_bytes` takes it.

    Raises InputError when the file cannot be written.
    """
    save_wav_blocks(path, [samples], rate, text)


def save_wav_blocks(
    path: str | os.PathLike, blocks: Iterable[np.ndarray], rate: int, text: Mapping[str, str] | None = None
) -> None:
    """`save_wav` of sound that comes in blocks (n,)."""
    with explaining(path), replacing(Path(path)) as temporary:
        with open(temporary, "wb") as file:
            _write_wav(file, blocks, rate)
        if text:
            riff.append_info(temporary, text)


def wav_bytes(samples: np.ndarray, rate: int, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a 16-bit PCM WAV of (n,) samples in [-1, 1]; text: by the four letters of the INFO list's names."""
    coded = io.BytesIO()
    _write_wav(coded, [samples], rate)
    return riff.with_info(coded.getvalue(), text) if text else coded.getvalue()


def _write_wav(file: BinaryIO, blocks: Iterable[np.ndarray], rate: int) -> None:
    # The library codes the samples and Python writes them: it tells of every write to a disk that fails.
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        for block in blocks:
            coded = io.BytesIO()
            soundfile.write(coded, np.clip(block, -1.0, 1.0), rate, subtype="PCM_16", format="RAW")
            written.writeframesraw(coded.getvalue())


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


def _first_picture_time(container: av.container.InputContainer) -> Fraction | None:
    """Timestamp in seconds of the first frame that decodes, None without a picture (cover art does not count)."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        return None
    try:
        frame = next(container.decode(streams[0]))
    except (StopIteration, av.FFmpegError):
        return None
    return _time_of(frame)


def _time_of(frame: av.frame.Frame) -> Fraction | None:
    """Timestamp in seconds, None where the file gives none."""
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * frame.time_base


def _decode_audio(container: av.container.InputContainer) -> Iterator[tuple[np.ndarray, int, Fraction | None]]:
    """Mono blocks without holes, their rate, and the timestamp of the first sample of all in seconds."""
    stream = container.streams.audio[0]
    start: Fraction | None = None
    count = 0
    for frame in _audio_frames(container, stream):
        rate = frame.sample_rate or getattr(stream, "rate", None) or SPEECH_RATE
        time = _time_of(frame)
        if start is None:
            start = time
        elif time is not None:
            hole = time - start - Fraction(count, rate)
            if hole > _GAP_S:
                silence = np.zeros(round(hole * rate), np.float32)
                yield silence, rate, start
                count += len(silence)
        mono = _mono(frame)
        yield mono, rate, start
        count += len(mono)


def _audio_frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Decoded frames in order; packets that do not decode are left out, a file cut in half ends early."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            frames = packet.decode()
        except (av.FFmpegError, AttributeError, ValueError):  # damaged, or of a codec that nothing here knows
            continue
        yield from frames


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """(n,) float32 in [-1, 1], the mean of the frame's channels."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128.0) / 128.0
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples.astype(np.float32) / 2.0 ** (8 * samples.dtype.itemsize - 1)
    return samples.mean(axis=0, dtype=np.float32).astype(np.float32)
