"""Every part that docs/evaluation.md says can be switched off changes what the page says, and nothing else."""

from __future__ import annotations

import re
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from backend.command.arguments import set_from_texts, train_arguments
from backend.performance.curves import SPEECH
from backend.settings import RelocationSettings, ViewSettings
from backend.settings.tree import nested, with_changes
from backend.train import stages
from backend.train.driving import PredictedSpeech
from backend.train.masks import hardened
from backend.train.optimiser import set_rates
from backend.train.stages import Position, plan
from backend.train.trainer import prepare, step_loss, steps
from backend.train.views import View
from shared.errors import InputError
from tests.support import pages
from tests.support.synthetic_subject import TINY, shifted

STEPS = 40
USUAL = replace(TINY, views=ViewSettings(coarse_size=24, crop=16), relocation=RelocationSettings(every=5))
"""A tiny training in which crops are smaller than frames, and Gaussians are moved."""
WATCHED = (stages.FACE_SHAPE, stages.FACIAL_FIELD, stages.ORAL_FIELD)


def switches() -> dict[str, set[str]]:
    """The page's table: flags, and what they change."""
    body = pages.section(pages.page("evaluation.md"), "What can be switched off")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line.startswith("|")]
    return {pages.quoted(flags)[0]: set(differs.split(", ")) for _, flags, differs in rows[2:]}


def settings_of(flags: str):
    """The tiny training with the flags of a row, parsed as the command line does."""
    given = re.findall(r"--set (\S+)", flags)
    assert " ".join(f"--set {text}" for text in given) == flags
    changes = set_from_texts("train", given)
    train_arguments({"subject": "s", "set": changes})
    return with_changes(USUAL, nested(changes))


def schedule(run):
    """Stage, block, what learns, and the share of their rates that fields and shapes learn at, step by step."""
    position, stage_list, told = Position(), plan(run.settings), []
    for step in range(STEPS):
        stage, block = position.advance(stage_list, step / STEPS)
        set_rates(run.optimiser, step / STEPS, run.settings, stage_list)
        rates = {g["name"]: g["lr"] / g["base_rate"] for g in run.optimiser.param_groups if g["name"] in WATCHED}
        told.append((stage.name, stage.deformed, block.name, set(block.learns) & set(WATCHED), rates))
    return told


def data(run):
    """What steps see: the masks, the background behind the portrait, poses, and, of some steps, views of the frame, the
    picture to be learned, and the speech curves."""
    heard = run.drive.curves[:, SPEECH].numpy() + np.float32(0.1)
    predicted = PredictedSpeech(heard, run.settings.heard_share, run.settings.seed)
    sample = run.data.sample(2)
    told = [sample.regions, sample.background, run.drive.poses]
    views = [astuple(run.views.draw(2, step, run.is_coarse(step / STEPS))) for step in range(STEPS)]
    told += [torch.tensor(views), *(run.backdrops.of(sample, step).rgb for step in range(10))]
    if run.portrait.needs_audio:
        return [*told, run.drive.audio]
    return [*told, *(predicted.drive(run.drive, 2, step).curves for step in range(10))]


def loss(run) -> float:
    """The loss of a frame of a portrait whose head is hidden, the sampled values being alike in all portraits."""
    with torch.no_grad():
        run.portrait.face.opacity_logits.fill_(-20.0)
        run.portrait.oral.opacity_logits.fill_(-20.0)
        for field in (run.portrait.facial_field, run.portrait.oral_field):
            field.head.weight.fill_(0.01)
        return float(step_loss(run, 2, View.whole(run.data.size), deformed=True))


def places(run) -> int:
    """How many of some faint Gaussians are moved where a move is due."""
    if run.relocation is None:
        return 0
    with torch.no_grad():
        run.portrait.face.opacity_logits[:10] = -9.0
    run.portrait.face.means.grad = torch.ones_like(run.portrait.face.means)
    return run.relocation.after_step(run.optimiser, 0.5, run.settings.relocation.every - 1)


def start(run) -> list[torch.Tensor]:
    """Where Gaussians start, and in which colours."""
    sets = (run.portrait.face, run.portrait.oral)
    return [values.detach().clone() for part in sets for values in (part.means, part.colour_logits)]


def same(first, second) -> bool:
    if isinstance(first, list) and first and isinstance(first[0], torch.Tensor):
        return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    return first == second


def aspects(run):
    shapes = {name: tuple(parameter.shape) for name, parameter in run.portrait.named_parameters()}
    told = {"parameters": shapes, "start": start(run), "schedule": schedule(run), "data": data(run)}
    return told | {"places": places(run)}


@pytest.mark.parametrize(("flags", "differs"), switches().items())
def test_a_switch_changes_what_the_page_says(subject, flags, differs):
    usual, switched = prepare(subject, USUAL), prepare(subject, settings_of(flags))
    before, after = aspects(usual), aspects(switched)
    changed = {name for name in before if not same(before[name], after[name])}
    if usual.settings.losses != switched.settings.losses or not switched.portrait.has_torso:
        changed |= {"loss"} if loss(usual) != loss(switched) else set()
    assert changed == differs


@pytest.mark.parametrize("flags", switches())
def test_a_training_with_a_part_switched_off_goes_to_its_end(subject, flags):
    run = prepare(subject, settings_of(flags))
    if not run.portrait.needs_audio:
        heard = run.drive.curves[:, SPEECH].numpy() + np.float32(0.1)
        run.predicted_speech = PredictedSpeech(heard, run.settings.heard_share, run.settings.seed)
    assert list(steps(run))[-1] == TINY.steps
    assert np.isfinite(run.loss)


def test_a_hard_map_gives_every_pixel_to_the_region_that_has_most_of_it():
    soft = np.array([[[0, 120, 100, 35], [0, 60, 50, 0], [0, 0, 0, 255], [130, 125, 0, 0]]], np.uint8)
    expected = np.array([[[0, 255, 0, 0], [0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 0]]], np.uint8)
    assert np.array_equal(hardened(soft), expected)


def test_poses_by_landmarks_come_with_the_shape_that_belongs_to_them(subject):
    track = subject.track()
    by_landmarks = track.posed_by("landmarks")
    assert np.array_equal(by_landmarks.camera_from_head, shifted(track.camera_from_head))
    assert by_landmarks.shape_offsets.max() == np.float32(0.1) and track.shape_offsets.max() == 0.0
    assert track.posed_by("refined") is track


def test_a_subject_from_before_both_poses_were_kept_says_what_to_do(subject):
    track = subject.track()
    track.landmark_poses = np.zeros((0, 4, 4))
    with pytest.raises(InputError, match="Preprocess the footage again"):
        track.posed_by("landmarks")
