"""The scores of an evaluation, frame by frame, as they are kept beside the model: for comparing and for pooling."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import InputError
from shared.files import explaining, is_leftover, remove_leftovers, replacing, require_file
from shared.layout import SCORES_FILE
from shared.pending import REMOVED_FILE, UNFINISHED_FOLDER, publish_pending, settle

FOOTAGE = "footage"
"""Names the recorded picture among those that are kept."""
_SCHEMA = 2
"""1: correlated lips were freed of the head's turns alone. That score is left out: the others are what they are now."""
_CHANGED = ("lip_correlation",)
"""Rows of scores that schema 2 changed."""


@dataclass
class Evaluation:
    """What one model scored on its held-out frames. T frames."""

    about: dict[str, Any]
    """What was scored, and how: what `talker evaluate` returns beside the scores."""
    frames: np.ndarray
    """(T,) the held-out frames, from 0, also those that show no face."""
    rows: dict[str, dict[str, np.ndarray]]
    """Picture (evaluate.report) to score to what was measured: (T,) or (T, K), NaN where there is nothing."""

    def save(self, folder: Path) -> None:
        """Write into an evaluation's folder. Raises InputError where that fails."""
        arrays: dict[str, Any] = {
            f"{picture}/{score}": values for picture, rows in self.rows.items() for score, values in rows.items()
        }
        about = np.array(json.dumps(self.about | {"schema": _SCHEMA}))
        with explaining(folder), replacing(folder / SCORES_FILE) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, about=about, frames=self.frames, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read what `save` wrote. Raises InputError if it is missing, damaged or too new."""
        path = folder / SCORES_FILE
        try:
            settle(folder)
            if path.exists():
                require_file(path, "Run talker evaluate again.")
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
                about, frames = json.loads(str(data["about"])), data["frames"]
                rows: dict[str, dict[str, np.ndarray]] = {}
                for name in data.files:
                    picture, slash, score = name.partition("/")
                    if slash:
                        rows.setdefault(picture, {})[score] = data[name]
            if about.get("schema", 0) > _SCHEMA:
                raise InputError(f"{path} was written by a newer version.", "Update M2DAO-Talker.")
            if about.get("schema", 0) < 2:
                rows = {
                    picture: {score: values for score, values in scores.items() if score not in _CHANGED}
                    for picture, scores in rows.items()
                }
            check(about, frames, rows)
        except FileNotFoundError as error:
            raise InputError(f"{folder} holds no scores.", "Run talker evaluate first.") from error
        except _DAMAGED as error:
            raise InputError(f"{path} cannot be read ({error}).", "Run talker evaluate again.") from error
        return cls(about, frames, rows)


_DAMAGED = (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
_ABOUT: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "recipe": (str,),
    "footage": (str,),
    "fps": (int, float),
    "size": (int,),
    "minutes": (int, float),
    "steps": (int, type(None)),
}
"""What has to be told of an evaluation, and its types."""


def check(about: Mapping[str, Any], frames: np.ndarray, rows: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Raises KeyError, ValueError or TypeError where these cannot be an evaluation's."""
    for name, types in _ABOUT.items():
        if isinstance(about[name], bool) or not isinstance(about[name], types):
            raise TypeError(f"{name} is {about[name]!r}")
    if not about["fps"] > 0:
        raise ValueError(f"fps is {about['fps']}")
    if frames.ndim != 1 or frames.dtype.kind not in "iu" or not len(frames) or (np.diff(frames) <= 0).any():
        raise ValueError("the frames are not ascending numbers")
    if not rows:
        raise ValueError("it holds no picture")
    for picture, scores in rows.items():
        for score, values in scores.items():
            if values.dtype.kind not in "fiu" or values.ndim not in (1, 2) or len(values) != len(frames):
                raise ValueError(f"{picture}/{score} does not go with {len(frames)} frames")


def begin(folder: Path) -> Path:
    """An empty folder in an evaluation's, for the pictures and scores that are to take their places together.

    For who holds the evaluation (subject.claims). Raises InputError where it cannot be made.
    """
    with explaining(folder):
        folder.mkdir(exist_ok=True)
        settle(folder)
        remove_leftovers(folder)
        made = folder / UNFINISHED_FOLDER
        made.mkdir(exist_ok=True)
        for left in made.iterdir():
            if is_leftover(left) or left.suffix == ".png" or left.name in (SCORES_FILE, REMOVED_FILE):
                left.unlink()
        return made


def publish(folder: Path) -> None:
    """Let what was made in the folder of `begin` take the place of all that the evaluation's folder holds, in one step.

    Raises InputError where that fails: then nothing has changed.
    """
    with explaining(folder):
        made = {path.name for path in (folder / UNFINISHED_FOLDER).iterdir()}
        publish_pending(folder, (path.name for path in folder.glob("*.png") if path.name not in made))


def has_scores(folder: Path) -> bool:
    """Whether an evaluation's folder holds scores. Raises InputError where it cannot be opened."""
    with explaining(folder):
        settle(folder)
        return (folder / SCORES_FILE).is_file()


def picture_file(folder: Path, frame: int, name: str) -> Path:
    """Where a kept picture lies: of frame `frame` (from 0), `name` of what is shown, or FOOTAGE."""
    return folder / f"{frame + 1:06d}.{name}.png"


def chosen_frames(frames: np.ndarray, count: int) -> list[int]:
    """`count` of the frames, or all if there are fewer, spread evenly."""
    at = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [int(frames[index]) for index in np.unique(at)]


def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Rows of several evaluations, one after the other. Raises ValueError where they do not have the same scores."""
    if len({frozenset(part) for part in parts}) != 1:
        raise ValueError("the evaluations have different scores")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
