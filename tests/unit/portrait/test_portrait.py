"""The portrait: fields, torso, composite, files."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.performance.curves import FACE_CURVES, ordered_curves
from backend.portrait.condition import CurveProjection
from backend.portrait.field import GatedNetField, ModeField, deform
from backend.portrait.gaussians import GaussianSet, Seeds
from backend.portrait.head_motion import (
    motion_features,
    quaternion_from_vector,
    quaternion_multiply,
    rotation_from_vector,
)
from backend.portrait.jaw import JawMotion
from backend.portrait.planes import TriPlane
from backend.portrait.portrait import EMPTY_DEPTH_CM, Portrait
from backend.portrait.saving import open_portrait, save_portrait
from backend.portrait.seeding import head_to_pixels, pixels_to_head, sample_mesh
from backend.settings import PortraitSettings
from backend.train.data import TrainingData
from backend.train.driving import true_drive
from backend.train.new_portrait import start_portrait
from shared.camera import Intrinsics
from shared.errors import InputError
from tests.support.synthetic_subject import SIZE

SMALL = PortraitSettings(
    head_gaussians=120, torso_gaussians=60, facial_planes=(8,), oral_planes=(8,), torso_planes=(4,), hidden=16
)


@pytest.fixture
def portrait(subject) -> Portrait:
    """A portrait of the synthetic person before its first step."""
    return start_portrait(TrainingData(subject, SIZE), SMALL, seed=1)


def _encoder() -> TriPlane:
    torch.manual_seed(0)
    return TriPlane((4, 8), 3)


@pytest.mark.parametrize("field", [ModeField(_encoder(), 5, 9, 4, 8), GatedNetField(_encoder(), (3, 2), 9, 8)])
def test_a_new_field_is_the_identity_under_any_drive(field):
    points = torch.rand(20, 3)
    for drive in (torch.zeros(5), torch.randn(5) * 10):
        assert torch.count_nonzero(field(points, drive)) == 0
    gaussians = GaussianSet(20)
    moved = deform(gaussians, field(points, torch.randn(5)))
    assert torch.equal(moved.means, gaussians.means)
    assert torch.equal(moved.rotations, gaussians.rotations)
    assert torch.equal(moved.log_scales, gaussians.log_scales)


def test_reading_a_field_first_and_posing_it_later_gives_the_same_deformation():
    field = ModeField(_encoder(), 5, 9, 4, 8)
    torch.nn.init.normal_(field.head.weight)
    points, drive = torch.rand(20, 3), torch.randn(5)
    assert torch.equal(field(points, drive), field.pose(field.read(points), drive))
    assert field(points, drive).abs().max() > 1e-3


def test_a_tri_plane_reads_its_corner_values_at_the_corners_of_its_box():
    planes = TriPlane((2,), 1)
    planes.enclose(torch.tensor([[-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]]), 0.0)
    with torch.no_grad():
        planes.levels[0].copy_(torch.arange(12.0).reshape(3, 1, 2, 2))
    low, high = planes(torch.tensor([[-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]]))
    assert low.tolist() == [0.0, 4.0, 8.0]
    assert high.tolist() == [3.0, 7.0, 11.0]


def test_rotation_vector_as_matrix_and_as_quaternion_agree():
    vector = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    matrix = rotation_from_vector(vector)
    quaternion = quaternion_from_vector(vector)
    point = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    conjugate = quaternion * torch.tensor([1.0, -1, -1, -1], dtype=torch.float64)
    turned = quaternion_multiply(
        quaternion_multiply(quaternion, torch.cat((torch.zeros(1, dtype=torch.float64), point))), conjugate
    )
    assert torch.allclose(turned[1:], matrix @ point, atol=1e-6)
    assert torch.allclose(quaternion_from_vector(torch.zeros(3)), torch.tensor([1.0, 0, 0, 0]))


@pytest.mark.parametrize("length", [0.0, 1e-4, 0.7, 3.0])
def test_a_rotation_vector_s_matrix_and_its_gradient_are_the_matrix_exponential_s(length):
    vector = (length * torch.tensor([0.6, -0.64, 0.48], dtype=torch.float64)).requires_grad_()
    x, y, z = vector.unbind()
    none = torch.zeros_like(x)
    expected = torch.linalg.matrix_exp(torch.stack((none, -z, y, z, none, -x, -y, x, none)).view(3, 3))
    got = rotation_from_vector(vector)
    weights = torch.arange(9, dtype=torch.float64).view(3, 3).sin()
    gradients = [torch.autograd.grad((matrix * weights).sum(), vector)[0] for matrix in (got, expected)]
    torch.testing.assert_close(got, expected, atol=1e-8, rtol=0)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=0)


def test_quaternions_multiply_as_hamilton_s_do_in_every_shape():
    w, i, j, k = torch.eye(4)
    for a, b, product in ((i, j, k), (j, k, i), (k, i, j), (j, i, -k), (i, i, -w), (j, j, -w), (k, k, -w), (w, k, k)):
        assert torch.equal(quaternion_multiply(a, b), product)
        many = b.expand(5, 4)
        assert torch.equal(quaternion_multiply(a, many), product.expand(5, 4))
        assert torch.equal(quaternion_multiply(a.expand(5, 4), many), product.expand(5, 4))


def test_motion_features_of_a_still_head_are_the_same_in_every_window_and_zero_at_rest():
    rest = np.eye(4)
    still = np.tile(np.eye(4), (10, 1, 1))
    still[:, 0, 3] = 2.0
    features = motion_features(still, rest, 25.0, (0.0, 0.2, 0.8))
    assert features.shape == (10, 18)
    np.testing.assert_allclose(features[:, 3::6], 2.0, rtol=1e-6)
    assert np.abs(motion_features(still, still[0], 25.0, (0.2,))).max() == 0.0


def test_curve_projection_ignores_curves_that_are_not_selected_and_centres_the_footage():
    rng = np.random.default_rng(0)
    curves = rng.random((50, 4)).astype(np.float32)
    projection = CurveProjection.fit(curves, np.array([True, True, False, False]), 8, 0.999)
    assert projection.component_count == 2
    values = projection(torch.from_numpy(curves))
    assert values.mean(dim=0).abs().max() < 1e-5
    changed = curves.copy()
    changed[:, 2:] = 9.0
    assert torch.equal(projection(torch.from_numpy(changed)), values)


@pytest.mark.parametrize("count", [1, 2, 5, 63, 64])
def test_jaw_motion_has_the_quantiles_of_the_lips(count):
    jaw, change = JawMotion(count), torch.randn(count, 9)
    *_, lowest, highest, extent = jaw(change)
    expected = torch.quantile(change[:, 1], torch.tensor([0.05, 0.95]))
    assert torch.allclose(torch.stack((lowest, highest)), expected, atol=1e-6)
    assert torch.equal(extent, highest - lowest)


def test_jaw_motion_tells_the_lower_lip_from_the_upper():
    jaw = JawMotion(2)
    points = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [50.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    jaw.watch(points, torch.zeros(1, 3))
    change = torch.zeros(4, 3)
    change[1, 1] = -2.0
    lower, upper, *_ = jaw(change.requires_grad_())
    assert (float(lower), float(upper)) == (-2.0, 0.0)
    assert not lower.requires_grad


def test_mesh_samples_lie_on_the_mesh_and_cover_it_by_area():
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [10, 0, 0], [11, 0, 0], [10, 1, 0.0]])
    points, spacing = sample_mesh(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 1700, np.random.default_rng(0))
    large = points[:, 0] < 5
    assert large.sum() == pytest.approx(1600, abs=2)
    assert (points[large, :2].sum(axis=1) <= 4 + 1e-9).all()
    assert spacing[0] == pytest.approx(np.sqrt(8.5 / 1700))


def test_projecting_back_projected_pixels_gives_the_pixels():
    pose = np.array([[1, 0, 0, 1.0], [0, -1, 0, 2.0], [0, 0, -1, 60.0], [0, 0, 0, 1]])
    camera = Intrinsics(100, 110, 30, 33, 64, 64)
    pixels = np.array([[3.0, 5.0], [60.0, 20.0]])
    points = pixels_to_head(pixels, np.array([50.0, 70.0]), pose, camera)
    np.testing.assert_allclose(head_to_pixels(points, pose, camera), pixels, atol=1e-9)


def test_gaussians_start_with_the_colours_of_their_seeds():
    seeds = Seeds(np.zeros((2, 3)), np.array([[0.2, 0.5, 0.8], [0.9, 0.1, 0.3]]), np.ones(2), np.array([0, 3]))
    gaussians = GaussianSet.from_seeds(seeds)
    np.testing.assert_allclose(gaussians.colours.detach(), seeds.colours, atol=1e-6)
    assert gaussians.matte_features.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert gaussians.opacities[0].item() == pytest.approx(0.6)


def test_mattes_sum_to_alpha_and_depth_lies_at_the_head(portrait, subject):
    data = TrainingData(subject, SIZE)
    frame = portrait.eval().render(true_drive(portrait, data), 3, SIZE, engine="reference")
    np.testing.assert_allclose(frame.mattes.sum(axis=-1), frame.alpha, atol=1e-5)
    assert frame.alpha.max() > 0.9
    centre = frame.depth[SIZE // 2, SIZE // 2]
    assert 40 < centre < 55
    assert np.all(frame.depth[frame.alpha < 1 / 255] == np.float32(EMPTY_DEPTH_CM))


def test_the_composite_shows_the_plate_exactly_where_nothing_was_drawn(portrait, subject):
    data = TrainingData(subject, SIZE)
    frame = portrait.eval().render(true_drive(portrait, data), 0, SIZE, engine="reference")
    plate = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    empty = frame.alpha == 0
    assert empty.any()
    assert np.array_equal(frame.over(plate)[empty], plate[empty])


def test_a_single_frame_equals_the_same_pose_held_in_a_track(portrait, subject):
    track = subject.track()
    single = portrait.eval().drive(ordered_curves(track, FACE_CURVES)[2:3], track.camera_from_head[2:3], 25.0)
    alone = portrait.render(single, 0, SIZE, engine="reference")
    held = portrait.drive(
        np.tile(ordered_curves(track, FACE_CURVES)[2], (6, 1)), np.tile(track.camera_from_head[2], (6, 1, 1)), 25.0
    )
    for index in (0, 5):
        assert np.array_equal(portrait.render(held, index, SIZE, engine="reference").rgb, alone.rgb)


def test_the_top_of_the_neck_follows_the_head_and_the_shoulders_do_not(portrait):
    motion = portrait.torso_motion
    heights = torch.tensor([[0.0, -6.0, 0.0], [0.0, -25.0, 0.0]])
    top, shoulders = motion.head_weight(heights)
    assert top > 0.9
    assert shoulders < 0.01


def test_gradients_reach_every_parameter_group_once_fields_have_left_zero(portrait, subject):
    data = TrainingData(subject, SIZE)
    for name, parameter in portrait.named_parameters():
        if name.endswith(("head.weight", "body.weight")):
            torch.nn.init.normal_(parameter, std=1e-2)
    frame, facial = portrait(true_drive(portrait, data), 1, data.intrinsics, engine="reference")
    (frame.rgb.square().sum() + frame.mattes.square().sum() + facial.abs().sum()).backward()
    without = [name for name, p in portrait.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_a_saved_portrait_draws_the_same_frame_when_opened(portrait, subject):
    drive = true_drive(portrait, TrainingData(subject, SIZE))
    before = portrait.eval().render(drive, 0, SIZE, engine="reference")
    save_portrait(portrait, subject.model("m"))
    after = open_portrait(subject.model("m")).render(drive, 0, SIZE, engine="reference")
    assert np.array_equal(before.rgb, after.rgb)


def test_a_baseline_from_before_each_branch_had_its_own_code_of_the_sound_draws_as_before(subject):
    settings = replace(SMALL, drive="audio", field="net", jaw_link=False, torso_gaussians=0)
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, settings, seed=0).eval()
    assert portrait.oral_audio is None
    model = subject.model("m")
    save_portrait(portrait, model)
    config = model.config()
    for later in ("own_audio", "poses"):
        del config["settings"][later]
    model.update_config(config)
    drive = true_drive(portrait, data)
    after = open_portrait(model).render(drive, 0, SIZE, engine="reference")
    assert np.array_equal(portrait.render(drive, 0, SIZE, engine="reference").rgb, after.rgb)


def test_a_damaged_model_is_an_input_error(portrait, subject):
    folder = subject.root / "models" / "m"
    save_portrait(portrait, subject.model("m"))
    (folder / "portrait.safetensors").write_bytes(b"cut")
    with pytest.raises(InputError, match="cannot be read"):
        open_portrait(subject.model("m"))
    with pytest.raises(InputError, match="no trained model"):
        open_portrait(subject.model("none"))


@pytest.mark.parametrize(
    "change",
    [
        {"poses": "zzz"},
        {"motion_windows_s": [float("nan")]},
        {"facial_modes": 1e300},
        {"jaw_link": "yes"},
        {"field": 3},
    ],
    ids=str,
)
def test_a_model_with_settings_that_cannot_be_is_damaged(portrait, subject, change):
    model = subject.model("m")
    save_portrait(portrait, model)
    config = model.config()
    model.update_config(config | {"settings": config["settings"] | change})
    with pytest.raises(InputError, match=f"cannot be read .*{next(iter(change))}"):
        open_portrait(model)


def test_only_a_model_with_curves_of_the_lips_form_is_too_new_for_older_versions(portrait, subject):
    data = TrainingData(subject, SIZE)
    with_lips = start_portrait(data, replace(SMALL, lip_curves=True), seed=1)
    schemas = []
    for name, one in (("plain", portrait), ("lips", with_lips)):
        save_portrait(one, subject.model(name))
        assert open_portrait(subject.model(name)).curve_names == one.curve_names
        schemas.append(subject.model(name).config()["schema"])
    assert schemas == [2, 3]


def test_the_body_of_another_track_is_told_from_the_models(portrait, subject):
    track = subject.track()
    moved = Portrait(portrait.settings, replace(portrait.sizes, body=2), portrait.curve_names)
    curves = ordered_curves(track, moved.curve_names)
    moved.drive(curves, track.camera_from_head, body=np.zeros((len(curves), 2)))
    with pytest.raises(InputError, match="train again"):
        moved.drive(curves, track.camera_from_head, body=np.zeros((len(curves), 4)))


def test_a_body_that_goes_with_another_head_moves_as_that_one_does(portrait, subject):
    track = subject.track()
    curves, poses = ordered_curves(track, portrait.curve_names), track.camera_from_head
    turned = poses.copy()
    turned[4, :3, 3] += 5.0
    plain, both = portrait.drive(curves, poses), portrait.drive(curves, turned)
    head = portrait.drive(curves, turned, body_poses=poses)
    assert torch.equal(head.poses, both.poses) and not torch.equal(both.motion, plain.motion)
    assert torch.equal(head.motion, plain.motion)


def test_the_baseline_needs_audio_windows_and_draws_no_torso(subject):
    settings = replace(
        SMALL, recipe="talkinggaussian", drive="audio", field="net", jaw_link=False, torso_gaussians=0,
        face_colour_moves=False,
    )  # fmt: skip
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, settings, seed=0)
    track = subject.track()
    with pytest.raises(ValueError, match="audio windows"):
        portrait.drive(ordered_curves(track, FACE_CURVES), track.camera_from_head)
    frame = portrait.eval().render(true_drive(portrait, data), 0, SIZE, engine="reference")
    assert not portrait.has_torso
    assert frame.mattes is not None and frame.mattes[..., 3].max() == 0.0
    assert dataclasses.asdict(portrait.sizes)["torso"] == 0
