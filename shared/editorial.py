"""OpenTimelineIO files (.otio): what lies when on a timeline, and where its media are.

The format is JSON with a schema's name on every object (opentimelineio.readthedocs.io, "File Bundles and Format"), so
that nothing has to be installed to write it; what is written here is read back with the library by the tests. Times are
in frames.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

ENDING = ".otio"
OURS = "m2dao_talker"
"""By whose name our metadata stand in a timeline's."""
_DIGEST = "sha256"
"""Where our metadata hold the digest of the file without it."""
VIDEO, AUDIO = "Video", "Audio"


@dataclass(frozen=True)
class Media:
    """A file, or numbered files, with a time of its own."""

    path: Path
    """Of the file; of numbered ones: of the first."""
    fps: Fraction
    start: int
    """Time code of its first frame, in frames from midnight."""
    frames: int
    number: int | None = None
    """Number of the first of numbered files, which ends the name before its ending; None: one file."""


@dataclass(frozen=True)
class Clip:
    """A piece of media on a track."""

    name: str
    media: Media
    at: Fraction
    """Where it begins, in frames of the timeline from its beginning."""
    length: Fraction
    """In frames of the timeline."""
    skipped: Fraction = Fraction(0)
    """How much of the media lies before it, in frames of the media."""


@dataclass(frozen=True)
class Track:
    """Clips, none over another, in any order."""

    name: str
    kind: str
    """VIDEO or AUDIO."""
    clips: list[Clip] = field(default_factory=list)


def timeline_text(
    name: str, fps: Fraction, start: int, tracks: Iterable[Track], folder: Path, metadata: Mapping[str, Any]
) -> str:
    """The text of an .otio file. Later tracks lie over earlier ones.

    fps: of the timeline; start: its first frame's time code, in frames from midnight; folder: where the file will lie,
    from which media are named; metadata: by whose it is. Ours gets a digest of the whole (`is_as_written`).
    """
    stack = _item("Stack.1", "tracks") | {"children": [_track(track, fps, folder) for track in tracks]}
    whole: dict[str, Any] = {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": dict(metadata),
        "name": name,
        "global_start_time": _time(Fraction(start), fps),
        "tracks": stack,
    }
    if OURS in metadata:
        whole["metadata"][OURS] = {**metadata[OURS], _DIGEST: _digest(whole)}
    return json.dumps(whole, ensure_ascii=False, indent=4) + "\n"


def is_as_written(text: str) -> bool:
    """Whether the text of an .otio file is one of ours in which nothing was changed since."""
    try:
        whole = json.loads(text)
        told = whole["metadata"][OURS].pop(_DIGEST)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return bool(told == _digest(whole))


def _digest(whole: dict[str, Any]) -> str:
    text = json.dumps(whole, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def on_tracks(name: str, kind: str, clips: Iterable[Clip]) -> list[Track]:
    """Clips on as few tracks as let none lie over another."""
    tracks: list[Track] = []
    for clip in sorted(clips, key=lambda clip: clip.at):
        free = (track for track in tracks if track.clips[-1].at + track.clips[-1].length <= clip.at)
        track = next(free, None)
        if track is None:
            number = f" {len(tracks) + 1}" if tracks else ""
            track = Track(f"{name}{number}", kind)
            tracks.append(track)
        track.clips.append(clip)
    return tracks


def _track(track: Track, fps: Fraction, folder: Path) -> dict:
    children, end = [], Fraction(0)
    for clip in sorted(track.clips, key=lambda clip: clip.at):
        if clip.at > end:
            children.append(_item("Gap.1", "") | {"source_range": _range(Fraction(0), clip.at - end, fps)})
        children.append(_clip(clip, fps, folder))
        end = clip.at + clip.length
    return _item("Track.1", track.name) | {"kind": track.kind, "children": children}


def _clip(clip: Clip, fps: Fraction, folder: Path) -> dict:
    media = clip.media
    used = _range(media.start + clip.skipped, clip.length * media.fps / fps, media.fps)
    return _item("Clip.2", clip.name) | {
        "source_range": used,
        "media_references": {"DEFAULT_MEDIA": _reference(media, folder)},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _reference(media: Media, folder: Path) -> dict:
    told = {
        "metadata": {},
        "name": media.path.name,
        "available_range": _range(Fraction(media.start), Fraction(media.frames), media.fps),
        "available_image_bounds": None,
    }
    if media.number is None:
        return {"OTIO_SCHEMA": "ExternalReference.1", **told, "target_url": _url(media.path, folder)}
    digits = len(media.path.stem) - len(media.path.stem.rstrip("0123456789"))
    return {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        **told,
        "target_url_base": _url(media.path.parent, folder) + "/",
        "name_prefix": media.path.stem[:-digits],
        "name_suffix": media.path.suffix,
        "start_frame": media.number,
        "frame_step": 1,
        "rate": float(media.fps),
        "frame_zero_padding": digits,
        "missing_frame_policy": "error",
    }


def _url(path: Path, folder: Path) -> str:
    """Where a file is as seen from a folder; by its whole address where that is on another drive."""
    try:
        return quote(Path(os.path.relpath(path, folder)).as_posix(), safe="/")
    except ValueError:  # Windows knows no way from one drive to another
        return Path(os.path.abspath(path)).as_uri()


def _item(schema: str, name: str) -> dict:
    return {
        "OTIO_SCHEMA": schema,
        "metadata": {},
        "name": name,
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": True,
        "color": None,
    }


def _range(start: Fraction, length: Fraction, fps: Fraction) -> dict:
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": _time(start, fps), "duration": _time(length, fps)}


def _time(frames: Fraction, fps: Fraction) -> dict:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(fps), "value": float(frames)}
