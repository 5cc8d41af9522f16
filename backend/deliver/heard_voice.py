"""The voice of a line, heard once for all the chunks of a take: hearing it goes through the whole of its sound."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from backend.performance.voice import Voice
from shared import layout
from shared.errors import InputError
from shared.files import read_json_object, write_json
from shared.version import VERSION

_KEY_DIGITS = 16


class HeardVoice:
    """A file beside the frames of chunks, under a name that says all that the voice was heard from: whoever reads it
    has what it would have heard itself, to the bit. Two that heard it at once write the same bytes.
    """

    def __init__(self, folder: Path, heard_from: Any) -> None:
        """folder: that of the chunks, there or not; heard_from: plain values."""
        text = json.dumps([VERSION, heard_from], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]
        self.path = folder / layout.HEARD_VOICE_NAME.format(key=key)

    def read(self) -> Voice | None:
        """None where nobody has heard it yet, or where the file is damaged: then it is heard, and written, again."""
        try:
            return Voice.from_dict(read_json_object(self.path, ""))
        except (InputError, KeyError, TypeError, ValueError, OverflowError):
            return None

    def publish(self, voice: Voice) -> None:
        """Write it for the others, unless one of them was first; it appears whole. For whoever has made the folder.
        Raises OSError."""
        if self.read() is not None:
            return
        write_json(self.path, voice.to_dict(), durable=False)
