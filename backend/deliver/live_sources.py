"""What a live head is made of, watched: a model that is removed or trained anew, a consent that is withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.subject.consent import require_consent
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter

_LOOKS = 2
"""A file that takes another one's place may be missing for a moment: it counts as gone when it is so often."""
_Stamp = tuple[int, int] | None


@dataclass(frozen=True)
class Change:
    """Why a live head cannot go on as it is."""

    what: str
    do: str
    reopen: bool
    """Whether it can be opened again as it was."""


class Sources:
    """The files of a live head. `look` at them now and then."""

    def __init__(self, subject: Subject, model: ModelFolder, take: Path | None) -> None:
        self._subject, self._model, self._take = subject, model, take
        self._files = {"subject": subject.root / layout.SUBJECT_FILE, "model": model.weights_file}
        if take is not None:
            self._files["take"] = take / layout.MANIFEST_FILE
        self._stamps = {name: _stamp(path) for name, path in self._files.items()}
        self._missed = dict.fromkeys(self._files, 0)

    def look(self) -> Change | None:
        """What has changed since they were opened; None where nothing has."""
        for name, path in self._files.items():
            stamp = _stamp(path)
            self._missed[name] = self._missed[name] + 1 if stamp is None else 0
            if stamp is None and self._missed[name] >= _LOOKS:
                return self._gone(name)
            if stamp is not None and name != "subject" and stamp != self._stamps[name]:
                return self._renewed(name)
        try:
            require_consent(self._subject, Reporter())
        except InputError as error:
            return Change(error.what, error.do, False)
        return None

    def _gone(self, name: str) -> Change:
        what = {
            "subject": f"The subject {self._subject.root} is gone.",
            "model": f"The model {self._model.name} is gone.",
            "take": f"The take {self._take} is gone.",
        }[name]
        return Change(what, "Choose another one, then switch the live head on again.", False)

    def _renewed(self, name: str) -> Change:
        what = f"The model {self._model.name} was trained." if name == "model" else "The line was rendered again."
        return Change(what, "", True)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
