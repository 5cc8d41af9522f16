"""Which frame of the footage a timeline shows: the topmost movie strip of it, as trimmed, slipped and retimed.

Blender does not tell which frame a strip shows; this computes it as Blender does, in single precision, for strips that
play at one speed. tests/bpy/test_dubbing.py compares it with what is rendered.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..shared.errors import InputError
from ..shared.timing import parse_fps
from . import keys, paths, tagged
from .strips import editor_of

_HIDING = ("MOVIE", "MOVIECLIP", "SCENE", "MASK")
"""Strips whose pictures fill the frame: what lies under them is not seen."""


@dataclass(frozen=True)
class Playing:
    """How a strip of the footage plays."""

    start: float
    """Timeline frame of its content's first frame, trimmed away or not."""
    end: float
    """The timeline frame after its content's last."""
    trimmed: int
    """Frames of the file before its content."""
    frames: int
    """Frames of the file that its content has."""
    rate: float
    """Frames of the content for a timeline frame, before retiming."""
    keys: tuple[float, float] | None
    """Timeline frames of the retiming's first and last key."""
    is_reversed: bool
    strobe: float

    def frame(self, timeline: int) -> int:
        """The file's frame, from 1, at a timeline frame."""
        return self.trimmed + math.floor(_single(self._index(timeline) + 0.5)) + 1

    def decoded_at(self, timeline: int, first: int) -> int:
        """The timeline frame, from `first` on, whose picture is shown at `timeline`. A Blender whose retiming ends at
        the strip's end keeps decoded pictures under the whole part of their place, so that played forwards the first
        one of them stays."""
        if self.keys is None or self.keys[1] < self.end:
            return timeline
        whole = int(self._index(timeline))
        while timeline > first and int(self._index(timeline - 1)) == whole:
            timeline -= 1
        return timeline

    def _index(self, timeline: int) -> float:
        """Place in the content, from 0, between frames."""
        at = _single(self.end - 1 - timeline if self.is_reversed else timeline - self.start)
        index = _single(max(at, 0.0) * _single(self.rate))
        last = float(self.frames - 1)
        if self.keys is not None:
            first_key, last_key = self.keys
            # The last key lies on the last frame; from 5.0 on behind it.
            reached = _single(self.frames / last) if last_key >= self.end and last else 1.0
            index = _single(_single(_single(index / (last_key - first_key)) * reached) * last)
        index = min(max(index, 0.0), last)
        return _single(index - math.fmod(index, self.strobe)) if self.strobe > 1.0 else index

    @property
    def speed(self) -> Fraction:
        """Frames of the file for a timeline frame, nearly: for what runs at it to be written in few words."""
        if self.keys is None:
            speed = Fraction(self.rate).limit_denominator(1001)
        else:
            span = self.frames if self.keys[1] >= self.end else self.frames - 1
            speed = Fraction(span) / Fraction(self.keys[1] - self.keys[0]).limit_denominator(1001)
        return -speed if self.is_reversed else speed


def shown(scene: bpy.types.Scene, footage: Path, start: int, count: int) -> tuple[list[int | None], list[Fraction]]:
    """The footage's frame, from 1, at each of `count` timeline frames from `start` on, None where it is not seen; and
    the speeds at which it plays there.

    Raises InputError where a strip of it plays in a way that Blender does not tell.
    """
    length = _Length(footage)
    found: list[int | None] = []
    playing: dict[str, Playing] = {}
    editor = editor_of(scene)
    for timeline in range(start, start + count):
        strip = _seen(editor, footage.resolve(), timeline, editor)
        if strip is None:
            found.append(None)
            continue
        if strip.name not in playing:
            playing[strip.name] = _playing(scene, strip, length)
        plays = playing[strip.name]
        found.append(plays.frame(plays.decoded_at(timeline, compat.strip_range(strip)[0])))
    return found, [plays.speed for plays in playing.values()]


def told(scene: bpy.types.Scene, footage: Path) -> list[list]:
    """All that `shown` depends on, without reading any file: plain values to be compared."""
    editor, wanted = scene.sequence_editor, footage.resolve()
    if editor is None:
        return []
    return sorted(
        [strip.name, strip.channel, bool(strip.mute), *compat.strip_range(strip),
         round(float(compat.strip_content_start(strip)), 3), round(float(compat.strip_content_trim_start(strip)), 3),
         [round(key.timeline_frame, 3) for key in getattr(strip, "retiming_keys", ())],
         bool(strip.use_reverse_frames), round(strip.strobe, 3)]
        for strip in compat.all_strips(editor) if _is_footage(strip, wanted)
    )  # fmt: skip


class _Length:
    """Frames of a movie file, asked of Blender when first needed."""

    def __init__(self, path: Path) -> None:
        self._path, self._frames = path, 0

    def __call__(self) -> int:
        if not self._frames:
            image = bpy.data.images.load(str(self._path), check_existing=False)
            try:
                self._frames = image.frame_duration
            finally:
                bpy.data.images.remove(image)
        return self._frames


def _single(value: float) -> float:
    """A number as Blender keeps it: with single precision."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _playing(scene: bpy.types.Scene, strip: Any, length: _Length) -> Playing:
    retiming = [key.timeline_frame for key in strip.retiming_keys]
    if len(retiming) > 2:
        raise InputError(
            f"The footage's strip {strip.name} changes its speed, and Blender does not tell how.",
            "Give it one speed, or cut it where the speed changes.",
        )
    start, end = compat.strip_content_range(strip)
    trimmed = round(compat.strip_content_trim_start(strip))
    rate, frames = 1.0, round(end - start)
    scene_fps = keys.scene_fps(scene)
    if retiming or parse_fps(strip.fps) != scene_fps:
        frames = length() - trimmed - round(compat.strip_content_trim_end(strip))
        if not retiming and frames != round(end - start):  # "adjust playback rate"
            rate = _single(strip.fps) / _single(float(scene_fps))
        elif retiming and parse_fps(strip.fps) != scene_fps:
            raise InputError(
                f"The footage's strip {strip.name} is retimed, and the scene has another frame rate than the footage.",
                "Give the scene the footage's frame rate, or undo the retiming.",
            )
    ends = (retiming[0], retiming[-1]) if retiming else None
    return Playing(start, end, trimmed, frames, rate, ends, strip.use_reverse_frames, strip.strobe)


def _seen(owner: Any, footage: Path, timeline: int, editor: Any) -> Any | None:
    """The strip of the footage that is seen at a timeline frame, inside meta strips too; None where none is."""
    for strip in sorted(_showing(owner, timeline), key=lambda strip: -strip.channel):
        if strip.get(tagged.TAKE_KEY) is not None:
            continue
        if strip.type == "SPEED" and _is_footage(strip.input_1, footage):
            raise InputError(
                f"The footage goes through the speed effect {strip.name}, and Blender does not tell which frame it "
                "shows.",
                "Retime the strip itself instead (Strip > Retiming).",
            )
        if _is_footage(strip, footage):
            return strip
        if strip.type == "META":
            inside = _seen(strip, footage, timeline, editor)
            if inside is not None:
                return inside
        if strip.type in _HIDING and strip.blend_alpha >= 1.0:
            return None
    return None


def _showing(owner: Any, timeline: int) -> Iterator[Any]:
    channels = owner.channels
    for strip in compat.strips(owner):
        start, end = compat.strip_range(strip)
        if start <= timeline < end and not strip.mute and strip.type != "SOUND" and not channels[strip.channel].mute:
            yield strip


def _is_footage(strip: Any, footage: Path) -> bool:
    return strip.type == "MOVIE" and Path(paths.absolute(strip.filepath)).resolve() == footage
