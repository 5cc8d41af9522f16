"""Footage to pictures: what a video file is, and its frames by their exact timestamps.

Reads whatever FFmpeg (through PyAV) reads. Pictures come upright (phone rotation applied), in the working space
(media.colour): HDR and wide gamuts are converted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from backend.media.colour import FootageColour, to_bytes, to_working_space
from backend.media.colour_tags import MATRICES, RGB, ColourTags, footage_colour, rgb_of_ycbcr
from shared.errors import InputError

RGB_CONVERSION = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""swscale's flags for YUV to RGB: exact rounding, chroma interpolated at full width."""

RATE_TOLERANCE = Fraction(1, 4)
"""A gap between frames that differs from the average by more than this share of it makes the rate variable."""


RATE_ROUNDING = Fraction(1, 5000)
"""A stated rate this near to a whole or NTSC rate (as a share of it) is that rate; those two lie 1/1000 apart."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is. Sizes are of the upright picture."""

    width: int
    height: int
    fps: Fraction
    """Average frame rate, exact."""
    frame_count_estimate: int
    rotation: int
    """Degrees anticlockwise (0, 90, 180, 270) by which the stored picture is turned to stand upright."""
    tags: ColourTags
    """What the file says of its colours."""
    colour: FootageColour
    """How its pictures are read: by the tags, unless the user says otherwise."""
    has_audio: bool
    variable_rate: bool
    start_s: Fraction
    """Time of the first frame on the file's clock (the sound may start at another)."""


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise InputError(f"There is no file {path}.", "Check the path of the footage.")
    try:
        container = av.open(os.fspath(path))
    except (av.error.FFmpegError, OSError) as error:
        if _lacks_index(path):
            raise InputError(
                f"{path.name} breaks off before its index, without which nothing in it can be decoded.",
                "Copy or download it again. If the recording itself broke off, a repair program can rebuild the index "
                "from a whole clip of the same camera.",
            ) from error
        raise InputError(
            f"{path.name} cannot be read as a video ({getattr(error, 'strerror', None) or error}).",
            "Give a video file such as .mp4 or .mov; if a download or copy broke off, fetch it again.",
        ) from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path.name} has no picture in it.", "Give a video file that shows the speaker.")
    return container


def _lacks_index(path: Path) -> bool:
    """Whether a file is an MP4 or MOV that has its type (`ftyp`) but not its index (`moov`; ISO 14496-12, 8.2.1).

    The index holds the decoder's parameters and every frame's place; cameras write it last, when recording ends.
    """
    kinds = set()
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        start = 0
        while start + 8 <= end:
            file.seek(start)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1 and start + 16 <= end:
                length = struct.unpack(">Q", file.read(8))[0]
            kinds.add(kind)
            if length < 8:
                break
            start += length
    return b"ftyp" in kinds and b"moov" not in kinds


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    """Packets of a stream up to where the file ends or breaks off."""
    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
        except av.error.FFmpegError:
            packet = None
        if packet is None:
            return
        yield packet


def _frames_of(packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame] | None:
    """Frames that the decoder gives for a packet; None where the packet is damaged."""
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return None


def _packet_times(container: av.container.InputContainer, stream: av.VideoStream) -> tuple[list[Fraction], int]:
    """Presentation times of the stream's packets in ascending order (those that have one), and the packets' number.

    A file cut short ends in a broken packet: what came before it counts here, and `read_frames` warns.
    """
    times, packets = [], 0
    for packet in _packets(container, stream):
        if packet.size == 0:
            continue
        packets += 1
        if packet.pts is not None:
            times.append(packet.pts * packet.time_base)
    return sorted(times), packets


def _is_variable(times: list[Fraction], packets: int, fps: Fraction) -> bool:
    if len(times) < packets or len(times) < 3:
        return False
    period = 1 / fps
    gaps = (later - earlier for earlier, later in zip(times[:-1], times[1:], strict=True))
    return any(abs(gap - period) > period * RATE_TOLERANCE for gap in gaps)


def probe(path: str | os.PathLike) -> VideoInfo:
    """Describe a video file without decoding more than its first frame.

    Raises InputError if the file is missing, is not a video, or not one frame of it can be decoded.
    """
    path = Path(path)
    with _open(path) as container:
        stream = container.streams.video[0]
        by_container = _container_tags(stream)
        stream.thread_type = "AUTO"
        first = next((frame for packet in _packets(container, stream) for frame in _frames_of(packet) or ()), None)
        if first is None:
            raise _undecodable(path)
        rotation = round(first.rotation / 90) % 4 * 90
        width, height = (first.width, first.height) if rotation % 180 == 0 else (first.height, first.width)
        tags = ColourTags.of(first, by_container)
        start = _frame_time(first) or Fraction(0)
        has_audio = bool(container.streams.audio)
        stated_rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    with _open(path) as container:
        times, packets = _packet_times(container, container.streams.video[0])
    if not stated_rate:
        if len(times) < 2 or times[-1] == times[0]:
            raise InputError(f"{path.name} states no frame rate.", "Give a video, not a still picture.")
        stated_rate = (len(times) - 1) / (times[-1] - times[0])
    fps = _standard_rate(Fraction(stated_rate))
    variable = _is_variable(times, packets, fps)
    frames = round((times[-1] - times[0]) * fps) + 1 if variable else packets
    return VideoInfo(
        width=width,
        height=height,
        fps=fps,
        frame_count_estimate=frames,
        rotation=rotation,
        tags=tags,
        colour=footage_colour(tags)[0],
        has_audio=has_audio,
        variable_rate=variable,
        start_s=start,
    )


def _standard_rate(fps: Fraction) -> Fraction:
    """The whole or NTSC rate that `fps` is, where timestamps rounded to the file's clock blurred it; else `fps`."""
    for rate in (Fraction(round(fps)), Fraction(round(fps * 1001 / 1000) * 1000, 1001)):
        if abs(rate - fps) < fps * RATE_ROUNDING:
            return rate
    return fps


def _undecodable(path: Path) -> InputError:
    return InputError(
        f"Not one frame of {path.name} can be decoded.",
        "Convert it to H.264 .mp4 with another program, or give other footage.",
    )


def _frame_time(frame: av.VideoFrame) -> Fraction | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * frame.time_base


def _container_tags(stream: av.VideoStream) -> tuple[int, int, int]:
    """Primaries, transfer and matrix by the container (H.273 code points); asked before anything is decoded."""
    codec = stream.codec_context
    return int(codec.color_primaries), int(codec.color_trc), int(codec.colorspace)


def to_rgb(frame: av.VideoFrame, colour: FootageColour) -> np.ndarray:
    """(H, W, 3) RGB in the working space of a decoded frame as stored (not turned).

    uint16 where the file has more than 8 bits (65535 is one), else uint8.
    """
    if not colour.is_converted and colour.stored_bits == 8:
        return _bytes_of(frame, colour)
    rgb = to_working_space(_words_of(frame, colour), colour)
    return rgb if colour.stored_bits == 16 else to_bytes(rgb)


def _bytes_of(frame: av.VideoFrame, colour: FootageColour) -> np.ndarray:
    """(H, W, 3) uint8 RGB through the matrix and the range, under the frame's own curve."""
    if colour.matrix == RGB:
        return frame.to_ndarray(format="rgb24")
    return frame.to_ndarray(
        format="rgb24",
        src_colorspace=MATRICES[colour.matrix].swscale,
        src_color_range=ColorRange.JPEG if colour.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=RGB_CONVERSION,
    )


def _words_of(frame: av.VideoFrame, colour: FootageColour) -> np.ndarray:
    """The same as uint16. swscale only interpolates chroma: its own RGB in 16 bits is dark by a part in 260."""
    if colour.matrix == RGB or frame.format.name.startswith("gray"):
        return frame.to_ndarray(format="rgb48le")
    ycbcr = frame.to_ndarray(
        format="yuv444p16le",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=RGB_CONVERSION,
    )
    return cv2.transform(ycbcr, rgb_of_ycbcr(colour))


def _decoded(path: Path, warn: Callable[[str], None]) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """(time, frame) as decoded; stops with a warning where the file breaks off."""
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stated, period = stream.frames, 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
        time, count = None, 0
        broken = 0
        for packet in _packets(container, stream):
            frames = _frames_of(packet)
            if frames is None:
                broken += 1
                continue
            for frame in frames:
                stamp = _frame_time(frame)
                # Some MPEG streams stamp only some of their frames; the others follow at the stated rate.
                time = stamp if stamp is not None else (Fraction(0) if time is None else time + period)
                count += 1
                yield time, frame
        if count == 0:
            raise _undecodable(path)
        if stated and count < stated - 1:
            warn(f"The footage breaks off: {count} of {stated} frames could be decoded; those are used.")
        elif broken:
            warn(f"Parts of the footage are damaged; the {count} frames that could be decoded are used.")


def read_frames(
    path: str | os.PathLike,
    info: VideoInfo | None = None,
    warn: Callable[[str], None] = lambda text: None,
    every: int = 1,
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Frames of a video in the order shown, one at a time.

    Yields (pts_s, rgb): the source timestamp in exact seconds on the file's clock, and (H, W, 3) RGB, upright, in the
    working space by `info.colour`: uint16 where the file has more than 8 bits, else uint8.
    Footage of variable rate is resampled to its stated average rate: picture n is the source frame nearest to
    n / fps after the first, with that frame's own timestamp, so a source frame may come twice or not at all.
    `every`: only the first picture of so many is given (decoding cannot be spared, turning it into RGB can).
    `warn` receives sentences about damage. Raises InputError as `probe`, or if nothing can be decoded.
    """
    path = Path(path)
    info = info or probe(path)
    turns = info.rotation // 90
    decoded = _decoded(path, warn)
    if info.variable_rate:
        decoded = _resampled(decoded, info.fps)
    for time, frame in islice(decoded, 0, None, every):
        rgb = to_rgb(frame, info.colour)
        yield time, np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def _resampled(
    decoded: Iterator[tuple[Fraction, av.VideoFrame]], fps: Fraction
) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Nearest source frame to every multiple of 1 / fps after the first frame, with its own time."""
    previous = next(decoded, None)
    if previous is None:
        return
    start, number = previous[0], 0
    for current in decoded:
        if current[0] <= previous[0]:
            continue
        middle = (previous[0] + current[0]) / 2
        while start + number / fps < middle:
            yield previous
            number += 1
        previous = current
    while start + number / fps <= previous[0] + Fraction(1, 2) / fps:
        yield previous
        number += 1
