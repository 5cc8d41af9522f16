"""The scores of an evaluation, frame by frame, as they are kept beside the model: for comparing and for pooling."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import InputError
from shared.files import explaining, replacing

SCORES_FILE = "scores.npz"
FOOTAGE = "footage"
"""Names the recorded picture among those that are kept."""
_SCHEMA = 1


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
            with np.load(path, allow_pickle=False) as data:
                about, frames = json.loads(str(data["about"])), data["frames"]
                rows: dict[str, dict[str, np.ndarray]] = {}
                for name in data.files:
                    picture, slash, score = name.partition("/")
                    if slash:
                        rows.setdefault(picture, {})[score] = data[name]
        except FileNotFoundError as error:
            raise InputError(f"{folder} holds no scores.", "Run talker evaluate first.") from error
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be read ({error}).", "Run talker evaluate again.") from error
        if about.get("schema", 0) > _SCHEMA:
            raise InputError(f"{path} was written by a newer version.", "Update M2DAO-Talker.")
        return cls(about, frames, rows)


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
