"""What preprocessing chose and found of a clip, in a few words: from subject.json, for threads of ui.scanning."""

from __future__ import annotations

from typing import Any

from ..shared.timing import parse_fps

_TURNS = {
    1: "Turned by 90° to the left",
    2: "Turned by 180°",
    3: "Turned by 90° to the right",
}
_HEARD_S = 0.02
"""An offset of the sound that is worth a word, s."""


def in_words(info: dict[str, Any]) -> tuple[str, ...]:
    """What was taken of the clip, how large and how often the face is seen, what became of the sound; damaged parts are
    passed over."""
    words = (_part(info), _TURNS.get(info.get("footage_turns") or 0, ""), _face(info), _sound(info), _colour(info))
    return tuple(text for text in words if text)


def _part(info: dict[str, Any]) -> str:
    fps, first = float(parse_fps(info["fps"])), info.get("footage_first") or 0
    return f"Used: {first / fps:.1f} s to {(first + int(info['frame_count'])) / fps:.1f} s of the footage"


def _face(info: dict[str, Any]) -> str:
    quality = info.get("quality") or {}
    height, seen, frames = (quality.get(name) for name in ("face_height_px", "usable_frames", "frames"))
    if not (isinstance(height, (int, float)) and seen and frames):
        return ""
    return f"Face: {height:.0f} px high, seen in {seen / frames:.0%} of the frames"


def _sound(info: dict[str, Any]) -> str:
    offset = info.get("audio_offset_s")
    if not isinstance(offset, (int, float)) or abs(offset) < _HEARD_S:
        return ""
    done = "corrected" if info.get("audio_offset_corrected") else "left as it is"
    return f"Sound: {abs(offset):.2f} s {'late' if offset > 0 else 'early'}, {done}"


def _colour(info: dict[str, Any]) -> str:
    colour = info.get("footage_colour") or {}
    space, bits = colour.get("space"), colour.get("bits")
    return f"Colour: read as {space}, {bits} bits" if space and bits else ""
