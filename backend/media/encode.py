"""Movies: H.264 with sound at an exact rational frame rate."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from backend.media.audio import fit_length, resampled
from shared.errors import InputError
from shared.files import publish, temporary_beside
from shared.timing import samples_for_frames

MOVIE_SOUND_RATE = 48000
"""Sample rate of a movie's sound, Hz: the one that every player takes."""
GROUP_FRAMES = 24
"""Frames between key frames. Each group is coded by itself, so that one whose pictures did not change can be copied."""
_REORDER_FRAMES = 2
"""How far behind its decoding a picture may be shown: x264's B-frames, of which some are referred to."""
_BT709 = 1
"""BT.709's code point for primaries, transfer and matrix (ITU-T H.273)."""


class MovieWriter:
    """Writes frames of one size as an .mp4: H.264, yuv420p, tagged BT.709, with AAC sound where there is any.

    The same pictures give the same coded groups of GROUP_FRAMES frames, wherever they stand and on how many cores.
    A context manager: the file gets its name when it is complete; after an error nothing is left.
    Sizes that are odd are widened by one repeated row or column, since yuv420p has none.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        width: int,
        height: int,
        fps: Fraction,
        audio: tuple[np.ndarray | Iterable[np.ndarray], int] | None = None,
        metadata: Mapping[str, str] | None = None,
        quality: int = 16,
    ) -> None:
        """audio: ((n,) samples in [-1, 1], or blocks of them, and their rate in Hz), cut or lengthened to the frames
        written; metadata: title, comment, …; quality: x264's constant rate factor, lower is better.

        Raises InputError when the file cannot be made.
        """
        self._path = Path(path)
        self._temporary = temporary_beside(self._path)
        self._fps, self._size = Fraction(fps), (height, width)
        self._frames = self._packets = self._group_start = 0
        self._sound_position = 0
        self._sound: Iterator[np.ndarray] | None = None
        self._waiting = np.zeros(0, np.float32)
        """Sound that was taken in and is not coded yet."""
        if audio is not None:
            blocks = [audio[0]] if isinstance(audio[0], np.ndarray) else audio[0]
            self._sound = resampled(blocks, audio[1], MOVIE_SOUND_RATE)
        try:
            self._container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"})
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the folder.") from error
        self._container.metadata.update(metadata or {})
        self._quality = quality
        # This stream's own encoder only describes the packets; they come from each group's encoder.
        self._video = self._container.add_stream("libx264", rate=self._fps)
        self._configure(self._video.codec_context)
        self._video.time_base = 1 / self._fps
        self._encoder: av.VideoCodecContext | None = None
        self._reformatter = VideoReformatter()
        self._audio = None
        if self._sound is not None:
            self._audio = self._container.add_stream("aac", rate=MOVIE_SOUND_RATE, layout="mono")
            self._audio.bit_rate = 160_000

    def __enter__(self) -> MovieWriter:
        return self

    def write(self, rgb: np.ndarray) -> None:
        """Add one frame, (height, width, 3) uint8 display-referred RGB. Raises InputError when the disk is full."""
        if rgb.shape != (*self._size, 3) or rgb.dtype != np.uint8:
            raise ValueError(f"frame {rgb.shape} {rgb.dtype}, expected {(*self._size, 3)} uint8")
        if rgb.shape[0] % 2 or rgb.shape[1] % 2:
            rgb = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"),
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG,
        )  # fmt: skip
        if self._encoder is None:
            self._group_start = self._frames
            self._encoder = av.CodecContext.create("libx264", "w")
            self._configure(self._encoder)
        frame.pts, frame.time_base = self._frames - self._group_start, 1 / self._fps
        self._frames += 1
        self._encode_picture(self._encoder, frame)
        if self._frames - self._group_start == GROUP_FRAMES:
            self._end_group()
        self._write_sound(samples_for_frames(self._frames, MOVIE_SOUND_RATE, self._fps), last=False)

    def copy(self, group: list[av.Packet]) -> None:
        """Add a group of another movie by this class, of the same size, rate and quality (see CodedMovie).

        Raises InputError when the disk is full, ValueError in the middle of a group.
        """
        if self._encoder is not None:
            raise ValueError("a group can only be copied where another ends")
        self._group_start = self._frames
        times_s = [_time_of(packet) for packet in group]
        for packet, time_s in zip(group, times_s, strict=True):
            self._mux_picture(packet, round((time_s - min(times_s)) * self._fps))
        self._frames += len(group)
        self._write_sound(samples_for_frames(self._frames, MOVIE_SOUND_RATE, self._fps), last=False)

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        try:
            if kind is None:
                if self._frames == 0:
                    raise ValueError("a movie needs at least one frame")
                self._write_sound(samples_for_frames(self._frames, MOVIE_SOUND_RATE, self._fps), last=True)
                self._end_group()
                self._encode_sound(None)
                self._close()
                publish(self._temporary, self._path, durable=False)
        finally:
            if self._temporary.exists():
                self._container.close()
                self._temporary.unlink()

    def _write_sound(self, until: int, last: bool) -> None:
        """Encode sound up to sample `until`, in whole codec frames unless it is the `last`."""
        if self._sound is None:
            return
        step = 1024
        while self._sound_position < until and (last or until - self._sound_position >= step):
            count = min(step, until - self._sound_position)
            block = self._next_sound(count)
            frame = av.AudioFrame.from_ndarray(block.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = MOVIE_SOUND_RATE, Fraction(1, MOVIE_SOUND_RATE)
            frame.pts = self._sound_position
            self._sound_position += count
            self._encode_sound(frame)

    def _next_sound(self, count: int) -> np.ndarray:
        """The next `count` samples, silence after the end."""
        assert self._sound is not None
        while len(self._waiting) < count and (block := next(self._sound, None)) is not None:
            self._waiting = np.concatenate([self._waiting, block])
        block, self._waiting = fit_length(self._waiting[:count], count), self._waiting[count:]
        return block

    def _configure(self, codec: av.VideoCodecContext) -> None:
        height, width = self._size
        codec.width, codec.height = width + width % 2, height + height % 2
        codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", 1 / self._fps, self._fps
        # No macroblock tree: about once in 300 groups its vector code gives other bits for the same pictures.
        codec.options = {"crf": str(self._quality), "preset": "veryfast", "mbtree": "0"}
        codec.color_primaries = codec.color_trc = codec.colorspace = _BT709
        codec.color_range = ColorRange.MPEG
        codec.flags |= Flags.global_header
        codec.thread_count = 1

    def _end_group(self) -> None:
        if self._encoder is not None:
            self._encode_picture(self._encoder, None)
            self._encoder = None

    def _encode_picture(self, encoder: av.VideoCodecContext, frame: av.VideoFrame | None) -> None:
        with self._writing():
            packets = encoder.encode(frame)
        for packet in packets:
            self._mux_picture(packet, round(_time_of(packet) * self._fps))

    def _mux_picture(self, packet: av.Packet, number: int) -> None:
        """Write the packet of a picture; `number` is its place in its group, from 0."""
        packet.pts = self._group_start + number
        # Not the encoder's: in a short group it waits less, and a gap between groups would lengthen the movie.
        packet.dts = self._packets - _REORDER_FRAMES
        self._packets += 1
        packet.time_base, packet.duration, packet.stream = 1 / self._fps, 1, self._video
        with self._writing():
            self._container.mux(packet)

    def _encode_sound(self, frame: av.AudioFrame | None) -> None:
        """Encode a frame of sound, None at its end; a movie without sound has none."""
        if self._audio is not None:
            with self._writing():
                self._container.mux(self._audio.encode(frame))

    def _close(self) -> None:
        with self._writing():
            self._container.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the free space.") from error


class CodedMovie:
    """The coded pictures of a movie by MovieWriter, group by group from the front. A context manager."""

    def __init__(self, path: str | os.PathLike) -> None:
        """Raises InputError when it is missing or no movie."""
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
        except (OSError, av.FFmpegError, IndexError) as error:
            raise InputError(f"{path} cannot be read ({error}).", "Render it again.") from error
        self._path = path
        self._packets = (packet for packet in self._container.demux(self._stream) if packet.size)
        self._next = 0

    def __enter__(self) -> CodedMovie:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def group(self, index: int) -> list[av.Packet]:
        """Packets of group `index` (from 0). Groups are asked for in ascending order.

        Raises InputError when the movie ends before.
        """
        if index < self._next:
            raise ValueError(f"group {index} after group {self._next - 1}")
        skipped = (index - self._next) * GROUP_FRAMES
        self._next = index + 1
        try:
            packets = list(islice(self._packets, skipped, skipped + GROUP_FRAMES))
        except av.FFmpegError as error:
            raise InputError(f"{self._path} is damaged ({error}).", "Delete it and render again.") from error
        if not packets or not packets[0].is_keyframe:
            raise InputError(f"{self._path} has no group {index}.", "Delete it and render again.")
        return [_with_start_codes(packet) for packet in packets]


def _time_of(packet: av.Packet) -> Fraction:
    """Timestamp of a packet, seconds. Raises ValueError where it has none."""
    if packet.pts is None or packet.time_base is None:
        raise ValueError("a coded picture has no timestamp")
    return packet.pts * packet.time_base


def _with_start_codes(packet: av.Packet) -> av.Packet:
    """A packet out of an .mp4 (ISO/IEC 14496-15: units behind their lengths) as encoders give it (H.264, annex B)."""
    data = bytearray(bytes(packet))
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        data[at : at + 4] = b"\0\0\0\1"
        at += 4 + length
    coded = av.Packet(bytes(data))
    coded.pts, coded.time_base, coded.is_keyframe = packet.pts, packet.time_base, packet.is_keyframe
    return coded
