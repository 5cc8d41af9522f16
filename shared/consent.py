"""What the person shown has agreed to: by whom it was given, for which uses, from when and until when.

It is kept beside the subject's other files (`shared.layout.CONSENT_FILE`), can be changed after preprocessing, and
stands in every file that is delivered. Standard library only.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from . import layout
from .errors import InputError
from .files import explaining, read_json_object, write_json

SCHEMA = 1
LONGEST_TEXT = 500
"""Characters of a name, of the uses or of a note: they stand in the header of every frame."""
NONE_RECORDED = "none recorded"
"""What files of a subject say for whom nothing is recorded."""
_RECORD = 'Record it with `talker consent SUBJECT --given-by NAME --for "THE USES" --on YYYY-MM-DD`.'
_ANEW = "If it was given anew, say by whom and on which later day: --given-by NAME --on YYYY-MM-DD."
_TEXTS = ("given_by", "uses", "note")
_DATES = ("on", "until", "withdrawn")


class ConsentState(StrEnum):
    """How a consent stands on a day. Only `GIVEN` and `NONE` let a head be trained and rendered."""

    NONE = "none"
    GIVEN = "given"
    NOT_YET = "not yet"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Consent:
    """What was agreed. Dates are text, YYYY-MM-DD; "" is not said."""

    given_by: str = ""
    """Who agreed: a name, or a number in files of your own. It stands in every delivered file."""
    uses: str = ""
    """What for."""
    on: str = ""
    """The first day on which it holds."""
    until: str = ""
    """The last day on which it holds."""
    withdrawn: str = ""
    """The day from which it does not hold any more."""
    note: str = ""
    """Anything else."""

    def __post_init__(self) -> None:
        """Raises ValueError for a text that is too long or of several lines, and for dates that are none."""
        for name in _TEXTS:
            text = getattr(self, name)
            if not text.isprintable():
                raise ValueError(f"{name} has several lines or unprintable characters")
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"{name} is longer than {LONGEST_TEXT} characters")
        days = {name: _day(name, getattr(self, name)) for name in _DATES}
        if days["on"] and days["until"] and days["until"] < days["on"]:
            raise ValueError(f"it ends on {self.until}, before it begins on {self.on}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said at all."""
        return self == Consent()

    def state(self, today: date) -> ConsentState:
        """How it stands on a day."""
        on, until, withdrawn = (_day(name, getattr(self, name)) for name in _DATES)
        if self.is_empty:
            return ConsentState.NONE
        if withdrawn and withdrawn <= today:
            return ConsentState.WITHDRAWN
        if until and until < today:
            return ConsentState.EXPIRED
        return ConsentState.NOT_YET if on and on > today else ConsentState.GIVEN

    def words(self) -> str:
        """All of it in one line, as files carry it; it depends on no clock."""
        if self.is_empty:
            return NONE_RECORDED
        parts = [
            f"given by {self.given_by}" if self.given_by else "given",
            f"on {self.on}" if self.on else "",
            f"for {self.uses}" if self.uses else "",
            f"until {self.until}" if self.until else "",
        ]
        told = " ".join(filter(None, parts))
        told += f"; withdrawn on {self.withdrawn}" if self.withdrawn else ""
        if told == "given":
            return self.note
        return f"{told} ({self.note})" if self.note else told

    def changed(self, **given: str) -> Consent:
        """The same with other texts and dates. A withdrawal stays, unless a consent is given anew on a later day.

        Raises InputError for what cannot be, and for a change that would make a withdrawn consent hold again.
        """
        changes = {name: text.strip() for name, text in given.items()}
        if self.withdrawn and "withdrawn" not in changes:
            return self._given_anew(changes)
        try:
            changed = replace(self, **changes)
        except ValueError as error:
            raise InputError(
                f"The consent cannot be: {error}.", "Write dates as YYYY-MM-DD, texts in a line."
            ) from None
        if self.withdrawn and not "" < changed.withdrawn <= self.withdrawn:
            raise InputError(f"The consent was withdrawn on {self.withdrawn}: that can only be put earlier.", _ANEW)
        return changed

    def _given_anew(self, changes: dict[str, str]) -> Consent:
        """A consent of its own after a withdrawal: nothing of the old one goes on in it."""
        if not changes.get("given_by") or not changes.get("on"):
            raise InputError(f"The consent was withdrawn on {self.withdrawn}.", _ANEW)
        anew = Consent().changed(**changes)
        if anew.on <= self.withdrawn:
            raise InputError(
                f"The consent was withdrawn on {self.withdrawn}: one that was given on {anew.on} is not newer.", _ANEW
            )
        return anew


def read_consent(subject: Path, note: str = "") -> Consent:
    """The consent that is kept in a subject's folder; where there is none, `note` as one (that of subject.json).

    Raises InputError where it is damaged, or written by a newer version.
    """
    path = subject / layout.CONSENT_FILE
    if not os.path.lexists(path):
        line = "".join(letter for letter in " ".join(note.split()) if letter.isprintable())
        return Consent(note=line[:LONGEST_TEXT])
    values = read_json_object(path, _RECORD)
    schema = values.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise InputError(f"{path} was written by a newer version (schema {schema}).", "Update M2DAO-Talker.")
    if type(schema) is not int or schema != SCHEMA:
        raise InputError(f"{path} is damaged (schema {schema!r}).", f"Delete it, then: {_RECORD}")
    texts = {one.name: values.get(one.name, "") for one in fields(Consent)}
    try:
        if not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("it holds what is no text")
        return Consent(**texts)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}).", f"Delete it, then: {_RECORD}") from None


def write_consent(subject: Path, consent: Consent) -> None:
    """Keep a consent in a subject's folder. Raises InputError where it cannot be written."""
    path = subject / layout.CONSENT_FILE
    with explaining(path):
        write_json(path, {"schema": SCHEMA, **asdict(consent)})


def refusal(consent: Consent, today: date) -> InputError | None:
    """Why nothing may be made of the person on a day, and what to do; None where nothing speaks against it."""
    state = consent.state(today)
    again = f"Ask for a new one. {_RECORD}"
    if state is ConsentState.WITHDRAWN:
        do = "`talker forget SUBJECT` removes what is there of the person."
        return InputError(f"The person shown has withdrawn the consent on {consent.withdrawn}.", do)
    if state is ConsentState.EXPIRED:
        return InputError(f"The consent of the person shown has ended on {consent.until}.", again)
    if state is ConsentState.NOT_YET:
        return InputError(f"The consent of the person shown begins on {consent.on}.", "Wait until then.")
    return None


def _day(name: str, text: str) -> date | None:
    """The day that a text names; None for "". Raises ValueError."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise ValueError(f"{name} is {text!r}, which is no day written YYYY-MM-DD")
    return day
