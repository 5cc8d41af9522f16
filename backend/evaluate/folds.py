"""A model's recipe scored on every part of its clip: a model for each part and seed, trained alike, and pooled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from backend.evaluate.kept import Evaluation, joined
from backend.evaluate.report import Measured, evaluate, figures
from backend.settings import EvaluateSettings, TrainSettings, train_settings
from backend.subject.model_folder import fold_name
from backend.subject.subject import Subject
from backend.train.trainer import train
from shared.errors import InputError
from shared.jobs import Reporter
from shared.training import Start


def chosen_folds(text: str, parts: int) -> list[int]:
    """The parts that "all" or "1,4,11" means, of `parts`. Raises InputError for anything else."""
    if text == "all":
        return list(range(1, parts + 1))
    try:
        folds = sorted({int(number) for number in text.split(",")})
    except ValueError as error:
        raise InputError(f"Folds {text!r} cannot be read.", "Write all, or numbers as in 1,4,11.") from error
    if not folds or folds[0] < 1 or folds[-1] > parts:
        raise InputError(f"Folds {text!r} are not all among 1 to {parts}.", "The model's --holdout says how many.")
    return folds


def trained_as(record: Mapping[str, Any]) -> TrainSettings:
    """The settings of a training by its record in config.json.

    Fields that this version does not know are passed over, those that the record lacks take their default. Raises
    InputError for a model that was trained on after it was finished, since no single training is like that, and for one
    from before there was a gap about the held-out frames.
    """
    if "learned_from" not in record:
        raise InputError("The model is of an older version, which kept no gap to what it held out.", "Train one anew.")
    if len(record["rounds"]) != 1:
        raise InputError(
            "The model was trained in several rounds; its folds would be trained in one.",
            "Train one anew for as long as all of them together.",
        )
    known = _known(record["settings"], TrainSettings())
    for chosen in ("preset", "steps", "minutes", "start"):
        known.pop(chosen, None)
    portrait = known.setdefault("portrait", {})
    portrait.pop("recipe", None)
    for name, of_older in _BEFORE.items():
        portrait.setdefault(name, of_older)
    return train_settings(record["preset"], record["recipe"], **record["rounds"][0], **known)


_BEFORE = {"poses": "refined", "inside_share": 0.0}
"""What a portrait had before there was a setting for it, where presets have something else now."""


def _known(values: Mapping[str, Any], settings: Any) -> dict[str, Any]:
    """Those of `values` that are fields of a tree of settings."""
    own = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {
        name: _known(value, own[name]) if is_dataclass(own[name]) else value
        for name, value in values.items()
        if name in own
    }


def evaluate_folds(
    subject: Subject,
    model_name: str | None,
    folds: str | None,
    seeds: int,
    report: Reporter,
    settings: EvaluateSettings,
) -> dict:
    """Score a model's recipe on several parts of its clip (None: its own part alone), with several seeds.

    For every part and seed a model NAME_foldK (NAME_foldK_seedS from the second seed on) is trained by the settings of
    the model NAME, for as many steps or minutes; NAME itself serves for its own part and seed. Those that are there and
    were trained alike are kept; an interrupted one is resumed. Returns what `evaluate` does, of the frames of all of
    them, with `models`: what each scored. Raises InputError as `evaluate` does, and for folds that there are not.
    """
    model = subject.model(model_name)
    base = trained_as(model.training_record())
    if not base.holdout:
        raise InputError(f"The model {model.name!r} was trained on every frame.", "Train one with --holdout 11.")
    own = base.holdout_fold or base.holdout
    wanted = [own] if folds is None else chosen_folds(folds, base.holdout)
    measured = Measured() if len(wanted) > 1 else None
    results = []
    for seed in range(seeds):
        for fold in wanted:
            name = model.name
            if (fold, seed) != (own, 0):
                name = fold_name(model.name, fold, seed)
                asked = replace(base, model=name, holdout_fold=fold, seed=base.seed + seed, start=Start.AUTO)
                report.message(f"Part {fold} of {base.holdout}, seed {asked.seed}: {name}")
                train(subject, asked, report, settings.models_dir)
            results.append(evaluate(subject, name, report, settings, measured))
    evaluations = [Evaluation.load(Path(result["folder"])) for result in results]
    rows = {picture: joined([one.rows[picture] for one in evaluations]) for picture in evaluations[0].rows}
    about = {
        name: results[0].get(name)
        for name in ("recipe", "preset", "size", "size_note", "driven_by", "strength", "leak", "phones")
    }
    return {
        "model": model.name,
        **about,
        "minutes": round(sum(result["minutes"] for result in results) / len(results), 3),
        "frames": sum(result["frames"] for result in results),
        **figures(rows),
        "folds": wanted,
        "seeds": seeds,
        "models": results,
    }
