"""Movies: H.264 with sound at an exact rational frame rate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from backend.media.audio import fit_length, resample
from shared.errors import InputError
from shared.timing import samples_for_frames

MOVIE_SOUND_RATE = 48000
"""Sample rate of a movie's sound, Hz: the one that every player takes."""
_BT709 = 1
"""BT.709's code point for primaries, transfer and matrix (ITU-T H.273)."""


class MovieWriter:
    """Writes frames of one size as an .mp4: H.264, yuv420p, tagged BT.709, with AAC sound where there is any.

    A context manager: the file has its name only once everything is in it; after an error nothing is left.
    Sizes that are odd are widened by one repeated row or column, since yuv420p has none.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        width: int,
        height: int,
        fps: Fraction,
        audio: tuple[np.ndarray, int] | None = None,
        metadata: Mapping[str, str] | None = None,
        quality: int = 16,
    ) -> None:
        """audio: ((n,) samples in [-1, 1], rate in Hz), cut or lengthened to the frames written; metadata: title,
        comment, …; quality: x264's constant rate factor, lower is better.

        Raises InputError when the file cannot be made.
        """
        self._path = Path(path)
        self._temporary = self._path.with_name(self._path.name + ".partial")
        self._fps, self._size = Fraction(fps), (height, width)
        self._frames = 0
        self._sound_position = 0
        self._sound = None if audio is None else resample(audio[0], audio[1], MOVIE_SOUND_RATE)
        try:
            self._container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"})
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the folder.") from error
        self._container.metadata.update(metadata or {})
        self._video = self._container.add_stream("libx264", rate=self._fps)
        self._video.width, self._video.height = width + width % 2, height + height % 2
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = 1 / self._fps
        self._video.options = {"crf": str(quality), "preset": "veryfast"}
        codec = self._video.codec_context
        codec.color_primaries = codec.color_trc = codec.colorspace = _BT709
        codec.color_range = ColorRange.MPEG
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
        rgb = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        self._frames += 1
        self._mux(self._video, frame)
        self._write_sound(samples_for_frames(self._frames, MOVIE_SOUND_RATE, self._fps), last=False)

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        try:
            if kind is None:
                if self._frames == 0:
                    raise ValueError("a movie needs at least one frame")
                self._write_sound(samples_for_frames(self._frames, MOVIE_SOUND_RATE, self._fps), last=True)
                self._mux(self._video, None)
                if self._audio is not None:
                    self._mux(self._audio, None)
                self._close()
                os.replace(self._temporary, self._path)
        finally:
            if self._temporary.exists():
                self._container.close()
                self._temporary.unlink()

    def _write_sound(self, until: int, last: bool) -> None:
        """Encode sound up to sample `until`, in whole codec frames unless it is the `last`."""
        if self._audio is None:
            return
        step = 1024
        while self._sound_position < until and (last or until - self._sound_position >= step):
            count = min(step, until - self._sound_position)
            block = fit_length(self._sound[self._sound_position : self._sound_position + count], count)
            frame = av.AudioFrame.from_ndarray(block.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = MOVIE_SOUND_RATE, Fraction(1, MOVIE_SOUND_RATE)
            frame.pts = self._sound_position
            self._sound_position += count
            self._mux(self._audio, frame)

    def _mux(self, stream: av.VideoStream | av.AudioStream, frame: av.VideoFrame | av.AudioFrame | None) -> None:
        try:
            for packet in stream.encode(frame):
                self._container.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the free space.") from error

    def _close(self) -> None:
        try:
            self._container.close()
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the free space.") from error
