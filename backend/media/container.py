"""Media files opened through PyAV: what cannot be read is refused in words, what is damaged is passed over."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error

from shared.errors import InputError


def opened(path: str | os.PathLike) -> av.container.InputContainer:
    """A file opened for reading, whatever its name: FFmpeg takes "take:1.mp4" for a protocol, but no absolute path.

    Raises av.error.FFmpegError, OSError or ValueError as PyAV does.
    """
    return av.open(os.path.abspath(path), metadata_errors="replace")


def open_video(path: Path) -> av.container.InputContainer:
    """A file with pictures that move. Raises InputError where it is missing or is none."""
    if not path.is_file():
        raise InputError(f"There is no file {path}.", "Check the path of the footage.")
    try:
        container = opened(path)
    except (av.error.FFmpegError, OSError, ValueError) as error:
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
    if not moving_pictures(container):
        container.close()
        raise InputError(f"{path.name} has no picture in it.", "Give a video file that shows the speaker.")
    return container


def moving_pictures(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The picture streams but cover art, that which FFmpeg thinks the best first (av_find_best_stream)."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    best = container.streams.best("video") if len(streams) > 1 else None
    return sorted(streams, key=lambda stream: stream is not best)


def undecodable(path: Path) -> InputError:
    """The error for a video of which nothing can be decoded."""
    return InputError(
        f"Not one frame of {path.name} can be decoded.",
        "Convert it to H.264 .mp4 with another program, or give other footage.",
    )


def packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
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


def frames_of(packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame] | None:
    """Frames that the decoder gives for a packet; None where the packet is damaged."""
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return None


def time_of(frame: av.frame.Frame) -> Fraction | None:
    """Timestamp in seconds, None where the file gives none."""
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * frame.time_base


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
