"""How the command line is read: usage errors in one line, options and other arguments of a verb in any order."""

from __future__ import annotations

import argparse
from typing import NoReturn

from shared.errors import EXIT_CALLER


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_CALLER, f"{self.prog}: {message}. See {self.prog} --help.\n")


class VerbParser(Parser):
    """Of one verb: takes options and other arguments in any order, as in `jobs show --state-dir DIR ID`."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        if self._is_inside:
            return super().parse_known_args(args, namespace)
        self._is_inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_inside = False

    _is_inside = False
    """Whether the call comes from the intermixed parsing itself."""
