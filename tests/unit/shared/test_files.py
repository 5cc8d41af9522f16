"""Files whole or not at all, and the system's errors in words."""

from __future__ import annotations

import errno
import os
import stat
import sys

import pytest

from shared import files
from shared.errors import EXIT_CALLER, EXIT_FAULT, InputError
from shared.files import out_of_memory

NAMES = ("plain.json", "with space.json", "Zoë – 脸 🎬.json", "100%.json", "a'b.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_gets_its_name_when_it_is_whole(tmp_path, name):
    path = tmp_path / name
    with files.replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists() and temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == [name]


def test_a_body_that_fails_leaves_the_file_of_before_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.json"
    files.write_text(path, "before")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_any_call_leaves_the_file_of_before(tmp_path, monkeypatch, call):
    path = tmp_path / "a.json"
    files.write_json(path, {"kept": True})

    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, call, fail)
    with pytest.raises(OSError, match="No space"):
        files.write_json(path, {"kept": False})
    monkeypatch.undo()
    assert path.read_text() == '{\n  "kept": true\n}\n'
    assert os.listdir(tmp_path) == ["a.json"]


def test_file_and_folder_are_flushed_and_in_that_order_about_the_renaming(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(files, "flush_file", lambda path: calls.append(("file", path.name.startswith("a.json."))))
    monkeypatch.setattr(files, "flush_folder", lambda path: calls.append(("folder", path == tmp_path)))
    real = os.replace

    def rename(a, b):
        calls.append(("rename", True))
        real(a, b)

    monkeypatch.setattr(files.os, "replace", rename)
    files.write_text(tmp_path / "a.json", "x")
    assert calls == [("file", True), ("rename", True), ("folder", True)]
    calls.clear()
    files.write_text(tmp_path / "a.json", "y", durable=False)
    assert calls == [("rename", True)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_secret_is_its_owners_alone_from_its_first_byte_on(tmp_path):
    path = tmp_path / "secret"
    with files.replacing(path, mode=0o600) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        temporary.write_text("key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_writers_of_one_file_do_not_share_a_temporary_name(tmp_path):
    path = tmp_path / "a"
    with files.replacing(path) as first, files.replacing(path) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert path.read_text() == "1"  # the last to end


@pytest.mark.parametrize(
    ("number", "words", "status"),
    [
        (errno.ENOSPC, "The disk of /place is full.", EXIT_CALLER),
        (errno.EDQUOT, "The disk of /place is full.", EXIT_CALLER),
        (errno.EACCES, "/f may not be opened or written by you.", EXIT_CALLER),
        (errno.EROFS, "/f lies on a disk that can only be read.", EXIT_CALLER),
        (errno.ENOENT, "There is no /f.", EXIT_CALLER),
        (errno.ENOTDIR, "A part of the path /f is a file, not a folder.", EXIT_CALLER),
        (errno.EIO, "The disk reports an error at /f.", EXIT_CALLER),
        (errno.EMFILE, "Too many files are open to open /f as well.", EXIT_CALLER),
        (errno.EPIPE, "The system says about /f: Broken pipe.", EXIT_CALLER),
    ],
)
def test_every_error_of_the_system_has_words_and_one_status(number, words, status):
    told = files.explained(OSError(number, os.strerror(number), "/f"), "/place")
    assert (told.what, told.exit_status) == (words, status)
    assert told.do


def test_an_error_without_a_number_is_a_fault_of_ours():
    told = files.explained(OSError("the library is unhappy"))
    assert told.exit_status == EXIT_FAULT
    assert "the library is unhappy" in told.what


def test_a_folder_that_cannot_be_written_to_is_told_before_work_begins(tmp_path):
    files.make_writable(tmp_path / "new" / "folder")
    assert os.listdir(tmp_path / "new" / "folder") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file, not a folder|is there already"):
        files.make_writable(tmp_path / "file" / "folder")


def test_a_hash_names_the_file_that_cannot_be_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.file_sha256(tmp_path / "a") == expected
    with pytest.raises(InputError, match=r"There is no .*nothing"):
        files.file_sha256(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"[1]", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_holds_no_json_object_is_told_with_what_to_do(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match="is damaged") as caught:
        files.read_json_object(tmp_path / "a.json", "Make it again.")
    assert caught.value.do == "Make it again."


def test_a_json_file_that_is_none_is_told_as_every_other_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is a folder, not a file"):
        files.read_json_object(tmp_path / "folder", "")
    with pytest.raises(InputError, match="There is no"):
        files.read_json_object(tmp_path / "nothing", "")


@pytest.mark.parametrize("ending", ["", ".wav"])
def test_messages_speak_of_the_file_and_not_of_its_temporary_name(tmp_path, ending):
    path = tmp_path / "page.html"
    temporary = files.temporary_beside(path, ending)
    error = files.explained(IsADirectoryError(21, "is a directory", str(temporary)))
    assert str(path) in error.what and "partial" not in error.what


def test_an_error_that_clearing_up_after_a_lack_of_memory_raises_is_told_as_that():
    try:
        try:
            raise MemoryError
        finally:
            raise ValueError("Can't close the ZIP file while there is an open writing handle on it.")
    except ValueError as error:
        told = out_of_memory(error)
    assert told is not None and told.exit_status == EXIT_CALLER and "not enough memory" in told.what
    assert out_of_memory(ValueError("another one")) is None
