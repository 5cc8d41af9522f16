"""Names and buttons in other languages: languages/ has a file for each, called as Blender calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy

from .. import backend_place

FOLDER = backend_place.EXTENSION_ROOT / "languages"
CONTEXTS = ("*", "Operator")
"""What Blender looks a text up in: one for labels, names and sentences, one for the names of buttons."""


def register() -> None:
    """Hand the translations to Blender, which draws them where its language is theirs. Reads small files."""
    translations: Any = bpy.app.translations
    translations.register(backend_place.EXTENSION, read(FOLDER))


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(backend_place.EXTENSION)


def read(folder: Path) -> dict[str, dict[tuple[str, str], str]]:
    """Language to (context, text) to translation."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        texts = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = {(context, text): texts[text] for text in texts for context in CONTEXTS}
    return found
