"""A training step and a render where the engine works: on a GPU where there is one, and what can be known without one.

Without a GPU two stand-ins share the work. The meta device has shapes and no values: like a GPU, it refuses tensors
that were left on the CPU. And the cuda engine's kernels run on Warp's CPU device, for the values.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import threading

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from backend.portrait import portrait as portrait_module
from backend.portrait.portrait import Drive
from backend.portrait.saving import open_portrait, save_portrait
from backend.raster import cuda
from backend.raster.rasterize import RasterOutput
from backend.settings import TrainSettings, train_settings
from backend.settings.published import PUBLISHED
from backend.subject.model_folder import ModelFolder
from backend.train import data, scale, trainer
from backend.train.backdrops import Backdrops
from backend.train.checkpoint import load_checkpoint, save_checkpoint
from backend.train.optimiser import parameter_names
from backend.train.views import View
from shared import choices
from tests.support.synthetic_subject import SIZE

needs_warp = pytest.mark.skipif(
    importlib.util.find_spec("warp") is None, reason="NVIDIA Warp is not installed here (requirements/cuda.txt)"
)


def settings(engine: str, recipe: str = choices.RECIPE) -> TrainSettings:
    """A few small steps."""
    chosen = train_settings(preset="draft", recipe=recipe, steps=4, seed=3, holdout=0, engine=engine)
    small = dataclasses.replace(
        chosen.portrait, head_gaussians=120, torso_gaussians=60, facial_planes=(8,), oral_planes=(8,),
        torso_planes=(4,), hidden=16,
    )  # fmt: skip
    return dataclasses.replace(chosen, size=SIZE, portrait=small)


def moved(run: trainer.Run, device: str) -> trainer.Run:
    """A run taken to `device` as a whole."""
    values = {name: value.to(device) for name, value in vars(run.drive).items() if value is not None}
    run.drive = Drive(**values | {"distances": run.drive.distances})
    run.portrait.to(device)
    run.data.device = device
    run.backdrops = Backdrops(1.0, 0, device)
    for pictures in run.data._scales.values():
        pictures.plate, pictures._device = pictures.plate.to(device), device
    return run


def shapes_alone(means, quaternions, scales, opacities, features, camera_from_world, intrinsics, **options):
    """In `rasterize`'s place: outputs of the right shapes that depend on every input."""
    assert camera_from_world.device == means.device
    per_gaussian = means.sum(1) + quaternions.sum(1) + scales.sum(1) + opacities
    picture = (per_gaussian[:, None] * features).sum(0).expand(intrinsics.height, intrinsics.width, -1)
    return RasterOutput(picture, picture[..., 0], picture[..., 0])


@pytest.mark.parametrize(
    ("recipe", "deformed", "branch"),
    [
        ("m2dao", False, None), ("m2dao", True, None), ("talkinggaussian", True, None),
        *((PUBLISHED, True, branch) for branch in ("face", "oral", None)),
    ],
)  # fmt: skip
def test_nothing_in_a_step_is_left_on_the_cpu(subject, recipe, deformed, branch, monkeypatch):
    run = moved(trainer.prepare(subject, settings("native", recipe)), "meta")
    monkeypatch.setattr(portrait_module, "rasterize", shapes_alone)
    loss = trainer.step_loss(run, int(run.data.frames[0]), View.whole(SIZE), deformed, branch)
    loss.backward()
    assert loss.device.type == "meta"
    gradients = [parameter.grad for parameter in run.portrait.parameters() if parameter.grad is not None]
    assert len(gradients) > 10
    assert {gradient.device.type for gradient in gradients} == {"meta"}


class FromTheCpu(TorchFunctionMode):
    """Collects the calls that bring values from the CPU to another device, or read them: a GPU's step waits for each.

    Python's own numbers are among them where they become a tensor: of `torch.tensor`, or as a list in an index.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, function, types, arguments=(), options=None):
        out = function(*arguments, **(options or {}))
        name = getattr(function, "__name__", str(function))
        given = {t.device.type for t in tree_leaves(arguments) if isinstance(t, torch.Tensor)}
        made = {t.device.type for t in tree_leaves(out) if isinstance(t, torch.Tensor)}
        listed = name == "__getitem__" and any(
            isinstance(index, (list, tuple))
            for index in (arguments[1] if isinstance(arguments[1], tuple) else arguments[1:])
        )
        if listed or name in ("tensor", "item", "matrix_exp") or (given == {"cpu"} and "meta" in made):
            self.names.append(name)
        return out


def test_a_step_on_a_frame_that_was_seen_takes_nothing_to_the_device(subject, monkeypatch):
    monkeypatch.setattr(scale, "room_for_frames", lambda device, frame_bytes: 100)
    run = moved(trainer.prepare(subject, settings("native")), "meta")
    monkeypatch.setattr(portrait_module, "rasterize", shapes_alone)
    frame = int(run.data.frames[0])
    with FromTheCpu() as first:
        trainer.step_loss(run, frame, View.whole(SIZE), True).backward()
    with FromTheCpu() as second:
        trainer.step_loss(run, frame, View.whole(SIZE), True).backward()
    assert len(first.names) >= 2  # the frame and its region map
    assert second.names == []


def test_frames_are_kept_as_far_as_there_is_room_and_never_on_the_cpu(subject, monkeypatch):
    assert scale.room_for_frames(torch.device("cpu"), 1) == 0
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4000, 8000))
    assert scale.room_for_frames(torch.device("cuda"), 300) == 3
    monkeypatch.setattr(scale, "room_for_frames", lambda device, frame_bytes: 2)
    some = data.TrainingData(subject, SIZE)
    before = [some.sample(frame).rgb for frame in (3, 4, 5)]
    with monkeypatch.context() as gone:
        gone.setattr(some._scales[SIZE], "pictures", None)
        assert torch.equal(some.sample(3).rgb, before[0])
        assert torch.equal(some.sample(4).rgb, before[1])
    assert len(some._scales[SIZE]._kept) == 2
    assert torch.equal(some.sample(5).rgb, before[2])


def test_a_frame_that_is_expected_is_read_in_another_thread_once(subject, monkeypatch):
    monkeypatch.setattr(scale, "room_for_frames", lambda device, frame_bytes: 2)
    some = data.TrainingData(subject, SIZE)
    own, readers = some._scales[SIZE], []
    read = own._read

    def watched(frame: int) -> list:
        readers.append(threading.current_thread())
        return read(frame)

    monkeypatch.setattr(own, "_read", watched)
    for frame in (3, 3, 4):
        some.expect(frame, SIZE)
    assert torch.equal(some.sample(3).rgb, data.TrainingData(subject, SIZE).sample(3).rgb)
    some.sample(3)
    some.sample(4)
    some.expect(4, SIZE)
    assert len(readers) == 2
    assert threading.current_thread() not in readers
    for frame in range(5, 5 + 2 * scale.MOST_EXPECTED):
        some.expect(frame, SIZE)
    assert len(own._expected) == scale.MOST_EXPECTED


@pytest.fixture
def warp_on_the_cpu(monkeypatch):
    """The cuda engine as on a machine with a GPU, except that its kernels run on the CPU."""
    monkeypatch.setattr(cuda, "why_not", lambda: None)
    monkeypatch.setattr(cuda, "describe", lambda: "Warp on the CPU")
    monkeypatch.setattr(cuda, "render", functools.partial(cuda.render, device="cpu"))
    monkeypatch.setattr(trainer, "engine_device", lambda name: torch.device("cpu"))


@needs_warp
def test_a_step_by_the_cuda_engine_s_kernels_has_the_reference_s_loss_and_gradients(
    subject,
    warp_on_the_cpu,
):
    losses, gradients = {}, {}
    for engine in ("reference", "cuda"):
        run = trainer.prepare(subject, settings(engine))
        with torch.no_grad():  # Not round, or turning them would change nothing but rounding errors.
            for part in (run.portrait.face, run.portrait.oral, run.portrait.torso):
                part.log_scales[:, 0] += 0.5
        loss = trainer.step_loss(run, int(run.data.frames[2]), View.whole(SIZE), True)
        loss.backward()
        losses[engine] = loss.item()
        gradients[engine] = {n: p.grad for n, p in run.portrait.named_parameters() if p.grad is not None}
    assert losses["cuda"] == pytest.approx(losses["reference"], rel=1e-5)
    assert set(gradients["cuda"]) == set(gradients["reference"])
    for name, expected in gradients["reference"].items():
        difference = (gradients["cuda"][name] - expected).norm()
        assert difference <= 1e-3 * expected.norm() + 1e-9, name


@pytest.mark.gpu
@pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU for the cuda engine: {cuda.why_not()}")
def test_training_resuming_and_drawing_work_on_the_gpu(subject, tmp_path):
    run = trainer.prepare(subject, settings("cuda"))
    assert {p.device.type for p in run.portrait.parameters()} == {"cuda"}
    first = [run.loss for _ in trainer.steps(run)]
    assert len(first) == 4
    names, path = parameter_names(run.portrait), tmp_path / "checkpoint"
    save_checkpoint(path, run.portrait, run.optimiser, names, {"settings": "these"})
    again = trainer.prepare(subject, settings("cuda"))
    load_checkpoint(path, again.portrait, again.optimiser, parameter_names(again.portrait), "these")
    assert {v.device.type for state in again.optimiser.state.values() for v in state.values()} == {"cuda"}
    on_gpu = again.portrait.eval().render(again.drive, 0, SIZE, engine="cuda")
    save_portrait(again.portrait, ModelFolder(tmp_path / "model"))
    opened = open_portrait(ModelFolder(tmp_path / "model"))
    drive = opened.drive(again.drive.curves.cpu().numpy(), again.drive.poses.cpu().numpy())
    on_cpu = opened.render(drive, 0, SIZE, engine="reference")
    torch.testing.assert_close(torch.from_numpy(on_gpu.alpha), torch.from_numpy(on_cpu.alpha), atol=1e-3, rtol=0)
