"""Movies with alpha for editing and compositing: ProRes 4444 with uncompressed sound, at an exact rational rate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from backend.media.audio import fit_length, resample
from shared.errors import InputError
from shared.files import publish, temporary_beside
from shared.timing import samples_for_frames

SOUND_RATE = 48000
"""Sample rate of the sound, Hz."""
_BT709 = 1
"""BT.709's code point for primaries, transfer and matrix (ITU-T H.273)."""
_PROFILE_4444 = "4"
_ALPHA_BITS = "16"


class AlphaMovieWriter:
    """Writes pictures of one size as a .mov: ProRes 4444 (10 bit colour, 16 bit alpha, straight), tagged BT.709, with a
    time code, and PCM sound where there is any. Every picture is coded by itself.

    A context manager: the file gets its name when it is complete; after an error nothing is left.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        width: int,
        height: int,
        fps: Fraction,
        audio: tuple[np.ndarray, int] | None = None,
        metadata: Mapping[str, str] | None = None,
        finish: Callable[[Path], None] | None = None,
        timecode: str = "00:00:00:00",
    ) -> None:
        """audio: ((n,) samples in [-1, 1], rate in Hz), cut or lengthened to the pictures written. finish: what is done
        to the whole file before it gets its name. timecode: of the first picture, without dropped frames. Raises
        InputError when the file cannot be made."""
        self._path, self._finish = Path(path), finish
        self._temporary = temporary_beside(self._path, self._path.suffix)
        self._fps, self._size, self._frames = Fraction(fps), (height, width), 0
        self._sound = None if audio is None else resample(audio[0], audio[1], SOUND_RATE)
        self._reformatter = VideoReformatter()
        try:
            place = os.path.abspath(self._temporary)  # FFmpeg takes "take:1.mov" for a protocol
            self._container = av.open(place, "w", format="mov", options={"movflags": "+faststart"})
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the folder.") from error
        self._container.metadata.update(metadata or {})
        self._video = self._container.add_stream("prores_ks", rate=self._fps)
        codec = self._video.codec_context
        codec.width, codec.height, codec.pix_fmt = width, height, "yuva444p10le"
        codec.time_base, codec.framerate = 1 / self._fps, self._fps
        codec.options = {"profile": _PROFILE_4444, "alpha_bits": _ALPHA_BITS, "vendor": "apl0"}
        codec.color_primaries = codec.color_trc = codec.colorspace = _BT709
        codec.color_range = ColorRange.MPEG
        self._video.time_base = 1 / self._fps
        self._video.metadata["timecode"] = timecode
        self._audio = None
        if self._sound is not None:
            self._audio = self._container.add_stream("pcm_s24le", rate=SOUND_RATE, layout="mono")

    def __enter__(self) -> AlphaMovieWriter:
        return self

    def write(self, rgba: np.ndarray) -> None:
        """Add one picture, (height, width, 4) float in [0, 1]: display-referred colour, straight alpha. Raises
        InputError when the disk is full."""
        if rgba.shape != (*self._size, 4):
            raise ValueError(f"picture {rgba.shape}, expected {(*self._size, 4)}")
        deep = np.rint(np.clip(rgba, 0.0, 1.0) * 65535.0).astype(np.uint16)
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(deep), format="rgba64le"),
            format="yuva444p10le", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG,
            threads=1,  # with more, swscale writes stray alpha where its slices meet
        )  # fmt: skip
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        self._mux(self._video, frame)
        self._write_sound()
        self._frames += 1

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        try:
            if kind is None:
                if self._frames == 0:
                    raise ValueError("a movie needs at least one picture")
                self._mux(self._video, None)
                if self._audio is not None:
                    self._mux(self._audio, None)
                self._close()
                if self._finish is not None:
                    self._finish(self._temporary)
                publish(self._temporary, self._path)
        finally:
            if self._temporary.exists():
                self._container.close()
                self._temporary.unlink()

    def _write_sound(self) -> None:
        """The sound of the picture that was just written."""
        if self._sound is None:
            return
        first, last = (samples_for_frames(self._frames + ahead, SOUND_RATE, self._fps) for ahead in (0, 1))
        samples = fit_length(self._sound[first:last], last - first)
        block = (np.clip(samples, -1.0, 1.0) * (2**31 - 2**8)).astype(np.int32)
        frame = av.AudioFrame.from_ndarray(block[None], format="s32", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = SOUND_RATE, Fraction(1, SOUND_RATE), first
        self._mux(self._audio, frame)

    def _mux(self, stream: av.VideoStream | av.AudioStream | None, frame: av.VideoFrame | av.AudioFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))  # type: ignore[union-attr, arg-type]
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the free space.") from error

    def _close(self) -> None:
        try:
            self._container.close()
        except (OSError, av.FFmpegError) as error:
            raise InputError(f"{self._path} cannot be written ({error}).", "Check the free space.") from error
