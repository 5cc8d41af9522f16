"""Training: a subject folder to a model folder."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch

from backend.media.png import write_png
from backend.performance.learning import load_heard
from backend.portrait.portrait import Drive, Portrait
from backend.portrait.saving import save_portrait
from backend.raster import capture
from backend.raster.rasterize import engine_device
from backend.settings import TrainSettings
from backend.subject.claims import training_claim
from backend.subject.model_folder import ModelFolder
from backend.subject.split import ranges_of
from backend.subject.subject import Subject
from backend.train.backdrops import Backdrops
from backend.train.begun import beginning, stopped
from backend.train.branches import attention_loss, branch_loss
from backend.train.checkpoint import load_checkpoint, save_checkpoint
from backend.train.data import Sample, TrainingData
from backend.train.densify import Densifier, camera_extent
from backend.train.driving import PredictedSpeech, learned_voice, true_drive
from backend.train.graphed import GraphedSteps
from backend.train.holdout import Holdout
from backend.train.loss import composite, deformation_loss, portrait_loss
from backend.train.new_portrait import start_portrait
from backend.train.optimiser import freeze_all_but, make_optimiser, parameter_names, set_rates
from backend.train.planned import MATTE_EVERY, Planned
from backend.train.relocation import Relocation
from backend.train.resuming import Trained, for_length, length_of, without_later_defaults
from backend.train.run import Run
from backend.train.sampling import FrameSampler
from backend.train.stages import Position, Stage, plan
from backend.train.views import View, ViewSampler
from shared.errors import Cancelled
from shared.files import remove_leftovers
from shared.jobs import Reporter
from shared.training import Did

log = logging.getLogger(__name__)

AHEAD = 8
"""Frames are read so many steps before they are wanted, where steps are faster than that."""


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
    bits, for the same number of steps and threads. An earlier model of this name stays whole until the new one is: it
    is drawn with, and could be trained on. Raises InputError where the subject or the checkpoint cannot be used,
    Cancelled when the user asked to stop.
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
    model.settle()
    begin = beginning(model, settings, partial(settings_key, subject), report)
    settings, did, before = begin.settings, begin.did, begin.state
    if before is not None and did is Did.NOTHING:
        return Trained(model.path, did, before.step, before.elapsed_s / 60.0)
    replaced = did is Did.ANEW and (begin.state is not None or model.config_file.is_file())
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
        run.restore(*load_checkpoint(begin.checkpoint, run.portrait, run.optimiser, names, key))
    if did is Did.MORE:
        run.begin_round(length_of(settings))
    began_at, from_progress = run.step, run.progress

    def keep() -> None:
        run.settle()
        more = {name: value for watcher in run.watchers for name, value in watcher.tensors().items()}
        names = parameter_names(run.portrait)
        save_checkpoint(model.begun_file, run.portrait, run.optimiser, names, run.state(key), more)

    if begin.checkpoint != model.begun_file or did is Did.ANEW:
        if begin.given_up is not None and not begin.given_up.is_finished:
            report.message(f"The training that stopped at {begin.given_up.progress:.0%} is given up.")
        model.drop_begun()
    seconds = learned_voice(subject, model, run.data.split.training, run.settings, report, is_new=did is Did.ANEW)
    if not run.portrait.needs_audio:
        run.speech_s = run.speech_s if seconds is None else seconds
    keep()  # from now on a killed process is resumed from here, and what it heard counts
    if not run.portrait.needs_audio:
        heard = load_heard(model, subject.frame_count)
        run.predicted_speech = PredictedSpeech(heard, settings.heard_share, settings.seed, run.portrait.curve_names)
    kept = shown = time.monotonic()
    report.phase("train", run.settings.steps if run.settings.minutes is None else 1000)
    if did is Did.RESUMED:
        report.message(f"Going on from {from_progress:.0%}.")
    elif model.config_file.is_file():
        report.message(f"The model {model.name} of before stays as it is, and in use, until the training is done.")
    reported = 0
    try:
        for _ in steps(run):
            now = time.monotonic()
            preview = None
            if now - shown > settings.preview_s:
                shown, preview = now, str(write_preview(run, model.preview_file))
            if now - kept > settings.checkpoint_s and run.progress < 1.0:
                kept = now
                keep()
            done = run.round_step if run.settings.minutes is None else int(1000 * run.progress)
            report.step(done - reported, preview)
            reported = done
    except Cancelled as error:
        keep()
        raise stopped(model, run.progress) from error
    write_preview(run, model.preview_file)
    keep()
    save_portrait(run.portrait.eval(), model, _record(run))  # the checkpoint becomes the model's with it
    log.info("trained %d steps in %.0f s, loss %.4f", run.step, run.elapsed_s, run.loss)
    return Trained(model.path, did, run.step, run.elapsed_s / 60.0, from_progress, run.step - began_at, replaced)


def prepare(
    subject: Subject, settings: TrainSettings, models_dir: str | None = None, portrait: Portrait | None = None
) -> Run:
    """A run before its first step. portrait: what it trains; None: a new one."""
    device = engine_device(settings.engine)
    if device.type == "cuda":
        # Similarity is made of small differences of means, which ten bits of mantissa cannot tell.
        torch.backends.cudnn.allow_tf32 = False
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
    """Train to the end of the run's present round, yielding after every step.

    On a GPU a step is queued by then, and the run's loss is some steps old: `Run.settle` waits.
    """
    stages = plan(run.settings)
    rates = partial(set_rates, run.optimiser, settings=run.settings, schedule=stages)
    run.graphed = _graphed(run, rates)
    while run.progress < 1.0:
        started = time.perf_counter()
        progress = run.progress
        stage, block = run.position.advance(stages, progress)
        frame = run.sampler.draw(run.step, progress)
        view = run.views.draw(frame, run.step, run.is_coarse(progress), block.mouth_alone)
        planned = Planned(run.step, progress, frame, view, block.learns, stage.deformed, stage.branch)
        if run.graphed is not None:
            run.data.expect(run.sampler.draw(run.step + AHEAD, progress), view.size)
            run.graphed.take(planned)
            run.loss = run.graphed.mean_loss
        else:
            rates(progress)
            _take(run, planned, stages)
        if run.relocation is not None and len(run.rounds) == 1 and run.relocation.is_due(progress, run.step):
            run.settle()
            run.relocation.move(run.optimiser, run.step)
        run.step += 1
        run.elapsed_s += time.perf_counter() - started
        yield run.step
    run.settle()


def _take(run: Run, planned: Planned, stages: list[Stage]) -> None:
    """Take a step, operation by operation."""
    freeze_all_but(run.optimiser, planned.learns)
    with run.portrait.threading(run.settings.threads):
        loss = step_loss(run, planned.frame, planned.view, planned.deformed, planned.branch)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        run.optimiser.step()
    if run.densifier is not None:
        pose, whole = run.drive.poses[planned.frame], run.data.camera(View.whole(planned.view.size))
        run.densifier.after_step(run.optimiser, stages, planned.progress, run.step, pose, whole)
    if run.relocation is not None and len(run.rounds) == 1:
        run.relocation.watch()
    value = float(loss.detach())
    run.loss = value if not np.isfinite(run.loss) else run.loss + 0.02 * (value - run.loss)


def _graphed(run: Run, rates: Callable[[float], None]) -> GraphedSteps | None:
    """What takes the run's steps on a GPU; None where they are taken operation by operation."""
    settings = run.settings
    if settings.engine != "cuda" or not capture.is_wanted():
        return None
    if settings.supervision != "portrait" or run.densifier is not None:
        log.info("This recipe's steps are sent to the GPU operation by operation, slowly: their shapes change.")
        return None
    watching = run.relocation if len(run.rounds) == 1 else None
    return GraphedSteps(
        run.portrait, run.optimiser, watching,
        lambda planned: _seen(run, planned.frame, planned.view, planned.step),
        lambda sample, drive, planned: _loss(run, sample, drive, planned.step, planned.deformed, planned.branch),
        rates, run.loss,
    )  # fmt: skip


def step_loss(run: Run, frame: int, view: View, deformed: bool, branch: str | None = None) -> torch.Tensor:
    """The loss of what a view shows of one frame of the training part, a scalar; of a branch by itself where one is
    named."""
    run.portrait.trained_size = view.size
    sample, drive = _seen(run, frame, view, run.step)
    return _loss(run, sample, drive, run.step, deformed, branch)


def _seen(run: Run, frame: int, view: View, step: int) -> tuple[Sample, Drive]:
    """What step `step` is compared with, and what drives the portrait in it (T of 1)."""
    sample = run.data.sample(frame, view)
    if run.portrait.has_torso:
        sample = run.backdrops.of(sample, step)
    if run.predicted_speech is not None:
        return sample, run.predicted_speech.drive(run.drive, frame, step)
    return sample, run.drive.only(frame)


def _loss(run: Run, sample: Sample, drive: Drive, step: int, deformed: bool, branch: str | None) -> torch.Tensor:
    settings, portrait = run.settings, run.portrait
    mattes = bool(settings.losses.mattes) and settings.supervision == "portrait" and step % MATTE_EVERY == 0
    drawn, facial = portrait(
        drive, 0, sample.intrinsics, deformed=deformed, mattes=mattes, branch=branch,
        engine=settings.engine, threads=settings.threads,
    )  # fmt: skip
    deformation = settings.losses.deformation * deformation_loss(facial)
    if branch is not None:
        loss = branch_loss(drawn, sample, branch, deformed, step, settings.losses)
        if facial is not None and settings.losses.attention:
            means, field = portrait.face.means, portrait.facial_field
            unseen = attention_loss(field, means, drive.poses[0], sample, step)
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
