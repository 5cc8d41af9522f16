"""Frames are learned from in 8 bits, though they may be stored in 16: what is drawn comes as near to the recorded."""

from dataclasses import replace

import numpy as np
import torch

from backend.media.colour import to_unit
from backend.media.png import write_png
from backend.subject.pictures import PictureFolder
from backend.train.data import Sample, TrainingData
from backend.train.trainer import prepare, steps
from backend.train.views import View
from shared import layout
from tests.support.synthetic_subject import FRAMES, SIZE, TINY, draw

STEPS = 250


def recorded_in_16_bits(subject):
    """The synthetic person's frames in [0, 1], (T, S, S, 3), now stored in 16 bits and with a camera's noise."""
    track, rng = subject.track(), np.random.default_rng(1)
    jaw = list(track.curve_names).index("jawOpen")
    for number in range(FRAMES):
        clean, _ = draw(track.camera_from_head[number], float(track.curves[number, jaw]), track.intrinsics(SIZE, SIZE))
        noisy = np.clip(clean + rng.normal(0, 1 / 255, clean.shape), 0, 1)
        path = subject.root / layout.FRAMES_FOLDER / layout.frame_name(number + 1)
        write_png(path, np.rint(noisy * 65535).astype(np.uint16))
    deep = PictureFolder(subject.root / layout.FRAMES_FOLDER, FRAMES, 3, deep=True)
    return np.stack([to_unit(deep[number]) for number in range(FRAMES)])


def error_after_training(subject, recorded):
    """Mean squared error of all frames, drawn over the plate, after a short training."""
    run = prepare(subject, replace(TINY, steps=STEPS))
    for _ in steps(run):
        pass
    portrait, errors = run.portrait.eval(), []
    for number in range(FRAMES):
        frame = portrait.render(run.drive, number, SIZE)
        errors.append(np.square(frame.over(subject.plate(SIZE)) - recorded[number]).mean())
    return float(np.mean(errors))


def test_learning_from_the_rounded_frames_costs_nothing(subject, monkeypatch):
    recorded = recorded_in_16_bits(subject)
    rounded = error_after_training(subject, recorded)
    by_bytes = TrainingData.sample

    def by_words(data: TrainingData, frame: int, view: View | None = None) -> Sample:
        seen = view or View.whole(SIZE)
        part = np.ascontiguousarray(recorded[frame][seen.rows, seen.columns])
        return replace(by_bytes(data, frame, view), rgb=torch.from_numpy(part))

    monkeypatch.setattr(TrainingData, "sample", by_words)
    full = error_after_training(subject, recorded)
    assert rounded != full, "the frames of 16 bits were not learned from"
    assert 10 * np.log10(rounded / full) < 0.2, "decibels"
