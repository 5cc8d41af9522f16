"""Training and scoring to put faults under: a small net on a subject of small frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from backend.evaluate import clip
from backend.evaluate import report as scoring
from backend.evaluate.kept import Evaluation, has_scores
from backend.performance.curves import FACE_CURVES
from backend.settings import EvaluateSettings, SpeechSettings
from backend.subject.subject import Subject
from backend.subject.weights import load_weights
from backend.train.trainer import train
from shared import layout
from shared.errors import Cancelled
from shared.jobs import Reporter
from shared.training import Start
from tests.support.failing_disk import Undertaking, in_fork
from tests.support.synthetic_subject import TINY, blob_face, make_subject

_MODEL = "m2dao"
_SHORT = replace(TINY, steps=3, model=_MODEL, checkpoint_s=0.0, preview_s=0.0, speech=SpeechSettings(steps=2))


def _train(seed: int, start: Start) -> Callable[[Path], object]:
    def job(folder: Path) -> object:
        return train(Subject.open(folder / "anna"), replace(_SHORT, seed=seed, start=start), Reporter())

    return job


def _model_files(folder: Path) -> dict[str, bytes]:
    """What draws, and what could be trained on, as it is once the model has been opened; without the times that
    training took."""
    model = Subject.open(folder / "anna").model(_MODEL)
    if not model.config_file.is_file():
        return {}
    config = model.config()
    for name in ("minutes", "speech_minutes"):
        config.get("training", {}).pop(name, None)
    config.get("waited", {}).pop(model.checkpoint_file.name, None)  # it tells of the time, too
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


def train_new(start: Path) -> Undertaking:
    _subject_to_train_on(start)
    return Undertaking(_train(0, Start.AUTO), _model_files)


def train_anew(start: Path) -> Undertaking:
    _subject_to_train_on(start)
    in_fork(lambda: _train(0, Start.ANEW)(start))
    return Undertaking(_train(1, Start.AUTO), _model_files)


def resume(start: Path) -> Undertaking:
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
    return Undertaking(_train(0, Start.AUTO), _model_files)


class _Meter:
    """Sees a face whose lips open with the brightness of the picture."""

    def __init__(self, models_dir: object = None) -> None:
        pass

    def __enter__(self) -> _Meter:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def measure(self, picture: np.ndarray, around: object) -> tuple[np.ndarray, np.ndarray]:
        landmarks = np.zeros((478, 3))
        landmarks[14, 1], landmarks[152, 1] = picture.mean(), 100.0
        return landmarks, np.full(len(FACE_CURVES), picture.mean() / 255)


def _scores(folder: Path) -> Mapping[str, bytes]:
    """What is kept of an evaluation as one thing, as it is once it has been opened, and its sheet; figures to the
    sixth place, for sums of many pixels are in an order that a library chooses."""
    model = Subject.open(folder / "anna").model(_MODEL)
    found = {name.name: name.read_bytes() for name in (model.evaluation_file,) if name.is_file()}
    if has_scores(model.evaluation_folder):
        kept = Evaluation.load(model.evaluation_folder)
        rows = {f"{shown}/{score}": _digits(row) for shown, rows in kept.rows.items() for score, row in rows.items()}
        pictures = {path.name: path.read_bytes() for path in model.evaluation_folder.glob("*.png")}
        found["evaluation"] = repr(sorted({**kept.about, **rows, **pictures}.items())).encode()
    return found


def _digits(values: np.ndarray) -> list[str]:
    return [f"{value:.6f}" for value in np.ravel(values)]


def _evaluate(driven_by: str) -> Callable[[Path], object]:
    def job(folder: Path) -> object:
        settings = EvaluateSettings(driven_by=driven_by, threads=1)
        return scoring.evaluate(Subject.open(folder / "anna"), _MODEL, Reporter(), settings)

    return job


def evaluate_again(start: Path) -> Undertaking:
    """A model that was scored is scored otherwise."""
    _subject_to_train_on(start)
    mock.patch.object(scoring, "FaceMeter", _Meter).start()
    mock.patch.object(clip, "is_available", lambda: False).start()
    settings = replace(_SHORT, seed=0, start=Start.ANEW, holdout=3, holdout_gap_s=0.0)
    in_fork(lambda: train(Subject.open(start / "anna"), settings, Reporter()))
    in_fork(lambda: _evaluate("track")(start))
    return Undertaking(_evaluate("audio"), _scores, goes_by_files=True)
