"""Who reads a person's subject for long is not disturbed by `forget`, and does not begin while that runs."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from backend.deliver import render as rendering
from backend.evaluate import report as scoring
from backend.forgetting import forget as forgetting
from backend.settings import RenderSettings
from backend.subject.claims import (
    consent_claim,
    preprocessing_claim,
    reading_claim,
    tracking_claim,
    training_claim,
)
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared.claims import Claims
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage


def refusal(root: Path) -> str:
    """What `forget` says when it refuses."""
    with pytest.raises(InputError) as refused:
        forgetting.forget(forgetting.plan(root, [], []))
    return str(refused.value)


def test_a_whole_render_holds_its_subject(tmp_path, monkeypatch):
    subject, portrait, sound, out = make_stage(tmp_path, monkeypatch)
    plain, said, once = portrait.render, [], threading.Lock()

    def render(drive, index, size, **options):
        if once.acquire(blocking=False):  # of several threads that draw
            said.append(refusal(subject.root))
        return plain(drive, index, size, **options)

    monkeypatch.setattr(portrait, "render", render)
    rendering.render(subject, sound, out, RenderSettings(frames="1:3"), Reporter())
    assert said[0].startswith(f"{subject.root} is being drawn from by process")
    assert "Wait for that to end, or cancel it" in said[0]
    forgetting.forget(forgetting.plan(subject.root, [out], []))
    assert not subject.root.exists() and not out.exists()


def test_an_evaluation_holds_its_subject(tmp_path, monkeypatch):
    subject = make_stage(tmp_path, monkeypatch)[0]
    monkeypatch.setattr(ModelFolder, "training_record", lambda model: {})
    monkeypatch.setattr(scoring, "_evaluate", lambda *arguments: {"said": refusal(subject.root)})
    assert "is being scored by process" in scoring.evaluate(subject, None, Reporter())["said"]


def test_a_training_holds_its_model(tmp_path, monkeypatch):
    subject = make_stage(tmp_path, monkeypatch)[0]
    with training_claim(subject.root, subject.model(None), Reporter()):
        assert "is being trained by process" in refusal(subject.root)


def claims_of(root: Path, model: ModelFolder):
    report = Reporter()
    return {
        "train": lambda report=report: training_claim(root, model, report),
        "render": lambda report=report: reading_claim(root, "drawn from", report),
        "track": lambda report=report: tracking_claim(root, report),
        "consent": lambda report=report: consent_claim(root, report),
    }


@pytest.mark.parametrize("verb", ["train", "render", "track", "consent", "preprocess"])
def test_nothing_begins_while_forget_runs(tmp_path, monkeypatch, verb):
    subject = make_stage(tmp_path, monkeypatch)[0]
    claims, said = Claims(), []
    assert claims.take([subject.root], "forgotten") is None
    report = Reporter(lambda progress: said.append(progress.message or ""), lambda: bool(said))
    known = claims_of(subject.root, subject.model(None))
    known["preprocess"] = lambda report: preprocessing_claim(subject.root, report)
    try:
        with pytest.raises(Cancelled), known[verb](report):
            raise AssertionError("it began")
    finally:
        claims.give_all_back()
    assert "is being forgotten by process" in said[0]


@pytest.mark.parametrize("verb", ["train", "render", "track", "consent"])
def test_who_has_waited_for_forget_finds_the_person_gone_and_makes_nothing_of_them_again(tmp_path, monkeypatch, verb):
    subject = make_stage(tmp_path, monkeypatch)[0]
    model, waiting, claims = subject.model(None), threading.Event(), Claims()
    assert claims.take([subject.root], "forgotten") is None
    report = Reporter(lambda progress: waiting.set(), min_interval_s=0.0)
    told = []

    def begin() -> None:
        try:
            with claims_of(subject.root, model)[verb](report):
                told.append("it began")
        except InputError as error:
            told.append(str(error))

    thread = threading.Thread(target=begin)
    thread.start()
    assert waiting.wait(60)
    shutil.rmtree(subject.root)
    claims.give_all_back()
    thread.join(60)
    assert told == [f"The subject {subject.root} is not there any more. It was removed meanwhile."]
    assert not subject.root.exists()


def test_a_reader_that_began_while_forget_looked_around_is_found(tmp_path, monkeypatch):
    subject = make_stage(tmp_path, monkeypatch)[0]
    found = forgetting.plan(subject.root, [], [])
    with reading_claim(subject.root, "scored", Reporter()):
        with pytest.raises(InputError, match="is being scored by process"):
            forgetting.forget(found)
    assert Subject.open(subject.root)
