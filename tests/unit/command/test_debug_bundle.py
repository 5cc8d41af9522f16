"""The bundle for who looks for a fault: all of it without pictures, sound, names of people, and paths."""

from __future__ import annotations

import getpass
import json
import os
import zipfile

import pytest

from backend.command.debug_bundle import write_bundle
from backend.command.doctor import doctor
from backend.command.redaction import Redactor
from backend.command.verbs import VERBS
from backend.serve.jobstore import JobStore
from shared.errors import InputError
from shared.jobs import JobInfo, JobState, Reporter
from shared.places import cache_folder

PERSON, PROJECT = "Ingrid Musterfrau", "Film über Otto"


@pytest.fixture
def state(tmp_path):
    """A state folder with jobs and logs that tell of somebody."""
    folder = tmp_path / "state"
    store = JobStore(folder, 100)
    root = f"/mnt/shows/{PROJECT}/{PERSON}"
    store.save(
        JobInfo(
            "job-1", "preprocess",
            {"footage": f"{root}/clip.mp4", "subject": f"{root}/subject", "consent_by": PERSON, "size": 512},
            JobState.FAILED, error={"what": f"{root}/clip.mp4 cannot be read.", "do": "Check it."},
        )
    )  # fmt: skip
    windows = f"C:\\shows\\{PERSON}\\line.wav"
    line = {"subject": f"{root}/subject", "audio": windows, "layers": "png", "frames": "1:50", "take": "Anrede"}
    store.save(JobInfo("job-2", "render", line, JobState.DONE, result={"out": f"{root}/lines/Anrede"}))
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / "job-1.log").write_text(
        f'Traceback\n  File "{root}/clip.mp4"\nOSError: {PERSON.upper()} in {PROJECT}\n'
        "The line Anrede sounds like another voice.\nConsent: given by Karl Anders\n"
        f"reading \\\\server\\share\\{PERSON}\n"
        "FFmpeg says 3 of 4: error -1094995529\n",
        encoding="utf-8",
    )
    (folder / "jobs" / "picture.png").write_bytes(b"\x89PNG")
    return folder


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def test_a_bundle_has_what_helps_and_nothing_of_anybody(state, tmp_path, monkeypatch):
    monkeypatch.setenv("TALKER_SIGNING_KEY", "/keys/studio.pem")
    monkeypatch.setenv("TALKER_RENDER_LAYERS", "png")
    names = write_bundle(tmp_path / "fault.zip", doctor(), [state])
    found = members(tmp_path / "fault.zip")
    assert list(found) == names and {name.rpartition(".")[2] for name in found} <= {"json", "txt", "log"}
    assert {"doctor.json", "packages.txt", "settings.json", "environment.json", "logs/1/job-1.log"} <= set(found)
    whole = "\n".join(found.values()).lower()
    hidden = (PERSON, "ingrid", "musterfrau", PROJECT, "otto", "Anrede", "Karl Anders", "/mnt/shows", "studio.pem")
    assert [text for text in (*hidden, str(tmp_path)) if text.lower() in whole] == []
    if len(getpass.getuser()) > 2 and getpass.getuser() != "root":
        assert f"/{getpass.getuser()}/".lower() not in whole
    job = json.loads(found["jobs/1/job-1.json"])
    assert job["verb"] == "preprocess" and job["state"] == "FAILED" and job["arguments"]["size"] == 512
    assert job["arguments"]["footage"].endswith("mp4") and "cannot be read" in job["error"]["what"]
    line = json.loads(found["jobs/1/job-2.json"])["arguments"]
    assert (line["layers"], line["frames"]) == ("png", "1:50")
    assert line["subject"] == job["arguments"]["subject"], "the same thing has the same mark"
    assert "error -1094995529" in found["logs/1/job-1.log"] and "3 of 4" in found["logs/1/job-1.log"]
    assert json.loads(found["settings.json"])["render.layers"] == ["png", "TALKER_RENDER_LAYERS"]
    assert json.loads(found["environment.json"])["TALKER_SIGNING_KEY"] == "<set>"
    assert "numpy==" in found["packages.txt"] and json.loads(found["doctor.json"])["version"]


def test_marks_cannot_be_found_out_by_trying_names():
    first, second = Redactor({}), Redactor({})
    for redactor in (first, second):
        redactor.tell({"given_by": PERSON})
    assert first.text(PERSON) != second.text(PERSON)
    assert first.text(f"{PERSON}, {PERSON.lower()}") == ", ".join([first.text(PERSON)] * 2)


@pytest.mark.parametrize(
    "text",
    [
        "/home/jemand/Ü b/x.wav", "~/x/y.png", r"D:\Filme\x.mov", r"\\server\teil\x.exr", "file:/srv/jemand/a.exr",
        "(/srv/jemand/a.exr)", "/srv/a b c/eins.wav is gone", '"/srv/jemand"',
    ],
)  # fmt: skip
def test_any_path_goes_even_where_nobody_told_of_it(text):
    redacted = Redactor({}).text(text)
    assert not any(word in redacted for word in ("jemand", "Filme", "server", "teil", "srv", "b/x", "eins"))


@pytest.mark.parametrize("text", ["3/4 frames", "24000/1001", "12:30:00", "and/or", "1e-4 px", "frames 1:50"])
def test_what_is_no_path_stays(text):
    assert Redactor({}).text(text) == text


def test_the_verb_writes_it_and_refuses_what_cannot_be(state, tmp_path):
    told = VERBS["doctor"]({"bundle": str(tmp_path / "a.zip"), "state_dir": [str(state)]}, Reporter())
    assert told["bundle"].endswith("a.zip") and (tmp_path / "a.zip").is_file() and "logs/1/job-1.log" in told["bundled"]
    with pytest.raises(InputError, match=r"a\.tar is no name of a bundle"):
        VERBS["doctor"]({"bundle": str(tmp_path / "a.tar")}, Reporter())
    with pytest.raises(InputError, match="is no state folder"):
        VERBS["doctor"]({"bundle": str(tmp_path / "b.zip"), "state_dir": [str(tmp_path)]}, Reporter())
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("The take /home/x/My Films/Anna Muster line.wav is gone.", "is gone."),
        ("open '/home/x/Anna Muster.mp4': no", ": no"),
        ("The subject /work/Clips/Anna Muster is gone.", "is gone."),
        ("C:\\Users\\Anna Muster\\our clip Muster.mov is damaged", "is damaged"),
        ("There is no /a/Änne Müller/Muster rohschnitt.wav.", "There is no"),
        ("/a/Anna Ägidia Muster cannot be read", "cannot be read"),
        ("client 'Anna-PC: Muster' said HELLO", "said HELLO"),
        ("/a/Muster. Choose another place.", "Choose another place."),
    ],
)
def test_names_with_blanks_that_no_job_tells_of_are_hidden_in_paths(line, kept):
    """A live head is no job, and logs tell of older jobs than a bundle has."""
    told = Redactor({}).text(line)
    assert "Muster" not in told and "Anna" not in told and "Müller" not in told and kept in told


def test_names_of_jobs_that_are_too_old_for_the_bundle_are_hidden_in_logs(state, tmp_path):
    store = JobStore(state, 100)
    for number in range(25):
        store.save(JobInfo(f"later-{number}", "doctor", {}, JobState.DONE))
    (state / "logs" / "backend.log").write_text(f"the model of {PERSON} is finished\n")
    for path in (state / "jobs").glob("later-*.json"):
        os.utime(path, (2e9, 2e9))
    write_bundle(tmp_path / "fault.zip", doctor(), [state])
    found = members(tmp_path / "fault.zip")
    assert "jobs/1/job-1.json" not in found and PERSON not in found["logs/1/backend.log"]


def test_a_bundle_is_made_for_a_user_whom_the_system_does_not_know(state, tmp_path, monkeypatch):
    def unknown():
        raise KeyError("uid not found")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert write_bundle(tmp_path / "fault.zip", {}, [state])
    monkeypatch.delenv("TALKER_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    with pytest.raises(InputError, match="no home folder"):
        cache_folder()
