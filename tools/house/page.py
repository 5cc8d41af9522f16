"""The plan as it stands in docs/architecture.md, between two comments. The page is written from the plan."""

from __future__ import annotations

import difflib
from pathlib import Path

from shared.errors import InputError

from .imports import Module
from .plan import Floors

PAGE = Path("docs/architecture.md")
BEGIN = "<!-- floors: begin. Written by `python3 build_addon.py check house --fix` from tools/house/plan.py. -->"
END = "<!-- floors: end -->"


def floors_text(modules: dict[str, Module], houses: dict[str, Floors]) -> str:
    """The plan in Markdown: a table a house, the top floor first, each room with its docstring's first line."""
    parts = []
    for title, floors in houses.items():
        rows = [f"### {title}", "", "| floor | room | what it is for |", "| --- | --- | --- |"]
        for number in range(len(floors), 0, -1):
            rows += [
                f"| {number} | {_place(room, modules)} | {_purpose(room, modules)} |" for room in floors[number - 1]
            ]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def with_floors(page: str, text: str) -> str:
    """`page` with `text` between its two comments. Raises InputError if it does not have them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{PAGE.as_posix()} does not have the two comments around the floors.", f"Add {BEGIN} {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def difference(page: str, text: str) -> str:
    """How `page` differs from one that has `text` between its comments: a unified diff, nothing where it fits."""
    name = PAGE.as_posix()
    lines = difflib.unified_diff(
        page.splitlines(), with_floors(page, text).splitlines(), name, f"{name} as planned", lineterm=""
    )
    return "\n".join(lines)


def write(root: Path, text: str) -> bool:
    """Bring the page below `root` up to date. True if it had to be changed."""
    path = root / PAGE
    page = path.read_text(encoding="utf-8")
    changed = with_floors(page, text)
    if changed != page:
        path.write_text(changed, encoding="utf-8")
    return changed != page


def _place(room: str, modules: dict[str, Module]) -> str:
    """The room's file, or its folder with a slash."""
    if room in modules:
        return f"`{modules[room].path.as_posix()}`"
    return f"`{room.replace('.', '/')}/`"


def _purpose(room: str, modules: dict[str, Module]) -> str:
    module = modules.get(room) or modules.get(f"{room}.__init__")
    return module.docstring.replace("|", "\\|") if module else ""
