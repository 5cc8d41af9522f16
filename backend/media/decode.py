"""Footage to pictures: what a video file is, and its frames by their exact timestamps.

Reads whatever FFmpeg (through PyAV) reads. Pictures come as players show them (turned and mirrored as the file says,
in square pixels, of one size, without fields), in the working space (media.colour): HDR and wide gamuts are converted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from backend.media.clock import SteadyClock, believed_rate, is_variable, resampled, without_holes
from backend.media.colour import FootageColour
from backend.media.colour_tags import UNSPECIFIED, ColourTags, footage_colour
from backend.media.container import frames_of, moving_pictures, open_video, packets, time_of, undecodable
from backend.media.framing import Orientation, fitted, resized, square_size
from backend.media.interlacing import deinterlaced
from backend.media.pixels import to_rgb
from backend.media.sequence import USUAL_FPS, Sequence, sequence_of
from shared.errors import InputError

_LOOKED_AT = 8
"""Frames that are decoded to see whether a clip is interlaced."""
_ONE_SIZE = ("mov", "gif", "image2")
"""Containers, by the first of FFmpeg's names for them, whose streams have one picture size."""
_MANY_SIZES = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg2video", "mpeg4")
"""Codecs whose picture size may change at a key frame, and whose key frames are few."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is. Sizes are of the picture as it is shown: upright, in square pixels."""

    width: int
    height: int
    fps: Fraction
    """Average frame rate, exact."""
    frame_count_estimate: int
    orientation: Orientation
    """How the stored picture is brought upright."""
    stored_size: tuple[int, int]
    """Width and height of the stored picture, px: of the largest, where the clip has several."""
    pixel_aspect: Fraction
    """Width of a stored pixel over its height."""
    is_interlaced: bool
    tags: ColourTags
    """What the file says of its colours."""
    colour: FootageColour
    """How its pictures are read: by the tags, unless the user says otherwise."""
    has_audio: bool
    variable_rate: bool
    start_s: Fraction
    """Time of the first frame on the file's clock (the sound may start at another)."""
    bits_per_pixel: float | None = None
    """Of the coded pictures; None for numbered ones."""
    notes: list[str] = field(default_factory=list)
    """What is done to its pictures beyond reading them, in words."""

    def turned(self, turns: int) -> VideoInfo:
        """The same clip turned by so many quarter turns more, anticlockwise."""
        width, height = (self.height, self.width) if turns % 2 else (self.width, self.height)
        return replace(self, width=width, height=height, orientation=self.orientation.turned(turns))


@dataclass(frozen=True)
class _Packets:
    """What is known of a stream from its packets."""

    times: list[Fraction]
    """Presentation times in ascending order, of those that have one and are shown."""
    count: int
    """Of those that are shown."""
    sizes: list[tuple[int, int]]
    """Picture sizes of key frames in order, without repeats; none where the size cannot change."""
    coded_bytes: int
    """Of those that are shown."""


def _look_through(path: Path) -> _Packets:
    """All packets of a clip. A file cut short ends in a broken packet: what came before it counts here, and
    `read_frames` warns."""
    times: list[Fraction] = []
    sizes: list[tuple[int, int]] = []
    count, coded_bytes, clock = 0, 0, SteadyClock()
    with open_video(path) as container:
        stream = moving_pictures(container)[0]
        changes = container.format.name.split(",")[0] not in _ONE_SIZE and stream.codec_context.name in _MANY_SIZES
        if changes:
            stream.codec_context.skip_frame = "NONKEY"
        for packet in packets(container, stream):
            if changes and (packet.is_keyframe or not packet.size):
                for frame in frames_of(packet) or ():
                    if (frame.width, frame.height) not in sizes[-1:]:
                        sizes.append((frame.width, frame.height))
            if packet.size == 0 or packet.is_discard:
                continue
            count, coded_bytes = count + 1, coded_bytes + packet.size
            if packet.pts is not None:
                decoded_at = packet.pts if packet.dts is None else packet.dts
                shift = clock.time(decoded_at * packet.time_base) - decoded_at * packet.time_base
                times.append(packet.pts * packet.time_base + shift)
    return _Packets(sorted(times), count, sizes, coded_bytes)


def probe(path: str | os.PathLike, fps: Fraction | None = None) -> VideoInfo:
    """Describe a clip without decoding more than a few frames, and key frames where the size may change.

    fps: of numbered pictures (media.sequence), which do not say it; None: USUAL_FPS.
    Raises InputError if the file is missing, is not a video, or not one frame of it can be decoded.
    """
    path = Path(path)
    sequence = sequence_of(path)
    if sequence is not None:
        return _probe_sequence(sequence, fps)
    with open_video(path) as container:
        stream = moving_pictures(container)[0]
        by_container = _container_tags(stream)
        stream.thread_type = "AUTO"
        decoded = (frame for packet in packets(container, stream) for frame in frames_of(packet) or ())
        frames = list(islice(decoded, _LOOKED_AT))
        if not frames:
            raise undecodable(path)
        first = frames[0]
        orientation = Orientation.of(first)
        tags = ColourTags.of(first, by_container)
        start = time_of(first) or Fraction(0)
        has_audio = bool(container.streams.audio)
        pixel_aspect = Fraction(stream.sample_aspect_ratio or 1)
        stated = [stream.average_rate, stream.guessed_rate, stream.base_rate]
        is_interlaced = any(frame.interlaced_frame for frame in frames)
    found = _look_through(path)
    fps = believed_rate(stated, found.times)
    if fps is None:
        raise InputError(f"{path.name} states no frame rate.", "Give a video, not a still picture.")
    stored = max([(first.width, first.height), *found.sizes], key=lambda size: size[0] * size[1])
    shown = square_size(*stored, pixel_aspect)
    variable = len(found.times) == found.count and is_variable(found.times, fps)
    info = VideoInfo(
        width=shown[0],
        height=shown[1],
        fps=fps,
        frame_count_estimate=round((found.times[-1] - found.times[0]) * fps) + 1 if variable else found.count,
        orientation=Orientation(),
        stored_size=stored,
        pixel_aspect=pixel_aspect,
        is_interlaced=is_interlaced,
        tags=tags,
        colour=footage_colour(tags)[0],
        has_audio=has_audio,
        variable_rate=variable,
        start_s=start,
        bits_per_pixel=8 * found.coded_bytes / (found.count * stored[0] * stored[1]),
    )
    width, height = (shown[1], shown[0]) if orientation.is_sideways else shown
    info = replace(info, width=width, height=height, orientation=orientation)
    info.notes.extend(_notes(info, found.sizes))
    return info


def _probe_sequence(sequence: Sequence, fps: Fraction | None) -> VideoInfo:
    _, frame = next(sequence.frames(Fraction(1)), (None, None))
    if frame is None:
        raise InputError(f"Not one picture of {sequence.name} can be decoded.", "Give pictures such as PNG or EXR.")
    tags = ColourTags.of(frame, (UNSPECIFIED, UNSPECIFIED, UNSPECIFIED))
    orientation = Orientation.of(frame)
    size = (frame.width, frame.height)
    width, height = reversed(size) if orientation.is_sideways else size
    notes = (
        [] if fps else [f"The pictures of {sequence.name} are taken as {USUAL_FPS} a second: --fps says another rate."]
    )
    return VideoInfo(
        width=width,
        height=height,
        fps=fps or USUAL_FPS,
        frame_count_estimate=sequence.length,
        orientation=orientation,
        stored_size=size,
        pixel_aspect=Fraction(1),
        is_interlaced=False,
        tags=tags,
        colour=footage_colour(tags)[0],
        has_audio=False,
        variable_rate=False,
        start_s=Fraction(0),
        notes=notes,
    )


def _notes(info: VideoInfo, sizes: list[tuple[int, int]]) -> list[str]:
    """What reading does to the pictures of a clip, in words."""
    notes = []
    if len(sizes) > 1:
        told = ", then ".join(f"{width} x {height}" for width, height in sizes[:4]) + (" …" if len(sizes) > 4 else "")
        notes.append(
            f"The size of the pictures changes within the footage ({told} px): all are brought to "
            f"{info.stored_size[0]} x {info.stored_size[1]}."
        )
    if square_size(*info.stored_size, info.pixel_aspect) != info.stored_size:
        notes.append(
            f"The footage's pixels are not square ({info.pixel_aspect.numerator}:{info.pixel_aspect.denominator}): "
            f"its pictures of {info.stored_size[0]} x {info.stored_size[1]} are brought to "
            f"{info.width} x {info.height}."
        )
    if info.orientation.mirrored:
        notes.append("The footage says that its pictures are to be shown mirrored, and so they are.")
    if info.variable_rate:
        notes.append(
            f"The footage's frame rate varies: it is brought to its average, {float(info.fps):.5g} pictures a second."
        )
    if info.is_interlaced:
        notes.append(
            "The footage is interlaced: whole pictures are made of its fields (bwdif), at the same frame rate."
        )
    return notes


def _container_tags(stream: av.VideoStream) -> tuple[int, int, int]:
    """Primaries, transfer and matrix by the container (H.273 code points); asked before anything is decoded."""
    codec = stream.codec_context
    return int(codec.color_primaries), int(codec.color_trc), int(codec.colorspace)


def _decoded(path: Path, warn: Callable[[str], None]) -> Iterator[av.VideoFrame]:
    """Frames as decoded; ends with a warning where the file breaks off or is damaged."""
    with open_video(path) as container:
        stream = moving_pictures(container)[0]
        stream.thread_type = "AUTO"
        stated, received, count, broken = _stated_frames(stream), 0, 0, 0
        for packet in packets(container, stream):
            received += bool(packet.size) and not packet.is_discard
            frames = frames_of(packet)
            if frames is None:
                broken += 1
                continue
            for frame in frames:
                count += 1
                broken += frame.is_corrupt
                yield frame
        if count == 0:
            raise undecodable(path)
        if stated and received < stated - 1:
            warn(f"The footage breaks off: {count} of {stated} frames could be decoded; those are used.")
        elif broken or (stated and count < stated - 1):
            warn(f"Parts of the footage are damaged; the {count} frames that could be decoded are used.")


def _stated_frames(stream: av.VideoStream) -> int:
    """How many frames the file says that it shows: an edit list may leave some of those it holds out. 0: unknown."""
    if not stream.frames:
        return 0
    return sum(not entry.is_discard for entry in stream.index_entries) or stream.frames


def _timed(frames: Iterator[av.VideoFrame], fps: Fraction) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """(seconds, frame). Some MPEG streams stamp only some of their frames; the others follow at the rate `fps`."""
    time, clock = None, SteadyClock()
    for frame in frames:
        stamp = time_of(frame)
        if stamp is not None:
            time = clock.time(stamp)
        else:
            time = Fraction(0) if time is None else time + 1 / fps
        yield time, frame


def read_frames(
    path: str | os.PathLike,
    info: VideoInfo | None = None,
    warn: Callable[[str], None] = lambda text: None,
    every: int = 1,
    first: int = 0,
    end: int | None = None,
    watch: Callable[[av.VideoFrame], None] | None = None,
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Frames of a video in the order shown, one at a time.

    Yields (pts_s, rgb): the source timestamp in exact seconds on the file's clock, and (H, W, 3) RGB as shown, in the
    working space by `info.colour`: uint16 where the file has more than 8 bits, else uint8.
    Footage of variable rate is resampled to its stated average rate: picture n is the source frame nearest to
    n / fps after the first, with that frame's own timestamp, so a source frame may come twice or not at all. Where
    frames are missing, the one before them stands in.
    first, end: pictures from number `first`, from 0, up to but not with `end`; None: to the last.
    `every`: only the first picture of so many is given (decoding cannot be spared, turning it into RGB can).
    `watch` gets every picture in the range as it is stored, also those that are not given.
    `warn` receives sentences about damage. Raises InputError as `probe`, or if nothing can be decoded.
    """
    path = Path(path)
    info = info or probe(path)
    sequence = sequence_of(path)
    if sequence is not None:
        timed = sequence.frames(info.fps)
    else:
        decoded = _decoded(path, warn)
        timed = _timed(deinterlaced(decoded) if info.is_interlaced else decoded, info.fps)
    steady = resampled(timed, info.fps) if info.variable_rate else without_holes(timed, info.fps, warn)
    for number, (time, frame) in enumerate(islice(steady, first, end)):
        if watch is not None:
            watch(frame)
        if number % every == 0:
            yield time, as_shown(to_rgb(frame, info.colour), info)


def as_shown(rgb: np.ndarray, info: VideoInfo) -> np.ndarray:
    """(H, W, 3) of a picture as it is stored."""
    if rgb.shape[1::-1] != info.stored_size:
        rgb = fitted(rgb, *info.stored_size)
    square = square_size(*info.stored_size, info.pixel_aspect)
    if square != info.stored_size:
        rgb = resized(rgb, *square)
    return rgb if info.orientation == Orientation() else info.orientation.applied(rgb)
