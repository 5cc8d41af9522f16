"""Training: the schedule, what it freezes, the draws, the losses, and checkpoints that go on to the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.performance.curves import SPEECH, UPPER
from backend.portrait.portrait import PortraitFrame
from backend.settings import LossWeights, train_settings
from backend.subject.behind import behind_head
from backend.train import stages
from backend.train.checkpoint import load_checkpoint, save_checkpoint
from backend.train.data import Sample, TrainingData
from backend.train.driving import PredictedSpeech
from backend.train.loss import composite, matte_loss, picture_loss
from backend.train.optimiser import make_optimiser, parameter_groups, parameter_names, set_rates
from backend.train.sampling import FrameSampler, rarity
from backend.train.stages import Position, plan
from backend.train.trainer import prepare, settings_key, steps
from backend.train.views import View
from shared.camera import Intrinsics
from shared.errors import InputError
from tests.support.synthetic_subject import SIZE, TINY


def _run_until(run, step: int) -> None:
    for done in steps(run):
        if done == step:
            return


def _values(run) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in run.portrait.state_dict().items()}


def test_the_plan_is_static_then_alternating_then_joint():
    schedule = plan(replace(TINY, block=25))
    assert [stage.name for stage in schedule] == ["static", "alternating", "joint"]
    assert sum(stage.share for stage in schedule) == pytest.approx(1.0)
    assert [schedule[1].block_at(step).name for step in (0, 24, 25, 49, 50)] == [
        "facial", "facial", "oral", "oral", "facial",
    ]  # fmt: skip


def test_the_baseline_trains_its_branches_in_turn():
    schedule = plan(train_settings(recipe="talkinggaussian"))
    assert [stage.name for stage in schedule] == ["static", "facial", "oral", "joint"]
    assert all(len(stage.blocks) == 1 for stage in schedule)


def test_each_branch_of_the_baseline_anneals_over_its_own_stages(subject):
    settings = replace(
        TINY, portrait=replace(TINY.portrait, drive="audio", own_audio=True, torso_gaussians=0), alternate=False,
        annealing="branch", static_share=0.1, joint_share=0.1,
    )  # fmt: skip
    run, schedule = prepare(subject, settings), plan(settings)

    def share(group: str, progress: float) -> float:
        set_rates(run.optimiser, progress, settings, schedule)
        return next(g["lr"] / g["base_rate"] for g in run.optimiser.param_groups if g["name"] == group)

    assert [share(stages.FACIAL_FIELD, at) for at in (0.05, 0.3, 0.5, 0.9)] == pytest.approx([1.0, 0.525, 0.05, 0.05])
    assert [share(stages.ORAL_FIELD, at) for at in (0.3, 0.5, 0.7, 0.9)] == pytest.approx([1.0, 1.0, 0.525, 0.05])
    assert [share(stages.AUDIO, at) for at in (0.1, 0.5)] == pytest.approx([1.0, 0.05])
    assert [share(stages.ORAL_AUDIO, at) for at in (0.5, 0.9)] == pytest.approx([1.0, 0.05])
    assert share(stages.FACE_LOOK, 0.5) > 0.05 and share(stages.FACE_LOOK, 1.0) == pytest.approx(0.05)


def test_the_codes_of_the_sound_learn_with_their_own_branch_alone(subject):
    settings = replace(
        TINY, portrait=replace(TINY.portrait, drive="audio", own_audio=True), alternate=False, static_share=0.0,
        joint_share=0.0,
    )  # fmt: skip
    run = prepare(subject, settings)
    _run_until(run, 4)
    for learning, frozen, until in (("audio.", "oral_audio.", 6), ("oral_audio.", "audio.", 20)):
        _run_until(run, until - 1)
        before = _values(run)
        _run_until(run, until)
        changed = {key for key, value in _values(run).items() if not torch.equal(value, before[key])}
        assert any(key.startswith(learning) for key in changed)
        assert not any(key.startswith(frozen) for key in changed)


def test_a_position_never_goes_back_and_counts_steps_within_its_stage():
    schedule, position = plan(TINY), Position()
    names = [position.advance(schedule, step / 20)[0].name for step in range(20)]
    assert names == sorted(names, key=["static", "alternating", "joint"].index)
    assert names[0] == "static"
    assert names[-1] == "joint"
    assert position.stage == 2


@pytest.mark.parametrize(("name", "learning", "frozen"), [("facial", "facial", "oral"), ("oral", "oral", "facial")])
def test_a_block_moves_its_own_field_and_not_the_other(subject, name, learning, frozen):
    run = prepare(subject, replace(TINY, static_share=0.0, joint_share=0.0))
    _run_until(run, 4)
    if name == "oral":
        _run_until(run, 6)
    before = _values(run)
    _run_until(run, run.step + 1)
    changed = {key for key, value in _values(run).items() if not torch.equal(value, before[key])}
    gaussians = {"facial": "face.", "oral": "oral."}
    assert any(key.startswith(f"{learning}_field.") for key in changed)
    assert any(key.startswith(gaussians[learning]) for key in changed)
    assert not any(key.startswith((f"{frozen}_field.", gaussians[frozen])) for key in changed)
    assert any(key.startswith("torso") for key in changed) == (name == "facial")


def test_the_joint_pass_changes_colour_and_opacity_alone(subject):
    run = prepare(subject, replace(TINY, static_share=0.0, joint_share=0.5))
    _run_until(run, 15)
    before = _values(run)
    _run_until(run, 16)
    changed = {key for key, value in _values(run).items() if not torch.equal(value, before[key])}
    assert changed == {f"{part}.{kind}_logits" for part in ("face", "oral", "torso") for kind in ("opacity", "colour")}


def test_every_parameter_is_in_exactly_one_group_that_some_stage_trains(subject):
    run = prepare(subject, TINY)
    grouped = [id(p) for group in parameter_groups(run.portrait, TINY.rates) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in run.portrait.parameters())
    learnt = {name for stage in plan(TINY) for block in stage.blocks for name in block.learns}
    assert {group["name"] for group in parameter_groups(run.portrait, TINY.rates)} <= learnt | {stages.AUDIO}


def test_rates_fall_along_a_cosine_to_their_final_share(subject):
    run = prepare(subject, TINY)
    base = [group["base_rate"] for group in run.optimiser.param_groups]
    for progress, share in ((0.0, 1.0), (0.5, 0.525), (1.0, 0.05)):
        set_rates(run.optimiser, progress, TINY, plan(TINY))
        assert [group["lr"] for group in run.optimiser.param_groups] == pytest.approx([share * b for b in base])


def test_a_resumed_run_ends_with_the_same_bits(subject, tmp_path):
    whole = prepare(subject, TINY)
    _run_until(whole, 14)

    first = prepare(subject, TINY)
    _run_until(first, 7)
    key = settings_key(subject, TINY)
    state = {"settings": key, "stage": first.position.stage, "in_stage": first.position.step_in_stage}
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, first.portrait, first.optimiser, parameter_names(first.portrait), state)

    second = prepare(subject, TINY)
    for parameter in second.portrait.parameters():
        torch.nn.init.zeros_(parameter)
    kept, _ = load_checkpoint(path, second.portrait, second.optimiser, parameter_names(second.portrait), key)
    second.step, second.position = 7, Position(kept["stage"], kept["in_stage"])
    _run_until(second, 14)
    expected, found = _values(whole), _values(second)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def _heard(run, known: int) -> np.ndarray:
    """Curves that the voice told wrong by a fifth, of the first `known` frames."""
    heard = run.drive.curves[:, SPEECH].numpy() + np.float32(0.2)
    heard[known:] = np.nan
    return heard


def test_speech_curves_go_part_of_the_way_to_what_was_heard_and_the_others_stay(subject):
    run = prepare(subject, TINY)
    predicted_speech = PredictedSpeech(_heard(run, known=5), share=1.0, seed=3)
    before = run.drive.curves.clone()
    ways = []
    for step in range(40):
        drive = predicted_speech.drive(run.drive, 2, step)
        moved = drive.curves[0] - before[2]
        assert len(drive) == 1 and torch.equal(drive.poses[0], run.drive.poses[2])
        assert torch.equal(drive.curves[:, UPPER], before[2:3, UPPER])
        assert float(moved[SPEECH].max() - moved[SPEECH].min()) < 1e-6
        ways.append(float(moved[SPEECH].mean()) / 0.2)
    assert 0.0 <= min(ways) < 0.2 and 0.8 < max(ways) <= 1.0
    assert torch.equal(predicted_speech.drive(run.drive, 2, 7).curves, predicted_speech.drive(run.drive, 2, 7).curves)
    assert torch.equal(run.drive.curves, before)


def test_frames_that_nothing_was_heard_of_are_driven_by_the_footage(subject):
    run = prepare(subject, TINY)
    all_steps = PredictedSpeech(_heard(run, known=5), share=1.0, seed=3)
    assert torch.equal(all_steps.drive(run.drive, 6, 0).curves[0], run.drive.curves[6])
    half = PredictedSpeech(_heard(run, known=5), share=0.5, seed=3)
    moved = [not torch.equal(half.drive(run.drive, 2, step).curves[0], run.drive.curves[2]) for step in range(200)]
    assert 70 < sum(moved) < 130


def test_a_step_sees_what_was_heard(subject):
    settings = replace(TINY, static_share=0.0)
    without, with_it = prepare(subject, settings), prepare(subject, settings)
    with_it.predicted_speech = PredictedSpeech(_heard(with_it, known=len(with_it.drive)), share=1.0, seed=3)
    _run_until(without, 10)
    _run_until(with_it, 10)
    assert without.loss != with_it.loss


def test_a_checkpoint_of_other_settings_is_refused(subject, tmp_path):
    run = prepare(subject, TINY)
    path = tmp_path / "checkpoint.safetensors"
    names = parameter_names(run.portrait)
    save_checkpoint(path, run.portrait, run.optimiser, names, {"settings": settings_key(subject, TINY)})
    other = settings_key(subject, replace(TINY, seed=1))
    with pytest.raises(InputError, match="other settings"):
        load_checkpoint(path, run.portrait, make_optimiser(run.portrait, TINY.rates), names, other)


def test_training_the_synthetic_person_lowers_the_picture_loss_by_a_third(subject):
    run = prepare(subject, replace(TINY, steps=60))

    def loss() -> float:
        total = 0.0
        for frame in (0, 4, 9):
            sample = run.data.sample(frame)
            with torch.no_grad():
                drawn, _ = run.portrait(run.drive, frame, run.data.intrinsics)
                picture = composite(drawn, sample)
                total += float(picture_loss(picture, sample, run.settings.losses))
        return total

    before = loss()
    for _ in steps(run):
        pass
    assert loss() < before * 2 / 3


def test_draws_depend_on_seed_and_step_alone_and_stay_among_the_frames():
    frames = np.array([3, 5, 8, 9])
    values = np.array([0.0, 0.1, 0.1, 0.9])
    sampler = FrameSampler(frames, values, values[::-1], seed=4)
    draws = [sampler.draw(step, 0.5) for step in range(200)]
    assert set(draws) == set(frames.tolist())
    assert draws[::-1] == [sampler.draw(step, 0.5) for step in reversed(range(200))]
    assert draws != [FrameSampler(frames, values, values[::-1], seed=5).draw(step, 0.5) for step in range(200)]


def test_rare_mouth_openings_are_drawn_more_often_as_training_goes_on():
    opening = np.array([0.1] * 18 + [0.9] * 2)
    sampler = FrameSampler(np.arange(20), opening, np.zeros(20), seed=0)
    assert rarity(opening)[-1] > rarity(opening)[0]
    assert sampler.probabilities(0.0) == pytest.approx(1 / 20)
    assert sampler.probabilities(1.0)[-1] > 1.2 / 20


def _frame(value: float, alpha: float) -> PortraitFrame:
    mattes = torch.zeros(16, 16, 4)
    mattes[..., 1] = alpha
    return PortraitFrame(
        torch.full((16, 16, 3), value * alpha), torch.full((16, 16), alpha), torch.zeros(16, 16), mattes
    )


def _sample(
    value: float, regions: torch.Tensor, mouth: tuple[slice, slice] = (slice(0, 8), slice(0, 8)), plate: float = 0.0
) -> Sample:
    recorded, behind = torch.full((16, 16, 3), value), torch.full((16, 16, 3), plate)
    return Sample(recorded, regions, behind, mouth, Intrinsics(16.0, 16.0, 8.0, 8.0, 16, 16))


def test_a_mistake_in_the_mouth_weighs_more_than_the_same_elsewhere():
    sample = _sample(0.0, torch.zeros(16, 16, 4), (slice(4, 8), slice(4, 8)))
    weights = LossWeights(l1=1.0, ssim=0.0, mouth=2.0)
    inside, outside = torch.zeros(16, 16, 3), torch.zeros(16, 16, 3)
    inside[4, 4], outside[12, 12] = 1.0, 1.0
    assert picture_loss(inside, sample, weights) == pytest.approx(3 * float(picture_loss(outside, sample, weights)))
    assert picture_loss(sample.rgb, sample, LossWeights()) == pytest.approx(0.0, abs=1e-6)


def test_matte_loss_is_zero_for_the_right_region_and_ignores_the_torso_where_there_is_none():
    regions = torch.zeros(16, 16, 4)
    regions[..., 1] = 0.5
    sample = _sample(0.0, regions)
    assert matte_loss(_frame(1.0, 0.5), sample, has_torso=True) == 0.0
    regions[..., 3] = 0.5
    assert matte_loss(_frame(1.0, 0.5), sample, has_torso=True) == pytest.approx(0.125)
    assert matte_loss(_frame(1.0, 0.5), sample, has_torso=False) == 0.0


@pytest.mark.parametrize("view", [None, View(SIZE, 4, 6, 20, 24)])
def test_without_a_torso_the_background_is_the_one_that_is_scored_and_with_one_the_plate(subject, view):
    frame, regions, plate = subject.frames(SIZE)[3], subject.regions(SIZE)[3], subject.background(SIZE)
    shown = view or View.whole(SIZE)
    alone = TrainingData(subject, SIZE, over_plate=False).sample(3, view).background
    assert np.array_equal(np.rint(alone.numpy() * 255), behind_head(frame, regions, plate)[shown.rows, shown.columns])
    with_torso = TrainingData(subject, SIZE).sample(3, view).background
    assert np.array_equal(np.rint(with_torso.numpy() * 255), plate[shown.rows, shown.columns])


def test_unknown_presets_recipes_and_settings_are_input_errors():
    for arguments in (
        *({"preset": "huge"}, {"recipe": "magic"}, {"colour": 1}, {"steps": 0}, {"holdout": 1}),
        *({"holdout_fold": 12}, {"holdout": 3, "holdout_fold": 4}, {"holdout_fold": 0}, {"holdout_gap_s": -0.1}),
    ):
        with pytest.raises(InputError):
            train_settings(**arguments)
    assert train_settings(steps=7, minutes=None).steps == 7
    assert train_settings(minutes=3.0).minutes == 3.0
