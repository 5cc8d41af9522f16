"""The project's few error classes. Each says what went wrong (`what`) and what to do about it (`do`)."""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_CALLER = 2
EXIT_CANCELLED = 130


class TalkerError(Exception):
    """Base of every error that reaches a user.

    `what` says in one line what went wrong, `do` what the user can do about it.
    """

    exit_status = EXIT_FAULT

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(f"{what} {do}".strip())
        self.what = what
        self.do = do


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
