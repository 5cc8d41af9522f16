"""Movies of every kind, written through PyAV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from backend.media.audio import resample

AUDIO_RATE = 48000


@dataclass(frozen=True)
class Clip:
    """Pictures with their sound."""

    pictures: Sequence[np.ndarray]
    """(H, W, 3) uint8 RGB each."""
    sound: np.ndarray
    """(n,) float32 at AUDIO_RATE."""
    fps: Fraction = Fraction(25)

    def part(self, first: int, end: int) -> Clip:
        """Pictures `first` up to `end`, with their sound."""
        start, stop = (round(number / self.fps * AUDIO_RATE) for number in (first, end))
        return Clip(self.pictures[first:end], self.sound[start:stop], self.fps)


@dataclass(frozen=True)
class SoundOf:
    """A sound track to write: (channels, n) float32, at `rate` Hz, that starts at `start_s`."""

    samples: np.ndarray
    codec: str = "aac"
    layout: str = "mono"
    rate: int = AUDIO_RATE
    start_s: float = 0.0


@dataclass(frozen=True)
class Movie:
    """How a movie is written."""

    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=lambda: {"crf": "8", "preset": "veryfast"})
    pixel_aspect: Fraction | None = None
    turn: tuple[int, bool] = (0, False)
    """Degrees anticlockwise and mirroring that the display matrix says."""
    times: Callable[[int], Fraction] | None = None
    """Picture number to seconds; None: at the clip's rate."""
    container: Mapping[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int] | None = None
    """Primaries, transfer and matrix (H.273) that are written."""


def write(path: Path, clip: Clip, movie: Movie | None = None, sounds: Sequence[SoundOf] | None = None) -> Path:
    """Write a clip; sounds: None: its own as AAC."""
    movie = movie or Movie()
    if sounds is None:
        sounds = [SoundOf(clip.sound[None])]
    with av.open(str(path.absolute()), "w", container_options=dict(movie.container)) as container:
        stream = picture_stream(container, movie.codec, clip.fps, movie.options)
        stream.height, stream.width = clip.pictures[0].shape[:2]
        stream.pix_fmt = movie.pixels
        codec = stream.codec_context
        if movie.pixel_aspect is not None:
            codec.sample_aspect_ratio = movie.pixel_aspect
        if movie.turn != (0, False):
            stream.set_display_rotation(movie.turn[0], hflip=movie.turn[1])
        if movie.colour is not None:
            codec.color_primaries, codec.color_trc, codec.colorspace = movie.colour
        if movie.times is not None:
            codec.time_base = Fraction(1, 90000)
        tracks = [sound_stream(container, one.codec, one.rate, one.layout) for one in sounds]
        for number, picture in enumerate(clip.pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=_FORMATS[picture.shape[2]])
            frame = frame.reformat(format=movie.pixels)
            if movie.times is None:
                frame.pts, frame.time_base = number, 1 / clip.fps
            else:
                frame.pts, frame.time_base = round(movie.times(number) * 90000), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for one, track in zip(sounds, tracks, strict=True):
            _write_sound(container, track, one)
    return path


def picture_stream(
    container: av.container.OutputContainer, codec: str, fps: Fraction | int, options: Mapping[str, str] | None = None
) -> av.VideoStream:
    """A new picture stream."""
    stream = container.add_stream(codec, rate=fps, options=dict(options or {}))
    assert isinstance(stream, av.VideoStream)
    return stream


def sound_stream(
    container: av.container.OutputContainer, codec: str, rate: int = AUDIO_RATE, layout: str = "mono"
) -> av.AudioStream:
    """A new sound track."""
    stream = container.add_stream(codec, rate=rate, layout=layout)
    assert isinstance(stream, av.AudioStream)
    return stream


_FORMATS = {3: "rgb24", 4: "rgba"}


def _write_sound(container: av.container.OutputContainer, track: av.AudioStream, sound: SoundOf) -> None:
    samples = np.ascontiguousarray(sound.samples, dtype=np.float32)
    resampler = av.AudioResampler(format=track.format, layout=sound.layout, rate=sound.rate)
    size = track.codec_context.frame_size or 1024
    for first in range(0, samples.shape[1], size):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, first : first + size]), format="fltp", layout=sound.layout
        )
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = round(sound.start_s * sound.rate) + first
        for converted in resampler.resample(frame):
            container.mux(track.encode(converted))
    container.mux(track.encode(None))


def trimmed_without_encoding(source: Path, path: Path, start_s: float) -> Path:
    """A copy that shows `source` from `start_s` on, by an edit list: earlier pictures are kept, with negative times."""
    with av.open(str(source)) as given, av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as made:
        copies = {stream: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None or packet.pts is None:
                continue
            shift = round(start_s / packet.time_base)
            if packet.stream.type == "audio" and packet.pts < shift:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copies[packet.stream]
            made.mux(packet)
    return path


def at_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    """(n,) at AUDIO_RATE to another rate."""
    return resample(samples, AUDIO_RATE, rate)


def write_wav(path: Path, samples: np.ndarray, rate: int = AUDIO_RATE, subtype: str = "PCM_16") -> Path:
    """(n,) or (channels, n) float32 as a sound file, of the kind that its name says."""
    soundfile.write(path, samples.T, rate, subtype=None if path.suffix != ".wav" else subtype)
    return path
