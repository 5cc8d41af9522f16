"""The set-up code: interpreters, stamps, pip's failures in plain words, system libraries, the torch build."""

import json
import os
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from shared.errors import InputError, InternalError
from shared.setup import __main__ as setup_command
from shared.setup import environment, interpreter, pip, system_libraries, torch_build
from tests.support.places import ROOT

VERSION = (3, 11)


@pytest.fixture
def plan(tmp_path):
    """A plan without packages, so that it needs no network."""
    (tmp_path / "none.txt").write_text("# nothing\n")
    return environment.EnvironmentPlan(tmp_path / "envs" / "small", (tmp_path / "none.txt",), needed_gib=0.001)


def finish(plan, **changes):
    """Make `plan`'s folder look finished."""
    plan.python.parent.mkdir(parents=True)
    plan.python.write_text("")
    stamp = environment.wanted_stamp(plan, VERSION) | changes
    (plan.folder / environment.STAMP_NAME).write_text(json.dumps(stamp))


@pytest.fixture
def created(monkeypatch):
    """Counts how often an environment would be made, instead of making it."""
    calls = []
    monkeypatch.setattr(environment, "_create", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(environment, "probe", lambda python: VERSION)
    return calls


def test_a_finished_environment_is_used_again_without_doing_anything(plan, created):
    finish(plan)
    assert environment.prepare(plan, print, Path(sys.executable)) is False
    assert created == []


def test_changed_requirements_another_python_and_an_unfinished_one_call_for_work(plan, created):
    finish(plan, requirements="of last week")
    assert environment.prepare(plan, print, Path(sys.executable)) is True
    finish_again = environment.wanted_stamp(plan, (3, 13))
    (plan.folder / environment.STAMP_NAME).write_text(json.dumps(finish_again))
    assert environment.prepare(plan, print, Path(sys.executable)) is True
    (plan.folder / environment.STAMP_NAME).write_text("{half a st")
    assert environment.prepare(plan, print, Path(sys.executable)) is True
    assert len(created) == 3


def test_an_environment_is_made_stamped_and_remade_after_an_interruption(plan, monkeypatch):
    def without_pip(plan, base):  # which takes most of the time and is not asked for anything here
        subprocess.run([base, "-m", "venv", "--clear", "--without-pip", plan.folder], check=True)

    monkeypatch.setattr(environment, "_make_venv", without_pip)
    lines: list[str] = []
    assert environment.prepare(plan, lines.append, Path(sys.executable)) is True
    assert any("Making the environment" in line for line in lines)
    assert environment.is_ready(plan, sys.version_info[:2])
    assert environment.prepare(plan, lines.append, Path(sys.executable)) is False
    (plan.folder / environment.STAMP_NAME).unlink()
    (plan.folder / "leftover").write_text("")
    assert environment.prepare(plan, lines.append, Path(sys.executable)) is True
    assert not (plan.folder / "leftover").exists()


@pytest.fixture
def gpu_plan(tmp_path):
    """A plan with torch, and with packages for machines that have an NVIDIA GPU."""
    files = {name: tmp_path / f"{name}.txt" for name in ("plain", "torch", "gpu")}
    for name, path in files.items():
        path.write_text(f"{name}==1\n")
    return environment.EnvironmentPlan(
        tmp_path / "env", (files["plain"],), torch=files["torch"], gpu_requirements=files["gpu"]
    )


@pytest.fixture
def installs(monkeypatch):
    """The requirement files of every pip call, in the place of the calls; environments are made without pip, on a disk
    with room."""
    calls: list[list[str]] = []

    def record(python, arguments, total, log, log_file):
        calls.append([Path(argument).name for argument in arguments if argument.endswith(".txt")])

    def without_pip(plan, base):
        subprocess.run([base, "-m", "venv", "--clear", "--without-pip", plan.folder], check=True)

    monkeypatch.setattr(environment.pip, "install", record)
    monkeypatch.setattr(environment, "_make_venv", without_pip)
    monkeypatch.setattr(torch_build, "_reachable", lambda address: True)
    usage = type("Usage", (), {"free": 64 * 2**30})()
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda folder: usage)
    return calls


@pytest.mark.parametrize(("gpu", "lists"), [(False, ["plain.txt"]), (True, ["plain.txt", "gpu.txt"])])
def test_what_the_gpu_needs_is_installed_where_there_is_one(gpu_plan, installs, monkeypatch, gpu, lists):
    monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: gpu)
    assert environment.prepare(gpu_plan, print, Path(sys.executable)) is True
    assert installs == [lists, ["torch.txt"]]


def test_an_environment_with_torch_s_other_build_is_made_anew(gpu_plan, installs, monkeypatch):
    monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: False)
    environment.prepare(gpu_plan, print, Path(sys.executable))
    (gpu_plan.folder / "torch of the cpu build").write_text("")
    monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: True)
    assert environment.prepare(gpu_plan, print, Path(sys.executable)) is True
    assert not (gpu_plan.folder / "torch of the cpu build").exists()
    stamp = environment.read_stamp(gpu_plan)
    assert stamp is not None and stamp["torch"] == "cuda"


def test_torch_s_cuda_build_asks_for_more_free_disk(gpu_plan, installs, monkeypatch):
    usage = type("Usage", (), {"free": 5 * 2**30})()
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda folder: usage)
    monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: True)
    with pytest.raises(InputError, match="9 needed"):
        environment.prepare(gpu_plan, print, Path(sys.executable))
    monkeypatch.setattr(torch_build, "has_nvidia_gpu", lambda: False)
    assert environment.prepare(gpu_plan, print, Path(sys.executable)) is True


def test_a_full_disk_is_said_before_anything_is_made(plan, created, monkeypatch):
    usage = type("Usage", (), {"free": 2**20})()
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InputError, match="too full"):
        environment.prepare(plan, print, Path(sys.executable))
    assert created == []
    assert not plan.folder.exists()


def test_a_folder_that_cannot_be_made_is_the_caller_s_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    plan = environment.EnvironmentPlan(tmp_path / "file" / "env", ())
    with pytest.raises(InputError, match="is there already, and is no folder"):
        environment.prepare(plan, print, Path(sys.executable))


@pytest.fixture(params=["file", "pipe", "link to nothing", "link to itself", "device", "folder of somebody's"])
def occupied(request, tmp_path):
    """(a place for an environment where one cannot be, what it says of that)"""
    place = tmp_path / "envs" / "small"
    place.parent.mkdir()
    if request.param in ("pipe", "device") and sys.platform == "win32":
        pytest.skip("Windows has none of these as files")
    match request.param:
        case "file":
            place.write_text("mine")
        case "pipe":
            os.mkfifo(place)
        case "link to nothing":
            place.symlink_to(tmp_path / "nothing")
        case "link to itself":
            place.symlink_to(place)
        case "device":
            place.symlink_to("/dev/null")
        case _:
            place.mkdir()
            (place / "thesis.txt").write_text("mine")
            return place, "holds something else (thesis.txt)"
    return place, "a link that leads nowhere" if "link" in request.param else "a file or a device"


def test_nothing_takes_the_place_of_what_is_no_environment(occupied):
    place, said = occupied
    plan = environment.EnvironmentPlan(place, (), needed_gib=0.001)
    with pytest.raises(InputError) as refused:
        environment.prepare(plan, print, Path(sys.executable))
    assert said in str(refused.value) and "Choose another place, or move that away." in str(refused.value)
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert not place.is_dir() or (place / "thesis.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_in_the_place_of_the_log_is_not_waited_for(plan):
    plan.folder.parent.mkdir()
    os.mkfifo(plan.log_file)
    with pytest.raises(InputError, match="is a pipe or a device"):
        environment.prepare(plan, print, Path(sys.executable))


def test_a_launcher_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(setup_command, "prepare", lambda *arguments: False)
    (tmp_path / "file").write_text("")
    assert setup_command.main(["--env", str(tmp_path / "env"), "--launcher", str(tmp_path / "file" / "talker")]) == 2
    (line,) = capsys.readouterr().out.splitlines()[-1:]
    assert str(tmp_path / "file") in line and "Check the path." in line or "is no folder" in line


def test_a_program_that_is_no_python_is_refused(plan, tmp_path):
    with pytest.raises(InputError, match="3.11 or 3.13"):
        environment.prepare(plan, print, tmp_path / "missing")


@pytest.mark.parametrize(
    ("output", "kind", "word"),
    [
        ("OSError: [Errno 28] No space left on device", InputError, "full"),
        ("NewConnectionError: Failed to establish a new connection", InputError, "network"),
        ("ERROR: Could not find a version that satisfies x (from versions: none)", InputError, "network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", InputError, "hash"),
        ("ERROR: Could not install: [Errno 13] Permission denied: '/x'", InputError, "may write"),
        ("ERROR: something nobody foresaw", InternalError, "nobody foresaw"),
    ],
)
def test_pip_s_failures_become_one_line_that_says_what_to_do(output, kind, word, tmp_path):
    error = pip.explain(f"Collecting a\n{output}\n", tmp_path, tmp_path / "log")
    assert type(error) is kind
    assert word in str(error)
    assert "\n" not in str(error)


def test_a_failing_pip_leaves_its_output_in_the_log(tmp_path):
    log = tmp_path / "pip.log"
    arguments = ["--no-index", "--target", str(tmp_path / "target"), "surely-not-a-package==1.0"]
    with pytest.raises(InputError, match="package index"):
        pip.install(Path(sys.executable), arguments, 1, lambda line: None, log)
    assert "surely-not-a-package" in log.read_text(encoding="utf-8")


def test_children_do_not_inherit_another_python_s_paths(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    child = pip.child_environment()
    assert "PYTHONPATH" not in child
    assert "PYTHONHOME" not in child
    assert child["SOMETHING_ELSE"] == "kept"


def test_the_running_python_is_chosen_when_it_may_be():
    assert interpreter.probe(interpreter.choose_python()) in interpreter.SUPPORTED


@pytest.mark.skipif(sys.platform == "win32", reason="uses shell scripts")
@pytest.mark.parametrize("does", ["exit 0", "echo hello", "echo 3.x", "exit 3"])
def test_a_program_that_is_no_python_is_none(tmp_path, does):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    assert interpreter.probe(program) is None


def test_no_suitable_python_is_said_with_the_versions_that_would_do(monkeypatch):
    monkeypatch.setattr(interpreter, "_candidates", lambda versions: [Path("/nowhere/python3.11")])
    with pytest.raises(InputError, match="3.11 or 3.13 with venv"):
        interpreter.choose_python()


def test_a_library_that_is_not_there_is_named_with_the_line_that_installs_it(monkeypatch):
    if not sys.platform.startswith("linux"):
        pytest.skip("system libraries are looked for on Linux only")
    libraries = {"libc.so.6": "libc6", "libsurelynot.so.9": "libsurelynot9"}
    assert system_libraries.missing_libraries(libraries) == {"libsurelynot.so.9": "libsurelynot9"}
    monkeypatch.setattr(system_libraries, "_may_install", lambda: False)
    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(InputError) as caught:
        system_libraries.require_libraries(libraries, print)
    assert "libsurelynot.so.9" in caught.value.what
    assert caught.value.do == "Run: sudo apt-get install -y --no-install-recommends libsurelynot9"


def test_missing_libraries_are_installed_where_this_process_may(monkeypatch):
    installed = []
    monkeypatch.setattr(system_libraries, "_may_install", lambda: True)
    monkeypatch.setattr(system_libraries, "_apt_install", lambda packages, log: installed.extend(packages))
    monkeypatch.setattr(
        system_libraries, "missing_libraries", lambda libraries: {} if installed else {"libX.so.1": "libx1"}
    )
    lines: list[str] = []
    system_libraries.require_libraries({"libX.so.1": "libx1"}, lines.append)
    assert installed == ["libx1"]
    assert "libX.so.1" in lines[0]


def test_the_torch_build_follows_system_and_gpu(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(torch_build, "_reachable", lambda address: True)
    monkeypatch.setattr(torch_build.sys, "platform", "linux")
    assert torch_build.index_arguments("cpu", said.append) == ["--extra-index-url", torch_build.CPU_INDEX]
    assert torch_build.index_arguments("cuda", said.append) == []
    monkeypatch.setattr(torch_build.sys, "platform", "win32")
    assert torch_build.index_arguments("cuda", said.append) == ["--extra-index-url", torch_build.CUDA_INDEX]
    assert torch_build.index_arguments("cpu", said.append) == []
    assert said == []


def test_an_unreachable_torch_index_falls_back_to_the_plain_package_and_says_so(monkeypatch):
    def refuse(*arguments, **options):
        raise urllib.error.URLError("no route")

    said: list[str] = []
    monkeypatch.setattr(torch_build.urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch_build.sys, "platform", "linux")
    assert torch_build.index_arguments("cpu", said.append) == []
    assert len(said) == 1
    assert "cannot be reached" in said[0]


@pytest.mark.skipif(os.name == "nt", reason="the launcher is another script on Windows")
def test_the_launcher_runs_the_backend_with_its_arguments_whatever_the_working_folder_holds(tmp_path):
    root = tmp_path / "it's here"
    (root / "backend").mkdir(parents=True)
    (root / "backend" / "__init__.py").write_text("")
    (root / "backend" / "__main__.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)")
    decoy = tmp_path / "working folder"
    (decoy / "backend").mkdir(parents=True)
    (decoy / "backend" / "__main__.py").write_text("print('a stranger')")
    launcher = tmp_path / "bin" / "talker"
    environment.write_launcher(launcher, Path(sys.executable), root)
    run = subprocess.run([launcher, "a b", "--json"], capture_output=True, text=True, check=False, cwd=decoy)
    assert run.returncode == 7
    assert run.stdout.strip() == "['a b', '--json']"


def test_every_requirement_but_torch_is_pinned_by_hash():
    folder = ROOT / "requirements"
    for name in ("backend.txt", "test.txt", "blender.txt"):
        entries = (folder / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        packages = [entry for entry in entries if entry and not entry.startswith("#")]
        assert len(packages) > 5
        assert [entry for entry in packages if "==" not in entry or "--hash=sha256:" not in entry] == []
    for name, package in (("cuda.txt", "warp-lang=="), ("kernels.txt", "ziglang==")):
        entries = (folder / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        packages = [entry for entry in entries if entry and not entry.startswith("#")]
        assert any(entry.startswith(package) for entry in packages)
        assert [entry for entry in packages if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert "torch==2.13.0" in (folder / "torch.txt").read_text(encoding="utf-8").splitlines()
