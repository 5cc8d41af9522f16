"""The folder of a take: which take it holds, its voice, and which of its frames are up to date."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.deliver.store import FrameStore
from backend.performance.voice import Voice
from shared import layout
from shared.claims import claiming
from shared.errors import InputError
from shared.files import explaining, make_writable, read_json_object, remove_leftovers, write_json
from shared.jobs import Reporter
from shared.pending import UNFINISHED_FOLDER, publish_pending, settle
from shared.take_ids import is_id, path_key, public_id

_OURS = re.compile(r"^head\.(\d{6})\.(?:exr|png)$")
_DELETE_IT = "Choose another folder, or delete it."
_NAMED = 5
"""So many damaged frames are named."""


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
    id: str | None = None
    """What tells it from every other take; None: it is known by its name and sound alone."""

    def is_that_of(self, manifest: Mapping) -> bool:
        """Whether a folder with this manifest holds this take.

        Where both have an id: true for the same footage and the same id, whatever they are called. Else true for the
        same footage with the same sound. Also for the same footage with other sound, if the take has the
        same name and either the sound is in the same file or the user gave the name: then the line was edited. (Two
        shots may both have a line.wav: the file's name alone says nothing.)
        """
        audio = _part(manifest, "inputs", "audio")
        if _part(manifest, "inputs", "footage").get("sha256") != self.footage_sha256:
            return False
        if self.id is not None and manifest.get("take_id") is not None:
            return is_id(manifest["take_id"], self.id)
        if audio.get("sha256") == self.audio_sha256:
            return True
        path = audio.get("path") or audio.get("path_key")  # a path in manifests up to schema 2
        same_file = path in (self.audio_path, path_key(manifest.get("take_id"), self.audio_path))
        return manifest.get("take") == self.name and (self.is_named or same_file)


@dataclass(frozen=True)
class StoredFrames:
    """What an earlier render has left of the frames of a line."""

    kept: frozenset[int]
    """Numbers of the frames that need not be drawn again."""
    stale: tuple[str, ...]
    """Names of the take's other frame files."""


class TakeFolder:
    """A folder that holds the render of one line of dialogue by one portrait.

    A render makes its files in `work`, inside; they take their places together when all are there. Until then the take
    of before is whole, and what an interrupted render has drawn is gone on with.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.work = self.path / UNFINISHED_FOLDER

    def check(self, take: Take) -> None:
        """Raise InputError if the folder holds another take, or frames of unknown origin. Writes nothing."""
        manifest = self.manifest()
        if manifest is None:
            if _frames(self.path) or (self.path / layout.CAMERA_FILE).exists():
                raise InputError(f"{self.path} holds frames that are not from here.", "Choose an empty folder.")
        elif not take.is_that_of(manifest):
            held = _part(manifest, "inputs", "audio")
            line = held.get("name", "another line")
            mend = _DELETE_IT
            if manifest.get("take") == take.name:
                mend += f" If it is the same line, edited, say so with --take {take.name}."
            raise InputError(f"{self.path} holds another take ({line}).", mend)

    @contextmanager
    def claimed(self, report: Reporter) -> Iterator[None]:
        """Hold the folder, there already or not, so that no other process renders into it. Raises as `claiming`, and
        InputError where it cannot be made."""
        with explaining(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, or inside where nothing may be written beside it.
        claimed = self.path if os.access(self.path.absolute().parent, os.W_OK) else self.work
        with claiming(lambda: [claimed], "rendered", report):
            with explaining(self.path):
                settle(self.path)
            yield

    def make(self, report: Reporter) -> None:
        """Make the folder, and delete what a killed run left half-written. Raises InputError where that fails."""
        make_writable(self.work)
        with explaining(self.path):
            told = " ".join(filter(None, map(remove_leftovers, (self.path, self.work))))
        if told:
            report.message(told)

    def sort_out(self, store: FrameStore, keys: Mapping[int, str], report: Reporter) -> StoredFrames:
        """Find the frame files that are what would be drawn now, and remove the others that are unfinished.

        keys: what every frame of the line would be drawn from, by number. Those that should be, but are damaged, are
        named.
        """
        kept, stale, damaged = set(), [], []
        for folder in (self.work, self.path):
            for path, number in sorted(_frames(folder)):
                if path.is_dir():
                    raise InputError(f"{path} is a folder, not a file.", "Move it away: a frame has that name.")
                if number in keys and path.name == store.path(number).name and number not in kept:
                    key = store.key_of(path)
                    if key == keys[number] and store.is_whole(path):
                        kept.add(number)
                        continue
                    if key is None or key == keys[number]:
                        damaged.append(path.name)
                if folder == self.work:
                    path.unlink()
                else:
                    stale.append(path.name)
        if damaged:
            more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
            report.message(f"Damaged, and drawn again: {', '.join(damaged[:_NAMED])}{more}.")
        return StoredFrames(frozenset(kept), tuple(stale))

    def publish(self, stale: Iterable[str]) -> None:
        """Let the files of the finished render take their places, and the frames called `stale` go. Raises OSError."""
        publish_pending(self.path, {name for name in stale if not (self.work / name).exists()})

    def voice(self) -> Voice | None:
        """The voice of the first render of this take; None: no file. Raises InputError if it is damaged."""
        for folder in (self.path, self.work):
            values = _read_json(folder / layout.VOICE_FILE)
            if values is not None:
                try:
                    return Voice.from_dict(values)
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    raise InputError(f"{folder / layout.VOICE_FILE} is damaged ({error!r}).", "Delete it.") from error
        return None

    def write_voice(self, voice: Voice | None) -> tuple[str, ...]:
        """Write voice.json; None (a silent line): there is none. Returns names of files that are to go."""
        if voice is None:
            (self.work / layout.VOICE_FILE).unlink(missing_ok=True)
            return (layout.VOICE_FILE,)
        write_json(self.work / layout.VOICE_FILE, voice.to_dict())
        return ()

    def id(self, take: Take) -> str:
        """The id of a take in this folder, as its files carry it: the caller's, else the one that the folder has, else
        one by its person and its name, so that the same line gives the same frames in every folder."""
        if take.id is not None:
            return public_id(take.id)
        known = (self.manifest() or {}).get("take_id")
        if isinstance(known, str) and known:
            return public_id(known)
        return public_id("/".join((take.footage_sha256, take.name)))

    def manifest(self) -> dict | None:
        """What manifest.json says, that of an unfinished render where none was finished yet; None if there is none.

        Raises InputError if it is damaged.
        """
        finished = _read_json(self.path / layout.MANIFEST_FILE)
        return _read_json(self.work / layout.MANIFEST_FILE) if finished is None else finished

    def write_manifest(self, values: dict) -> None:
        """Write manifest.json, through a temporary name."""
        write_json(self.work / layout.MANIFEST_FILE, values)


def _frames(folder: Path) -> list[tuple[Path, int]]:
    """Files and numbers of the frames that are there."""
    if not folder.is_dir():
        return []
    named = [(path, _OURS.match(path.name)) for path in folder.iterdir()]
    return [(path, int(match[1])) for path, match in named if match]


def _read_json(path: Path) -> dict | None:
    return read_json_object(path, _DELETE_IT) if path.exists() else None


def _part(values: Mapping, *names: str) -> Mapping[str, Any]:
    """What a manifest has under these names, one within the other; nothing where it has something else there."""
    for name in names:
        part = values.get(name)
        values = part if isinstance(part, Mapping) else {}
    return values
