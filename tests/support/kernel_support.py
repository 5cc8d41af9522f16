"""What tests of the compiled kernels stand on. Without it they are skipped, with the reason; in CI they fail.

`@pytest.mark.kernels` (see conftest.py) is for tests that need the library; one that needs a compiler asks here.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from backend.kernels import build, library

VARIABLES = ("TALKER_REQUIRE_KERNELS", "CI")
"""Environment variables of which one that is set says that this machine has to have the kernels."""


def are_required() -> bool:
    """Whether the kernels missing is a failure here."""
    return any(os.environ.get(name, "").lower() not in ("", "0", "false") for name in VARIABLES)


def require_kernels() -> library.Library:
    """The compiled library."""
    loaded = library.load()
    return loaded if loaded is not None else _do_without(f"no compiled kernels here: {library.why_not()}")


def require_compiler() -> list[str]:
    """A C++ compiler's command."""
    try:
        return build.find_compiler()
    except build.BuildError as error:
        _do_without(str(error))


def _do_without(reason: str) -> NoReturn:
    if are_required():
        pytest.fail(f"{reason} ({' or '.join(VARIABLES)} says that there must be)", pytrace=False)
    pytest.skip(reason)
