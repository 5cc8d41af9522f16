"""What tells a take from every other, as files that are handed on carry it."""

from __future__ import annotations

import hashlib
import re
from typing import Any

_PLAIN = re.compile(r"[\w .-]{1,64}")
_HASH_DIGITS = 32


def public_id(given: str) -> str:
    """An id as files carry it: a plain word as it is; of any other, which may name folders, a hash."""
    return given if _PLAIN.fullmatch(given) else _hash(given)[:_HASH_DIGITS]


def is_id(held: Any, given: str) -> bool:
    """Whether what a manifest holds is this id. Manifests up to schema 2 have it as it was given."""
    return held in (given, public_id(given))


def path_key(take_id: Any, path: str) -> str:
    """What a manifest has in the place of a file's path: the same path is known again in the same take."""
    return _hash(f"{take_id}\0{path}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
