"""Scores of a model on frames that it was not trained on, in figures and pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from backend.evaluate import kept, phones
from backend.evaluate.clip import Clip, phones_about
from backend.evaluate.delivered import Delivery
from backend.evaluate.faces import FaceMeter
from backend.evaluate.inputs import drives, handed_over
from backend.evaluate.kept import FOOTAGE, Evaluation, chosen_frames, picture_file
from backend.evaluate.leak import leak
from backend.evaluate.nets import Nets, about_nets
from backend.evaluate.phones import Phone
from backend.evaluate.recorded import RecordedFrames, scored_size
from backend.evaluate.scorer import FLOOR, Scorer
from backend.evaluate.scores import SCORES, pooled
from backend.evaluate.sheet import ComparisonSheet
from backend.evaluate.trained import fingerprint, kind
from backend.media.png import write_png
from backend.performance.curves import UPPER
from backend.portrait.saving import open_portrait
from backend.raster.rasterize import engine_device
from backend.settings import EvaluateSettings
from backend.subject.claims import reading_claim, scoring_claim
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared.errors import InputError
from shared.files import explaining, remove_leftovers_of
from shared.jobs import Reporter

SHEET_FRAMES = 5
"""Frames of which pictures are kept."""
LABELS = {
    "recorded": "recorded torso",
    "synthesised": "all synthesised",
    "following": "all synthesised, body follows head",
    "static": "static head",
    FLOOR: "the recording, measured again",
}
"""What a picture is called in tables."""


@dataclass
class Measured:
    """What is the same for several models of one clip, scored under the same settings, and takes a while to measure."""

    phones: Sequence[Phone] | None = None
    """Of the sound of the whole clip, once they were listened for."""
    leaks: dict[str, float] = field(default_factory=dict)
    """By the model's head poses (PortraitSettings.poses)."""

    def heard(self, subject: Subject, times_s: np.ndarray) -> Sequence[Phone]:
        """Phones of the whole clip, whose frames are shown at times_s (T,)."""
        if self.phones is None:
            self.phones = phones_about(subject, times_s)
        return self.phones


def evaluate(
    subject: Subject,
    model_name: str | None,
    report: Reporter,
    settings: EvaluateSettings | None = None,
    measured: Measured | None = None,
) -> dict:
    """Score a model on the frames kept out of its training, driven by their own sound, as it is delivered.

    What sound does not determine (blinks, the slow motion of brows, gaze and cheeks, the motion of head and body) comes
    from the footage, for every recipe (evaluate.inputs). Pictures are drawn and written as `talker render` does it, at
    the size at which it does, and read back from the file (evaluate.delivered).

    measured: shared with other models of this clip under these settings, so that nothing is measured twice.

    Writes a contact sheet into the model's folder, and the scores frame by frame, with some pictures, into its folder
    `evaluation` (evaluate.kept).

    Returns {model, recipe, preset, minutes, steps, seed, training, kind, footage, fps, size, size_note, frames,
    driven_by, strength, smooth_s, leak, phones, lpips, identity, sheet, folder, scores: {recorded: S, synthesised: S or
    None}, following: S or None, static: S, floor: S}. `leak` is the share of the lips' variance that could be told from
    what the footage hands over (evaluate.leak); `training` and `kind` tell what was scored (evaluate.trained);
    `phones`, `lpips` and `identity` say what measured those scores, or what they lack. Five pictures are scored:

    recorded: the delivered frame where the recorded one shows any of the head; elsewhere the recorded frame, under the
        delivered head. A recipe without a torso is laid over the recorded frame without its head (subject.behind).
    synthesised: everything drawn, over the plate, with the tracked motion of head and body, as `--pose recorded` does.
        None for a recipe without a torso.
    following: as synthesised, with the body's motion derived from the head's, as for poses that were never recorded.
        None for a recipe without a torso, and for a model without body curves.
    static: as recorded, with the performance held at its mean.
    floor: the recorded frame with noise of one code value: what the errors of measuring leave of a perfect score.

    S has a figure for each of evaluate.scores.SCORES, None where it does not exist.

    Raises InputError when there is no such model, or it was trained on every frame, and as `scored_size` does.
    """
    model = subject.model(model_name)
    model.training_record()
    with reading_claim(subject.root, "scored", report), scoring_claim(model, report):
        return _evaluate(subject, model, report, settings or EvaluateSettings(), measured)


def _evaluate(
    subject: Subject, model: ModelFolder, report: Reporter, settings: EvaluateSettings, measured: Measured | None
) -> dict:
    leaks = {} if measured is None else measured.leaks
    footage = None if settings.footage is None else Path(settings.footage)
    portrait = open_portrait(model).to(engine_device(settings.engine))
    training = model.training_record()
    track = subject.track().posed_by(portrait.settings.poses)
    split = model.split(subject.frame_count)
    if not len(split.held_out):
        raise InputError(
            f"The model {model.name!r} was trained on every frame: nothing is left to score it on.",
            "Train one with --holdout 11.",
        )
    with_face = split.held_out[track.confidence[split.held_out] > 0]
    if not len(with_face):
        raise InputError(f"No held-out frame of {model.name!r} shows the face.", "Train with another --holdout.")
    scored = scored_size(subject, settings.size, footage)
    if scored.note:
        report.message(scored.note)
    recorded = RecordedFrames(subject, track, scored.size, footage)
    made = drives(portrait, subject, track, model, split, settings)
    sheet = ComparisonSheet(SHEET_FRAMES)
    pictured = set(chosen_frames(with_face, SHEET_FRAMES))
    with explaining(model.path):
        remove_leftovers_of(model.evaluation_file)
    folder = kept.begin(model.evaluation_folder)
    report.phase("evaluate", len(with_face))
    with (
        Delivery(subject, portrait, scored.size, settings.engine, settings.threads) as delivery,
        FaceMeter(settings.models_dir) as meter,
    ):
        scorer = Scorer(split.held_out, portrait, made, delivery, recorded.plate, Nets.find(settings.models_dir))
        for frame in recorded.read(with_face):
            drawn = scorer.add(frame, meter)
            sheet.add(frame.picture, drawn["recorded"], drawn.get("synthesised"))
            if frame.index in pictured:
                shown = {name: picture for name, picture in drawn.items() if name != FLOOR}
                for name, picture in {FOOTAGE: frame.picture, **shown}.items():
                    write_png(picture_file(folder, frame.index, name), picture)
            report.step()
    report.phase("closure")
    heard: Sequence[Phone]
    if measured is None:
        heard = phones_about(subject, track.times_s[split.held_out])
    else:
        heard = measured.heard(subject, track.times_s)
    rows = scorer.rows(Clip.of(subject, track, heard))
    sheet.save(model.evaluation_file)
    poses = portrait.settings.poses
    if poses not in leaks:
        leaks[poses] = leak(handed_over(track, float(subject.fps), settings.smooth_s)[:, UPPER], track)
    about = {
        "model": model.name,
        "recipe": training["recipe"],
        "preset": training["preset"],
        "minutes": round(float(training["minutes"]), 3),
        "steps": training.get("steps"),
        "seed": training["settings"].get("seed"),
        "training": fingerprint(training),
        "kind": kind(training),
        "footage": subject.info.source_sha256,
        "fps": float(subject.fps),
        "size": scored.size,
        "size_note": scored.note,
        "frames": len(with_face),
        "driven_by": settings.driven_by,
        "strength": settings.strength,
        "smooth_s": settings.smooth_s,
        "leak": _rounded(leaks[poses]),
        "phones": "pocketsphinx" if phones.is_available() else "pocketsphinx is not installed: no closure score",
        **about_nets(settings.models_dir),
        "sheet": str(model.evaluation_file),
        "folder": str(model.evaluation_folder),
    }
    Evaluation(about, split.held_out, rows).save(folder)
    kept.publish(model.evaluation_folder)
    return about | figures(rows)


def figures(rows: dict[str, dict[str, np.ndarray]]) -> dict:
    """The scores of rows by picture, as `evaluate` returns them."""
    scores = {name: pooled(own) for name, own in rows.items()}
    return {
        "scores": {"recorded": scores["recorded"], "synthesised": scores.get("synthesised")},
        "following": scores.get("following"),
        "static": scores["static"],
        FLOOR: scores[FLOOR],
    }


def markdown_table(results: Sequence[dict]) -> str:
    """Results of `evaluate` as one Markdown table, each beside its static head and the floor of measuring.

    Scores that none of them has are left out.
    """
    pictures = [
        (result, label, scores)
        for result in results
        for name, label in LABELS.items()
        if (scores := result["scores"].get(name, result.get(name))) is not None
    ]
    shown = [s for s in SCORES if s.compared and any(scores.get(s.name) is not None for _, _, scores in pictures)]
    head = ["model", "size", "minutes", "frames", "shown", *(score.name for score in shown)]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for result, label, scores in pictures:
        about = [result["model"], result["size"], f"{result['minutes']:.1f}", result["frames"], label]
        values = [score.text(scores.get(score.name)) for score in shown]
        rows.append("| " + " | ".join([*map(str, about), *values]) + " |")
    return "\n".join(rows) + "\n"


def _rounded(value: float) -> float | None:
    """A figure for JSON."""
    return round(value, 4) if math.isfinite(value) else None
