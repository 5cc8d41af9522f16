"""Files that say in their marks that they are of a person."""

from __future__ import annotations

import json
from pathlib import Path

from backend.media import exr, png, riff, splats
from backend.provenance import marks
from backend.provenance.reading import movie_marks
from shared.editorial import OURS
from shared.errors import InputError
from shared.files import read_json_object


def is_marked(path: Path, person_id: str) -> bool:
    """Whether a frame, picture, movie or sound carries the marks of a person; False for any other file, and a link."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        return _marks(path).get("subject") == person_id
    except (OSError, ValueError, AttributeError, InputError):
        return False


def _marks(path: Path) -> dict[str, str]:
    match path.suffix.lower():
        case ".exr":
            return marks.of_texts(exr.read_attributes(path))
        case ".png":
            return marks.of_texts(png.read_text(path))
        case ".otio":
            told = read_json_object(path, "").get("metadata")
            return marks.of_texts(told.get(OURS, {})) if isinstance(told, dict) else {}
        case ".ply":
            return marks.of_texts(splats.ply_text(path))
        case ".spz":
            return marks.of_texts(json.loads(splats.spz_comment(path) or "{}"))
        case ".wav":
            return marks.of_json(riff.read_info(path).get("ISBJ", ""))
        case ".mov" | ".mp4":
            return movie_marks(path)
    return {}
