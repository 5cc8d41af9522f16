"""The native engine (C++)."""

from __future__ import annotations


def is_available() -> bool:
    """Whether the compiled library can be had on this machine."""
    return False


def describe() -> str:
    """One line on the library."""
    return "compiled C++"


def render(*arguments):
    """Set when the library is there."""
    raise RuntimeError("no compiled library")
