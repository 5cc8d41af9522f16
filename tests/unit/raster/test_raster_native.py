"""The native engine against the float64 reference, and its promises: determinism and safety."""

from __future__ import annotations

import pytest
import torch

from backend.raster.rasterize import RasterOutput, rasterize
from shared.camera import Intrinsics
from tests.support.raster_scenes import head_scene, single_splat, stack

pytestmark = pytest.mark.kernels

TENSORS = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")


def render_with_gradients(scene: dict, engine: str, threads: int = 2, seed: int = 1) -> tuple[RasterOutput, dict]:
    """A picture and the gradients of a random linear function of it."""
    leaves = {name: scene[name].clone().requires_grad_() for name in TENSORS}
    picture = rasterize(**scene | leaves, engine=engine, threads=threads)
    random = torch.Generator().manual_seed(seed)
    loss = torch.zeros((), dtype=picture.alpha.dtype)
    for tensor in (picture.features, picture.alpha, picture.depth / 50):
        weight = torch.randn(tensor.shape, generator=random, dtype=torch.float64).to(tensor.dtype)
        loss = loss + (tensor * weight).sum()
    return picture, dict(zip(TENSORS, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def single(scene: dict) -> dict:
    """The scene in 32-bit floats."""
    return {name: value.float() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}


def relative_error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return ((got.double() - expected.double()).norm() / expected.double().norm()).item()


@pytest.mark.parametrize("channels", [1, 3, 7, 8, 11])
def test_values_and_gradients_agree_with_the_double_precision_reference(channels):
    # Rounded to single precision first, so that both engines see the same numbers.
    scene = single(head_scene(1500, 96, channels, seed=channels))
    double = {name: value.double() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}
    expected, expected_gradients = render_with_gradients(double, "reference")
    got, gradients = render_with_gradients(scene, "native")
    for name in ("features", "alpha", "depth"):
        assert relative_error(getattr(got, name), getattr(expected, name)) < 1e-4, name
    for name in TENSORS:
        assert relative_error(gradients[name], expected_gradients[name]) < 1e-4, name


@pytest.mark.parametrize("blur", [0.02, 0.3, 1.2, 4.8, 75.0])
def test_every_screen_filter_agrees_with_the_reference(blur):
    scene = single(head_scene(1500, 96, seed=4)) | {"blur": blur}
    double = {name: value.double() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}
    expected, expected_gradients = render_with_gradients(double, "reference")
    got, gradients = render_with_gradients(scene, "native")
    for name in ("features", "alpha", "depth"):
        assert relative_error(getattr(got, name), getattr(expected, name)) < 1e-4, name
    for name in TENSORS:
        assert relative_error(gradients[name], expected_gradients[name]) < 2e-4, name


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_the_screen_filter_is_the_variance_of_a_point_s_picture(engine):
    for blur in (0.3, 4.8):
        point = single_splat((0.0, 0.0, 5.0), 1e-6, 0.8, 1.0, size=65, dtype=torch.float32)
        alpha = rasterize(**point, blur=blur, engine=engine).alpha.double()
        x = torch.arange(65, dtype=torch.float64) + 0.5 - 32.5
        assert alpha.max().item() == pytest.approx(0.8, rel=1e-5)
        # Where alpha is above the cut-off it is the Gaussian of that variance.
        expected = 0.8 * torch.exp(-0.5 * (x[:, None] ** 2 + x**2) / blur)
        seen = expected > 1.01 / 255
        assert torch.allclose(alpha[seen], expected[seen], atol=1e-5) and seen.sum() > 4


@pytest.mark.parametrize("blur", [0.0, -0.3, float("nan"), float("inf")])
def test_a_screen_filter_that_is_no_size_is_refused(blur):
    with pytest.raises(ValueError, match="blur is"):
        rasterize(**single(head_scene(5, 16)), blur=blur)


def test_off_axis_cameras_partly_behind_and_clipped_splats_agree_with_the_reference():
    scene = head_scene(800, 64, seed=5)
    angle = torch.tensor(0.4, dtype=torch.float64)
    turn = torch.eye(4, dtype=torch.float64)
    turn[0, 0], turn[0, 2], turn[2, 0], turn[2, 2] = angle.cos(), angle.sin(), -angle.sin(), angle.cos()
    turn[:3, 3] = torch.tensor([3.0, -2.0, 5.0])  # the camera stands inside of the head
    scene["camera_from_world"] = turn
    scene["intrinsics"] = Intrinsics(50.0, 58.0, 20.0, 41.0, 75, 61)
    scene = single(scene)
    double = {name: value.double() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}
    expected, expected_gradients = render_with_gradients(double, "reference")
    got, gradients = render_with_gradients(scene, "native")
    assert got.features.shape == (61, 75, 3)
    assert relative_error(got.features, expected.features) < 1e-4
    for name in TENSORS:
        assert relative_error(gradients[name], expected_gradients[name]) < 3e-4, name


def test_a_second_render_is_bit_for_bit_the_first_whatever_the_threads():
    scene = single(head_scene(6000, 128))
    first, first_gradients = render_with_gradients(scene, "native", threads=2)
    for threads in (2, 1, 3):
        again, again_gradients = render_with_gradients(scene, "native", threads=threads)
        assert torch.equal(first.features, again.features) and torch.equal(first.alpha, again.alpha)
        for name in TENSORS:
            assert torch.equal(first_gradients[name], again_gradients[name]), name


def test_moving_the_camera_is_moving_the_head_the_other_way():
    scene = head_scene(500, 64, dtype=torch.float32)
    moved_camera = scene["camera_from_world"].clone()
    moved_camera[:3, 3] += torch.tensor([1.5, -0.5, 2.0])
    by_camera = rasterize(**scene | {"camera_from_world": moved_camera})
    by_head = rasterize(**scene | {"means": scene["means"] + torch.tensor([1.5, -0.5, 2.0])})
    assert relative_error(by_camera.features, by_head.features) < 1e-4
    assert by_camera.features.abs().sum() > 100


def test_an_empty_scene_is_an_empty_picture():
    picture, gradients = render_with_gradients(single(head_scene(0, 40)), "native")
    assert picture.features.shape == (40, 40, 3)
    assert picture.features.abs().max() == 0 and picture.alpha.abs().max() == 0
    assert gradients["means"].shape == (0, 3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e38, -1e38])
@pytest.mark.parametrize("name", ["means", "quaternions", "scales", "opacities", "features"])
def test_a_bad_gaussian_leaves_the_others_as_they_are(name, bad):
    scene = single(head_scene(300, 48))
    good = {key: scene[key][1:] for key in TENSORS[:5]}
    spoilt = {key: scene[key].clone() for key in TENSORS[:5]}
    spoilt[name][0] = bad
    expected, expected_gradients = render_with_gradients(scene | good, "native")
    got, gradients = render_with_gradients(scene | spoilt, "native")
    drawn_anyway = name in ("quaternions", "features", "opacities") and abs(bad) == 1e38
    if drawn_anyway:
        return  # a finite number is drawn as it stands; that nothing crashes is the point
    assert torch.equal(got.features, expected.features)
    for key in TENSORS[:5]:
        assert torch.equal(gradients[key][1:], expected_gradients[key]), key
        assert gradients[key][0].abs().max() == 0, key


def test_a_bad_camera_draws_nothing():
    scene = single(head_scene(50, 32))
    scene["camera_from_world"] = torch.full((4, 4), float("nan"))
    picture, gradients = render_with_gradients(scene, "native")
    assert picture.alpha.abs().max() == 0
    assert gradients["means"].abs().max() == 0


def test_splats_larger_than_the_picture_agree_with_the_reference():
    scenes = [
        single_splat((0.3 * i, -0.2, 3.0 + i), scale=40.0 * (i + 1), opacity=0.3, feature=i + 1.0, size=70)
        for i in range(3)
    ]
    scene = single(stack(*scenes))
    got = rasterize(**scene, engine="native")
    expected = rasterize(**scene, engine="reference")
    assert relative_error(got.features, expected.features) < 1e-5
    assert relative_error(got.depth, expected.depth) < 1e-5


def test_gradients_that_are_not_asked_for_are_not_computed_and_the_others_are_right():
    scene = single(head_scene(200, 40))
    full = render_with_gradients(scene, "native")[1]
    means = scene["means"].clone().requires_grad_()
    picture = rasterize(**scene | {"means": means}, engine="native")
    random = torch.Generator().manual_seed(1)
    loss = torch.zeros(())
    for tensor in (picture.features, picture.alpha, picture.depth / 50):
        loss = loss + (tensor * torch.randn(tensor.shape, generator=random, dtype=torch.float64).float()).sum()
    assert torch.equal(torch.autograd.grad(loss, means)[0], full["means"])
    # A loss on alpha alone: no gradient for the features.
    features = scene["features"].clone().requires_grad_()
    picture = rasterize(**scene | {"means": means, "features": features}, engine="native")
    by_means, by_features = torch.autograd.grad(picture.alpha.sum(), [means, features], allow_unused=True)
    assert by_means.abs().sum() > 0 and by_features.abs().sum() == 0


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("means", (5, 2)),
        ("quaternions", (5, 3)),
        ("scales", (4, 3)),
        ("opacities", (5, 1)),
        ("camera_from_world", (3, 4)),
    ],
)
def test_a_wrong_shape_is_refused_with_the_value_that_was_given(name, shape):
    scene = single(head_scene(5, 16)) | {name: torch.zeros(shape)}
    with pytest.raises(ValueError, match=rf"{name}.*\({', '.join(map(str, shape))}\)"):
        rasterize(**scene)


def test_features_of_another_count_and_unknown_engines_are_refused():
    scene = single(head_scene(5, 16))
    with pytest.raises(ValueError, match=r"features has shape \(4, 3\)"):
        rasterize(**scene | {"features": torch.zeros(4, 3)})
    with pytest.raises(ValueError, match="'metal'"):
        rasterize(**scene, engine="metal")
    with pytest.raises(ValueError, match="threads is -1"):
        rasterize(**scene, threads=-1)


@pytest.mark.parametrize(("channels", "harmonics"), [(1, None), (3, None), (9, None), (2, torch.ones(3000, 4, 3))])
def test_labels_are_the_same_bits_as_one_hot_features(channels, harmonics):
    scene = single(head_scene(3000, 100, channels, seed=channels)) | {"harmonics": harmonics}
    labels = torch.arange(3000) * 7 % 4
    one_hot = torch.cat((scene["features"], torch.eye(4)[labels]), dim=1)
    expected = rasterize(**scene | {"features": one_hot}, engine="native")
    for threads in (1, 2):
        got = rasterize(**scene, labels=labels, label_count=4, engine="native", threads=threads)
        assert got.features.shape == (100, 100, channels + 4 + (0 if harmonics is None else 3))
        for name in ("features", "alpha", "depth"):
            assert torch.equal(getattr(got, name), getattr(expected, name)), name


@pytest.mark.parametrize(("engine", "label_count"), [("reference", 3), ("native", 3), ("native", 6)])
def test_where_something_learns_labels_are_one_hot_features(engine, label_count):
    scene = single(head_scene(200, 40))
    labels = torch.arange(200) % label_count
    opacities = scene["opacities"].clone().requires_grad_()
    picture = rasterize(**scene | {"opacities": opacities}, labels=labels, label_count=label_count, engine=engine)
    one_hot = torch.cat((scene["features"], torch.eye(label_count)[labels]), dim=1)
    expected = rasterize(**scene | {"opacities": opacities, "features": one_hot}, engine=engine)
    assert torch.equal(picture.features, expected.features)
    weight = torch.rand(picture.features.shape)
    (got,) = torch.autograd.grad((picture.features * weight).sum(), opacities)
    (wanted,) = torch.autograd.grad((expected.features * weight).sum(), opacities)
    assert torch.equal(got, wanted) and got.abs().max() > 0


def test_wrong_labels_are_refused():
    scene = single(head_scene(5, 16))
    for labels, label_count in (
        (torch.tensor([0, 1, 2, 3, 4]), 4), (torch.tensor([0, 1, -1, 0, 0]), 4), (torch.zeros(4, dtype=torch.int64), 4),
        (torch.zeros(5), 4), (torch.zeros(5, dtype=torch.int64), 0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="label"):
            rasterize(**scene, labels=labels, label_count=label_count)
