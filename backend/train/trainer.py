"""Training: a subject folder to a model folder."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from backend.media.png import write_png
from backend.performance.learning import load_heard
from backend.portrait.portrait import Drive, Portrait
from backend.portrait.saving import save_portrait
from backend.raster.rasterize import engine_device
from backend.settings import TrainSettings
from backend.subject.claims import training_claim
from backend.subject.model_folder import ModelFolder
from backend.subject.split import ranges_of
from backend.subject.subject import Subject
from backend.train.backdrops import Backdrops
from backend.train.branches import attention_loss, branch_loss
from backend.train.checkpoint import load_checkpoint, save_checkpoint
from backend.train.data import TrainingData
from backend.train.densify import Densifier, camera_extent
from backend.train.driving import PredictedSpeech, learned_voice, true_drive
from backend.train.holdout import Holdout
from backend.train.loss import composite, deformation_loss, portrait_loss
from backend.train.new_portrait import start_portrait
from backend.train.optimiser import freeze_all_but, make_optimiser, parameter_names, set_rates
from backend.train.relocation import Relocation
from backend.train.resuming import (
    Trained,
    choose,
    for_length,
    length_of,
    other_settings,
    under_own_poses,
    without_later_defaults,
)
from backend.train.sampling import FrameSampler
from backend.train.stages import Position, plan
from backend.train.views import View, ViewSampler
from shared.errors import Cancelled
from shared.files import remove_leftovers
from shared.jobs import Reporter
from shared.training import Did, Length, TrainingState, read_training

log = logging.getLogger(__name__)

MATTE_EVERY = 4
"""Mattes are drawn and compared every so many steps: they cost four raster channels and change slowly."""


@dataclass
class Run:
    """A training run between two steps. The settings are those of its present round."""

    data: TrainingData
    settings: TrainSettings
    portrait: Portrait
    optimiser: torch.optim.Adam
    sampler: FrameSampler
    views: ViewSampler
    backdrops: Backdrops
    drive: Drive
    """The footage's own performance, all frames."""
    position: Position
    step: int = 0
    elapsed_s: float = 0.0
    loss: float = float("nan")
    """Running mean of the loss."""
    predicted_speech: PredictedSpeech | None = None
    """Speech curves as predicted from sound; None: all steps see the footage's own."""
    rounds: tuple[Length, ...] = ()
    """Lengths of all rounds of the model, the present one last."""
    before_step: int = 0
    """Steps of the rounds before this one."""
    before_s: float = 0.0
    """Time spent on them."""
    speech_s: float = 0.0
    """Time spent on learning the voice, where the portrait is driven by what it tells; not part of `elapsed_s`."""
    densifier: Densifier | None = None
    """Changes the number of Gaussians; None: it is fixed."""
    relocation: Relocation | None = None
    """Moves Gaussians; None: they stay where they learn to be."""

    @property
    def round_step(self) -> int:
        """Done steps of the present round."""
        return self.step - self.before_step

    @property
    def watchers(self) -> list[Densifier | Relocation]:
        """What has seen more of the run than its parameters tell."""
        return [watcher for watcher in (self.densifier, self.relocation) if watcher is not None]

    @property
    def progress(self) -> float:
        """Done share of the present round, in [0, 1]."""
        if self.settings.minutes is None:
            return self.round_step / self.settings.steps
        return min(1.0, (self.elapsed_s - self.before_s) / self._seconds_for_steps(60.0 * self.settings.minutes))

    def _seconds_for_steps(self, asked_s: float) -> float:
        """What is left of the time asked for: learning the voice counts, up to half of it, in the first round."""
        return asked_s - min(self.speech_s, 0.5 * asked_s) if len(self.rounds) == 1 else asked_s

    def is_coarse(self, progress: float) -> bool:
        """Whether a step at `progress` sees a whole, small frame. A further round begins where the first one ended."""
        return len(self.rounds) == 1 and progress < self.settings.views.coarse_share

    def state(self, key: str) -> dict:
        """What a checkpoint holds beside the tensors, for a run whose settings have the hash `key`."""
        told = TrainingState(
            key, self.settings.portrait.recipe, self.settings.preset, self.rounds, self.progress, self.step,
            self.elapsed_s,
        )  # fmt: skip
        own = {
            "loss": self.loss, "position": asdict(self.position), "before_step": self.before_step,
            "before_s": self.before_s, "speech_s": self.speech_s,
        }  # fmt: skip
        return {**told.to_dict(), **own}

    def restore(self, state: dict, more: Mapping[str, torch.Tensor]) -> None:
        """Continue from the `state` of a checkpoint and its other tensors."""
        for watcher in self.watchers:
            watcher.restore(more)
        told = TrainingState.from_dict(state)
        self.step, self.elapsed_s, self.rounds = told.step, told.elapsed_s, told.rounds
        self.loss, self.position = state["loss"], Position(**state["position"])
        self.before_step, self.before_s = state["before_step"], state["before_s"]
        self.speech_s = state.get("speech_s", 0.0)  # not in checkpoints from before it counted
        self._set_round(told.rounds[-1])

    def begin_round(self, length: Length) -> None:
        """Begin another round of a finished model: the schedule without the static stage, from the present weights.

        Learning rates start high again and fall along the same cosine: a warm restart (Loshchilov and Hutter 2017,
        "SGDR").
        """
        self.rounds = (*self.rounds, length)
        self.before_step, self.before_s, self.position = self.step, self.elapsed_s, Position()
        self._set_round(length)

    def _set_round(self, length: Length) -> None:
        still = self.settings.static_share if len(self.rounds) == 1 else 0.0
        steps = self.settings.steps if length.steps is None else length.steps
        self.settings = replace(self.settings, steps=steps, minutes=length.minutes, static_share=still)


def train(
    subject: Subject,
    settings: TrainSettings,
    report: Reporter,
    models_dir: str | None = None,
    refine_poses: Callable[[TrainSettings], None] | None = None,
) -> Trained:
    """Train a portrait, as `settings.start` says: anew, on from its checkpoint, or a finished one for another round.

    refine_poses: finds the subject's poses by rendering, and keeps them; called where the settings ask for them and
    there are none, once it is sure that there will be a training.

    Writes checkpoints while it runs, and one when it is cancelled. A run that is resumed from one ends with the same
    bits, for the same number of steps and threads. An earlier model of this name stays in use until the new weights
    are complete. Raises InputError where the subject or the checkpoint cannot be used, Cancelled when the user asked to
    stop.
    """
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    settings = for_length(settings, subject.frame_count / float(subject.fps))
    model = subject.model(settings.model or settings.portrait.recipe)
    with training_claim(subject.root, model, report):
        return _train(subject, model, settings, report, models_dir, refine_poses)


def _train(
    subject: Subject,
    model: ModelFolder,
    settings: TrainSettings,
    report: Reporter,
    models_dir: str | None,
    refine_poses: Callable[[TrainSettings], None] | None,
) -> Trained:
    checkpoint = model.checkpoint_file
    before = read_training(checkpoint)
    if before is None and checkpoint.exists():
        report.message(f"{checkpoint} is damaged: what it kept of a training is lost.")
    settings = under_own_poses(settings, before, partial(settings_key, subject))
    key = settings_key(subject, settings)
    did = choose(before, settings, key)
    if did is not Did.ANEW and before is not None and before.settings != key:
        raise other_settings(model, settings)
    if before is not None and did is Did.NOTHING:
        return Trained(model.path, did, before.step, before.elapsed_s / 60.0)
    model.make()
    told = remove_leftovers(model.path)
    if told:
        report.message(told)
    wanting = settings.portrait.poses == "rendered" and not subject.track().is_self_tracked
    if refine_poses is not None and wanting and did is Did.ANEW:
        refine_poses(settings)
        key = settings_key(subject, settings)
    report.phase("prepare")
    run = prepare(subject, settings, models_dir)
    if did is not Did.ANEW:
        names = parameter_names(run.portrait)
        run.restore(*load_checkpoint(checkpoint, run.portrait, run.optimiser, names, key))
    if did is Did.MORE:
        run.begin_round(length_of(settings))
    began_at, from_progress = run.step, run.progress
    seconds = learned_voice(subject, model, run.data.split.training, run.settings, report, is_new=did is Did.ANEW)
    if not run.portrait.needs_audio:
        run.speech_s = run.speech_s if seconds is None else seconds
        heard = load_heard(model, subject.frame_count)
        run.predicted_speech = PredictedSpeech(heard, settings.heard_share, settings.seed)

    def keep() -> None:
        more = {name: value for watcher in run.watchers for name, value in watcher.tensors().items()}
        names = parameter_names(run.portrait)
        save_checkpoint(checkpoint, run.portrait, run.optimiser, names, run.state(key), more)

    keep()  # from now on a killed process is resumed from here
    kept = shown = time.monotonic()
    report.phase("train", run.settings.steps if run.settings.minutes is None else 1000)
    if did is Did.RESUMED:
        report.message(f"Going on from {from_progress:.0%}.")
    elif did is Did.ANEW and before is not None:
        report.message("Training anew: the new model takes the old one's place when it is done.")
    reported = 0
    try:
        for _ in steps(run):
            now = time.monotonic()
            preview = None
            if now - shown > settings.preview_s:
                shown, preview = now, str(write_preview(run, model.preview_file))
            if now - kept > settings.checkpoint_s:
                kept = now
                keep()
            done = run.round_step if run.settings.minutes is None else int(1000 * run.progress)
            report.step(done - reported, preview)
            reported = done
    except Cancelled:
        keep()
        raise
    write_preview(run, model.preview_file)
    save_portrait(run.portrait.eval(), model, _record(run))
    keep()  # last: a checkpoint that says it is finished must have a complete model beside it
    log.info("trained %d steps in %.0f s, loss %.4f", run.step, run.elapsed_s, run.loss)
    replaced = did is Did.ANEW and before is not None
    return Trained(model.path, did, run.step, run.elapsed_s / 60.0, from_progress, run.step - began_at, replaced)


def prepare(
    subject: Subject, settings: TrainSettings, models_dir: str | None = None, portrait: Portrait | None = None
) -> Run:
    """A run before its first step. portrait: what it trains; None: a new one."""
    device = engine_device(settings.engine)
    fine = min(settings.size, subject.info.size)
    coarse = min(settings.views.coarse_size, fine)
    data = TrainingData(
        subject, coarse, Holdout.of(settings), device, fine=fine, masks=settings.masks, poses=settings.portrait.poses,
        over_plate=settings.portrait.torso_gaussians > 0 or settings.supervision == "branches",
    )  # fmt: skip
    portrait = (portrait or start_portrait(data, settings.portrait, settings.seed, models_dir)).to(device)
    blink = 0.5 * (data.curve("eyeBlinkLeft") + data.curve("eyeBlinkRight"))
    sampler = FrameSampler(data.frames, data.curve("jawOpen")[data.frames], blink[data.frames], settings.seed)
    views = ViewSampler(settings.views, coarse, fine, data.mouths, data.eyes, data.interest, settings.seed)
    backdrops = Backdrops(settings.losses.other_backgrounds, settings.seed, device)
    optimiser = make_optimiser(portrait, settings.rates)
    drive = true_drive(portrait, data)
    relocation = densifier = None
    if settings.relocation.every and not settings.densify.every:
        relocation = Relocation(portrait, settings.relocation, settings.seed)
    if settings.densify.every:
        extent_cm = camera_extent(data.track.camera_from_head[data.frames])
        densifier = Densifier(portrait, settings.densify, extent_cm, settings.seed)
    rounds = (length_of(settings),)
    return Run(
        data, settings, portrait, optimiser, sampler, views, backdrops, drive, Position(),
        rounds=rounds, densifier=densifier, relocation=relocation,
    )  # fmt: skip


def steps(run: Run) -> Iterator[int]:
    """Train to the end of the run's present round, yielding after every step."""
    stages = plan(run.settings)
    while run.progress < 1.0:
        started = time.perf_counter()
        progress = run.progress
        stage, block = run.position.advance(stages, progress)
        freeze_all_but(run.optimiser, block.learns)
        set_rates(run.optimiser, progress, run.settings, stages)
        frame = run.sampler.draw(run.step, progress)
        with run.portrait.threading(run.settings.threads):
            view = run.views.draw(frame, run.step, run.is_coarse(progress), block.mouth_alone)
            loss = step_loss(run, frame, view, stage.deformed, stage.branch)
            run.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            run.optimiser.step()
        if run.densifier is not None:
            pose = run.drive.poses[frame]
            whole = run.data.camera(View.whole(view.size))
            run.densifier.after_step(run.optimiser, stages, progress, run.step, pose, whole)
        if run.relocation is not None and len(run.rounds) == 1:
            run.relocation.after_step(run.optimiser, progress, run.step)
        value = float(loss.detach())
        run.loss = value if not np.isfinite(run.loss) else run.loss + 0.02 * (value - run.loss)
        run.step += 1
        run.elapsed_s += time.perf_counter() - started
        yield run.step


def step_loss(run: Run, frame: int, view: View, deformed: bool, branch: str | None = None) -> torch.Tensor:
    """The loss of what a view shows of one frame of the training part, a scalar; of a branch by itself where one is
    named."""
    settings, portrait = run.settings, run.portrait
    sample = run.data.sample(frame, view)
    portrait.trained_size = view.size
    if portrait.has_torso:
        sample = run.backdrops.of(sample, run.step)
    mattes = bool(settings.losses.mattes) and settings.supervision == "portrait" and run.step % MATTE_EVERY == 0
    drive = run.drive.only(frame)
    if run.predicted_speech is not None:
        drive = run.predicted_speech.drive(run.drive, frame, run.step)
    drawn, facial = portrait(
        drive, 0, sample.intrinsics, deformed=deformed, mattes=mattes, branch=branch,
        engine=settings.engine, threads=settings.threads,
    )  # fmt: skip
    deformation = settings.losses.deformation * deformation_loss(facial)
    if branch is not None:
        loss = branch_loss(drawn, sample, branch, deformed, run.step, settings.losses)
        if facial is not None and settings.losses.attention:
            means, field = portrait.face.means, portrait.facial_field
            unseen = attention_loss(field, means, drive.poses[0], sample, run.step)
            loss = loss + settings.losses.attention * unseen
        return loss + deformation
    loss = portrait_loss(drawn, sample, portrait.has_torso, settings.losses, MATTE_EVERY * settings.losses.mattes)
    return loss + deformation


def write_preview(run: Run, path: Path) -> Path:
    """A recorded frame beside its portrait, PNG."""
    frame = int(run.data.frames[len(run.data.frames) // 2])
    sample = run.data.sample(frame, View.whole(run.portrait.trained_size or run.data.size))
    run.portrait.eval()
    with torch.no_grad():
        drawn, _ = run.portrait(
            run.drive,
            frame,
            sample.intrinsics,
            mattes=False,
            engine=run.settings.engine,
            threads=run.settings.threads,
        )
        picture = composite(drawn, sample)
    run.portrait.train()
    both = torch.cat((sample.rgb, picture.clamp(0, 1)), dim=1).cpu().numpy()
    write_png(path, (both * 255 + 0.5).astype(np.uint8))
    return path


def settings_key(subject: Subject, settings: TrainSettings) -> str:
    """Hash of everything that a resumed run, or a further round, must have in common with the run it continues."""
    values = without_later_defaults(settings)
    if settings.holdout_fold is None and not (settings.holdout and settings.holdout_gap_s):
        del values["holdout_fold"], values["holdout_gap_s"]  # from before they were there: it has the same frames
    values["footage"] = subject.info.source_sha256
    if settings.portrait.poses == "rendered":
        values["rendered_poses"] = hashlib.sha256(subject.track().rendered_poses.tobytes()).hexdigest()
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _record(run: Run) -> dict:
    """The entry `training` of config.json."""
    return {
        "recipe": run.settings.portrait.recipe,
        "preset": run.settings.preset,
        "settings": asdict(run.settings),
        "steps": run.step,
        "minutes": (run.elapsed_s + run.speech_s) / 60.0,
        "speech_minutes": run.speech_s / 60.0,
        "rounds": [asdict(length) for length in run.rounds],
        "learned_from": ranges_of(run.data.split.training),
        "held_out": ranges_of(run.data.split.held_out),
        "frames": run.data.frame_count,
        "loss": run.loss,
    }
