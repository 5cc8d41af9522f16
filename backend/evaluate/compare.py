"""Two or more models beside each other: every score with its interval, and the differences, paired frame by frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.evaluate.bootstrap import Drawn, Interval, blocks_of
from backend.evaluate.kept import Evaluation, has_scores
from backend.evaluate.report import LABELS
from backend.evaluate.scorer import FLOOR
from backend.evaluate.scores import SCORES, Better, Score
from backend.evaluate.trained import fingerprint
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared.errors import InputError
from shared.jobs import Reporter

_ALIKE = {"size": "sizes of picture", "driven_by": "drives", "smooth_s": "inputs", "strength": "strengths of the mouth"}
"""What must be the same of all that is compared, and what it is called."""
_BEFORE = {"strength": 0.0}
"""What scores of older versions do not say, since it could not be chosen."""
_UNEQUAL = 0.1
"""Training times that differ by more than this share are told."""

Frame = tuple[str, int]
"""Hash of the footage, and the frame from 0."""


@dataclass(frozen=True)
class Contender:
    """A model with all that was scored of it: on several parts of its clip, with several seeds."""

    name: str
    folders: list[Path]
    evaluations: list[Evaluation]
    others: tuple[str, ...] = ()
    """Models that are named as folds of it and were trained otherwise: they do not count."""

    @property
    def frames(self) -> set[Frame]:
        """Every frame that was scored."""
        return {(one.about["footage"], int(frame)) for one in self.evaluations for frame in one.frames}

    @property
    def pictures(self) -> set[str]:
        """Every picture that each evaluation has."""
        return set.intersection(*(set(one.rows) for one in self.evaluations))

    def has(self, score: Score) -> bool:
        """Whether every evaluation has that score: those of older versions have fewer."""
        return all(score.rows in rows for one in self.evaluations for rows in one.rows.values())

    def mean(self, name: str) -> float | None:
        """Mean of a number that is told about each training; None where it is not told."""
        values = [float(value) for one in self.evaluations if (value := one.about.get(name)) is not None]
        return sum(values) / len(values) if len(values) == len(self.evaluations) else None

    def rows(self, picture: str, score: Score, fold: Sequence[Frame]) -> np.ndarray:
        """(S, T) or (S, T, K): what was measured of the T frames of a fold by the S models that scored all of them."""
        found = []
        for one in self.evaluations:
            at = {(one.about["footage"], int(frame)): row for row, frame in enumerate(one.frames)}
            if all(frame in at for frame in fold):
                found.append(one.rows[picture][score.rows][[at[frame] for frame in fold]])
        return np.stack(found)


def contender(name: str, subject: Subject | None) -> Contender:
    """By the name of a subject's model (with its folds, if it has some), or the path of an evaluation's folder or of a
    model's. Raises InputError where nothing was scored."""
    path = Path(name)
    if has_scores(path):
        return Contender(path.parent.name, [path], [Evaluation.load(path)])
    if path.is_dir():
        model, label = ModelFolder(path), path.name
    elif subject is not None:
        model, label = ModelFolder.of(subject.root, name), name
    else:
        raise InputError(f"There is no folder {name}.", "Name the subject with --subject, or give folders.")
    scored = {one: _scored(one) for one in (model, *model.folds()) if has_scores(one.evaluation_folder)}
    if not scored:
        raise InputError(f"Nothing was scored of {name}.", "Run talker evaluate first.")
    first = next(iter(scored.values())).about.get("kind")
    alike = {one: evaluation for one, evaluation in scored.items() if evaluation.about.get("kind") == first}
    others = tuple(one.name for one in scored if one not in alike)
    return Contender(label, [one.evaluation_folder for one in alike], list(alike.values()), others)


def _scored(model: ModelFolder) -> Evaluation:
    """What was scored of a model. Raises InputError where it was trained again since."""
    evaluation = Evaluation.load(model.evaluation_folder)
    scored = evaluation.about.get("training")
    if scored is not None and scored != fingerprint(model.training_record()):
        raise InputError(
            f"The model {model.name!r} was trained again after it was scored.", "Run talker evaluate again."
        )
    return evaluation


def compare(contenders: Sequence[Contender], report: Reporter) -> dict[str, Any]:
    """Every score of every model on the frames that all of them were scored on, and its difference to the first one's.

    Returns {reference, size, frames, folds, blocks, notes, models: [{name, recipe, minutes, steps, evaluations}],
    pictures: {picture: {score: [{value, low, high, difference, difference_low, difference_high}]}}}, one entry for each
    model in their order; the first has no difference. An interval is null where there are too few frames for one.
    Raises InputError for fewer than two, for models that were scored unlike, and for those without a frame in common.
    """
    if len(contenders) < 2:
        raise InputError("There is nothing to compare.", "Name two models or more.")
    for key, what in _ALIKE.items():
        values = {str(one.about.get(key, _BEFORE.get(key))) for each in contenders for one in each.evaluations}
        if len(values) > 1:
            raise InputError(
                f"The models were scored with different {what}: {', '.join(sorted(values))}.", "Score anew."
            )
    folds = common_folds(contenders)
    fps = max(one.about["fps"] for each in contenders for one in each.evaluations)
    blocks = blocks_of([np.array([frame for _, frame in fold]) for fold in folds], fps)
    # The floor is the same for all.
    pictures = [name for name in LABELS if name != FLOOR and all(name in each.pictures for each in contenders)]
    compared = [score for score in SCORES if score.compared and all(one.has(score) for one in contenders)]
    report.phase("compare", len(pictures) * len(compared))
    found: dict[str, dict[str, list[dict]]] = {}
    for picture in pictures:
        found[picture] = {}
        for score in compared:
            found[picture][score.name] = _scores_of(contenders, picture, score, folds, blocks)
            report.step()
    return {
        "reference": contenders[0].name,
        "size": contenders[0].evaluations[0].about["size"],
        "frames": sum(map(len, folds)),
        "folds": len(folds),
        "blocks": len(blocks),
        "notes": _notes(contenders, folds),
        "models": [
            {
                "name": one.name,
                "recipe": one.evaluations[0].about["recipe"],
                "minutes": _rounded(one.mean("minutes")),
                "steps": _rounded(one.mean("steps")),
                "evaluations": [str(folder) for folder in one.folders],
            }
            for one in contenders
        ],
        "pictures": found,
    }


def common_folds(contenders: Sequence[Contender]) -> list[list[Frame]]:
    """The frames that all were scored on, by the parts of the clip in which the first was scored; in their order.

    Raises InputError where there is none.
    """
    common = set.intersection(*(one.frames for one in contenders))
    parts = {
        tuple(frame for number in one.frames if (frame := (one.about["footage"], int(number))) in common)
        for one in contenders[0].evaluations
    }
    folds = [list(part) for part in sorted(parts) if part]
    # A part counts where every model was scored on all of it.
    folds = [fold for fold in folds if all(_has(one, fold) for one in contenders)]
    if not folds:
        raise InputError("The models have no held-out frames in common.", "Train them with the same --holdout.")
    return folds


def _has(one: Contender, fold: Sequence[Frame]) -> bool:
    scored = [{(each.about["footage"], int(frame)) for frame in each.frames} for each in one.evaluations]
    return any(frames.issuperset(fold) for frames in scored)


def _scores_of(
    contenders: Sequence[Contender],
    picture: str,
    score: Score,
    folds: Sequence[Sequence[Frame]],
    blocks: Sequence[np.ndarray],
) -> list[dict]:
    """A score of every model, with its interval, and the difference to the first one's."""
    by_fold = [[one.rows(picture, score, fold) for fold in folds] for one in contenders]
    for fold in range(len(folds)):
        _only_common(by_fold, fold)
    drawn = [Drawn.of(_blocks(own, blocks), score.pool) for own in by_fold]
    found = [_entry("", one.interval()) for one in drawn]
    for entry, one in zip(found[1:], drawn[1:], strict=True):
        entry |= _entry("difference", one.less(drawn[0]))
    return found


def _only_common(by_fold: Sequence[list[np.ndarray]], fold: int) -> None:
    """Leave out, for all, single values that any of the models lacks: a hard frame that only one was scored on would
    count against it."""
    rows = [own[fold] for own in by_fold]
    if rows[0].ndim > 2:
        return
    lacking = np.any([np.isnan(values).any(axis=0) for values in rows], axis=0)
    for own, values in zip(by_fold, rows, strict=True):
        own[fold] = np.where(lacking, np.nan, values)


def _blocks(by_fold: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Rows of all seeds of each block. by_fold: (S, T, ...); blocks: indices into all folds' frames."""
    starts = np.cumsum([0, *(values.shape[1] for values in by_fold)])
    found = []
    for block in blocks:
        fold = int(np.searchsorted(starts, block[0], side="right")) - 1
        values = by_fold[fold][:, block - starts[fold]]
        found.append(values.reshape(-1, *values.shape[2:]))
    return found


def _entry(prefix: str, one: Interval) -> dict[str, float | None]:
    name = prefix or "value"
    ends = (f"{prefix}_low", f"{prefix}_high") if prefix else ("low", "high")
    return {name: _rounded(one.value), ends[0]: _rounded(one.low), ends[1]: _rounded(one.high)}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 5)


def _notes(contenders: Sequence[Contender], folds: Sequence[Sequence[Frame]]) -> list[str]:
    """What must be known to read the table, in words."""
    notes = [
        f"{', '.join(one.others)}: trained otherwise than {one.evaluations[0].about['model']}, and left out."
        for one in contenders
        if one.others
    ]
    minutes = [(one.name, one.mean("minutes")) for one in contenders]
    known = [value for _, value in minutes if value]
    if len(known) == len(minutes) and max(known) > (1 + _UNEQUAL) * min(known):
        told = ", ".join(f"{name} {value:.2f} min" for name, value in minutes)
        notes.append(f"The trainings did not take the same time: {told}.")
    counted = {one.name: len(one.evaluations) for one in contenders}
    if len(set(counted.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counted.items())
        notes.append(f"Not all have the same number of evaluations ({told}); only frames that all have are compared.")
    copies = {one.name: sum(float(np.nansum(each.rows["recorded"]["copies"])) for each in one.evaluations)
              for one in contenders}  # fmt: skip
    notes += [
        f"{name} shows {count:.0f} frames whose head is the recorded one." for name, count in copies.items() if count
    ]
    return notes


def distinct(entry: dict, score: Score) -> str:
    """Whether a model's difference to the reference is one: "better", "worse", "other", or "" where it may be none."""
    difference = Interval(float("nan"), entry.get("difference_low"), entry.get("difference_high"))
    if not difference.excludes_zero:
        return ""
    if score.better in (Better.HIGHER, Better.LOWER):
        return "better" if (difference.ends[0] > 0) == (score.better is Better.HIGHER) else "worse"
    return "other"


def markdown_tables(result: dict) -> str:
    """The result of `compare` as Markdown: a table for each picture."""
    names = [model["name"] for model in result["models"]]
    lines = [
        f"{result['frames']} frames of {result['size']} px, {result['folds']} folds; intervals of 95 % from "
        f"{result['blocks']} blocks.",
        *result["notes"],
    ]
    head = ["score", "better", *names, *(f"{name} − {names[0]}" for name in names[1:])]
    for picture, scores in result["pictures"].items():
        lines += ["", f"**{LABELS[picture]}**", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        for score in (score for score in SCORES if score.name in scores):
            entries = scores[score.name]
            cells = [score.name, str(score.better), *(cell(entry, score, "value") for entry in entries)]
            for entry in entries[1:]:
                text, verdict = cell(entry, score, "difference"), distinct(entry, score)
                cells.append(f"**{text}** {verdict}" if verdict else text)
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(entry: dict, score: Score, name: str) -> str:
    """A value or a difference with its interval, as it is printed."""
    sign = "+" if name == "difference" else ""
    ends = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    values = [entry[name], *(entry[end] for end in ends)]
    if values[0] is None:
        return "–"
    value, *interval = ("–" if each is None else f"{each:{sign}.{score.digits}f}" for each in values)
    return value if "–" in interval else f"{value} [{', '.join(interval)}]"
