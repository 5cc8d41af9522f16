"""Scores of a model on frames that it was not trained on, in figures and pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.evaluate import closure, metrics
from backend.evaluate.compose import over, over_recorded
from backend.evaluate.faces import LIPS, FaceMeter, FaceTrack, expression_error, jitter, landmark_distance
from backend.evaluate.lip_sync import lips_follow
from backend.evaluate.sheet import ComparisonSheet
from backend.media.audio import SPEECH_RATE, load_audio
from backend.media.audio_features import AudioFeatures
from backend.performance.curves import SPEECH_CURVES, ordered_curves
from backend.performance.speech import SpeechModel, Voice
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait, PortraitFrame
from backend.portrait.saving import open_portrait
from backend.raster.rasterize import engine_device
from backend.settings import EvaluateSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.split import Split
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter

SHEET_FRAMES = 5
PHONE_CONTEXT_S = 15.0
"""Seconds of sound before the held-out frames that the recogniser gets as well: it needs whole sentences."""
VARIANTS = ("recorded", "synthesised", "following", "static")
TABLE_COLUMNS = (
    *("psnr", "psnr_head", "psnr_mouth", "ssim", "gmsd"),
    *("lmd", "lmd_shape", "expression_error", "seam", "jitter", "closure"),
)


def evaluate(
    subject: Subject, model_name: str | None, report: Reporter, settings: EvaluateSettings | None = None
) -> dict:
    """Score a model on the frames kept out of its training, driven by their own sound.

    What sound does not determine (blinks, brows, gaze, the motion of head and body) comes from the footage, for every
    recipe, as in the papers of this field. Writes a contact sheet into the model's folder.

    Returns {model, recipe, preset, minutes, steps, size, frames, driven_by, scores: {recorded: S, synthesised: S or
    None}, following: S or None, static: S, phones, sheet}, with four pictures scored:

    recorded: the drawn head over the recorded torso and background.
    synthesised: everything drawn, over the plate, with the tracked motion of head and body, as `--pose recorded` does.
        None for a recipe without a torso.
    following: as synthesised, with the body's motion derived from the head's, as for poses that were never recorded.
        None for a recipe without a torso, and for a model without body curves.
    static: as recorded, with the performance held at its mean.

    S = {psnr, psnr_head, psnr_mouth (dB), ssim, gmsd, seam, lmd, lmd_shape (px at 256 px), expression_error, jitter,
    closure, closures (their number), lip_correlation, lip_lag (frames; both not for static), frames_with_face}; None
    where a figure does not exist.

    Raises InputError when there is no such model, or it was trained on every frame.
    """
    settings = settings or EvaluateSettings()
    model = subject.model(model_name)
    portrait = open_portrait(model).to(engine_device(settings.engine))
    training = model.training_record()
    track = subject.track().posed_by(portrait.settings.poses)
    split = model.split(subject.frame_count)
    frames = _held_out(split, model.name)
    frames = frames[track.confidence[frames] > 0]
    if not len(frames):
        raise InputError(f"No held-out frame of {model.name!r} shows the face.", "Train with another --holdout.")
    size = settings.size or int(training["settings"]["size"])
    drives = _drives(portrait, subject, track, model, split.training, settings.driven_by)
    scorer = _Scorer(subject, track, portrait, size, settings)
    report.phase("evaluate", len(frames))
    with FaceMeter(settings.models_dir) as meter:
        for frame in frames:
            scorer.add(int(frame), drives, meter)
            report.step()
    report.phase("closure")
    phones, times_s = _phones(subject, track.times_s[frames])
    scores = scorer.scores(phones, times_s)
    scorer.sheet.save(model.evaluation_file)
    return {
        "model": model.name,
        "recipe": training["recipe"],
        "preset": training["preset"],
        "minutes": round(float(training["minutes"]), 3),
        "steps": training.get("steps"),
        "size": size,
        "frames": len(frames),
        "driven_by": settings.driven_by,
        "scores": {"recorded": scores["recorded"], "synthesised": scores.get("synthesised")},
        "following": scores.get("following"),
        "static": scores["static"],
        "phones": "pocketsphinx" if closure.is_available() else "pocketsphinx is not installed: no closure score",
        "sheet": str(model.evaluation_file),
    }


def markdown_table(results: Sequence[dict]) -> str:
    """Results of `evaluate` as one Markdown table, each beside its static head."""
    head = ["model", "size", "minutes", "frames", "shown", *TABLE_COLUMNS]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for result in results:
        shown = {
            "recorded torso": result["scores"]["recorded"],
            "all synthesised": result["scores"]["synthesised"],
            "all synthesised, body follows head": result["following"],
            "static head": result["static"],
        }
        for label, scores in shown.items():
            if scores is None:
                continue
            about = [result["model"], result["size"], f"{result['minutes']:.1f}", result["frames"], label]
            values = [_cell(column, scores[column]) for column in TABLE_COLUMNS]
            rows.append("| " + " | ".join([*map(str, about), *values]) + " |")
    return "\n".join(rows) + "\n"


def _held_out(split: Split, name: str) -> np.ndarray:
    """The frames (from 0) that are to be scored. Raises InputError if there are none."""
    if not len(split.held_out):
        raise InputError(
            f"The model {name!r} was trained on every frame: nothing is left to score it on.",
            "Train one with --holdout 11.",
        )
    return split.held_out


def _drives(
    portrait: Portrait, subject: Subject, track: Track, model: ModelFolder, learned: np.ndarray, driven_by: str
) -> dict[str, Drive]:
    """Drives of the whole clip: "driven" by sound or track; "static", held at the mean performance; "following", as
    driven, with a body that follows the head (only for a portrait with body curves). `learned`: frames that the model
    learned from; means are theirs, and the voice is normalised by their sound, as when it was learned."""
    curves = ordered_curves(track).astype(np.float32)
    features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    still = np.tile(curves[learned].mean(axis=0), (len(curves), 1))
    windows = still_windows = None
    if portrait.needs_audio:
        windows = audio_windows(features, track.times_s, portrait.settings)
        still_windows = np.tile(windows[learned].mean(axis=0), (len(windows), 1, 1, 1))
    elif driven_by == "audio":
        curves = curves.copy()
        voice = Voice.of(features.of_frames(track.times_s, learned))
        speech = SpeechModel.load(model.speech_file)
        curves[:, : len(SPEECH_CURVES)] = speech.predict_array(features, track.times_s, voice)
    fps = float(subject.fps)
    drives = {
        "driven": portrait.drive(curves, track.camera_from_head, fps, windows, track.body),
        "static": portrait.drive(still, track.camera_from_head, fps, still_windows, track.body),
    }
    if portrait.sizes.body:
        drives["following"] = portrait.drive(curves, track.camera_from_head, fps, windows)
    return drives


def _phones(subject: Subject, times_s: np.ndarray) -> tuple[list[closure.Phone], np.ndarray]:
    """Phones about the held-out frames, and the frames' times (T,) on the phones' clock, seconds."""
    if not closure.is_available():
        return [], times_s
    start = max(0.0, float(times_s[0]) - PHONE_CONTEXT_S)
    first, last = round(start * SPEECH_RATE), round((float(times_s[-1]) + 1.0) * SPEECH_RATE)
    samples = load_audio(subject.audio_path, SPEECH_RATE)[first:last]
    return closure.find_phones(samples), times_s - start


@dataclass
class _Sums:
    """Scores of one variant, frame by frame."""

    values: dict[str, list[float]] = field(default_factory=dict)
    landmarks: list[np.ndarray] = field(default_factory=list)
    expression: list[np.ndarray] = field(default_factory=list)

    def add(self, **values: float) -> None:
        for key, value in values.items():
            self.values.setdefault(key, []).append(value)

    def see(self, landmarks: np.ndarray, expression: np.ndarray) -> None:
        self.landmarks.append(landmarks)
        self.expression.append(expression)

    def face_track(self) -> FaceTrack:
        return FaceTrack(np.stack(self.landmarks), np.stack(self.expression))


class _Scorer:
    """Draws frames, compares them with the recorded ones, and forgets them again: memory stays flat."""

    def __init__(
        self, subject: Subject, track: Track, portrait: Portrait, size: int, settings: EvaluateSettings
    ) -> None:
        self.portrait, self.size, self.settings = portrait, size, settings
        self.pictures, self.maps = subject.frames(size), subject.regions(size)
        self.plate = subject.plate(size)
        self.points = track.landmarks[..., :2] * (size / subject.info.size)
        self.sums = {name: _Sums() for name in (*VARIANTS, "truth")}
        if not portrait.has_torso:
            del self.sums["synthesised"]
        if not portrait.sizes.body:
            del self.sums["following"]
        self.sheet = ComparisonSheet(SHEET_FRAMES)

    def draw(self, frame: int, drives: dict[str, Drive]) -> dict[str, np.ndarray]:
        """Every variant of a frame, (S, S, 3) uint8."""
        drawn = {}
        for name, drive in (("recorded", drives["driven"]), ("static", drives["static"])):
            head = self._render(drive, frame, torso=False)
            whole = self._render(drive, frame, torso=True) if self.portrait.has_torso else None
            drawn[name] = over_recorded(head, whole, self.pictures[frame], self.maps[frame], self.plate)
            if name == "recorded" and whole is not None:
                drawn["synthesised"] = over(whole, self.plate)
        if "following" in drives:
            drawn["following"] = over(self._render(drives["following"], frame, torso=True), self.plate)
        return drawn

    def _render(self, drive: Drive, frame: int, torso: bool) -> PortraitFrame[np.ndarray]:
        engine, threads = self.settings.engine, self.settings.threads
        return self.portrait.render(drive, frame, self.size, torso=torso, engine=engine, threads=threads)

    def add(self, frame: int, drives: dict[str, Drive], meter: FaceMeter) -> None:
        """Draw and score one frame (index from 0)."""
        truth, regions, points = self.pictures[frame], self.maps[frame], self.points[frame]
        head = metrics.head_weight(regions)
        mouth = metrics.mouth_weight(points[list(LIPS)], *truth.shape[:2])
        around = np.concatenate([points.min(axis=0), points.max(axis=0)])
        self.sums["truth"].see(*meter.measure(truth, around))
        drawn = self.draw(frame, drives)
        for name, picture in drawn.items():
            self.sums[name].add(
                psnr=metrics.psnr(picture, truth),
                psnr_head=metrics.psnr(picture, truth, head),
                psnr_mouth=metrics.psnr(picture, truth, mouth),
                ssim=metrics.ssim(picture, truth),
                gmsd=metrics.gmsd(picture, truth, head),
                seam=metrics.seam(picture, truth, regions),
            )
            self.sums[name].see(*meter.measure(picture, around))
        self.sheet.add(truth, drawn["recorded"], drawn.get("synthesised"))

    def scores(self, phones: Sequence[closure.Phone], times_s: np.ndarray) -> dict[str, dict]:
        """S of every variant drawn."""
        truth, still = self.sums["truth"].face_track(), self.sums["static"].face_track()
        result = {}
        for name, sums in self.sums.items():
            if name == "truth":
                continue
            track = sums.face_track()
            score: dict[str, float | int | None] = {
                key: float(np.nanmean(values)) for key, values in sums.values.items() if np.isfinite(values).any()
            }
            score["lmd"], score["lmd_shape"] = landmark_distance(track, truth)
            score["expression_error"] = expression_error(track, truth)
            score["jitter"] = jitter(track, truth)
            score["closure"], score["closures"] = closure.closure(phones, times_s, track.opening, truth.opening)
            if name != "static":
                following = lips_follow(track.opening, truth.opening, still.opening)
                score["lip_correlation"], score["lip_lag"] = following.at_zero, following.best_lag
            score["frames_with_face"] = int(track.found.sum())
            result[name] = {key: _plain(score.get(key)) for key in (*sums.values, *score)}
        return result


def _plain(value: float | int | None) -> float | int | None:
    """A figure for JSON: rounded, None where it is no number."""
    if value is None or isinstance(value, int):
        return value
    return round(value, 4) if math.isfinite(value) else None


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if column.startswith("psnr") else f"{value:.3f}"
