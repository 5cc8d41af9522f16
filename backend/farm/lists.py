"""A list of lines to render: a table with a row for each (CSV)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from shared import choices
from shared.errors import InputError
from shared.files import read_text_file

_OWN = ("subject", "audio", "out")
_PATHS = (*_OWN, "performance", "direction", "pose")
_SEPARATORS = ",;\t"
"""Spreadsheets write the one that is usual in their user's country."""
_FORM = "Its first row names the columns: audio, out, and if need be subject and settings of talker render."


@dataclass(frozen=True)
class ListedLine:
    """A row."""

    subject: str | None
    """None: the one that is named beside the list."""
    audio: str
    out: str
    settings: dict[str, str]
    """Settings of this line alone, as texts."""


def read_lines(path: Path) -> list[ListedLine]:
    """The rows of a list; relative paths in it start at its folder. Raises InputError for what is no list."""
    text = read_text_file(path, _FORM).removeprefix("\ufeff")  # with which spreadsheets begin UTF-8
    names = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=names.count)
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    found = []
    try:
        for row in table:
            if None in row or None in row.values():
                raise InputError(f"{path}, row {table.line_num} has another number of columns.", _FORM)
            values = {name.strip(): value.strip() for name, value in row.items() if value.strip()}
            for name in _PATHS:
                if name in values and values[name] not in choices.POSES:
                    values[name] = str(path.parent / values[name])
            if "audio" not in values or "out" not in values:
                raise InputError(f"{path}, row {table.line_num} has no audio or no out.", _FORM)
            settings = {name: value for name, value in values.items() if name not in _OWN}
            found.append(ListedLine(values.get("subject"), values["audio"], values["out"], settings))
    except csv.Error as error:
        raise InputError(f"{path} is no table ({error}).", _FORM) from error
    if not found:
        raise InputError(f"{path} lists no lines.", _FORM)
    return found
