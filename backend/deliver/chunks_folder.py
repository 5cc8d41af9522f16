"""The folder in a take's where frames lie that were drawn without holding the take, and what they are frames of."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from backend.deliver.store import FrameStore
from shared import layout
from shared.errors import InputError
from shared.files import PARTIAL, explaining, intended_name, make_writable, read_json_object, write_json

_FRAME = re.compile(r"^head\.(\d{6})\.(?:exr|png)$")
_BEGUN = re.compile(rf"^(head\.(\d{{6}})\.(?:exr|png))\..*{re.escape(PARTIAL)}(\.\w+)?$")
"""A frame that is being written, or was when its process was killed."""
_VOICE = re.compile(re.escape(layout.HEARD_VOICE_NAME).replace(r"\{key\}", "[0-9a-f]{16}"))
_DELETE_IT = "Delete that folder: its frames are drawn again."


def is_frame_name(name: str) -> bool:
    """Whether frames of a take have names like this."""
    return _FRAME.match(name) is not None


def is_voice_name(name: str) -> bool:
    """Whether voices that chunks have heard have names like this (deliver.heard_voice)."""
    return _VOICE.fullmatch(name) is not None


def frame_files(folder: Path) -> list[tuple[Path, int]]:
    """Files and numbers of the frames in a folder."""
    if not folder.is_dir():
        return []
    named = [(path, _FRAME.match(path.name)) for path in folder.iterdir()]
    return [(path, int(match[1])) for path, match in named if match]


class ChunksFolder:
    """Frames that any number of processes draw at once, until a render takes them over.

    It is ours where it is a folder, no link, with our record in it; of any other nothing is moved or removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._told = path / layout.CHUNK_RECORD_FILE

    def record(self) -> dict | None:
        """What the frames are of, in the words of a manifest; None where nothing of ours is there.

        Raises InputError if it is damaged.
        """
        if self.path.is_symlink() or not self.path.is_dir():
            return None
        try:
            values = read_json_object(self._told, _DELETE_IT)
        except InputError:
            if os.path.lexists(self._told):
                raise
            return None
        return values if isinstance(values.get("inputs"), Mapping) else None

    def refuse_other(self) -> None:
        """Raise InputError where something that is not ours has the name or holds frames. Writes nothing."""
        if self.path.is_symlink() or (os.path.lexists(self.path) and not self.path.is_dir()):
            raise InputError(f"{self.path} is a link or a file, not the folder of chunks.", "Move it away.")
        if (frame_files(self.path) or os.path.lexists(self._told)) and self.record() is None:
            if not os.path.lexists(self.path):  # a join has just cleared it away
                return
            raise InputError(f"{self.path} holds files that are not from here.", "Move that folder away.")

    def make(self, record: Mapping) -> None:
        """Make the folder, and tell what its frames are of. Raises InputError where that fails."""
        make_writable(self.path)
        with explaining(self.path):
            write_json(self._told, record, durable=False)

    def tell(self, record: Mapping) -> None:
        """Make the folder and its record again, where a join has removed them meanwhile. Raises InputError."""
        if not self._told.exists():
            self.make(record)

    def frames(self) -> list[tuple[Path, int]]:
        """Files and numbers of our frames. Raises InputError where the record is damaged."""
        return [] if self.record() is None else frame_files(self.path)

    def remove_published(self, store: FrameStore, keys: Mapping[int, str], published: Collection[int]) -> int:
        """Remove what was drawn once more of frames that the take holds now, and the folder once it is empty.

        keys: what every frame was drawn from. Returns how many frames are left: those that were drawn meanwhile, or
        from something else. Raises InputError, OSError.
        """
        record = self.record()
        if record is None:
            return 0
        left = 0
        for path in sorted(self.path.iterdir()):
            begun = _BEGUN.match(path.name)
            name = begun[1] if begun else path.name
            match = _FRAME.match(name)
            if match is None or path.is_dir():
                continue
            number = int(match[1])
            is_held = number in published and name == store.path(number).name
            if is_held and (begun or store.key_of(path) == keys[number]):
                path.unlink(missing_ok=True)
            else:
                left += 1
        if not left:
            self._remove(record)
        return left

    def _remove(self, record: Mapping) -> None:
        """Remove the record, the voices, and what was half-written of them, and the folder if it is empty then."""
        for path in sorted(self.path.iterdir()):
            name = intended_name(path) or path.name
            if (name == self._told.name or is_voice_name(name)) and not path.is_dir():
                path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()
            return
        if frame_files(self.path):  # somebody has drawn another one meanwhile
            write_json(self._told, record, durable=False)
