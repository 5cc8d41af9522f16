"""The packages that sign and check signatures. Few need them, so they are optional; without them a sentence says so."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from shared.errors import InputError

_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "credentials.txt"


def c2pa() -> Any:
    """The package c2pa. Raises InputError where it is not installed."""
    return _package("c2pa", "c2pa-python")


def cryptography(module: str) -> Any:
    """A module of the package cryptography. Raises InputError where it is not installed."""
    return _package(f"cryptography.{module}", "cryptography")


def _package(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise InputError(
            f"Signatures need the package {name}, which does not import here ({error}).",
            f"Run {sys.executable} -m pip install -r {_REQUIREMENTS} (docs/consent.md).",
        ) from error
