"""Tiny jobs to put faults under: `python -m tests.support.failing_jobs JOB FOLDER MOST`, with failing_disk.c preloaded.

Every file is written by the code that writes it for a user; only what computes (finding faces, cameras, mattes, the net
that draws) has stand-ins. Prints one JSON object a line: the counts of a run without faults, then every case.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import cv2
import numpy as np

from backend.deliver import plan as planning
from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk, join
from backend.media.audio import save_wav
from backend.media.encode import MovieWriter
from backend.performance.curves import FACE_CURVES
from backend.performance.speech import SpeechModel
from backend.preprocess import capture, pipeline
from backend.preprocess.camera import CameraSolution
from backend.preprocess.scan import Scan
from backend.preprocess.speaker import FacePath
from backend.settings import PreprocessSettings, RenderSettings, SpeechSettings
from backend.subject.subject import Subject
from backend.subject.weights import load_weights
from backend.train.trainer import train
from shared import layout
from shared.claims import CLAIM
from shared.errors import Cancelled
from shared.jobs import Reporter
from shared.pending import UNFINISHED_FOLDER, settle
from shared.setup import environment, pip
from shared.training import Start
from tests.support.disc_stage import DiscPortrait, SteadySpeech
from tests.support.failing_disk import Stage, cases, in_fork
from tests.support.synthetic_subject import TINY, blob_face, make_subject

SIZE, FRAMES, RATE = 64, 8, 16000
MODEL = "m2dao"


# Preprocessing --------------------------------------------------------------------------------------------------------


class _Tracker:
    """Sees the same face in every frame, moved a little."""

    def __init__(self, *arguments: object) -> None:
        pass

    def measure(self, number: int, rgb: np.ndarray) -> SimpleNamespace:
        points = np.random.default_rng(0).uniform(12, 52, (478, 3)) + number
        names = ("_neutral", *FACE_CURVES)
        return SimpleNamespace(landmarks=points, blendshapes=np.full(52, 0.1 * (number % 5)), blendshape_names=names)


@contextmanager
def _nothing(*arguments: object) -> Iterator[None]:
    yield None


def _solve(landmarks: np.ndarray, *arguments: object, **options: object) -> CameraSolution:
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (len(landmarks), 1, 1))
    poses[:, 2, 3] = 50.0
    nothing, centre = np.zeros((468, 3)), np.array([32.0, 32.0])
    return CameraSolution(60.0, centre, poses, nothing, poses, nothing, np.zeros(len(poses)), (2.0, 1.0))


def _segment(pictures: Any, landmarks: np.ndarray, **options: object) -> Iterator[np.ndarray]:
    for picture in pictures:
        region = np.zeros((*picture.shape[:2], 4), np.uint8)
        region[16:48, 16:48, 1] = 255
        region[48:, :, 3] = 255
        yield region


def _stand_ins_of_preprocessing() -> None:
    boxes = [np.array([12.0, 12.0, 52.0, 52.0])] * FRAMES
    for where, what in {
        "scan_faces": lambda *a: Scan(FacePath(list(range(FRAMES)), boxes), []),
        "solve_camera": _solve,
        "load_canonical_face": lambda *a: blob_face(),
        "hair_model": lambda *a: None,
        "track_body": lambda frames, *a: np.zeros((len(frames), 2), np.float32),
        "MIN_USABLE_S": 0.1,
    }.items():
        mock.patch.object(pipeline, where, what).start()
    mock.patch.object(pipeline.regions, "segment", _segment).start()
    estimate = SimpleNamespace(offset_s=0.0, confidence=0.5, calls_for_correction=False)
    mock.patch.object(pipeline.sync, "estimate_offset", lambda *a: estimate).start()
    mock.patch.object(capture, "Landmarker", _nothing).start()
    mock.patch.object(capture, "FaceTracker", _Tracker).start()


def _clip(path: Path) -> None:
    random = np.random.default_rng(0)
    sound = random.standard_normal(RATE).astype(np.float32) * 0.1
    with MovieWriter(path, SIZE, SIZE, Fraction(25), (sound, RATE)) as movie:
        for _ in range(FRAMES):
            movie.write(random.integers(90, 110, (SIZE, SIZE, 3), dtype=np.uint8))


def _preprocess(size: int) -> Callable[[Path], object]:
    def job(folder: Path) -> Subject:
        return pipeline.preprocess(folder / "clip.mp4", folder / "anna", PreprocessSettings(size=size), Reporter())

    return job


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by name, but for those that say who works there."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(CLAIM))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _subject_files(folder: Path) -> dict[str, bytes]:
    """All of the subject, as it is once it has been opened."""
    if (folder / "anna").is_dir() or (folder / "anna.set-aside").is_dir():
        Subject.open(folder / "anna")
    return {name: data for name, data in _files(folder / "anna").items() if name != "stages.json"}


def _preprocess_new(start: Path) -> tuple[Callable, Callable]:
    _stand_ins_of_preprocessing()
    in_fork(lambda: _clip(start / "clip.mp4"))
    return _preprocess(SIZE), _subject_files


def _preprocess_again(start: Path) -> tuple[Callable, Callable]:
    _stand_ins_of_preprocessing()
    in_fork(lambda: _clip(start / "clip.mp4"))
    in_fork(lambda: _preprocess(SIZE)(start))
    weights = layout.model_folder(start / "anna", MODEL) / layout.MODEL_WEIGHTS_FILE
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(range(256)) * 64)
    return _preprocess(SIZE // 2), _subject_files


# Training -------------------------------------------------------------------------------------------------------------

_SHORT = replace(TINY, steps=3, model=MODEL, checkpoint_s=0.0, preview_s=0.0, speech=SpeechSettings(steps=2))


def _train(seed: int, start: Start) -> Callable[[Path], object]:
    def job(folder: Path) -> object:
        return train(Subject.open(folder / "anna"), replace(_SHORT, seed=seed, start=start), Reporter())

    return job


def _model_files(folder: Path) -> dict[str, bytes]:
    """What draws, and what could be trained on, as it is once the model has been opened; without the times that
    training took."""
    model = Subject.open(folder / "anna").model(MODEL)
    if not model.config_file.is_file():
        return {}
    config = model.config()
    for name in ("minutes", "speech_minutes"):
        config.get("training", {}).pop(name, None)
    kept = (model.weights_file, model.speech_file, model.heard_file)
    found = {path.name: path.read_bytes() for path in kept if path.is_file()}
    found["checkpoint"] = _without_times(model.checkpoint_file)
    return found | {"config": json.dumps(config, sort_keys=True).encode()}


def _without_times(checkpoint: Path) -> bytes:
    tensors, texts = load_weights(checkpoint, "")
    state = {name: value for name, value in json.loads(texts["state"]).items() if not name.endswith("_s")}
    hashes = [hashlib.sha256(tensors[name].numpy().tobytes()).hexdigest() for name in sorted(tensors)]
    return json.dumps([state, sorted(tensors), hashes]).encode()


def _subject_to_train_on(start: Path) -> None:
    mock.patch("backend.train.data.load_canonical_face", lambda models_dir=None: blob_face()).start()
    in_fork(lambda: make_subject(start / "anna", 30))


def _train_new(start: Path) -> tuple[Callable, Callable]:
    _subject_to_train_on(start)
    return _train(0, Start.AUTO), _model_files


def _train_anew(start: Path) -> tuple[Callable, Callable]:
    _subject_to_train_on(start)
    in_fork(lambda: _train(0, Start.ANEW)(start))
    return _train(1, Start.AUTO), _model_files


def _resume(start: Path) -> tuple[Callable, Callable]:
    _subject_to_train_on(start)
    asked: list[int] = []

    def is_cancelled() -> bool:
        asked.extend([1] * any(Path(start).rglob(layout.BEGUN_CHECKPOINT_FILE)))
        return len(asked) > 2  # after the first step

    def interrupted() -> None:
        try:
            train(Subject.open(start / "anna"), replace(_SHORT, start=Start.ANEW), Reporter(is_cancelled=is_cancelled))
        except Cancelled:
            return
        raise RuntimeError("the training was not cancelled")

    in_fork(interrupted)
    return _train(0, Start.AUTO), _model_files


# Rendering ------------------------------------------------------------------------------------------------------------


def _render(**options: Any) -> Callable[[Path], object]:
    def job(folder: Path) -> object:
        settings = RenderSettings(take_id="one", threads=1, **options)
        subject = Subject.open(folder / "anna")
        return rendering.render(subject, folder / "line.wav", folder / "take", settings, Reporter())

    return job


def _take_files(folder: Path) -> dict[str, bytes]:
    """All of the take as it is once it has been opened; the manifest without times."""
    settle(folder / "take")
    found = _files(folder / "take")
    if layout.MANIFEST_FILE in found:
        manifest = json.loads(found[layout.MANIFEST_FILE])
        del manifest["timings_s"]
        manifest["frames"].pop("drawn")
        found[layout.MANIFEST_FILE] = json.dumps(manifest, sort_keys=True).encode()
    return {
        name: data for name, data in found.items() if not name.startswith((UNFINISHED_FOLDER, layout.CHUNKS_FOLDER))
    }


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
    sound = np.random.default_rng(0).standard_normal(RATE // 5).astype(np.float32) * 0.1
    in_fork(lambda: save_wav(start / "line.wav", sound, RATE))


def _render_new(start: Path) -> tuple[Callable, Callable]:
    _stage_of_rendering(start)
    return _render(), _take_files


def _render_in_chunks(start: Path) -> tuple[Callable, Callable]:
    _stage_of_rendering(start)

    def job(folder: Path) -> object:
        subject = Subject.open(folder / "anna")
        for frames in ("1-3", "3-5"):
            settings = RenderSettings(take_id="one", threads=1, frames=frames)
            draw_chunk(subject, folder / "line.wav", folder / "take", settings, Reporter())
        return join(folder / "take", {}, Reporter(), folder / "anna", folder / "line.wav")

    return job, _take_files


def _render_edited(start: Path) -> tuple[Callable, Callable]:
    _stage_of_rendering(start)
    in_fork(lambda: _render()(start))
    return _render(size=48), _take_files


# Installing -----------------------------------------------------------------------------------------------------------


def _plan(folder: Path) -> environment.EnvironmentPlan:
    return environment.EnvironmentPlan(folder / "environment", (folder / "requirements.txt",), needed_gib=0.0)


def _install(start: Path) -> tuple[Callable, Callable]:
    (start / "requirements.txt").write_text("one==1\ntwo==2\n")

    def make_venv(plan: environment.EnvironmentPlan, base: Path) -> None:
        plan.python.parent.mkdir(parents=True, exist_ok=True)
        plan.python.write_text("python")

    def install(python: Path, arguments: list[str], total: int, log: Callable, log_file: Path) -> None:
        for name in ("one", "two"):
            (python.parent / name).write_text(name)

    mock.patch.object(environment, "_make_venv", make_venv).start()
    mock.patch.object(pip, "install", install).start()

    def job(folder: Path) -> object:
        return environment.prepare(_plan(folder), lambda text: None, Path(sys.executable))

    def digest(folder: Path) -> dict[str, bytes]:
        is_ready = environment.is_ready(_plan(folder), sys.version_info[:2])
        return _files(folder / "environment") if is_ready else {}

    return job, digest


JOBS: dict[str, Callable[[Path], tuple[Callable, Callable]]] = {
    "preprocess": _preprocess_new,
    "preprocess-again": _preprocess_again,
    "train": _train_new,
    "train-anew": _train_anew,
    "resume": _resume,
    "render": _render_new,
    "render-edited": _render_edited,
    "render-in-chunks": _render_in_chunks,
    "install": _install,
}


def main(name: str, folder: Path, most: int | None) -> None:
    """Run a job's cases, `most` of each kind; None: all."""
    logging.disable(logging.CRITICAL)
    cv2.setNumThreads(1)
    start = folder / "start"
    start.mkdir(parents=True)
    job, digest = JOBS[name](start)
    stage = Stage(folder, job, digest)
    counts = stage.counts()
    print(json.dumps({"job": name, "counts": {kind.name: count for kind, count in counts.items()}}), flush=True)
    for case in cases(counts, most):
        outcome = stage.outcome(case)
        told = asdict(outcome) | {"case": str(case), "kind": case.kind.name, "mode": case.mode.name}
        print(json.dumps(told | {"is_right": outcome.is_right}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
