"""What the person shown has agreed to: recorded, shown, carried over, and asked before anything is made."""

import json
from dataclasses import replace
from datetime import date

import pytest

from backend.command import cli
from backend.command.verbs import VERBS
from backend.settings import PreprocessSettings
from backend.subject import consent as asking
from backend.subject.subject import Subject
from shared import layout
from shared.consent import Consent, ConsentState, read_consent, refusal, write_consent
from shared.errors import InputError
from shared.jobs import Reporter

DAY = date(2026, 11, 28)
GIVEN = Consent(given_by="A. Nobody", uses="the film", on="2026-11-01", until="2027-10-31")


@pytest.fixture(autouse=True)
def that_day(monkeypatch):
    monkeypatch.setattr(asking, "today", lambda: DAY)


@pytest.mark.parametrize(
    ("consent", "state"),
    [
        (Consent(), ConsentState.NONE),
        (Consent(note="said so on the phone"), ConsentState.GIVEN),
        (GIVEN, ConsentState.GIVEN),
        (replace(GIVEN, until="2026-11-28"), ConsentState.GIVEN),
        (replace(GIVEN, until="2026-11-27"), ConsentState.EXPIRED),
        (replace(GIVEN, on="2026-11-29"), ConsentState.NOT_YET),
        (replace(GIVEN, on="2026-11-28"), ConsentState.GIVEN),
        (replace(GIVEN, withdrawn="2026-11-28"), ConsentState.WITHDRAWN),
        (replace(GIVEN, withdrawn="2026-11-29"), ConsentState.GIVEN),
    ],
)
def test_a_consent_holds_from_its_first_day_to_its_last_unless_it_is_withdrawn(consent, state):
    assert consent.state(DAY) is state
    assert (refusal(consent, DAY) is None) == (state in (ConsentState.NONE, ConsentState.GIVEN))


def test_its_words_say_all_of_it():
    assert Consent().words() == "none recorded"
    assert Consent(note="by letter").words() == "by letter"
    assert GIVEN.words() == "given by A. Nobody on 2026-11-01 for the film until 2027-10-31"
    assert (
        replace(GIVEN, withdrawn="2026-12-01", note="by letter")
        .words()
        .endswith("; withdrawn on 2026-12-01 (by letter)")
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "1.11.2026"}, {"on": "20261101"}, {"until": "2026-02-30"}, {"until": "soon"}, {"until": "2026-10-31"},
        {"uses": "one\nfilm"}, {"given_by": "A\0"}, {"note": "x" * 501},
    ],
)  # fmt: skip
def test_texts_and_dates_that_cannot_be_are_refused(wrong):
    with pytest.raises(InputError, match="cannot be"):
        GIVEN.changed(**wrong)


def test_after_a_withdrawal_only_a_new_consent_is_taken():
    gone = GIVEN.changed(withdrawn="2026-11-20")
    with pytest.raises(InputError, match="was withdrawn on 2026-11-20"):
        gone.changed(until="2030-01-01")
    assert gone.changed(given_by="A. Nobody", on="2026-11-25") == Consent(given_by="A. Nobody", on="2026-11-25")


@pytest.mark.parametrize(
    "same_again",
    [
        {"given_by": GIVEN.given_by, "uses": GIVEN.uses, "on": GIVEN.on, "until": GIVEN.until},
        {"given_by": "A. Nobody", "on": "2026-11-20"},
        {"withdrawn": ""},
        {"withdrawn": "2027-11-20"},
        {"withdrawn": "", "given_by": "A. Nobody", "on": "2026-11-25"},
    ],
)
def test_no_change_but_a_consent_from_a_later_day_ends_a_withdrawal(same_again):
    with pytest.raises(InputError, match="was withdrawn on 2026-11-20"):
        GIVEN.changed(withdrawn="2026-11-20").changed(**same_again)


def test_a_withdrawal_can_be_put_earlier():
    assert GIVEN.changed(withdrawn="2026-11-20").changed(withdrawn="2026-11-10").withdrawn == "2026-11-10"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b"\xff", b'{"schema": 1, "on": 5}', b'{"schema": 1, "on": "soon"}',
        b'{"schema": 1, "uses": "a\\nb"}', b'{"schema": 2}', b'{"schema": 2.5}', b'{"schema": "9"}', b'{"schema": 3}',
        b'{"schema": true}', b'{"schema": null}', b'{"schema": 0}', b"{}",
    ],
)  # fmt: skip
def test_a_damaged_or_newer_consent_refuses_rather_than_counts_as_none(subject, content):
    (subject.root / layout.CONSENT_FILE).write_bytes(content)
    with pytest.raises(InputError) as refused:
        asking.require_consent(subject, Reporter())
    assert layout.CONSENT_FILE in refused.value.what


def test_a_subject_from_before_there_was_a_file_keeps_its_note_and_one_without_is_said_to_have_none(subject):
    said = []
    report = Reporter(lambda progress: said.append(progress.message))
    assert asking.require_consent(subject, report).is_empty
    assert any("No consent is recorded" in text for text in said if text)
    subject.info.consent = "by letter,\nof May"
    subject.save_info()
    assert Subject.open(subject.root).consent() == Consent(note="by letter, of May")


def test_the_verb_records_shows_and_withdraws(subject, capsys):
    assert cli.main(["consent", str(subject.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "none"
    told = ["--given-by", "A. Nobody", "--for", "the film", "--on", "2026-11-01", "--until", "2027-10-31"]
    assert cli.main(["consent", str(subject.root), *told, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["consent"] == GIVEN.words()
    assert read_consent(subject.root) == GIVEN
    assert cli.main(["consent", str(subject.root), "--until", "2027-12-31"]) == 0
    assert read_consent(subject.root) == replace(GIVEN, until="2027-12-31")
    assert cli.main(["consent", str(subject.root), "--withdrawn", "2026-11-28"]) == 0
    assert read_consent(subject.root).state(DAY) is ConsentState.WITHDRAWN
    capsys.readouterr()
    assert cli.main(["consent", str(subject.root), "--until", "2028-12-31"]) == 2
    assert "was withdrawn" in capsys.readouterr().err
    assert cli.main(["consent", str(subject.root / "models")]) == 2


def test_an_empty_text_takes_a_part_of_it_away(subject, capsys):
    assert cli.main(["consent", str(subject.root), "--given-by", "A. Name", "--until", "2027-12-31"]) == 0
    assert cli.main(["consent", str(subject.root), "--note", "letter 3"]) == 0
    capsys.readouterr()
    assert cli.main(["consent", str(subject.root), "--until", "", "--note", "", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["given_by"], told["until"], told["note"]) == ("A. Name", "", "")
    assert cli.main(["consent", str(subject.root), "--withdrawn", "2026-11-28"]) == 0
    assert cli.main(["consent", str(subject.root), "--withdrawn", ""]) == 2
    assert "that can only be put earlier" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"withdrawn": "2026-11-27"}, {"until": "2026-11-27"}, {"on": "2026-11-29"}])
@pytest.mark.parametrize("verb", ["train", "render"])
def test_without_a_consent_that_holds_nothing_is_trained_and_nothing_rendered(subject, tmp_path, verb, change):
    write_consent(subject.root, replace(GIVEN, **change))
    asked = {"subject": str(subject.root)}
    if verb == "render":
        asked |= {"audio": str(tmp_path / "line.wav"), "out": str(tmp_path / "out")}
    with pytest.raises(InputError, match="consent") as refused:
        VERBS[verb](asked, Reporter())
    assert refused.value.do and refused.value.exit_status == 2
    assert not (tmp_path / "out").exists() and not (subject.root / layout.MODELS_FOLDER).exists()


def test_preprocessing_again_keeps_what_was_recorded_since_and_adds_what_it_is_given(subject):
    write_consent(subject.root, GIVEN)
    assert asking.consent_of_made_again(subject.root, PreprocessSettings()) == GIVEN
    added = PreprocessSettings(consent="by letter", consent_until="2028-01-01")
    expected = replace(GIVEN, note="by letter", until="2028-01-01")
    assert asking.consent_of_made_again(subject.root, added) == expected
    write_consent(subject.root, replace(GIVEN, withdrawn="2026-11-02"))
    with pytest.raises(InputError, match="withdrawn"):
        asking.consent_of_made_again(subject.root, PreprocessSettings())


def test_a_consent_is_no_file_until_there_is_one(tmp_path):
    asking.keep_consent(tmp_path, Consent())
    assert list(tmp_path.iterdir()) == []
    asking.keep_consent(tmp_path, GIVEN)
    assert read_consent(tmp_path) == GIVEN
    asking.keep_consent(tmp_path, Consent())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_change_of_the_consent_left_goes_with_the_next_change(subject):
    left, other = (subject.root / f"{name}.7.7.partial" for name in ("consent.json", "track.npz"))
    for path in (left, other):
        path.write_text("half")
    asking.change_consent(subject.root, {"note": "again"}, Reporter())
    assert not left.exists() and other.exists()
