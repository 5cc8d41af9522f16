"""The tutorial quotes messages, and names buttons and fields, as the code has them."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support import pages

TEXT = pages.page("tutorial.md")
MESSAGES = pages.section(TEXT, "If something goes wrong")
BLENDERS_OWN = {
    "Add > Sound", "Edit > Preferences > Get Extensions", "ESC", "F12", "File > New > General", "Install from Disk",
    "N", "Online Access", "Render > Render Animation", "Space", "End", "I"}  # fmt: skip
"""What the page names of Blender's."""
OUTPUTS = {"Image"}
"""Sockets that the compositor's node has."""


def texts(*rooms: str) -> list[str]:
    """All texts of the code but docstrings, with … in the place of what is filled in."""
    found = []
    for room in rooms:
        for path in sorted((pages.ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    found.append("".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values))  # type: ignore[misc]
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


@pytest.fixture(scope="module")
def said() -> str:
    return "\n".join(texts("blender_addon", "backend", "shared"))


def quoted() -> list[str]:
    """The messages of the table's first column."""
    rows = [line.split(" | ")[0] for line in MESSAGES.splitlines() if line.startswith('| "')]
    return [text for row in rows for text in re.findall(r'"([^"]+)"', row)]


def test_every_message_that_is_quoted_is_one_of_the_codes(said):
    missing = [text for text in quoted() if text not in said]
    assert missing == [] and len(quoted()) >= 40


def test_every_button_and_field_that_is_named_is_one_of_the_add_ons():
    known = {text.strip() for text in texts("blender_addon")}
    named = {re.sub(r"\s+", " ", name) for name in re.findall(r"\*\*([^*]+)\*\*", TEXT)}
    numbered = {re.sub(r"^(\d) ", r"\1  ", name) for name in named}  # titles have two spaces, which Markdown has not
    assert numbered - known - BLENDERS_OWN - {"Talker"} - OUTPUTS == set()


def test_each_message_has_something_to_do_about_it():
    for line in MESSAGES.splitlines():
        if line.startswith('| "'):
            assert len(line.split(" | ")) == 2 and len(line.split(" | ")[1]) > 20, line
