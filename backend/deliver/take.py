"""The folder of a take: whose it is, and which of its frames are still good."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from shared import layout
from shared.errors import InputError

_OURS = re.compile(r"^head\.\d{6}\.(exr|png)$")


def digest(*parts: bytes | str) -> str:
    """Short hash of several things."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()[:24]


class TakeFolder:
    """A folder that holds the render of one line of dialogue by one portrait."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def claim(self, take: str, key: str) -> None:
        """Make the folder this take's.

        take: hash of person and line; key: hash of all that frames depend on. Frames of this take under another key are
        out of date and removed; those under the same key stay, so that a cancelled render goes on from them.
        Raises InputError if the folder cannot be written to, or holds another take or frames of unknown origin.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for leftover in self.path.glob("*.partial"):
                leftover.unlink()
            probe = self.path / ".writable.partial"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"The folder {self.path} cannot be written to ({error.strerror}).", "Choose another."
            ) from error
        manifest = self.manifest()
        frames = [p for p in self.path.iterdir() if _OURS.match(p.name)]
        if manifest is None and (frames or (self.path / layout.CAMERA_FILE).exists()):
            raise InputError(f"{self.path} holds frames that are not from here.", "Choose an empty folder.")
        if manifest is not None and manifest.get("take") != take:
            line = manifest.get("inputs", {}).get("audio", {}).get("name", "another line")
            raise InputError(f"{self.path} holds another take ({line}).", "Choose another folder, or delete it.")
        if manifest is not None and manifest.get("key") != key:
            for path in frames:
                path.unlink()

    def manifest(self) -> dict | None:
        """What manifest.json says, None if there is none. Raises InputError if it is damaged."""
        path = self.path / layout.MANIFEST_FILE
        if not path.is_file():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}).", "Choose another folder, or delete it.") from error
        if not isinstance(values, dict):
            raise InputError(f"{path} is damaged.", "Choose another folder, or delete it.")
        return values

    def write_manifest(self, values: dict) -> None:
        """Write manifest.json, through a temporary name."""
        path = self.path / layout.MANIFEST_FILE
        temporary = path.with_name(path.name + ".partial")
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)
