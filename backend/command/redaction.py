"""Texts without what they tell of people and machines: names, paths, what was consented to."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from backend.settings import DRIVEN_BY, ENGINES, INPUT_COLOURS, LAYERS
from shared import choices, layout
from shared.jobs import JobState

_TELLING = 3
"""Names of fewer letters are left: they stand in too many words."""
_KNOWN = {
    *choices.PRESETS, *choices.RECIPES, *choices.POSES, *ENGINES, *LAYERS, *DRIVEN_BY, *INPUT_COLOURS,
    *(str(state) for state in JobState), *layout.SUBJECT_FILES, *layout.TAKE_FILES, layout.REPORT_FILE,
}  # fmt: skip
"""Values and names that are this program's own."""
_COMMON = frozenset(
    "home users user root mnt media volumes tmp temp var usr opt private work documents desktop downloads data "
    "projects project subject render lines line models cache frames regions state jobs logs take audio video footage "
    "clip backend".split()
)
"""Names of folders and files that tell of nobody."""
_NUMBERS = re.compile(r"[\d\s.,:;/eE+-]*")
_END = r"\s'\"<>|:;,()"
"""What ends a path, but for blanks before more of it."""
_MEDIA = (
    "(?:mp4|mov|mkv|avi|mxf|webm|m4v|wav|mp3|m4a|aac|flac|aiff?|exr|png|jpe?g|tiff?|json|csv|otio|ply|spz|blend|toml)"
)
"""Endings of files up to which a name with blanks goes."""
_PATH = re.compile(
    rf"(?:(?<![\w<>/])(?:~|/(?=[\w.~]))|\b[A-Za-z]:[\\/]|\\\\)[^{_END}]*"
    rf"(?:(?:[ ][^{_END}/\\]+){{1,4}}(?=[/\\])[^{_END}]*)*"
    rf"(?:(?:[ ][^.{_END}/\\]+){{1,6}}\.{_MEDIA}\b"
    rf"|(?:(?<![.])[ ](?=[A-Z\u00c0-\u024f\u0370-\uffff])[^{_END}/\\]*){{1,4}})?"
)
_CLIENT = re.compile(r"(?<=\bclient )('[^'\n]*'|\"[^\"\n]*\")")
"""What a client called itself: a machine's name, as a rule."""
_CONSENT = re.compile(r"consent", re.I)


class Redactor:
    """Takes out of texts what it has been told, and every path; the same thing gets the same mark everywhere."""

    def __init__(self, own_places: Mapping[str, str]) -> None:
        """own_places: folders of this program, and what is said in their place."""
        self._salt = secrets.token_bytes(16)  # or a mark could be found out by trying names
        self._own = sorted(own_places.items(), key=lambda one: -len(one[0]))
        self._secrets: set[str] = set()

    def tell(self, values: Any) -> None:
        """Note what the texts in values, such as a job's arguments, tell: names, and the parts of paths."""
        for text in _texts(values):
            if _is_plain(text):
                continue
            self._note(text)
            if "/" in text or "\\" in text:
                for part in {*PurePosixPath(text).parts, *PureWindowsPath(text).parts}:
                    for name in (part, PurePosixPath(part).stem):
                        self._note(name)

    def _note(self, name: str) -> None:
        if len(name) >= _TELLING and name.lower() not in _COMMON and not _is_plain(name):
            self._secrets.add(name)

    def text(self, text: str) -> str:
        """A text of any number of lines without all that; a line about a consent is left out."""
        for place, said in self._own:
            text = text.replace(place, said)
        if self._secrets:
            names = sorted(self._secrets, key=len, reverse=True)
            pattern = "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names)
            text = re.sub(pattern, lambda found: self._mark(found[0]), text, flags=re.I)
        text = _CLIENT.sub(lambda found: self._mark(found[0]), text)
        text = _PATH.sub(lambda found: self._mark(found[0]), text)
        lines = text.split("\n")
        return "\n".join("<a line about a consent>" if _CONSENT.search(line) else line for line in lines)

    def values(self, values: Any) -> Any:
        """Plain values, such as a job's arguments, with every text in them redacted."""
        if isinstance(values, str):
            return values if _is_plain(values) else self.text(values)
        if isinstance(values, Mapping):
            return {self.text(str(name)): self.values(value) for name, value in values.items()}
        if isinstance(values, (list, tuple)):
            return [self.values(value) for value in values]
        return values

    def _mark(self, text: str) -> str:
        digest = hashlib.sha256(self._salt + os.path.normcase(text).lower().encode("utf-8", "replace")).hexdigest()[:6]
        suffix = PurePosixPath(text).suffix
        return f"<{digest}>{suffix if re.fullmatch(r'[.][A-Za-z0-9]{1,8}', suffix) else ''}"


def _is_plain(text: str) -> bool:
    """Whether a text is a number, a range, or a value of this program's own."""
    return text in _KNOWN or _NUMBERS.fullmatch(text) is not None


def _texts(values: Any) -> Iterable[str]:
    if isinstance(values, (str, Path)):
        yield str(values)
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _texts(value)
