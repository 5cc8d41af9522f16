"""The sound tracks of a file, block by block: all channels, without holes, as float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import soundfile
import soxr

from backend.media.clock import LEAP_S, SteadyClock
from backend.media.container import moving_pictures, opened, time_of
from shared.errors import InputError
from shared.files import require_file

CENTRE, LOW = "FC", "LFE"
"""FFmpeg's names of the channels for dialogue and for rumble."""
_WAV_ORDER = ("FL", "FR", CENTRE, LOW, "BL", "BR", "SL", "SR")
"""Channels of a sound file with six or eight (Microsoft's WAVEFORMATEXTENSIBLE)."""
_BLOCK = 1 << 16
"""Samples of a sound file that are read at once."""
_GAP_S = Fraction(1, 25)
"""A hole between two sound packets longer than this is filled with silence; shorter ones are rounding of timestamps."""
_SOUND_WANTED = "Give a sound file, or a movie with sound."


@dataclass(frozen=True)
class SoundTrack:
    """One sound track of a file."""

    path: Path
    number: int
    """From 1, among the file's sound tracks."""
    name: str
    """Its language and title where the file says them, else ""."""
    is_default: bool
    """Whether players play it unless told otherwise."""
    channels: tuple[str, ...]
    """FFmpeg's names of its channels, such as FL, FR, FC; numbers where they have none."""
    rate: int
    """Hz."""
    in_container: bool
    """Whether FFmpeg reads it, not libsndfile."""

    def blocks(self) -> Iterator[np.ndarray]:
        """(channels, k) float32 blocks from the file's first picture on, or from the first sample where there is none.

        Silence is put in, or sound cut off, where sound and picture start at different times, and holes are filled.
        Damaged parts are left out; a file cut in half ends early.
        """
        if not self.in_container:
            yield from _file_blocks(self.path)
            return
        with opened(self.path) as container:
            start = _first_picture_time(container)
            if start is not None:
                container.seek(0)
            yield from _on_the_clock(_audio_frames(container, container.streams.audio[self.number - 1]), self, start)


def tracks_of(path: Path) -> list[SoundTrack]:
    """The sound tracks of a sound file or a movie that can be decoded, none where there is none.

    Raises InputError where the file is missing, or is neither sound nor video.
    """
    require_file(path, _SOUND_WANTED)
    if next(_file_blocks(path), None) is not None:
        with soundfile.SoundFile(str(path)) as file:
            names = _WAV_ORDER if file.channels in (6, 8) else tuple(str(1 + index) for index in range(file.channels))
            return [SoundTrack(path, 1, "", True, names[: file.channels], file.samplerate, in_container=False)]
    with open_sound(path) as container:
        count = len(container.streams.audio)
    found = []
    for index in range(count):
        with open_sound(path) as container:
            stream = container.streams.audio[index]
            first = next(_audio_frames(container, stream), None)
            if first is None:
                continue
            told = (stream.language, stream.metadata.get("title"))
            found.append(
                SoundTrack(
                    path,
                    index + 1,
                    ", ".join(text for text in told if text and text != "und"),
                    bool(stream.disposition & av.stream.Disposition.default),
                    tuple(channel.name for channel in first.layout.channels),
                    first.sample_rate,
                    in_container=True,
                )
            )
    return found


def open_sound(path: Path) -> av.container.InputContainer:
    """Raises InputError for a file that is neither sound nor video."""
    try:
        return opened(path)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as sound or video ({error}).", "Check the file.") from error


def _file_blocks(path: Path) -> Iterator[np.ndarray]:
    """(channels, k) of a sound file by libsndfile, up to where it breaks off; none where that cannot read it, or where
    the header states no length."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                yield block.T
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return


def _on_the_clock(
    frames: Iterator[av.AudioFrame], track: SoundTrack, picture_start: Fraction | None
) -> Iterator[np.ndarray]:
    """Blocks of all samples from `picture_start` on."""
    clock, start, count, cut = SteadyClock(), None, 0, 0
    for frame in frames:
        stamp = time_of(frame)
        time = None if stamp is None else clock.time(stamp)
        block = _samples(frame, track.rate)
        if start is None:
            start = time
            lead = round((start - picture_start) * track.rate) if start is not None and picture_start is not None else 0
            if 0 < lead < LEAP_S * track.rate:
                yield np.zeros((len(block), lead), np.float32)
            cut = max(0, -lead)
        elif time is not None:
            hole = time - start - Fraction(count, track.rate)
            if hole > _GAP_S:
                silence = np.zeros((len(block), round(hole * track.rate)), np.float32)
                block = np.concatenate([silence, block], axis=1)
        count += block.shape[1]
        if cut:
            block, cut = block[:, cut:], max(0, cut - block.shape[1])
        if block.shape[1]:
            yield block


def _first_picture_time(container: av.container.InputContainer) -> Fraction | None:
    """Timestamp in seconds of the first frame that decodes, None without a picture (cover art does not count)."""
    streams = moving_pictures(container)
    if not streams:
        return None
    try:
        return time_of(next(container.decode(streams[0])))
    except (StopIteration, av.error.FFmpegError):
        return None


def _audio_frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Decoded frames in order; packets that do not decode are left out, a file cut in half ends early."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, AttributeError, ValueError):  # damaged, or of a codec that nothing here knows
            continue
        yield from frames


def _samples(frame: av.AudioFrame, rate: int) -> np.ndarray:
    """(channels, k) float32 of a frame, at the track's rate also where the stream changes its own."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128.0) / 128.0
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples.astype(np.float32) / 2.0 ** (8 * samples.dtype.itemsize - 1)
    samples = samples.astype(np.float32)
    if frame.sample_rate != rate:
        samples = np.atleast_2d(soxr.resample(samples.T, frame.sample_rate, rate).T).astype(np.float32)
    return samples
