"""Evaluations with known scores, without a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backend.evaluate import lip_sync, voice_sync
from backend.evaluate.kept import FOOTAGE, Evaluation, picture_file
from backend.evaluate.scorer import FLOOR
from backend.evaluate.scores import SCORES
from backend.media.png import write_png

WIDTH = {
    "closure": 4,
    "lip_correlation": (1 + lip_sync.MOTIONS) * (1 + len(lip_sync.LAGS)),
    "voice_sync": 2 + lip_sync.TURNS + len(voice_sync.LAGS_S),
}
"""Values in a row of a score, where there are several."""


def evaluation(frames: np.ndarray, values: Mapping[str, np.ndarray], **about: object) -> Evaluation:
    """Of frames (T,), with `values` (T,) by score; the other scores are noise that depends on the frame alone."""
    rows = {}
    for score in SCORES:
        if score.rows_of is None:
            shape = (len(frames), WIDTH[score.name]) if score.name in WIDTH else (len(frames),)
            rows[score.name] = np.stack([np.random.default_rng(int(frame)).random(shape[1:]) for frame in frames])
    rows["copies"] = np.zeros(len(frames))
    rows["closure"] += [0.0, 0.0, 1.0, 1.0]  # vowels open the lips, bilabials close them
    rows |= values
    told = {
        "model": "m", "recipe": "m2dao", "preset": "draft", "minutes": 1.0, "steps": 10, "seed": 0, "footage": "f" * 64,
        "fps": 25.0, "size": 32, "driven_by": "audio", "smooth_s": 0.5,
    } | about  # fmt: skip
    pictures = {name: {score: values + 0.0 for score, values in rows.items()} for name in ("recorded", "static", FLOOR)}
    return Evaluation(told, np.asarray(frames), pictures)


def keep(one: Evaluation, folder: Path, pictures: Mapping[int, int] | None = None) -> Path:
    """Save an evaluation, with a grey picture for some frames (from 0); returns the folder."""
    folder.mkdir(parents=True)
    one.save(folder)
    for frame, grey in (pictures or {}).items():
        for name, shade in ((FOOTAGE, 100), ("recorded", grey)):
            write_png(picture_file(folder, frame, name), np.full((32, 32, 3), shade, np.uint8))
    return folder
