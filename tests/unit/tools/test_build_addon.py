"""build_addon.py: bad input, staging, the tests' tally, and the demo's own checks."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared import files
from shared.errors import InputError, InternalError
from tests.support.places import ROOT
from tools import demo, main, stage, suite

LOCK = """# made by a tool
msgpack==1.2.4 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
msgpack-numpy==1.0 \\
    --hash=sha256:cc
pyzmq==27.3.0 ; python_version >= '3.11' \\
    --hash=sha256:dd
"""
JUNIT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure message="no"/></testcase>
<testcase name="c"><error message="broken fixture"/></testcase>
<testcase name="d"><skipped message="no footage"/></testcase>
<testcase name="e"><skipped message="no footage"/></testcase>
</testsuite></testsuites>"""


def call(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / "build_addon.py", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [["demolish"], ["demo", "--fotage", "x"], ["demo", "--out"], ["--out", "x"]])
def test_bad_usage_ends_with_status_2_and_names_what_is_wrong(arguments):
    run = call(*arguments)
    assert run.returncode == 2
    assert run.stderr.strip().splitlines()[-1].startswith("build_addon.py")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("option", ["--footage", "--audio"])
def test_a_missing_input_is_said_before_anything_is_set_up(option, tmp_path):
    run = call("demo", option, str(tmp_path / "missing.mp4"), "--out", str(tmp_path / "out"))
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "missing.mp4" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_real_person_is_not_made_to_say_the_demo_s_own_words(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    run = call("demo", "--footage", str(tmp_path / "clip.mp4"), "--out", str(tmp_path / "out"))
    assert run.returncode == 2
    assert "--audio" in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    run = call("demo", "--out", str(tmp_path / "file" / "out"))
    assert run.returncode == 2
    assert "is a file, not a folder" in run.stderr
    assert run.stderr.count("\n") == 1


def test_another_python_gets_one_line_that_says_which_would_do():
    code = "import sys; sys.version_info = (3, 12, 1, 'final', 0); sys.argv = ['build_addon.py'];"
    code += f"exec(compile(open({str(ROOT / 'build_addon.py')!r}).read(), 'build_addon.py', 'exec'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == "build_addon.py needs Python 3.11 or 3.13; this is 3.12.\n"


def test_errors_become_one_line_and_their_own_exit_status(monkeypatch, capsys):
    def broken(arguments):
        raise InternalError("It broke.", "See the log.")

    monkeypatch.setattr(suite, "test", broken)
    assert main.main(["test"]) == 1
    assert capsys.readouterr().err == "build_addon.py: It broke. See the log.\n"


def test_arguments_after_test_go_to_pytest(monkeypatch):
    received = []

    def test(arguments):
        received.extend(arguments)
        return 0

    monkeypatch.setattr(suite, "test", test)
    assert main.main(["test", "-k", "camera", "--maxfail=1", "tests/unit/shared/test_camera.py"]) == 0
    assert received == ["-k", "camera", "--maxfail=1", "tests/unit/shared/test_camera.py"]


def test_the_tally_counts_errors_as_failures_and_keeps_the_reasons_of_skips(tmp_path):
    (tmp_path / "junit.xml").write_text(JUNIT)
    tally = suite.read_tally(tmp_path / "junit.xml")
    assert (tally.passed, tally.failed) == (1, 2)
    assert tally.skipped == {"no footage": 2}
    assert tally.closing_line() == "1 passed, 2 failed, 2 skipped"


def test_chosen_paths_go_to_the_environment_they_belong_to():
    chosen = ["tests/unit/shared/test_camera.py", "tests/bpy", "tests/unit/shared/test_jobs.py::test_x"]
    assert suite._groups(suite.BACKEND_TESTS, chosen) == [[chosen[0], chosen[2]]]
    assert suite._groups(suite.BLENDER_TESTS, chosen) == [["tests/bpy"]]


def test_only_the_named_packages_are_taken_from_the_lock():
    taken = stage.pinned(("pyzmq", "msgpack"), LOCK)
    assert taken.count("==") == 2
    assert "msgpack-numpy" not in taken
    assert taken.splitlines()[:3] == ["msgpack==1.2.4 \\", "    --hash=sha256:aa \\", "    --hash=sha256:bb"]


def test_the_manifest_gets_platform_and_wheels_before_its_tables(tmp_path):
    manifest = tmp_path / "blender_manifest.toml"
    manifest.write_text((ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8"))
    stage.write_manifest(manifest, "linux-x64", [Path("a-1-py3-none-any.whl")])
    values = stage.tomllib.loads(manifest.read_text(encoding="utf-8"))
    assert values["platforms"] == ["linux-x64"]
    assert values["wheels"] == ["./wheels/a-1-py3-none-any.whl"]
    assert set(values["permissions"]) == {"files", "network"}


def test_a_manifest_of_another_version_is_refused(tmp_path):
    manifest = tmp_path / "blender_manifest.toml"
    manifest.write_text('id = "m2dao_talker"\nversion = "0.0.1"\n')
    with pytest.raises(InternalError, match=r"0\.0\.1"):
        stage.write_manifest(manifest, "linux-x64", [])


def test_the_demo_refuses_a_folder_without_write_permission(tmp_path, monkeypatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "out"))

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match="out may not be opened or written by you"):
        demo.check_inputs(None, None, tmp_path / "out")


def test_it_needs_nothing_but_the_standard_library_to_begin_with():
    """On a fresh machine no package is there yet; -S leaves out this environment's."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tools.main, tools.package, tools.demo, tools.suite"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr == ""


def test_groups_of_tests_run_beside_each_other_and_are_counted(tmp_path, capsys):
    """Each waits for the other's file: one after the other they would fail."""
    groups = []
    for own, other in (("a", "b"), ("b", "a")):
        path = tmp_path / f"test_{own}.py"
        path.write_text(
            "import pathlib, time\n"
            f"here = pathlib.Path({str(tmp_path)!r})\n"
            "def test_meets_the_other():\n"
            f"    (here / {own!r}).touch()\n"
            f"    assert any((here / {other!r}).exists() or time.sleep(0.05) for _ in range(1200))\n"
            "def test_fails():\n"
            f"    assert {own!r} == 'a'\n"
        )
        groups.append(suite.Group(own, Path(sys.executable), [str(path)]))
    outcomes = list(suite._run_groups(groups, ["-p", "no:cacheprovider"], dict(os.environ)))
    assert sorted((tally.passed, tally.failed, status) for tally, status in outcomes) == [(1, 1, 1), (2, 0, 0)]
    shown = capsys.readouterr().out
    assert "1 failed, 1 passed" in shown and "2 passed" in shown
