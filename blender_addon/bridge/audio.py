"""A line of dialogue out of the timeline: a sound strip, the scene's range or a file, as sound exactly that long."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import SoundStrip
from ..properties import settings_of
from ..shared.errors import InputError
from ..shared.files import replacing
from . import keys, paths, pcm, sound_speed
from .pcm import BOTH
from .speakers import speaker_of
from .strips import editor_of
from .wav import NotWav, Wav

MIX_RATE = 48000
_HEARD = ("SOUND", "SCENE", "META")
_LONGEST_BYTE_S = Fraction(1, 60)
"""No coded speech lasts longer than this for each byte of its file: 480 bits a second."""


@dataclass(frozen=True)
class Line:
    """Where a line of dialogue is, by name: nothing here points into Blender's data."""

    scene: str
    name: str
    """What to call it."""
    frame_start: int
    frame_count: int
    source: str
    """STRIP, RANGE or FILE (properties.LINE_SOURCES)."""
    file: Path | None = None
    """The sound file of a FILE line."""
    channel: str = BOTH
    """Which channel of stereo sound speaks: BOTH, LEFT or RIGHT (properties.LINE_CHANNELS)."""

    @property
    def is_file_as_it_is(self) -> bool:
        """Whether the line's sound is a file of the artist's own, which is left as it is."""
        return self.file is not None and self.channel == BOTH

    def write(self, path: Path) -> Path:
        """The line's sound as a file: a WAV at `path`, or the FILE line's own. It lasts `frame_count` frames, never
        a sample more.

        Raises InputError where there is no such strip or its sound cannot be read or mixed.
        """
        if self.file is not None and self.is_file_as_it_is:
            return self.file
        scene = bpy.data.scenes[self.scene]
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, ending=".wav") as temporary:
            if self.file is not None:
                pcm.write_channel(self.file, self.channel, temporary)
            elif self.source == "STRIP":
                write_strip(scene, _strip(scene, self.name), temporary, self.channel)
            else:
                mix(scene, self.frame_start, self.frame_count, temporary, self.channel)
        return path


def line(scene: bpy.types.Scene) -> Line:
    """The line that a scene's settings name. Raises InputError where they name none."""
    settings = settings_of(scene)
    if settings.line_source == "FILE":
        if not settings.line_file:
            raise InputError("No sound file is chosen for the line.", "Choose one in the Talker panel.")
        path = Path(bpy.path.abspath(settings.line_file)).resolve()
        if not path.is_file():
            raise InputError(f"There is no sound file {path}.", "Choose the line's sound again.")
        count = math.ceil(_seconds(path) * keys.scene_fps(scene))
        return Line(scene.name, path.stem, settings.line_frame, count, "FILE", path, settings.line_channel)
    if settings.line_source == "RANGE":
        first, last = scene.frame_start, scene.frame_end
        name = f"{scene.name}_{first}-{last}"
        return Line(scene.name, name, first, last - first + 1, "RANGE", channel=settings.line_channel)
    return line_of_strip(scene, settings.line_strip or _active_sound(scene).name)


def line_of_strip(scene: bpy.types.Scene, name: str) -> Line:
    """The line that a sound strip is. Raises InputError where there is none, or nothing of it is heard."""
    strip = _strip(scene, name)
    start, end = shown_range(scene, strip)
    return Line(scene.name, strip.name, start, end - start, "STRIP", channel=speaker_of(scene, name).channel)


def named(scene: bpy.types.Scene) -> Line | None:
    """The line that a scene's settings name as far as its name goes, without asking the disk; None where they name
    none."""
    settings = settings_of(scene)
    if settings.line_source == "FILE":
        if not settings.line_file:
            return None
        path = Path(paths.absolute(settings.line_file))
        return Line(scene.name, path.stem, settings.line_frame, 0, "FILE", path)
    if settings.line_source == "RANGE":
        first, last = scene.frame_start, scene.frame_end
        return Line(scene.name, f"{scene.name}_{first}-{last}", first, last - first + 1, "RANGE")
    name = settings.line_strip or active_sound_name(scene)
    return Line(scene.name, name, 0, 0, "STRIP") if name else None


def write_strip(scene: bpy.types.Scene, strip: SoundStrip, path: Path, channel: str = BOTH) -> None:
    """One sound strip as it is trimmed and placed, by itself and by the meta strips that it is in, to a WAV.

    A strip that plays a PCM WAV as it is, or any file at one other speed, is cut out of that file without loss; any
    other is mixed by Blender.
    """
    start, end = shown_range(scene, strip)
    _require_its_speed(scene, strip)
    if _is_plain(scene, strip):
        with sound_speed.samples_of(strip) as sound:
            if sound is not None and _cut(scene, strip, sound, start, end - start, path, channel):
                return
    with _only_heard(scene, strip):
        mix(scene, start, end - start, path, channel)


def shown_range(scene: bpy.types.Scene, strip: SoundStrip) -> tuple[int, int]:
    """First frame of a strip that is heard, and the frame after its last: what the meta strips around it leave of it.

    Raises InputError where they leave nothing.
    """
    start, end = compat.strip_range(strip)
    for meta in compat.all_strips(editor_of(scene)):
        if meta.type == "META" and any(inside.name == strip.name for inside in _all_inside(meta)):
            first, after = compat.strip_range(meta)
            start, end = max(start, first), min(end, after)
    if start >= end:
        raise InputError(
            f"Nothing of the strip {strip.name} is heard: its meta strip is trimmed to other frames.",
            "Trim the meta strip so that the line is in it, or choose another strip.",
        )
    return start, end


def mix(scene: bpy.types.Scene, start: int, count: int, path: Path, channel: str = BOTH) -> None:
    """All that is heard in `count` frames from `start`, mono, mixed by Blender and trimmed to these frames."""
    if not compat.has_sound():
        raise InputError(
            "This Blender is built without sound, so it cannot mix the timeline.", "Choose a WAV file as the line."
        )
    if scene.sequence_editor is None:
        raise InputError("The scene's timeline is empty.", "Add a sound strip, or choose a sound file.")
    with _range(scene, start, count):
        result = compat.mix_sound(scene, str(path), MIX_RATE, is_stereo=channel != BOTH)
    if "FINISHED" not in result or not path.is_file():
        raise InputError(
            "Blender could not mix the timeline's sound.", "Check the strip's file, or choose a sound file."
        )
    with wave.open(str(path), "rb") as mixed:
        data = mixed.readframes(mixed.getnframes())
        channels, width, rate = mixed.getnchannels(), mixed.getsampwidth(), mixed.getframerate()
    data, channels = pcm.only(channel, data, channels, width)
    pcm.write(path, data, channels, width, rate, 0, _samples(count, rate, keys.scene_fps(scene)))


def _samples(frames: int, rate: int, fps: Fraction) -> int:
    """Whole samples in these frames; rounded down, since one more would begin another frame."""
    return math.floor(frames * rate / fps)


def _strip(scene: bpy.types.Scene, name: str) -> SoundStrip:
    editor = scene.sequence_editor
    strip = compat.all_strips(editor).get(name) if editor else None
    if strip is None or strip.type != "SOUND":
        raise InputError(f"The timeline has no sound strip {name}.", "Choose the line's strip again.")
    return strip


def active_sound_name(scene: bpy.types.Scene) -> str:
    """Name of the timeline's active strip where it is a sound strip, else ""."""
    strip = scene.sequence_editor.active_strip if scene.sequence_editor else None
    return strip.name if strip is not None and strip.type == "SOUND" else ""


def _active_sound(scene: bpy.types.Scene) -> SoundStrip:
    name = active_sound_name(scene)
    if not name:
        raise InputError("No line is chosen.", "Choose a sound strip in the Talker panel, or make one active.")
    return _strip(scene, name)


def _require_its_speed(scene: bpy.types.Scene, strip: SoundStrip) -> None:
    """Raises InputError for a retimed strip in a Blender that mixes those at their files' own speed."""
    if compat.tells_retiming(strip):
        is_retimed = compat.strip_is_retimed(strip)
    else:
        source = Path(bpy.path.abspath(strip.sound.filepath, library=strip.sound.library))
        is_retimed = not strip.sound.packed_file and sound_speed.seems_retimed(
            strip.frame_duration, _seconds(source), keys.scene_fps(scene)
        )
    if is_retimed and not compat.mixes_retimed_sound():
        raise InputError(
            f"The strip {strip.name} is retimed, and this Blender mixes such sound at its file's own speed.",
            "Change its speed in a sound editor, or use Blender 4.5 or newer.",
        )


def _is_plain(scene: bpy.types.Scene, strip: SoundStrip) -> bool:
    """Whether a strip plays its file as it is but for its speed."""
    if strip.volume != 1.0 or strip.sound.packed_file or len(strip.modifiers):
        return False
    return not any(curve.data_path == strip.path_from_id("volume") for curve in compat.fcurves(scene))


def _cut(
    scene: bpy.types.Scene, strip: SoundStrip, sound: Wav, start: int, count: int, path: Path, channel: str
) -> bool:
    """Cut a plain strip's part out of its file; False where no one speed says how that is played.

    Sound at another speed is the same samples at another rate.
    """
    fps = keys.scene_fps(scene)
    speed = sound_speed.speed_of(strip, sound, fps)
    if speed is None:
        return False
    rate = round(sound.rate * speed)
    frames_in = (Fraction(start) - Fraction(compat.strip_content_start(strip)).limit_denominator(10**4)) * speed
    begin_s = (frames_in + Fraction(compat.strip_content_trim_start(strip))) / fps - Fraction(
        getattr(strip, "sound_offset", 0.0)
    )
    begin, wanted = round(begin_s * sound.rate), _samples(count, rate, fps)
    skip = max(0, min(begin, sound.frames))
    data = sound.read(skip, begin + wanted - skip)
    data, channels = pcm.only(channel, data, sound.channels, sound.width)
    pcm.write(path, data, channels, sound.width, rate, max(0, -begin), wanted)
    return True


def _seconds(path: Path) -> Fraction:
    """Length of a sound file."""
    try:
        return Wav.open(path).seconds
    except NotWav:
        pass
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).", "Choose the line's sound again.") from error
    seconds, size = _seconds_of_any_format(path), path.stat().st_size
    if not 0 <= seconds <= size * _LONGEST_BYTE_S:
        raise InputError(
            f"{path.name} states a length that it cannot have ({float(seconds):.0f} s in {size} bytes).",
            "Export it again, or convert it to WAV.",
        )
    return seconds


def _seconds_of_any_format(path: Path) -> Fraction:
    if not compat.has_sound():
        raise InputError(f"This Blender is built without sound and cannot read {path.name}.", "Choose a WAV file.")
    import aud

    player: Any = aud  # its stubs lack what they should say
    sound = player.Sound(str(path))
    try:
        samples, rate = sound.length, sound.specs[0]
    except player.error as error:
        raise InputError(f"{path.name} cannot be read as sound ({error}).", "Choose another file.") from error
    return Fraction(samples) / Fraction(rate)


@contextmanager
def _range(scene: bpy.types.Scene, start: int, count: int) -> Iterator[None]:
    """The scene's range set to these frames for a while."""
    kept = scene.frame_start, scene.frame_end, scene.use_preview_range
    scene.use_preview_range = False
    scene.frame_end = max(scene.frame_end, start + count)
    scene.frame_start, scene.frame_end = start, start + count - 1
    try:
        yield
    finally:
        scene.frame_end = max(kept[1], scene.frame_end)
        scene.frame_start, scene.frame_end, scene.use_preview_range = kept


@contextmanager
def _only_heard(scene: bpy.types.Scene, strip: SoundStrip) -> Iterator[None]:
    """Every strip but this one (and the meta strips that it is in) muted for a while."""
    kept = []
    for other in compat.all_strips(editor_of(scene)):
        if other.type in _HEARD:
            kept.append((other.name, other.mute))
            inside = other.type == "META" and any(s.name == strip.name for s in _all_inside(other))
            other.mute = not (other.name == strip.name or inside)
    try:
        yield
    finally:
        for name, mute in kept:
            compat.all_strips(editor_of(scene))[name].mute = mute


def _all_inside(meta: Any) -> Iterator[Any]:
    for strip in compat.strips(meta):
        yield strip
        if strip.type == "META":
            yield from _all_inside(strip)
