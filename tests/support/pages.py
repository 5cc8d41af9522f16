"""The pages under docs/ as tests read them: sections, tables, and words in backticks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    """Text of a page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def quoted(text: str) -> list[str]:
    """Everything in backticks."""
    return re.findall(r"`([^`]+)`", text)


def section(text: str, title: str) -> str:
    """What stands under a heading of any level, down to the next heading. Raises KeyError where there is no such."""
    parts = re.split(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    sections = {heading.replace("`", "").strip(): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    return sections[title]


def first_column(text: str, heading: str = "field") -> list[str]:
    """The names in backticks in the first column of the tables whose first column is called `heading`."""
    names, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside:
            names += quoted(cells[0])
    return names


def literal_keys(place: str, *some: str) -> set[str]:
    """Keys of the one dict literal, in the modules at `place` of the repository, that has `some` among its keys.

    For what is written as a dict and has no class of its own. Raises AssertionError where there is none, or several.
    """
    root = ROOT / place
    modules = [root] if root.is_file() else sorted(root.glob("*.py"))
    found = [keys for module in modules for keys in _dicts(module) if keys >= set(some)]
    assert len(found) == 1, f"{len(found)} dicts in {place} have the keys {some}"
    return found[0]


def _dicts(module: Path) -> Iterator[set[str]]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            yield {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
