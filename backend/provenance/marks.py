"""The marks of a delivered file: that it is synthetic, by what it was made, of whom, for which line, and the consent.

Each kind of file has its own place for text; what stands there is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

STATEMENT = "Synthetic media: a computer-generated talking head; the person shown did not say this."
"""Stands in every manifest, EXR header, picture, movie and sound."""
PROGRAM = "M2DAO-Talker"

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DRAWN = f"{_IPTC}trainedAlgorithmicMedia"
"""Source type of frames: nothing in them but what a trained model drew."""
DRAWN_OVER_FOOTAGE = f"{_IPTC}compositeWithTrainedAlgorithmicMedia"
"""Source type of the movie and the contact sheet: the drawn head over what a camera saw, with the line's sound."""
OF_PARTS = f"{_IPTC}composite"
"""Source type of the sound: where the line comes from, a person or a program, nothing here knows."""

_PREFIX = "m2dao_talker."
_COMMON_NAMES = {"statement": "comments", "program": "software"}
"""Marks that stand under names that other programs show."""


@dataclass(frozen=True)
class Marks:
    """All marks of a file; none but the last is ever empty in a file that is delivered."""

    subject: str
    """Id of the subject (Subject.id)."""
    take: str
    """Id of the take."""
    consent: str
    """What the person shown has agreed to (Consent.words)."""
    source_type: str
    """How it came to be: a term of IPTC's "digital source type" vocabulary, as its address."""
    statement: str = STATEMENT
    program: str = PROGRAM
    signed_by: str = ""
    """SHA-256 of the certificate by which the file itself is signed: so that a signature that is lost is missed."""

    def texts(self) -> dict[str, str]:
        """The marks by the names that they have in the header of an EXR and in the text of a PNG."""
        return {_name(mark): value for mark, value in self._told().items()}

    def movie_texts(self) -> dict[str, str]:
        """The marks by the names that an .mp4 has: the statement for people, all of them as JSON for programs."""
        return {"comment": self.statement, "description": self._json(), "encoder": self.program}

    def quicktime_texts(self, comment: str) -> dict[str, str]:
        """The same for a .mov, which knows no description: the JSON stands behind what else is in the comment."""
        return {"comment": f"{comment} {self._json()}", "encoder": self.program}

    def sound_texts(self) -> dict[str, str]:
        """The marks as text of a WAV, by the names of its INFO list (Microsoft, Multimedia Programming Interface)."""
        return {"ICMT": self.statement, "ISBJ": self._json(), "ISFT": self.program}

    def _json(self) -> str:
        return json.dumps(self._told(), ensure_ascii=False)

    def _told(self) -> dict[str, str]:
        return {mark: value for mark, value in asdict(self).items() if value or mark in REQUIRED}


NAMES = tuple(field.name for field in fields(Marks))
REQUIRED = tuple(name for name in NAMES if name != "signed_by")
"""Marks that every delivered file has."""


def of_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """The marks among the texts of an EXR or a PNG; those that are missing are left out."""
    return {mark: texts[_name(mark)] for mark in NAMES if texts.get(_name(mark))}


def of_json(text: str) -> dict[str, str]:
    """The marks in the JSON of a movie or a sound, with which a text ends; nothing of what is none."""
    try:
        values = json.loads(text[max(0, text.rfind('{"subject"')) :])  # inside of JSON, its quotes would be escaped
    except (ValueError, RecursionError):
        return {}
    return of_values(values) if isinstance(values, dict) else {}


def of_values(values: Mapping[str, object]) -> dict[str, str]:
    """The marks among plain values, such as those of a manifest."""
    return {mark: value for mark in NAMES if isinstance(value := values.get(mark), str) and value}


def _name(mark: str) -> str:
    return _COMMON_NAMES.get(mark, _PREFIX + mark)
