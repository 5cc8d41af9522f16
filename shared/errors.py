"""The project's few error classes. Each says what went wrong (`what`) and what to do about it (`do`)."""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_CALLER = 2
EXIT_CANCELLED = 130
LONGEST_TEXT = 2000
"""Characters of what a user is told at once: a text that somebody else wrote may stand in it."""


def shortened(text: str) -> str:
    """A text's beginning and end, where it is too long to be told."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT // 2]} … {text[-LONGEST_TEXT // 2 + 3 :]}"


class TalkerError(Exception):
    """Base of every error that reaches a user.

    `what` says in one line what went wrong, `do` what the user can do about it.
    """

    exit_status = EXIT_FAULT

    def __init__(self, what: str, do: str = "") -> None:
        self.what = shortened(what)
        self.do = shortened(do)
        super().__init__(f"{self.what} {self.do}".strip())


class InputError(TalkerError):
    """The caller can mend it: a wrong file, option, folder, a full disk, no network. Exit status 2."""

    exit_status = EXIT_CALLER


class InternalError(TalkerError):
    """A fault of ours. Exit status 1; the log has the traceback."""


class Cancelled(TalkerError):
    """The user asked to stop. Exit status 130; what was finished is kept and resumed next time."""

    exit_status = EXIT_CANCELLED

    def __init__(self, what: str = "Cancelled.", do: str = "Run it again to go on from here.") -> None:
        super().__init__(what, do)
