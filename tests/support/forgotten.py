"""Who is forgotten in the tests, and how."""

from __future__ import annotations

from pathlib import Path

from backend.command import cli

ID = "5ca1ab1e0ddba11f"
SHA256 = ID * 4
"""Of the footage of the person who is forgotten."""


def run(*options: object) -> int:
    """`talker forget` with these options; its exit status."""
    return cli.main(["forget", *map(str, options)])


def names(folder: Path) -> set[str]:
    """All that is in a folder, by paths in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
