"""Which files an export may replace: those that an export wrote, timelines only where nobody has edited them since."""

from __future__ import annotations

from pathlib import Path

from backend.media import png, splats
from backend.media.mp4 import read_texts
from backend.performance.live_link import is_written_here
from backend.provenance.marks import STATEMENT
from shared.editorial import ENDING as TIMELINE
from shared.editorial import is_as_written
from shared.errors import InputError
from shared.files import require_file

_ELSEWHERE = "Choose another name, or move that file away."


def require_replaceable(out: Path) -> None:
    """Raises InputError where there is something of that name which an export did not write."""
    if not out.exists():
        return
    require_file(out, _ELSEWHERE)
    if out.suffix.lower() == TIMELINE:
        if not is_as_written(out.read_text(encoding="utf-8", errors="replace")):
            told = "was not exported from a take, or was edited since"
            raise InputError(f"{out} is there already, and {told}.", _ELSEWHERE)
    elif not is_written_here(out) and STATEMENT not in _statement(out):
        raise InputError(f"{out} is there already, and was not exported from a take.", _ELSEWHERE)


def _statement(path: Path) -> str:
    """What a file says of itself, for people."""
    match path.suffix.lower():
        case ".png":
            return png.read_text(path).get("comments", "")
        case ".ply":
            return splats.ply_text(path).get("comments", "")
        case ".spz":
            return splats.spz_comment(path)
    return read_texts(path).get("comment", "")
