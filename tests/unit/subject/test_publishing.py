"""A subject that is made again takes the other one's place with its models, whenever the run is killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from backend.subject import publishing
from backend.subject.subject import Subject
from shared import folders, layout
from shared.errors import InputError
from tests.support.synthetic_subject import make_subject


class Killed(BaseException):
    """What ends a run here: nothing that the code may catch."""


def whole(folder: Path) -> dict[str, bytes]:
    """All files of a folder by name, but for what says who works on it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def two(tmp_path):
    """(a subject with a trained model, the one that shall take its place beside it, what must be there afterwards)."""
    target, made = tmp_path / "anna", tmp_path / "anna.partial"
    make_subject(target)
    weights = layout.model_folder(target, "m2dao") / layout.MODEL_WEIGHTS_FILE
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"hours of work")
    make_subject(made)
    (made / layout.CONTACT_SHEET_FILE).write_bytes(b"new")
    expected = whole(made) | {f"models/m2dao/{layout.MODEL_WEIGHTS_FILE}": b"hours of work"}
    return target, made, expected


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the `number`-th change of a name, from 0, be the last thing that happens."""
    left = [number]

    def counted(call):
        def run(*arguments, **options):
            if left[0] < 0:
                raise Killed
            left[0] -= 1
            done = call(*arguments, **options)
            if left[0] < 0:
                raise Killed
            return done

        return run

    for name in ("rename", "link", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr(folders, "exchange", counted(folders.exchange))


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_run_that_is_killed_while_it_publishes_leaves_one_of_the_two_with_all_models(two, monkeypatch, in_one_step):
    target, made, expected = two
    before, new, ended = whole(target), whole(made), False
    if not in_one_step:
        monkeypatch.setattr(folders, "exchange", lambda first, second: False)
    found = set()
    for number in range(100):
        for folder, files in ((target, before), (made, new)):
            shutil.rmtree(folder, ignore_errors=True)
            for name, data in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
        with monkeypatch.context() as patch:
            killed_at(number, patch)
            try:
                publishing.publish_subject(made, target)
                ended = True
            except Killed:
                pass
        assert target.exists() or not in_one_step, "in one step there is never no subject"
        assert Subject.open(target).info.source == "blob.mp4"
        assert whole(target) in (before, expected), f"killed after change {number}"
        found.add(whole(target) == expected)
        publishing.restore_subject(target)
        assert not folders.set_aside(target).exists()
        if ended:
            break
    assert ended and found == {True, False}


def test_models_that_an_older_version_lost_between_two_names_come_back(two):
    target, made, _ = two
    older = target.with_name("anna.replaced")
    os.rename(target, older)
    os.rename(made, target)  # and there an older version was killed
    subject = Subject.open(target)
    assert (subject.model("m2dao").weights_file).read_bytes() == b"hours of work"
    assert not older.exists()


def test_a_model_that_was_trained_since_stays_beside_the_one_that_comes_back(two):
    target, made, _ = two
    older = target.with_name("anna.replaced")
    os.rename(target, older)
    os.rename(made, target)
    newer = layout.model_folder(target, "m2dao") / layout.MODEL_WEIGHTS_FILE
    newer.parent.mkdir(parents=True)
    newer.write_bytes(b"trained since")
    told = publishing.restore_subject(target)
    assert newer.read_bytes() == b"trained since"
    assert (layout.model_folder(target, "m2dao_2") / layout.MODEL_WEIGHTS_FILE).read_bytes() == b"hours of work"
    assert "m2dao_2" in told


def test_a_subject_that_an_older_version_left_under_another_name_has_its_own_again(two):
    target, _, _ = two
    os.rename(target, target.with_name("anna.replaced"))
    assert Subject.open(target).model("m2dao").weights_file.read_bytes() == b"hours of work"


def test_a_name_that_cannot_be_given_leaves_the_subject_of_before(two, monkeypatch):
    target, made, _ = two
    before = whole(target)
    monkeypatch.setattr(folders, "exchange", lambda first, second: False)
    real = os.rename

    def refuse(first, second):
        if Path(first) == made:
            raise PermissionError(13, "Permission denied", str(first))
        real(first, second)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(PermissionError):
        publishing.publish_subject(made, target)
    assert whole(target) == before


@pytest.mark.parametrize(
    "change",
    [
        {"size": -5}, {"size": 1.5}, {"size": True}, {"frame_count": 0}, {"fps": "0/1"}, {"fps": "a"}, {"fps": "1/0"},
        {"crop": {"x": "a", "y": 0, "width": 32, "height": 32}}, {"crop": {"x": 0}}, {"crop": []}, {"stages": []},
        {"input_colour": "zzz"}, {"source": 5},
    ],
)  # fmt: skip
def test_a_subject_file_that_says_what_cannot_be_is_damaged(tmp_path, change):
    subject = make_subject(tmp_path / "anna")
    for name, value in change.items():
        setattr(subject.info, name, value)
    subject.save_info()
    with pytest.raises(InputError, match=r"subject\.json is damaged"):
        Subject.open(subject.root)
