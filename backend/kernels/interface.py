"""The compiled library's interface as Python reads it: the declarations of `src/api.h`, the one place that has them.

Needs nothing but the standard library: what builds and packs the library reads this too.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

HEADER = Path(__file__).parent / "src" / "api.h"

_KNOWN_DIRECTIVES = re.compile(
    r"#\s*(include <[\w.]+>|(ifndef|define) TALKER_API_H|if defined\(_WIN32\)|define TALKER_EXPORT .*|else|endif)"
)
"""Preprocessor lines that may be left out without changing what the declarations say."""


def declarations(header: str) -> str:
    """The declarations of a header's text, as cffi takes them: no comments, no preprocessor lines, no TALKER_EXPORT.

    Raises ValueError for a preprocessor line whose meaning would be lost.
    """
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header, flags=re.S)
    text = re.sub(r"^#ifdef __cplusplus$.*?^#endif$", "", text, flags=re.S | re.M)
    kept = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            if not _KNOWN_DIRECTIVES.fullmatch(line.strip()):
                raise ValueError(f"api.h has {line.strip()!r}, which Python cannot follow: say it in plain C")
            continue
        kept.append(re.sub(r"\bTALKER_EXPORT\b", "", line))
    return re.sub(r"\s+", " ", " ".join(kept)).strip()


@functools.cache
def own_declarations() -> str:
    """The declarations of this package's header."""
    return declarations(HEADER.read_text(encoding="utf-8"))


def fingerprint() -> str:
    """Hash of the declarations. A library reports that of the header it was built with (talker_interface)."""
    return hashlib.sha256(own_declarations().encode()).hexdigest()[:16]


def functions() -> list[str]:
    """The functions of the interface, in the header's order."""
    return re.findall(r"(talker_\w+)\s*\([^;{]*\)\s*;", own_declarations())
