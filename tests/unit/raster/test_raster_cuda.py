"""The cuda engine against the float64 reference: its kernels on Warp's CPU device, and on a GPU where there is one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from backend.raster import cuda, rasterize, reference
from shared.camera import Intrinsics
from shared.errors import InputError
from tests.support.raster_scenes import head_scene, single_splat, stack

wp = pytest.importorskip("warp", reason="NVIDIA Warp is not installed here (requirements/cuda.txt)")

INPUTS = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")
OUTPUTS = ("features", "alpha", "depth")
on_a_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU for the cuda engine: {cuda.why_not()}"),
]
devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=on_a_gpu)])


def render_with_gradients(scene: dict, render, dtype: torch.dtype, **options) -> dict[str, torch.Tensor]:
    """A picture by `render`, and the gradients of a random linear function of it by every input, by name."""
    leaves = [scene[name].to(dtype).clone().requires_grad_() for name in INPUTS]
    outputs = render(*leaves, scene["intrinsics"], **options)
    random = torch.Generator().manual_seed(1)
    loss = torch.zeros((), dtype=dtype)
    for tensor in (outputs[0], outputs[1], outputs[2] / 50):
        loss = loss + (tensor * torch.randn(tensor.shape, generator=random, dtype=torch.float64).to(dtype)).sum()
    gradients = torch.autograd.grad(loss, leaves)
    return dict(zip([*OUTPUTS, *(f"gradient of {name}" for name in INPUTS)], [*outputs, *gradients], strict=True))


def assert_agrees_with_the_reference(scene: dict, device: str, **options) -> None:
    # Rounded to single precision first, so that both engines see the same numbers.
    scene = {name: value.float() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}
    expected = render_with_gradients(scene, reference.render, torch.float64, **options)
    got = render_with_gradients(scene, cuda.render, torch.float32, device=device, **options)
    for name, value in expected.items():
        assert (got[name] - value).norm() <= 1e-4 * value.norm(), name


@devices
@pytest.mark.parametrize("channels", [1, 7])
def test_values_and_gradients_agree_with_the_double_precision_reference(channels, device):
    assert_agrees_with_the_reference(head_scene(1200, 80, channels, seed=channels), device)


@devices
def test_far_from_the_corner_pixels_are_as_exactly_in_or_out_of_a_splat(device):
    # A pixel more or less inside of the cut-off is worth more than all roundings: 2e-4 of all gradients, once.
    scene = head_scene(4000, 512, 1, seed=3)
    scene = {name: value.float() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}
    expected = render_with_gradients(scene, reference.render, torch.float64)
    got = render_with_gradients(scene, cuda.render, torch.float32, device=device)
    for name, value in expected.items():
        bound = 5e-5 if name == "gradient of camera_from_world" else 3e-6
        assert (got[name] - value).norm() <= bound * value.norm(), name


@devices
@pytest.mark.parametrize("blur", [0.05, 4.8])
def test_every_screen_filter_agrees_with_the_reference(blur, device):
    assert_agrees_with_the_reference(head_scene(1200, 80, seed=6), device, blur=blur)


@devices
def test_off_axis_cameras_partly_behind_and_clipped_splats_agree_with_the_reference(device):
    scene = head_scene(800, 64, 1, seed=5)
    angle = torch.tensor(0.4, dtype=torch.float64)
    turn = torch.eye(4, dtype=torch.float64)
    turn[0, 0], turn[0, 2], turn[2, 0], turn[2, 2] = angle.cos(), angle.sin(), -angle.sin(), angle.cos()
    turn[:3, 3] = torch.tensor([3.0, -2.0, 5.0])  # the camera stands inside of the head
    scene |= {"camera_from_world": turn, "intrinsics": Intrinsics(50.0, 58.0, 20.0, 41.0, 75, 61)}
    assert_agrees_with_the_reference(scene, device)


@devices
def test_stacked_opaque_splats_are_capped_and_end_where_nothing_shines_through(device):
    stacked = stack(*(single_splat((0.1 * i, 0.0, 5.0 + i), 1.0, 1.0, 0.5 + i) for i in range(4)))
    # Not round, or turning them would change nothing but rounding errors.
    stacked["scales"] = stacked["scales"] * torch.tensor([1.0, 1.3, 0.7], dtype=torch.float64)
    assert_agrees_with_the_reference(stacked, device)
    alpha = cuda.render(**stacked, device=device)[1]
    assert 0.998 < alpha.max() < 1 - 1e-4


def test_a_block_of_threads_that_work_together_gives_the_same_gradients(monkeypatch):
    # Warp's CPU device runs one thread a block unless told otherwise; a GPU runs a tile's pixels as one block.
    monkeypatch.setattr(wp.config, "enable_cpu_blocks", True)
    assert_agrees_with_the_reference(head_scene(300, 40, 1, seed=2), "cpu")


@devices
def test_unsound_gaussians_are_not_drawn_and_get_zero_gradients(device):
    scene = head_scene(400, 48, 1, seed=3, dtype=torch.float32)
    nan, infinity = float("nan"), float("inf")
    bad = {
        "means": {0: nan, 1: infinity, 2: 1e30},
        "quaternions": {3: nan, 4: 0.0},
        "scales": {5: nan, 6: infinity, 7: 1e30},
        "opacities": {8: nan, 9: 0.0, 10: infinity},
        "features": {11: nan, 12: infinity},
    }
    spoilt = {name: scene[name].clone() for name in INPUTS}
    for name, rows in bad.items():
        for row, value in rows.items():
            spoilt[name][row] = value
    without = {name: scene[name][13:] if name in bad else scene[name] for name in INPUTS}
    got = render_with_gradients(scene | spoilt, cuda.render, torch.float32, device=device)
    expected = render_with_gradients(scene | without, cuda.render, torch.float32, device=device)
    for name in OUTPUTS:
        torch.testing.assert_close(got[name], expected[name])
    for name in bad:
        gradient = got[f"gradient of {name}"]
        assert torch.count_nonzero(gradient[:13]) == 0, name
        torch.testing.assert_close(gradient[13:], expected[f"gradient of {name}"])


@devices
@pytest.mark.parametrize("case", ["no Gaussians", "all behind the camera"])
def test_an_empty_picture_is_zero_with_zero_gradients(case, device):
    scene = head_scene(5, 40, 1, dtype=torch.float32)
    scene["means"][:, 2] = -100.0
    if case == "no Gaussians":
        scene |= {name: scene[name][:0] for name in INPUTS[:5]}
    for name, value in render_with_gradients(scene, cuda.render, torch.float32, device=device).items():
        assert torch.count_nonzero(value) == 0, name


@devices
def test_the_same_scene_gives_the_same_bits_twice(device):
    scene = head_scene(500, 48, 1, dtype=torch.float32)
    first, second = (render_with_gradients(scene, cuda.render, torch.float32, device=device) for _ in range(2))
    # The camera's gradient is a sum over all Gaussians in the order in which a GPU comes to them.
    for name in set(first) - {"gradient of camera_from_world"}:
        assert torch.equal(first[name], second[name]), name


def test_pictures_come_back_where_and_as_the_tensors_were():
    scene = head_scene(50, 33, 1)
    outputs = cuda.render(**scene, device="cpu")
    assert [tuple(tensor.shape) for tensor in outputs] == [(33, 33, 1), (33, 33), (33, 33)]
    assert {(tensor.device.type, tensor.dtype) for tensor in outputs} == {("cpu", torch.float64)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="Warp brings no compiler for NVIDIA GPUs to macOS")
@pytest.mark.parametrize("capability", [75, 90])
def test_the_kernels_compile_for_gpus_without_one(capability, tmp_path):
    from backend.raster import cuda_blend, cuda_projection

    blend = cuda_blend.blend_kernels(1)
    for kernel in (cuda_projection.project, blend.blend, blend.blend_backward, blend.gather):
        wp.compile_aot_module(kernel.module, arch=capability, module_dir=tmp_path, use_ptx=True)
    text = "".join(path.read_text() for path in tmp_path.glob("*.ptx"))
    assert f".target sm_{capability}" in text
    for name in ("select", "project", "cover", "list_pairs", "blend", "blend_backward", "gather"):
        assert f"{name}_" in text, name


def test_without_a_gpu_the_engine_is_not_offered_and_says_why(monkeypatch):
    monkeypatch.setattr(cuda, "why_not", lambda: "torch sees no NVIDIA GPU.")
    assert "cuda" not in rasterize.available_engines()
    with pytest.raises(InputError, match="'cuda' does not run on this machine. torch sees no NVIDIA GPU"):
        rasterize.require_engine("cuda")
    with pytest.raises(ValueError, match="torch sees no NVIDIA GPU"):
        rasterize.rasterize(**head_scene(5, 16), engine="cuda")


@pytest.mark.slow
def test_asking_for_the_engine_first_sets_warp_up_silently_with_the_project_s_cache(tmp_path):
    program = (
        "import torch; from backend.raster import cuda\n"
        "torch.cuda.is_available = lambda: True\n"
        "torch.cuda.get_device_capability = lambda: (9, 0)\n"
        "cuda.why_not(); import warp; print(warp.config.kernel_cache_dir)"
    )
    environment = {**os.environ, "TALKER_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert str(tmp_path / "warp") in done.stdout
    assert "initialized" not in done.stdout


@pytest.mark.parametrize(
    ("capability", "package", "driver", "reason"),
    [
        ((7, 5), True, True, None),
        ((6, 1), True, True, "too old"),
        ((8, 0), False, True, "warp-lang is not installed"),
        ((8, 0), True, False, "update NVIDIA's driver"),
    ],
)
def test_the_engine_is_offered_where_torch_and_warp_can_both_use_the_gpu(
    capability, package, driver, reason, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda name: object() if package else None)
    monkeypatch.setattr(wp, "is_cuda_available", lambda: driver)
    cuda.why_not.cache_clear()
    try:
        assert cuda.is_available() == (reason is None)
        assert reason is None or reason in (cuda.why_not() or "")
        assert ("cuda" in rasterize.available_engines()) == (reason is None)
    finally:
        cuda.why_not.cache_clear()


@pytest.mark.gpu
@pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU for the cuda engine: {cuda.why_not()}")
def test_tensors_on_the_gpu_stay_there():
    scene = head_scene(500, 64, dtype=torch.float32)
    scene = {name: value.cuda() if isinstance(value, torch.Tensor) else value for name, value in scene.items()}
    scene["means"].requires_grad_()
    picture = rasterize.rasterize(**scene, engine="cuda")
    picture.features.sum().backward()
    assert {tensor.device.type for tensor in (picture.features, picture.depth, scene["means"].grad)} == {"cuda"}
