"""Folders that nobody else may enter."""

import os
import stat
import sys

import pytest

from shared.errors import InputError
from shared.private import make_private
from shared.ready import NotReady, ReadyFile
from tests.support.keyed import a_ready_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists in the place of modes")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_folder(tmp_path):
    """A folder that others may enter, as an older version made it."""
    folder = tmp_path / "state"
    folder.mkdir(0o755)
    folder.chmod(0o755)
    return folder


def test_a_new_folder_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        make_private(tmp_path / "new" / "state")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new" / "state") == 0o700


def test_an_empty_one_and_one_of_ours_are_closed_to_others(open_folder):
    make_private(open_folder)
    assert mode(open_folder) == 0o700
    open_folder.chmod(0o755)
    (open_folder / "jobs").mkdir()
    make_private(open_folder, ("jobs",))
    assert mode(open_folder) == 0o700


def test_a_folder_with_other_things_in_it_is_left_as_it_is_and_said(open_folder):
    (open_folder / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="holds other things") as caught:
        make_private(open_folder, ("jobs",))
    assert (mode(open_folder), f"chmod 700 {open_folder}" in caught.value.do) == (0o755, True)


def test_the_folder_and_the_ready_file_of_another_user_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "ready.json"
    a_ready_file(5).write(path)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    if path.stat().st_uid == 0:
        os.chown(path, 54321, -1)
    with pytest.raises(InputError, match="another user"):
        make_private(tmp_path)
    with pytest.raises(NotReady, match="another user"):
        ReadyFile.read(path)
