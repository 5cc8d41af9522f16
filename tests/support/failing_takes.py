"""Rendering to put faults under, exporting, and forgetting the person: a disc is drawn in place of a trained head."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from backend.deliver import plan as planning
from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk, join
from backend.deliver.package import SHEET_CELL_PX
from backend.export.export import export
from backend.forgetting import forget as forgetting
from backend.media.audio import save_wav
from backend.media.png import read_png, read_text
from backend.performance.speech import SpeechModel
from backend.serve.jobstore import JobStore
from backend.settings import RenderSettings
from backend.subject.consent import change_consent
from backend.subject.subject import Subject
from shared import layout
from shared.jobs import JobInfo, JobState, Reporter
from shared.pending import UNFINISHED_FOLDER, settle
from tests.support.disc_stage import DiscPortrait, SteadySpeech
from tests.support.failing_disk import Undertaking, files_of, in_fork
from tests.support.synthetic_subject import make_subject

_RATE = 16000


def _render(**options: Any) -> Callable[[Path], object]:
    def job(folder: Path) -> object:
        settings = RenderSettings(take_id="one", threads=1, **options)
        subject = Subject.open(folder / "anna")
        return rendering.render(subject, folder / "line.wav", folder / "take", settings, Reporter())

    return job


def _take_files(folder: Path) -> dict[str, bytes]:
    """All of the take as it is once it has been opened; the manifest without times."""
    settle(folder / "take")
    found = files_of(folder / "take")
    if layout.MANIFEST_FILE in found:
        manifest = json.loads(found[layout.MANIFEST_FILE])
        del manifest["timings_s"]
        manifest["frames"].pop("drawn")
        found[layout.MANIFEST_FILE] = json.dumps(manifest, sort_keys=True).encode()
        found[layout.CONTACT_SHEET_FILE] = _without_captions(folder / "take" / layout.CONTACT_SHEET_FILE)
    return {
        name: data for name, data in found.items() if not name.startswith((UNFINISHED_FOLDER, layout.CHUNKS_FOLDER))
    }


def _without_captions(sheet: Path) -> bytes:
    """The pictures of a contact sheet of one row, and its marks. Where OpenCV gets no memory for a digit, it leaves it
    out, and says nothing."""
    return read_png(sheet, 3, "")[:SHEET_CELL_PX].tobytes() + json.dumps(read_text(sheet), sort_keys=True).encode()


def _stage_of_rendering(start: Path) -> None:
    in_fork(lambda: make_subject(start / "anna"))
    model = Subject.open(start / "anna").model("disc")
    model.make()
    model.config_file.write_text("{}")
    model.weights_file.write_bytes(b"weights")
    model.speech_file.write_bytes(b"speech")
    portrait = DiscPortrait()
    mock.patch.object(planning, "open_portrait", lambda model: portrait).start()
    mock.patch.object(SpeechModel, "load", classmethod(lambda cls, path: SteadySpeech())).start()
    sound = np.random.default_rng(0).standard_normal(_RATE // 5).astype(np.float32) * 0.1
    in_fork(lambda: save_wav(start / "line.wav", sound, _RATE))


def render_new(start: Path) -> Undertaking:
    _stage_of_rendering(start)
    return Undertaking(_render(), _take_files)


def render_in_chunks(start: Path) -> Undertaking:
    _stage_of_rendering(start)

    def job(folder: Path) -> object:
        subject = Subject.open(folder / "anna")
        for frames in ("1-3", "3-5"):
            settings = RenderSettings(take_id="one", threads=1, frames=frames)
            draw_chunk(subject, folder / "line.wav", folder / "take", settings, Reporter())
        return join(folder / "take", {}, Reporter(), folder / "anna", folder / "line.wav")

    return Undertaking(job, _take_files)


def render_edited(start: Path) -> Undertaking:
    _stage_of_rendering(start)
    in_fork(lambda: _render()(start))
    return Undertaking(_render(size=48), _take_files)


def export_movie(start: Path) -> Undertaking:
    """A take becomes a movie, in the place of one that was exported before."""
    _stage_of_rendering(start)
    in_fork(lambda: _render()(start))

    def job(folder: Path) -> object:
        return export(folder / "take", folder / "out" / "line.mov", Reporter())

    in_fork(lambda: job(start))
    in_fork(lambda: _render(size=48)(start))
    return Undertaking(job, lambda folder: {"line.mov": (folder / "out" / "line.mov").read_bytes()})


def record_consent(start: Path) -> Undertaking:
    """A consent that is there is changed."""
    in_fork(lambda: make_subject(start / "anna"))

    def job(note: str) -> Callable[[Path], object]:
        return lambda folder: change_consent(folder / "anna", {"given_by": "A. Name", "note": note}, Reporter())

    in_fork(lambda: job("one")(start))
    return Undertaking(job("two"), lambda folder: files_of(folder / "anna"))


def forget_person(start: Path) -> Undertaking:
    """A person with a take, chunks of another, an exported movie, jobs, their logs and lines of other logs goes."""
    _stage_of_rendering(start)
    in_fork(lambda: _render()(start))
    work = start.with_name("work")  # where the job is run

    def surroundings() -> None:
        subject = Subject.open(start / "anna")
        chunk = RenderSettings(take_id="two", threads=1, frames="1-3")
        draw_chunk(subject, start / "line.wav", start / "other", chunk, Reporter())
        export(start / "take", start / "line.mov", Reporter())
        ended = (start / "line.mov").stat().st_mtime
        store = JobStore(start / "state", 100)
        for verb, arguments in {
            "render": {"subject": str(work / "anna"), "out": str(work / "take")},
            "chunk": {"subject": str(work / "anna"), "out": str(work / "other")},
            "export": {"take": str(work / "take"), "out": str(work / "line.mov")},
        }.items():
            job = JobInfo(verb, verb, arguments, JobState.DONE, started_at=ended - 60, finished_at=ended + 60)
            store.save(job)
            store.log_path(job.id).write_text(f"{subject.id} was here\n")
        (start / "state" / "logs" / "backend.log").write_text(f"one\n{work / 'anna'}: two\nthree\n")
        (start / "temporary").mkdir()
        (start / "temporary" / "talker-1.log").write_text(f"{work / 'anna'} was here\n")

    in_fork(surroundings)

    def job(folder: Path) -> None:
        tempfile.tempdir = str(folder / "temporary")
        if any((folder / "anna").glob("*")):  # else nothing is left to do, or to remove an empty folder by hand
            forgetting.forget(forgetting.plan(folder / "anna", [], [folder / "state"]))

    def digest(folder: Path) -> dict[str, bytes]:
        """All files, and all folders; without the list of takes that there is while they go, and the subject's own
        folder once there is nothing in it: that has to be removed by hand where its removal is refused."""
        found = [path for path in folder.rglob("*") if path.is_dir() and (any(path.iterdir()) or path.name != "anna")]
        folders = {str(path.relative_to(folder)): b"" for path in found}
        files = {name: data for name, data in files_of(folder).items() if not name.endswith(layout.FORGETTING_FILE)}
        return files | folders

    return Undertaking(job, digest, goes_by_files=True)
