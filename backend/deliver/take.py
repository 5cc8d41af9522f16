"""The folder of a take: which take it holds, its voice, and which of its frames are up to date."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.deliver.chunks_folder import ChunksFolder, frame_files, is_frame_name
from backend.deliver.store import FrameStore
from backend.performance.voice import Voice
from backend.settings import RenderSettings
from shared import choices, layout
from shared.claims import claiming
from shared.errors import InputError
from shared.files import explaining, make_writable, read_json_object, remove_leftovers, write_json
from shared.jobs import Reporter
from shared.pending import PUBLISHING_FOLDER, UNFINISHED_FOLDER, publish_pending, refuse_others, settle
from shared.take_ids import is_id, path_key, public_id

LIVE_PREVIEW_FILE = "preview.png"
"""The frame that was drawn last, shown while the job runs."""
_WRITTEN = (*layout.TAKE_FILES, layout.SIGNATURE_FILE)
"""Files that a render writes, beside frames."""
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

    files: dict[int, Path]
    """Of the frames that need not be drawn again, by number."""
    stale: tuple[str, ...]
    """Names of the take's other frame files."""
    begun: tuple[Path, ...]
    """The other frame files of a render that broke off."""
    damaged: tuple[str, ...]
    """Names of files that should be what would be drawn now, and are damaged."""


class TakeFolder:
    """A folder that holds the render of one line of dialogue by one portrait.

    A render makes its files in `work`, inside; they take their places together when all are there. Until then the take
    of before is whole, and what an interrupted render has drawn is gone on with. One render at a time holds the folder
    (`claimed`). Frames that processes draw without holding it, any number at once, lie in `chunks` until a render takes
    them over.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.work = self.path / UNFINISHED_FOLDER
        self.chunks = ChunksFolder(self.path / layout.CHUNKS_FOLDER)

    def refuse_unknown(self) -> None:
        """Raise InputError if the folder holds files of unknown origin that a render would replace. Writes nothing."""
        found = [path.name for path, _ in frame_files(self.path)]
        # A voice that was left of a take is gone on with; one that is none is refused where it is read.
        found += [name for name in _WRITTEN if name != layout.VOICE_FILE and os.path.lexists(self.path / name)]
        # A take that is just taking its place has files before it has its manifest; it is whole when that folder goes.
        if not found or (self.path / PUBLISHING_FOLDER).exists() or _is_ours(self.path):
            return
        raise InputError(
            f"{self.path} holds frames or files of a take that are not from here ({found[0]}).",
            "Choose an empty folder.",
        )

    def refuse_as_input(self, audio: Path, settings: RenderSettings) -> None:
        """Raise InputError if a line's sound or poses are a file that a render into the folder replaces. (Its curves
        may be: they are written as they were given.) Writes nothing."""
        given = [audio] if settings.pose in choices.POSES else [audio, Path(settings.pose)]
        for folder in (self.path, self.work, self.path / PUBLISHING_FOLDER):
            for name, path in itertools.product(_WRITTEN, given):
                with suppress(OSError):
                    if os.path.samefile(folder / name, path):
                        what = f"{path} is a file of the take itself, which a render replaces."
                        raise InputError(what, "Name the line's own file, or a copy outside of the take.")

    def refuse_other(self, take: Take) -> None:
        """Raise InputError if the folder holds another take. Writes nothing."""
        manifest = self.manifest()
        if manifest is not None and not take.is_that_of(manifest):
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
                refuse_others(self.path, layout.MANIFEST_FILE, _is_made)
            yield

    def make(self, report: Reporter) -> None:
        """Make the folder, and delete what a killed run left half-written. Raises InputError where that fails."""
        make_writable(self.work)
        with explaining(self.path):
            told = " ".join(filter(None, map(remove_leftovers, (self.path, self.work))))
        if told:
            report.message(told)

    def holds(self, store: FrameStore, number: int, key: str) -> bool:
        """Whether a frame that is what would be drawn now is anywhere in the folder, to the last byte."""
        name = store.path(number).name
        for place in (self.path, self.path / PUBLISHING_FOLDER, self.work, self.chunks.path):
            with suppress(FileNotFoundError):  # it has just taken its place elsewhere
                if store.key_of(place / name) == key and store.is_whole(place / name):
                    return True
        return False

    def find(self, store: FrameStore, keys: Mapping[int, str]) -> StoredFrames:
        """Find the frame files that are what would be drawn now, in the take, in what is begun, and in chunks. Writes
        nothing.

        keys: what every frame of the line would be drawn from, by number. Raises InputError where a folder has a
        frame's name.
        """
        files: dict[int, Path] = {}
        stale, begun, damaged = [], [], {}
        for frames in (frame_files(self.work), frame_files(self.path), self.chunks.frames()):
            for path, number in sorted(frames):
                if path.is_dir():
                    raise InputError(f"{path} is a folder, not a file.", "Move it away: a frame has that name.")
                if number in keys and path.name == store.path(number).name and number not in files:
                    key = store.key_of(path)
                    if key == keys[number] and store.is_whole(path):
                        files[number] = path
                        continue
                    if key is None or key == keys[number]:
                        damaged[number] = path.name
                if path.parent == self.work:
                    begun.append(path)
                elif path.parent == self.path:
                    stale.append(path.name)
        gone = tuple(name for number, name in damaged.items() if number not in files)
        return StoredFrames(files, tuple(stale), tuple(begun), gone)

    def take_over(self, found: StoredFrames, report: Reporter) -> None:
        """Bring frames that were drawn in chunks into `work`, and remove the others that are there. Others may still
        write some of them, doing what was done already: those notice it (deliver.chunk). Raises InputError where that
        fails."""
        with explaining(self.work):
            for path in found.begun:
                path.unlink(missing_ok=True)
            for path in found.files.values():
                if path.parent == self.chunks.path:
                    os.replace(path, self.work / path.name)
        if found.damaged:
            more = f" and {len(found.damaged) - _NAMED} more" if len(found.damaged) > _NAMED else ""
            report.message(f"Damaged, and drawn again: {', '.join(found.damaged[:_NAMED])}{more}.")

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
        """What manifest.json says, that of an unfinished render where none was finished yet, or the record of chunks;
        None if there is none.

        Raises InputError if it is damaged.
        """
        for folder in (self.path / PUBLISHING_FOLDER, self.path, self.work):
            values = _read_json(folder / layout.MANIFEST_FILE)
            if values is not None:
                return values
        return self.chunks.record()

    def write_manifest(self, values: dict) -> None:
        """Write manifest.json, through a temporary name."""
        write_json(self.work / layout.MANIFEST_FILE, values)


def _is_made(path: Path) -> bool:
    """Whether a render makes files of this name."""
    return path.name in (*_WRITTEN, LIVE_PREVIEW_FILE) or is_frame_name(path.name)


def _is_ours(folder: Path) -> bool:
    """Whether a manifest of ours lies in a folder. Raises InputError if it is damaged."""
    return isinstance((_read_json(folder / layout.MANIFEST_FILE) or {}).get("inputs"), Mapping)


def _read_json(path: Path) -> dict | None:
    try:
        return read_json_object(path, _DELETE_IT)
    except InputError:
        if path.exists():
            raise
        return None  # none, or one that has just taken its place elsewhere


def _part(values: Mapping, *names: str) -> Mapping[str, Any]:
    """What a manifest has under these names, one within the other; nothing where it has something else there."""
    for name in names:
        part = values.get(name)
        values = part if isinstance(part, Mapping) else {}
    return values
