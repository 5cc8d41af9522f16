"""The consent of the person shown, as verbs use it: changed, kept, and asked before anything is made of the person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from backend.settings import PreprocessSettings
from backend.subject.claims import consent_claim
from backend.subject.subject import Subject
from shared import layout
from shared.consent import Consent, ConsentState, refusal, write_consent
from shared.files import explaining, remove_leftovers_of
from shared.jobs import Reporter


def today() -> date:
    """The day by this machine's clock, where it stands."""
    return date.today()


def require_consent(subject: Subject, report: Reporter) -> Consent:
    """What the person shown has agreed to. Where nothing is recorded, that is said.

    Raises InputError where it is withdrawn, has ended or has not begun, and where it is damaged.
    """
    consent = subject.consent()
    _require_holding(consent)
    if consent.state(today()) is ConsentState.NONE:
        report.message(f"No consent is recorded for {subject.root}. `talker consent {subject.root}` records one.")
    return consent


def consent_of_made_again(root: Path, settings: PreprocessSettings) -> Consent:
    """The consent of a subject that is preprocessed, there already or not, with what the settings say of it.

    Raises InputError as `require_consent`, and for texts and dates that cannot be.
    """
    is_there = (root / layout.SUBJECT_FILE).is_file()
    consent = Subject.open(root).consent() if is_there else Consent()
    told = {
        "given_by": settings.consent_by,
        "uses": settings.consent_for,
        "on": settings.consent_on,
        "until": settings.consent_until,
        "note": settings.consent,
    }
    given = {name: text for name, text in told.items() if text}
    if given:
        consent = consent.changed(**given)
    _require_holding(consent)
    return consent


def keep_consent(folder: Path, consent: Consent) -> None:
    """Keep a consent in the folder in which a subject is made; an empty one is no file. Raises InputError."""
    if consent.is_empty:
        with explaining(folder):
            (folder / layout.CONSENT_FILE).unlink(missing_ok=True)
    else:
        write_consent(folder, consent)


def _require_holding(consent: Consent) -> None:
    refused = refusal(consent, today())
    if refused is not None:
        raise refused


def change_consent(root: Path, given: Mapping[str, str], report: Reporter) -> dict[str, str]:
    """Record what is `given` (fields of Consent), if anything; returns what holds then, in words and by field.

    Raises InputError for texts and dates that cannot be, and for no subject.
    """
    subject = Subject.open(root)
    if given:
        with consent_claim(root, report):
            with explaining(root):
                remove_leftovers_of(root / layout.CONSENT_FILE)
            write_consent(root, Subject.open(root).consent().changed(**given))
    consent = subject.consent()
    return {
        "subject": str(root),
        "id": subject.id,
        "state": str(consent.state(today())),
        "consent": consent.words(),
        "given_by": consent.given_by,
        "uses": consent.uses,
        "on": consent.on,
        "until": consent.until,
        "withdrawn": consent.withdrawn,
        "note": consent.note,
    }
