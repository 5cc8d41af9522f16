"""The part of `talker bench` that measures a trained model: frames in memory, and steps of training it on."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from backend.command.timing import entry, median_ms
from backend.portrait.portrait import Portrait
from backend.portrait.saving import open_portrait
from backend.settings.presets import train_settings
from backend.subject.subject import Subject
from backend.train.trainer import prepare, steps

STEPS = 1_000_000
LATE = 0.6
"""Progress at which the steps are measured: the head moves, and crops of full-size frames are seen."""
FRAMES = 25
"""Frames of the recorded performance that are drawn in turn."""


def bench_model(
    subject: Subject, model: str | None, size: int | None, engine: str, threads: int, seconds: float
) -> list[dict]:
    """Time a trained model of a subject; each figure takes about `seconds`.

    model: its name, None for the one that was trained last. size: of the whole frames, px, None for the stored frames'
    own, as they are delivered. Returns entries as `bench`, with the model's name: "model frame" with frame_ms, a frame
    of the recorded performance as delivery draws it, under the model's own filter; "model step" with step_ms, a step of
    training the model on, which sees a crop, of `crop` px, of a frame of that size (of a stored frame at most).
    Nothing is written but the cache of frames that a training at that size makes too. Raises InputError where the model
    cannot be read.
    """
    folder = subject.model(model)
    portrait = open_portrait(folder)
    size = size or subject.info.size
    settings = train_settings(
        recipe=portrait.settings.recipe, size=size, holdout=0, engine=engine, threads=threads, steps=STEPS
    )
    settings = replace(settings, portrait=portrait.settings, views=replace(settings.views, coarse_share=0.0))
    run = prepare(subject, settings, portrait=portrait)
    run.step = int(LATE * STEPS)
    gaussians = _gaussians(portrait)
    figures: dict[str, Any] = {"model": folder.name}

    numbers = itertools.cycle(range(min(FRAMES, subject.frame_count)))
    filter_px2 = portrait.blur(portrait.intrinsics(size))
    portrait.eval()
    frame_ms = median_ms(
        lambda: portrait.render(run.drive, next(numbers), size, engine=engine, threads=threads), seconds
    )
    drawn = entry("model frame", engine, threads, gaussians, size, filter_px2, frame_ms=frame_ms, **figures)

    portrait.train()
    training = steps(run)
    step_ms = median_ms(lambda: next(training), seconds)
    fine = run.data.fine
    filter_px2 = portrait.blur(portrait.intrinsics(fine))
    crop = min(settings.views.crop, fine)
    figures |= {"crop": crop, "step_ms": step_ms}
    return [drawn, entry("model step", engine, threads, gaussians, fine, filter_px2, **figures)]


def _gaussians(portrait: Portrait) -> int:
    return len(portrait.face) + len(portrait.oral) + len(portrait.torso)
