"""The recipe talkinggaussian-published: what its paper and its authors' program say, and that its branches learn so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.performance.curves import CURVE_NAMES, FACE_CURVES, ordered_curves
from backend.portrait import box
from backend.portrait.field import ChannelGatedField, make_field
from backend.portrait.frame import PortraitFrame
from backend.portrait.gaussians import FACE, HAIR, ORAL
from backend.settings import LossWeights, train_settings
from backend.settings.published import PUBLISHED
from backend.train import stages
from backend.train.branches import HAIR_EVERY, attention_loss, branch_loss, branch_view, pixels_of
from backend.train.data import Sample
from backend.train.expression_units import UNITS, unit_matrix
from backend.train.optimiser import as_published, set_rates
from backend.train.stages import plan
from backend.train.trainer import prepare, step_loss, steps
from backend.train.views import View
from shared.camera import Intrinsics
from tests.support.synthetic_subject import SIZE, TINY

AS_PUBLISHED = train_settings(recipe=PUBLISHED)
SMALL = replace(
    AS_PUBLISHED, size=SIZE, steps=20, holdout=0, threads=1, static_share=0.2, joint_share=0.2,
    portrait=replace(
        AS_PUBLISHED.portrait, head_gaussians=240, oral_share=0.5, facial_planes=(8, 12), oral_planes=(10, 9),
    ),
)  # fmt: skip
"""The recipe, small enough for a second."""


def test_numbers_are_those_of_the_paper():
    portrait, rates = AS_PUBLISHED.portrait, AS_PUBLISHED.rates
    in_mouth = round(portrait.head_gaussians * portrait.oral_share)
    assert (portrait.head_gaussians - in_mouth, in_mouth) == (2_000, 10_000)
    assert len(portrait.facial_planes) == len(portrait.oral_planes) == 12
    assert (portrait.facial_planes[0], portrait.facial_planes[-1]) == (16, 39)
    assert (portrait.oral_planes[0], portrait.oral_planes[-1]) == (64, 58)
    assert (rates.planes, rates.nets, rates.attention) == (5e-3, 5e-4, 2.5e-3)
    assert (rates.opacity, rates.scale, rates.rotation, rates.colour) == (0.05, 3e-3, 1e-3, 2.5e-3)
    densify = AS_PUBLISHED.densify
    assert (densify.first, densify.every, densify.face_gradient, densify.oral_gradient) == (500, 100, 5e-4, 2e-4)
    losses = AS_PUBLISHED.losses
    assert (losses.ssim, losses.mattes, losses.deformation, losses.attention) == (0.2, 1e-3, 1e-5, 1e-4)


def test_the_nets_have_the_widths_of_the_paper_and_no_biases(subject):
    portrait = prepare(subject, replace(SMALL, portrait=AS_PUBLISHED.portrait)).portrait
    face, mouth = portrait.facial_field, portrait.oral_field
    widths = {
        name: [tuple(layer.weight.shape)[::-1] for layer in (*field.trunk, field.head) if hasattr(layer, "weight")]
        for name, field in (("face", face), ("mouth", mouth))
    }
    # The paper's face has 11 outputs: a quaternion's four numbers, and an opacity that its program does not use.
    assert widths == {"face": [(74, 64), (64, 64), (64, 9)], "mouth": [(68, 32), (32, 32), (32, 3)]}
    assert [name for name, _ in (*face.named_parameters(), *mouth.named_parameters()) if name.endswith("bias")] == []


def field_of(drive_widths: tuple[int, ...], outputs: int) -> ChannelGatedField:
    portrait = replace(SMALL.portrait, facial_planes=(8,))
    field = make_field(portrait, portrait.facial_planes, 1, 0, drive_widths, outputs)
    assert isinstance(field, ChannelGatedField)
    field.encoder.enclose(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]), 0.0)
    return field


def test_a_new_field_of_channels_is_the_identity_and_then_the_drive_moves_it():
    torch.manual_seed(0)
    points = torch.rand(50, 3)
    for widths, outputs in (((32, 6), 9), ((32,), 3)):
        field = field_of(widths, outputs)
        drive = torch.randn(sum(widths))
        assert torch.equal(field(points, drive), torch.zeros(50, outputs))
        torch.nn.init.normal_(field.head.weight)
        assert (field(points, drive) - field(points, -drive)).abs().amax() > 1e-3


def test_gates_of_the_expression_are_not_negative_and_what_they_shut_out_moves_nothing():
    torch.manual_seed(1)
    field, points = field_of((32, 6), 9), torch.rand(200, 3)
    torch.nn.init.normal_(field.head.weight)
    speech, expression = field.attention(points)
    gates = field.read(points).split(field.widths, dim=1)
    assert float(gates[2].detach().min()) == 0.0 and float(gates[1].detach().min()) < 0.0
    assert torch.allclose(expression, gates[2].norm(dim=1)) and torch.allclose(speech, gates[1].norm(dim=1))
    with torch.no_grad():  # the hidden layer is not negative: all gates are shut
        list(field.expression_gates.parameters())[-1].fill_(-1.0)
    drive = torch.randn(38)
    other = torch.cat((drive[:32], torch.randn(6)))
    assert torch.equal(field(points, drive), field(points, other))
    assert float(field.attention(points)[1].detach().max()) == 0.0


def test_the_mouth_moves_up_and_down_more_easily_than_sideways():
    torch.manual_seed(2)
    field, points = field_of((32,), 3), torch.rand(300, 3)
    torch.nn.init.ones_(field.head.weight)
    moved = field(points, torch.randn(32)).detach()
    assert torch.allclose(moved[:, 0], 0.2 * moved[:, 1]) and torch.allclose(moved[:, 2], 0.2 * moved[:, 1])


def test_the_start_is_a_grey_box_about_the_head_that_hardly_covers(subject):
    portrait = prepare(subject, SMALL).portrait
    evidence_centre = 0.5 * (portrait.facial_field.encoder.low + portrait.facial_field.encoder.high)
    for gaussians, matte in ((portrait.face, FACE), (portrait.oral, ORAL)):
        from_centre = (gaussians.means - evidence_centre).detach().abs()
        assert len(gaussians) == 120 and set(gaussians.mattes.tolist()) == {matte}
        assert 0.9 * box.HALF_CM < float(from_centre.max()) <= box.HALF_CM + 1e-4
        assert gaussians.opacities.detach().unique().tolist() == pytest.approx([0.1])
        assert gaussians.colours.detach().unique().tolist() == pytest.approx([0.5])


def test_six_units_stand_for_the_action_units():
    curves = np.zeros(len(CURVE_NAMES))
    curves[CURVE_NAMES.index("eyeBlinkLeft")] = 1.0
    curves[CURVE_NAMES.index("browInnerUp")] = 0.5
    assert len(UNITS) == 6
    assert (curves @ unit_matrix(CURVE_NAMES)).tolist() == pytest.approx([2.5, 0, 0, 0, 0, 1.0])


def test_lips_are_in_no_unit(subject):
    run = prepare(subject, SMALL)
    curves = torch.from_numpy(ordered_curves(subject.track(), FACE_CURVES))
    moved = curves.clone()
    moved[:, :27] += 0.5
    assert torch.equal(run.portrait.upper(curves), run.portrait.upper(moved))


def test_branches_learn_one_after_the_other_each_still_first():
    schedule = plan(AS_PUBLISHED)
    assert [(stage.name, stage.branch, stage.deformed) for stage in schedule] == [
        ("static face", "face", False), ("facial", "face", True), ("static oral", "oral", False),
        ("oral", "oral", True), ("joint", None, True),
    ]  # fmt: skip
    assert [round(stage.share * 110_000) for stage in schedule] == [3_000, 47_000, 3_000, 47_000, 10_000]
    learns = [set(stage.blocks[0].learns) for stage in schedule]
    assert learns[1] & learns[3] == set()
    assert stages.ORAL_OPACITY not in learns[4] and {stages.FACE_LOOK, stages.ORAL_LOOK} <= learns[4]


def test_rates_fall_as_the_programs_do(subject):
    assert [as_published("position", own) for own in (0, 0.45, 0.9, 1)] == pytest.approx([1, 0.1, 0.01, 0.01])
    assert [as_published("motion", own) for own in (0, 0.4, 0.8, 1)] == pytest.approx([1, 0.5**0.5, 0.1**0.8, 0.1])
    run = prepare(subject, SMALL)
    set_rates(run.optimiser, 1.0, SMALL, plan(SMALL))
    shares = {(group["name"], group["fall"]): group["lr"] / group["base_rate"] for group in run.optimiser.param_groups}
    assert shares[stages.FACE_SHAPE, "position"] == pytest.approx(0.01)
    assert shares[stages.FACE_SHAPE, "steady"] == shares[stages.FACE_LOOK, "steady"] == 1.0
    assert shares[stages.AUDIO, "motion"] == pytest.approx(0.1)


def test_each_branch_changes_its_own_parameters_alone(subject):
    run = prepare(subject, SMALL)
    own = {"face": ("face.", "facial_field.", "audio."), "oral": ("oral.", "oral_field.", "oral_audio.")}
    schedule, before = plan(SMALL), {n: v.clone() for n, v in run.portrait.state_dict().items()}
    branches = []
    for _ in steps(run):
        stage = schedule[run.position.stage]
        after = {n: v.clone() for n, v in run.portrait.state_dict().items()}
        changed = {n for n, v in after.items() if v.shape != before[n].shape or not torch.equal(v, before[n])}
        before = after
        branches.append(stage.branch)
        if stage.branch is not None:
            assert changed and all(name.startswith(own[stage.branch]) for name in changed)
        else:
            assert changed == {"face.opacity_logits", "oral.colour_logits", "oral.harmonics"} | {
                "face.colour_logits", "face.harmonics",
            }  # fmt: skip
    assert set(branches) == {"face", "oral", None} and np.isfinite(run.loss)


def sample_with_regions() -> Sample:
    """Hair above, face below it, a mouth within it that is partly open in its box, background at the sides."""
    regions = torch.zeros(16, 16, 4)
    regions[:6, 4:12, HAIR] = 1.0
    regions[6:, 4:12, FACE] = 1.0
    regions[11:13, 6:10, FACE], regions[11:13, 6:10, ORAL] = 0.0, 1.0
    return Sample(
        torch.full((16, 16, 3), 0.6), regions, torch.zeros(16, 16, 3), (slice(10, 14), slice(5, 11)),
        Intrinsics(16.0, 16.0, 8.0, 8.0, 16, 16),
    )  # fmt: skip


def test_the_face_is_compared_over_green_without_the_mouth_and_mostly_without_its_hair():
    sample = sample_with_regions()
    view = branch_view(sample, "face", with_hair=False)
    green, shown = [0.0, 1.0, 0.0], pytest.approx([0.6, 0.6, 0.6])
    assert view.target[8, 8].tolist() == shown
    assert view.target[12, 8].tolist() == view.target[8, 0].tolist() == view.target[2, 8].tolist() == green
    assert view.compared[12, 8] == view.compared[8, 0] == 1.0 and view.compared[2, 8] == 0.0
    assert branch_view(sample, "face", with_hair=True).target[2, 8].tolist() == shown


def test_the_mouth_is_compared_where_it_is_open_and_outside_the_lips_box():
    view = branch_view(sample_with_regions(), "oral", with_hair=True)
    assert view.target[12, 8].tolist() == pytest.approx([0.6, 0.6, 0.6])
    assert view.target[13, 8].tolist() == view.target[0, 0].tolist() == [0.0, 1.0, 0.0]
    assert view.compared[12, 8] == view.compared[0, 0] == 1.0 and view.compared[13, 8] == 0.0
    assert view.covered[10:14, 5:11].min() == 1.0 and float(view.covered.sum()) == 24


def drawn(alpha: torch.Tensor, colour: float = 0.6) -> PortraitFrame:
    return PortraitFrame(colour * alpha[..., None].expand(-1, -1, 3), alpha, torch.zeros(16, 16), None)


@pytest.mark.parametrize("branch", ["face", "oral"])
def test_a_branch_that_covers_its_region_and_no_more_has_no_loss(branch):
    sample, weights = sample_with_regions(), LossWeights(mouth=0.0, mattes=1.0)
    regions = sample.regions
    right = regions[..., FACE] + regions[..., HAIR] if branch == "face" else regions[..., ORAL]
    best = float(branch_loss(drawn(right), sample, branch, moves=False, step=0, weights=weights))
    assert best == pytest.approx(0.0, abs=1e-5)
    for wrong in (torch.ones(16, 16), torch.zeros(16, 16)):
        assert float(branch_loss(drawn(wrong), sample, branch, False, 0, weights)) > 0.05
    uncovered = branch_loss(drawn(right), sample, branch, moves=True, step=0, weights=weights)
    missing = 16 if branch == "oral" else 0  # of the lips' box, what the mouth leaves open
    assert float(uncovered) == pytest.approx(missing / 256, abs=1e-5)


def test_the_hair_counts_on_one_step_of_seven_once_the_face_moves():
    sample, weights = sample_with_regions(), LossWeights(mouth=0.0, mattes=0.0)
    bald = drawn(sample.regions[..., FACE])
    losses = [float(branch_loss(bald, sample, "face", True, step, weights)) for step in range(2 * HAIR_EVERY)]
    assert [step for step, loss in enumerate(losses) if loss > 0.01] == [0, HAIR_EVERY]
    assert float(branch_loss(bald, sample, "face", False, 1, weights)) > 0.01


def test_attention_is_penalised_where_lips_and_hair_are_seen_and_nowhere_else(subject):
    run = prepare(subject, SMALL)
    sample, field, means = run.data.sample(0), run.portrait.facial_field, run.portrait.face.means
    pose, camera = run.drive.poses[0], sample.intrinsics
    assert isinstance(field, ChannelGatedField)
    column, row = pixels_of(means.detach(), pose, camera)
    rows, columns = sample.mouth
    lips = (row >= rows.start) & (row < rows.stop) & (column >= columns.start) & (column < columns.stop)
    hair = sample.regions[row, column, HAIR] > 0.5
    assert 0 < int(lips.sum()) < len(means) and 0 < int(hair.sum())
    speech, expression = (gate.detach() for gate in field.attention(means))
    on_lips = attention_loss(field, means, pose, sample, step=1)
    assert torch.allclose(on_lips, expression[lips].mean())
    both = attention_loss(field, means, pose, sample, step=HAIR_EVERY)
    assert torch.allclose(both - on_lips, expression[hair].mean() + speech[hair].mean())
    on_lips.backward()
    gradients = [parameter.grad for parameter in field.expression_gates.parameters()]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    other = prepare(subject, replace(TINY, portrait=replace(TINY.portrait, field="net")))
    assert attention_loss(other.portrait.facial_field, means, pose, sample, 1) == 0.0


def test_the_step_of_the_face_branch_has_the_attention_in_its_loss(subject):
    run = prepare(subject, SMALL)
    run.step = 1
    without = replace(SMALL, losses=replace(SMALL.losses, attention=0.0))
    with_it = step_loss(run, 0, View.whole(run.data.size), True, "face")
    run.settings = without
    assert with_it > step_loss(run, 0, View.whole(run.data.size), True, "face")


def test_the_published_recipe_learns_from_its_own_masks_and_poses(subject):
    run = prepare(subject, SMALL)
    assert set(run.data.sample(0).regions.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(run.drive.poses.double(), torch.from_numpy(subject.track().landmark_poses), atol=1e-5)
