"""Until a training has ended, the model of before is there as it was: to draw with, and to train on."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.settings import SpeechSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from backend.train.trainer import train
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter
from shared.training import Did, Start, newest_training, read_training
from tests.support.synthetic_subject import TINY, blob_face, make_subject

SHORT = replace(TINY, steps=4, model="m", speech=SpeechSettings(steps=2))


class Killed(BaseException):
    pass


@pytest.fixture
def subject(tmp_path, monkeypatch) -> Subject:
    """With speech enough to learn a voice from."""
    monkeypatch.setattr("backend.train.data.load_canonical_face", lambda models_dir=None: blob_face())
    return make_subject(tmp_path / "anna", 30)


def _train(subject, seed=0, start=Start.ANEW, report=None, **changes):
    return train(subject, replace(SHORT, seed=seed, start=start, **changes), report or Reporter())


def _stop(subject, after, **asked) -> tuple[list[str], Cancelled]:
    """Train until `after` steps are done, and cancel; what was said, and at last."""
    told: list[str] = []
    done: list[int] = []

    def hear(progress) -> None:
        told.extend([progress.message] if progress.message else [])
        done.extend([progress.step] if progress.phase == "train" else [])

    report = Reporter(hear, lambda: bool(done) and done[-1] >= after - 1, min_interval_s=0.0)
    with pytest.raises(Cancelled) as stopped:
        _train(subject, report=report, **asked)
    return told, stopped.value


def _finished(model: ModelFolder) -> dict[str, bytes]:
    """The files of a model that is finished, and of what it can be trained on from."""
    kept = (model.config_file, model.weights_file, model.speech_file, model.heard_file, model.checkpoint_file)
    return {path.name: path.read_bytes() for path in kept}


def _said(reporter_of) -> list[str]:
    told: list[str] = []
    reporter_of(Reporter(lambda progress: told.append(progress.message or ""), min_interval_s=0.0))
    return told


@pytest.mark.parametrize("asked", [{"seed": 1}, {"seed": 0}, {"start": Start.MORE}])
def test_a_training_that_stops_leaves_all_of_the_model_of_before(subject, asked):
    _train(subject)
    model = subject.model("m")
    before = _finished(model)
    told, stopped = _stop(subject, 2, **asked)
    assert _finished(model) == before
    assert any("The model m of before stays as it is, and in use" in line for line in told)
    assert (stopped.what, "stays in use" in stopped.do) == ("Cancelled at 50%.", True)
    begun = newest_training(model.path)
    assert begun is not None and begun.progress == 0.5
    asked["start"] = Start.RESUME
    assert _train(subject, **asked).did is Did.RESUMED
    assert not model.begun_file.exists() and _finished(model).keys() == before.keys()
    assert _finished(model)["checkpoint.safetensors"] != before["checkpoint.safetensors"]


def test_the_model_of_before_is_trained_on_as_if_another_training_had_not_been_begun(subject):
    _train(subject)
    shutil.copytree(subject.model("m").path, subject.model("untouched").path)
    _stop(subject, 2, seed=1)
    model = subject.model("m")
    with pytest.raises(InputError, match=f"stopped at 50%.*delete {model.begun_file} to train the finished model on"):
        _train(subject, start=Start.MORE)
    assert newest_training(model.path) is not None
    model.begun_file.unlink()
    assert _train(subject, start=Start.MORE).did is Did.MORE
    train(subject, replace(SHORT, model="untouched", start=Start.MORE), Reporter())
    untouched = subject.model("untouched")
    assert model.weights_file.read_bytes() == untouched.weights_file.read_bytes()
    assert model.speech_file.read_bytes() == untouched.speech_file.read_bytes()


def test_what_was_begun_is_given_up_in_words_and_only_for_another_training(subject):
    _train(subject)
    _stop(subject, 2, seed=1)
    begun = subject.model("m").begun_file
    kept = begun.read_bytes()
    assert _train(subject, start=Start.AUTO).did is Did.NOTHING  # the finished one has these settings
    assert begun.read_bytes() == kept
    told = _said(lambda report: _train(subject, seed=2, report=report))
    assert any("The training that stopped at 50% is given up." in line for line in told)
    assert not begun.exists()


def test_a_damaged_config_is_known_before_the_work_and_replaced_by_it(subject):
    _train(subject)
    model = subject.model("m")
    model.config_file.write_text("[")
    assert _train(subject, seed=1).did is Did.ANEW
    assert model.training_record()["settings"]["seed"] == 1


def test_a_first_training_of_an_older_version_that_was_interrupted_is_gone_on_with(subject):
    _stop(subject, 2)
    model = subject.model("m")
    os.rename(model.begun_file, model.checkpoint_file)  # where older versions had it
    os.rename(model.path / "heard.next.npy", model.heard_file)
    assert _train(subject, start=Start.RESUME).did is Did.RESUMED
    alone = model.weights_file.read_bytes()
    shutil.rmtree(model.path)
    _train(subject)
    assert model.weights_file.read_bytes() == alone


def test_a_training_anew_that_is_killed_anywhere_leaves_the_old_model_or_the_new_one(subject, monkeypatch):
    _train(subject)
    model = subject.model("m")
    start = model.path.with_name("start")
    shutil.copytree(model.path, start)
    old = _content(model)
    _train(subject, seed=1)
    new = _content(model)
    assert old != new
    seen = []
    for number in range(30):
        shutil.rmtree(model.path)
        shutil.copytree(start, model.path)
        with monkeypatch.context() as patch:
            _kill_at(patch, number)
            try:
                _train(subject, seed=1, start=Start.AUTO)
                break
            except Killed:
                pass
        model.config()  # whoever reads it next
        seen.append(_content(model))
        assert seen[-1] in (old, new)
        assert _train(subject, seed=1, start=Start.AUTO).did in (Did.ANEW, Did.RESUMED, Did.NOTHING)
        assert _content(model) == new
    else:
        pytest.fail("it did not come to its end")
    assert old in seen and new in seen and len(seen) > 6


def _content(model: ModelFolder) -> tuple[bytes, bytes, bytes, int]:
    state = read_training(model.checkpoint_file)
    assert state is not None and state.is_finished
    weights, speech, heard = model.weights_file, model.speech_file, model.heard_file
    seed = model.training_record()["settings"]["seed"]
    return weights.read_bytes(), speech.read_bytes(), heard.read_bytes(), hash((state.settings, seed))


def _kill_at(patch, number: int) -> None:
    """Be killed at the `number`-th file of the model that gets its name or goes."""
    left, replace_file, unlink = [number], os.replace, Path.unlink

    def count() -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    def counted_replace(source, target) -> None:
        count()
        replace_file(source, target)

    def counted_unlink(path, missing_ok=False) -> None:
        if ".next." in path.name and path.exists():
            count()
        unlink(path, missing_ok=missing_ok)

    patch.setattr(os, "replace", counted_replace)
    patch.setattr(Path, "unlink", counted_unlink)
