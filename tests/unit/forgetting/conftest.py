"""Two persons with all that is made of them, and a backend that has made it."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from backend.deliver import render as rendering
from backend.serve.jobstore import JobStore
from backend.settings import RenderSettings
from shared.jobs import JobInfo, JobState, Reporter
from shared.places import cache_folder
from tests.support.disc_stage import make_stage
from tests.support.forgotten import ID, SHA256


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two persons, each with a subject, a model, takes, and what killed runs and the add-on leave."""
    project = tmp_path_factory.mktemp("people")
    for name, sha256 in (("anna", SHA256), ("berta", "b" * 64)):
        folder = project / name
        folder.mkdir(parents=True)
        with pytest.MonkeyPatch.context() as patch:
            subject, _, sound, _ = make_stage(folder, patch)
            subject.info.source, subject.info.source_sha256 = f"{name}.mp4", sha256
            subject.save_info()
            for out, layers in (("lines/one", "exr"), ("elsewhere/two", "png")):
                settings = RenderSettings(frames="1:2", layers=layers)
                rendering.render(subject, sound, folder / out, settings, Reporter())
        (folder / "lines" / "one.line.wav").write_bytes(b"")
        (folder / "lines" / "one.poses.json").write_text("{}")
        (folder / "lines" / "one.line.json").write_text("{}")
        shutil.copy(folder / "subject" / "background.png", folder / "subject" / "plate.png")
        (folder / "subject" / "cache").mkdir()
        (folder / "subject" / "cache" / "frames_16_0.npy").write_bytes(bytes(10))
        shutil.copytree(folder / "subject", folder / "subject.partial")
        (folder / "subject.partial" / "stages.json").write_text(json.dumps({"source": sha256}))
        (folder / f"{name}.mp4").write_bytes(b"footage")
    return project


@pytest.fixture
def project(people, tmp_path, monkeypatch):
    """A copy of them; and no folder of the machine's own user is looked into."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TALKER_CACHE_DIR", str(cache_folder()))
    for name in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return Path(shutil.copytree(people, tmp_path / "project"))


@pytest.fixture
def state(tmp_path, project):
    """A backend's state folder with jobs of both persons."""
    folder = tmp_path / "state"
    store = JobStore(folder, 100)
    for name in ("anna", "berta"):
        place = project / name
        asked = {
            "render": {"subject": str(place / "subject"), "out": str(place / "lines" / "one"), "audio": "line.wav"},
            "preprocess": {"footage": str(place / f"{name}.mp4"), "subject": str(place / "subject")},
            "run": {"footage": "x.mp4", "out": str(place)},
            "verify": {"file": str(place / "elsewhere" / "two" / "preview.mp4")},
        }
        for verb, arguments in asked.items():
            job = JobInfo(f"{name}-{verb}", verb, arguments, JobState.DONE, log=str(store.log_path(f"{name}-{verb}")))
            store.save(job)
            store.log_path(job.id).write_text(f"{name} was here\n")
        store.save_result(JobInfo(f"{name}-render", "render"), "{}")
    subject = project / "anna" / "subject"
    (folder / "logs" / "backend.log").write_text(
        f"one\ntwo {subject}/frames: gone\nthree {subject}2\nfour {ID}\nfive\n"
    )
    (folder / "jobs" / "old.damaged").write_text(json.dumps({"subject": str(subject)})[:-1])
    return folder
