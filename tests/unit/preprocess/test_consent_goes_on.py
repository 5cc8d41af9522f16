"""A subject that is preprocessed again goes on under the consent that was recorded last, not under one of before."""

from dataclasses import replace
from unittest import mock

import pytest

from backend.preprocess import pipeline
from backend.settings import PreprocessSettings
from shared.consent import Consent, read_consent, write_consent
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter
from tests.support import failing_preprocess

PLAIN = PreprocessSettings(size=failing_preprocess.SIZE)


@pytest.fixture
def preprocess(tmp_path):
    """Preprocesses one clip with stand-ins for what needs a face, into the folder `anna`."""
    failing_preprocess.stand_ins_of_preprocessing()
    failing_preprocess.write_clip(tmp_path / "clip.mp4")
    yield lambda settings, report=None: pipeline.preprocess(
        tmp_path / "clip.mp4", tmp_path / "anna", settings, report or Reporter()
    )
    mock.patch.stopall()


def test_what_is_given_at_preprocessing_is_kept_and_what_is_recorded_later_goes_on(preprocess):
    given = replace(PLAIN, consent_by="A. Nobody", consent_for="the film", consent_on="2026-01-01", consent="by letter")
    subject = preprocess(given)
    first = Consent(given_by="A. Nobody", uses="the film", on="2026-01-01", note="by letter")
    assert subject.consent() == read_consent(subject.root) == first
    later = replace(first, until="2999-12-31")
    write_consent(subject.root, later)
    assert preprocess(PLAIN).consent() == later
    assert preprocess(replace(PLAIN, consent_for="all of it", size=48)).consent() == replace(later, uses="all of it")
    assert preprocess(PLAIN).info.consent == replace(later, uses="all of it").words()


def test_a_withdrawal_is_not_undone_by_an_unfinished_run_from_before(preprocess, tmp_path):
    subject = preprocess(replace(PLAIN, consent_by="A. Nobody", consent_on="2026-01-01"))
    asked = []

    def stop_late():
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        preprocess(replace(PLAIN, size=48), Reporter(is_cancelled=stop_late))
    assert (tmp_path / "anna.partial").is_dir()
    withdrawn = subject.consent().changed(withdrawn="2026-01-02")
    write_consent(subject.root, withdrawn)
    for settings in (PLAIN, replace(PLAIN, size=48), replace(PLAIN, consent_until="2999-01-01")):
        with pytest.raises(InputError, match="withdrawn"):
            preprocess(settings)
    assert read_consent(subject.root) == withdrawn
    again = replace(PLAIN, size=48, consent_by="A. Nobody", consent_on="2026-01-03")
    assert preprocess(again).consent() == Consent(given_by="A. Nobody", on="2026-01-03")


@pytest.mark.parametrize("wrong", [{"consent_on": "soon"}, {"consent_until": "2026-01-01"}, {"consent": "two\nlines"}])
def test_a_consent_that_cannot_be_or_has_ended_is_refused_before_anything_is_made(preprocess, tmp_path, wrong):
    with pytest.raises(InputError, match="consent"):
        preprocess(replace(PLAIN, consent_by="A. Nobody", **wrong))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_without_a_word_of_consent_there_is_none(preprocess):
    subject = preprocess(PLAIN)
    assert subject.consent().is_empty and not (subject.root / "consent.json").exists()
