"""Earlier takes of a line: kept when it is rendered anew, few, and any of them can be the take again."""

import errno
import json
import os
from pathlib import Path

import pytest


@pytest.fixture
def versions(addon):
    return addon.jobs.versions


@pytest.fixture
def take(tmp_path):
    """A finished take that says "first", and what it was rendered from."""
    return written(tmp_path / "lines" / "one", "first")


def written(folder, text, subject="a" * 16, complete=True):
    """As a render leaves a take: every file is a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"complete": complete, "subject": subject, "text": text}
    for name, content in (
        ("head.000001.exr", text),
        ("head.000002.exr", "alike"),
        ("manifest.json", json.dumps(manifest)),
    ):
        if not (folder / name).is_file() or (folder / name).read_text() != content:
            (folder / f"{name}.partial").write_text(content)
            os.replace(folder / f"{name}.partial", folder / name)
    folder.with_name(f"{folder.name}.line.json").write_text(json.dumps({"text": text}))
    return folder


def told(folder):
    return (folder / "head.000001.exr").read_text()


def subject(tmp_path, letter):
    folder = tmp_path / letter
    folder.mkdir(exist_ok=True)
    (folder / "subject.json").write_text(json.dumps({"source_sha256": letter * 64}))
    return folder


def test_a_version_stays_as_it_was_and_shares_what_is_alike(versions, take):
    assert versions.keep(take, 3).number == 1
    written(take, "second")
    (one,) = versions.listed(take)
    assert (told(one.folder), told(take)) == ("first", "second")
    same = [(folder / "head.000002.exr").stat().st_ino for folder in (one.folder, take)]
    assert same[0] == same[1], "what is alike is on the disk once"
    assert json.loads((one.folder.with_name("0001.line.json")).read_text()) == {"text": "first"}


def test_a_version_that_was_being_made_when_it_was_killed_says_whose_it_is(versions, take, monkeypatch):
    """`talker forget` goes by the manifest."""
    link = os.link
    linked: list[Path] = []

    def killed(path, target):
        if len(linked) == 1:
            raise KeyboardInterrupt
        linked.append(target)
        link(path, target)

    monkeypatch.setattr(os, "link", killed)
    with pytest.raises(KeyboardInterrupt):
        versions.keep(take, 3)
    assert [path.name for path in linked] == ["manifest.json"] and linked[0].is_file()
    assert versions.listed(take) == []


def test_where_a_disk_has_no_links_versions_are_copies(versions, take, monkeypatch):
    def link(*paths):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", link)
    versions.keep(take, 3)
    written(take, "second")
    assert told(versions.listed(take)[0].folder) == "first"

    def full(*paths):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="no space"):
        versions.keep(take, 3)
    assert [version.number for version in versions.listed(take)] == [1], "half a version is none"


def test_the_oldest_go(versions, take):
    for text in ("second", "third", "fourth"):
        versions.keep(take, 2)
        written(take, text)
    assert [(v.number, told(v.folder)) for v in versions.listed(take)] == [(3, "third"), (2, "second")]
    assert sorted(path.name for path in versions.place(take).iterdir() if path.is_file()) == [
        "0002.line.json", "0003.line.json",
    ]  # fmt: skip
    assert versions.keep(take, 0) is None and len(versions.listed(take)) == 2


def test_an_earlier_take_comes_back_and_the_present_one_becomes_a_version(versions, take):
    versions.keep(take, 3)
    written(take, "second")
    versions.bring_back(take, 1)
    assert told(take) == "first"
    assert json.loads(take.with_name("one.line.json").read_text()) == {"text": "first"}
    (two,) = versions.listed(take)
    assert (two.number, told(two.folder)) == (2, "second")
    versions.bring_back(take, 2)
    assert told(take) == "second"


def test_a_version_that_is_not_there_and_a_take_that_is_not_finished_are_told(versions, take, addon):
    error = addon.shared.errors.InputError
    with pytest.raises(error, match="no version 7"):
        versions.bring_back(take, 7)
    versions.keep(take, 3)
    written(take, "half", complete=False)
    with pytest.raises(error, match="not finished"):
        versions.bring_back(take, 1)
    assert versions.keep(take, 3) is None and told(take) == "half"


@pytest.mark.parametrize("asked", [{"text": "first"}, {"text": "other"}])
def test_a_take_becomes_a_version_where_it_will_be_another_one(versions, take, tmp_path, asked):
    versions.make_room(take, subject(tmp_path, "a"), 3, asked, [])
    assert len(versions.listed(take)) == (asked["text"] == "other")
    assert told(take) == "first", "the take is there until the new one is"


def test_a_file_that_was_written_since_makes_it_another_one(versions, take, tmp_path):
    model = tmp_path / "config.json"
    model.write_text("{}")
    os.utime(take / "manifest.json", (2000, 2000))
    for at, kept in ((1000, 0), (3000, 1)):
        os.utime(model, (at, at))
        versions.make_room(take, subject(tmp_path, "a"), 3, {"text": "first"}, [model])
        assert len(versions.listed(take)) == kept


def test_a_take_of_somebody_else_makes_room(versions, take, tmp_path):
    versions.make_room(take, subject(tmp_path, "b"), 3, {"text": "first"}, [])
    assert not take.exists() and told(versions.listed(take)[0].folder) == "first"
    versions.make_room(take, subject(tmp_path, "b"), 3, {"text": "first"}, [])
    assert len(versions.listed(take)) == 1


def test_who_a_damaged_or_older_take_is_of_nobody_can_say(versions, take, tmp_path):
    who = subject(tmp_path, "b")
    (take / "manifest.json").write_text("{")
    assert versions.is_by(take, who)
    (take / "manifest.json").write_text('{"complete": true}')
    assert versions.is_by(take, who)
    written(take, "second")
    assert not versions.is_by(take, who) and versions.is_by(take, tmp_path / "none")
