"""How fast a sound strip plays its file, and the file's samples.

A retimed strip is not left to Blender where its speed is one number. Blender 4.5 reads memory that nobody has written
at such a strip's end, and so crashes or mixes noise once in a while (mended in Audaspace in 2026, pull request 73).
Up to 4.3 Blender mixes it at the file's own speed, and does not tell scripts that it is
retimed: only its length does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import SoundStrip
from ..shared.errors import InputError
from .wav import NotWav, Wav

_RATES = (8000, 192000)
"""Hz that a line's sound may have."""
_USUAL_FPS = (
    *(Fraction(rate) for rate in (12, 24, 25, 30, 48, 50, 60, 120, 240)),
    *(Fraction(1000 * rate, 1001) for rate in (24, 30, 60)),
)
"""Rates that a scene may have had when a strip was added to it."""
_NO_FRAME = Fraction(3, 4)
"""Frames by which what players say of a sound's length may differ."""
_BUFFER = 4096
"""Samples that Audaspace encodes at once; with fewer it fails for sounds out of movies."""


def seems_retimed(frames: int, seconds: Fraction, fps: Fraction) -> bool:
    """Whether a strip whose content lasts `frames` frames plays a sound of `seconds` at another speed, in a Blender
    that does not tell. It keeps the length that it was added with, whatever the scene's rate `fps` is now; a retimed
    one is a frame longer than its sound."""
    return all(abs(frames - seconds * rate) >= _NO_FRAME for rate in (fps, *_USUAL_FPS))


def speed_of(strip: SoundStrip, sound: Wav, fps: Fraction) -> Fraction | None:
    """Seconds of the file for a second of the timeline; None where that is no one number, the pitch is kept, or the
    sound would get a rate that a line cannot have."""
    if not compat.strip_is_retimed(strip):
        return Fraction(1)
    retiming = [Fraction(key.timeline_frame) for key in strip.retiming_keys]
    if len(retiming) != 2 or getattr(strip, "pitch_correction", False):
        return None
    trimmed = compat.strip_content_trim_start(strip) + compat.strip_content_trim_end(strip)
    frames = round(sound.seconds * fps) - round(trimmed)
    # Up to 4.5 the last key lies on the last frame; from 5.0 on behind it.
    span = frames if retiming[1] >= round(compat.strip_content_range(strip)[1]) else frames - 1
    if span <= 0 or retiming[1] <= retiming[0]:
        return None
    speed = Fraction(span) / (retiming[1] - retiming[0])
    return speed if _RATES[0] <= sound.rate * speed <= _RATES[1] else None


@contextmanager
def samples_of(strip: SoundStrip) -> Iterator[Wav | None]:
    """The strip's file as PCM: the file itself, or of a retimed strip a decoded copy, there as long as this is open;
    None where neither can be had. Raises InputError where the file cannot be read."""
    source = Path(bpy.path.abspath(strip.sound.filepath, library=strip.sound.library))
    try:
        sound = _wav(source)
        if sound is not None or not compat.strip_is_retimed(strip) or not compat.has_sound():
            yield sound
            return
    except OSError as error:
        raise InputError(
            f"The strip's sound {source} cannot be read ({error.strerror}).", "Find the missing file."
        ) from error
    with tempfile.TemporaryDirectory(prefix="talker-sound-") as folder:
        yield _decoded(source, Path(folder) / "decoded.wav")


def _wav(path: Path) -> Wav | None:
    try:
        sound = Wav.open(path)
    except NotWav:
        return None
    return sound if sound.is_pcm else None


def _decoded(source: Path, path: Path) -> Wav | None:
    """All of a sound file as a PCM WAV of 16 bits; None where Blender cannot decode it."""
    import aud

    player: Any = aud  # its stubs lack what they should say
    sound = player.Sound(str(source))
    try:
        rate, channels = sound.specs
        sound.write(
            str(path), int(rate), int(channels), player.FORMAT_S16, player.CONTAINER_WAV, player.CODEC_PCM, 0, _BUFFER
        )
        length = sound.length
        decoded = _wav(path)
    except (player.error, OSError):
        return None
    return None if decoded is None else replace(decoded, frames=min(decoded.frames, length))  # it writes a tail
