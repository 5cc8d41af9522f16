"""The folder of a take: which take it holds, its voice, and which of its frames are up to date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.deliver.store import FrameStore
from backend.performance.voice import Voice
from shared import layout
from shared.errors import InputError
from shared.files import PARTIAL, explaining, make_writable, read_json_object, write_json

_OURS = re.compile(r"^head\.(\d{6})\.(?:exr|png)$")
_DELETE_IT = "Choose another folder, or delete it."


@dataclass(frozen=True)
class Take:
    """One line of dialogue by one person; it stays the same take when the line is edited."""

    footage_sha256: str
    name: str
    """What the line is called: by the user, else its sound file's name."""
    is_named: bool
    """Whether the user called it so."""
    audio_path: str
    """The sound file's absolute path."""
    audio_sha256: str

    def is_that_of(self, manifest: Mapping) -> bool:
        """Whether a folder with this manifest holds this take.

        True for the same footage with the same sound. Also for the same footage with other sound, if the take has the
        same name and either the sound is in the same file or the user gave the name: then the line was edited. (Two
        shots may both have a line.wav: the file's name alone says nothing.)
        """
        inputs = manifest.get("inputs", {})
        audio = inputs.get("audio", {})
        if inputs.get("footage", {}).get("sha256") != self.footage_sha256:
            return False
        if audio.get("sha256") == self.audio_sha256:
            return True
        return manifest.get("take") == self.name and (self.is_named or audio.get("path") == self.audio_path)


class TakeFolder:
    """A folder that holds the render of one line of dialogue by one portrait."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def check(self, take: Take) -> None:
        """Raise InputError if the folder holds another take, or frames of unknown origin. Writes nothing."""
        manifest = self.manifest()
        if manifest is None:
            if self._frames() or (self.path / layout.CAMERA_FILE).exists():
                raise InputError(f"{self.path} holds frames that are not from here.", "Choose an empty folder.")
        elif not take.is_that_of(manifest):
            held = manifest.get("inputs", {}).get("audio", {})
            line = held.get("path") or held.get("name", "another line")
            mend = _DELETE_IT
            if manifest.get("take") == take.name:
                mend += f" If it is the same line, edited, say so with --take {take.name}."
            raise InputError(f"{self.path} holds another take ({line}).", mend)

    def claim(self) -> None:
        """Make the folder, and delete what a killed run left half-written. Raises InputError where that fails."""
        make_writable(self.path)
        with explaining(self.path):
            for leftover in self.path.glob(f"*{PARTIAL}"):
                leftover.unlink()

    def remove_stale(self, store: FrameStore, keys: Mapping[int, str]) -> set[int]:
        """Remove frame files that are not what would be drawn now; returns the numbers of those that stay.

        keys: what every frame of the line would be drawn from, by number.
        """
        kept = set()
        for path, number in self._frames():
            if number in keys and path == store.path(number) and store.key(number) == keys[number]:
                kept.add(number)
            else:
                path.unlink()
        return kept

    def voice(self) -> Voice | None:
        """The voice of the first render of this take; None: no file. Raises InputError if it is damaged."""
        values = self._read_json(layout.VOICE_FILE)
        if values is None:
            return None
        try:
            return Voice.from_dict(values)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.path / layout.VOICE_FILE} is damaged ({error!r}).", "Delete it.") from error

    def write_voice(self, voice: Voice | None) -> None:
        """Write voice.json; None (a silent line): delete it."""
        if voice is None:
            (self.path / layout.VOICE_FILE).unlink(missing_ok=True)
        else:
            self._write_json(layout.VOICE_FILE, voice.to_dict())

    def manifest(self) -> dict | None:
        """What manifest.json says, None if there is none. Raises InputError if it is damaged."""
        return self._read_json(layout.MANIFEST_FILE)

    def write_manifest(self, values: dict) -> None:
        """Write manifest.json, through a temporary name."""
        self._write_json(layout.MANIFEST_FILE, values)

    def _frames(self) -> list[tuple[Path, int]]:
        """Files and numbers of the frames that are there."""
        if not self.path.is_dir():
            return []
        named = [(path, _OURS.match(path.name)) for path in self.path.iterdir()]
        return [(path, int(match[1])) for path, match in named if match]

    def _read_json(self, name: str) -> dict | None:
        path = self.path / name
        if not path.is_file():
            return None
        return read_json_object(path, _DELETE_IT)

    def _write_json(self, name: str, values: dict) -> None:
        write_json(self.path / name, values)
