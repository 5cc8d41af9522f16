"""Measurements on a machine with an NVIDIA GPU, part by part: `python -m backend.command.gpu_report PART`.

Each part prints one JSON document. tools/gpu.py runs them, each in a process of its own that may fail alone, and bounds
their time; without a GPU it runs those that need none.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from backend.command.bench import (
    LATE,
    RASTER_CASES,
    RENDER_CASE,
    RENDERS,
    STEP_CASE,
    drawn_portrait,
    nodding_drive,
    raster_entry,
    render_entries,
    shell,
    step_entry,
)
from backend.command.timing import median_ms
from backend.portrait.portrait import Drive, Portrait
from backend.raster import cuda, native, reference
from backend.settings.presets import train_settings
from backend.subject.subject import Subject
from backend.train import trainer
from backend.train.run import Run
from shared.scratch import scratch_folder

INPUTS = ("means", "quaternions", "scales", "opacities", "features", "camera_from_world")
STEPS = 1_000_000
WARM_STEPS, TIMED_STEPS = 120, 400
GENERATIONS = (75, 80, 86, 89, 90, 100, 120)
"""Compute capabilities, Turing to Blackwell."""
FEATURES = (3, 7)
"""Channels that training and rendering draw: a colour, with and without mattes."""
SYNCS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


def machine(options: argparse.Namespace) -> dict:
    """What the figures are of."""
    import warp

    free, total = torch.cuda.mem_get_info()
    return {
        "gpu": torch.cuda.get_device_name(), "capability": torch.cuda.get_device_capability(),
        "memory_mb": total >> 20, "free_mb": free >> 20, "torch": torch.__version__, "cuda": torch.version.cuda,
        "warp": warp.__version__, "python": sys.version.split()[0], "native": native.is_available(),
    }  # fmt: skip


def equality(options: argparse.Namespace) -> dict:
    """Relative L2 distances from the float64 reference, values and gradients, of a shell of 20k at 512 px."""
    tensors, camera = shell(20000, 512)
    chance = torch.Generator().manual_seed(1)
    weights: list[torch.Tensor] = []

    def drawn(render: Callable, dtype: torch.dtype, **more: Any) -> list[torch.Tensor]:
        leaves = [tensors[name].to(dtype).clone().requires_grad_() for name in INPUTS]
        outputs = render(*leaves, camera, **more)
        if not weights:
            weights.extend(torch.randn(output.shape, generator=chance, dtype=torch.float64) for output in outputs)
        loss = sum((output * weight.to(dtype)).sum() for output, weight in zip(outputs, weights, strict=True))
        return [output.detach() for output in outputs] + list(torch.autograd.grad(loss, leaves))

    names = ("features", "alpha", "depth", *(f"gradient of {name}" for name in INPUTS))
    exact = drawn(reference.render, torch.float64)
    engines: dict[str, Callable[[], list[torch.Tensor]]] = {
        "cuda": lambda: drawn(cuda.render, torch.float32, device="cuda" if torch.cuda.is_available() else "cpu")
    }
    if native.is_available():
        engines["native"] = lambda: drawn(native.render, torch.float32)
    found: dict[str, dict[str, float]] = {}
    pictures: dict[str, torch.Tensor] = {}
    for engine, run in engines.items():
        got = run()
        pictures[engine] = got[0]
        found[engine] = {
            name: float((value - expected).norm() / expected.norm())
            for name, value, expected in zip(names, got, exact, strict=True)
        }
    if len(pictures) == 2:
        apart = float((pictures["cuda"] - pictures["native"]).abs().max())
        return {**found, "largest difference of a colour, cuda and native": apart}
    return found


def kernels(options: argparse.Namespace) -> dict:
    """All kernels as PTX for every generation of GPUs that is supported: seconds each, and bytes. Needs no GPU."""
    import warp

    from backend.portrait.cuda_pose_kernel import pose_set
    from backend.raster import cuda_projection
    from backend.raster.cuda_blend import blend_kernels

    blends = [blend_kernels(features) for features in FEATURES]
    modules = {cuda_projection.project.module, pose_set.module}
    modules |= {kernel.module for blend in blends for kernel in (blend.blend, blend.blend_backward, blend.gather)}
    found = {}
    for generation in GENERATIONS:
        started = time.perf_counter()
        with scratch_folder("cuda") as folder:
            for module in modules:
                warp.compile_aot_module(module, arch=generation, module_dir=str(folder), use_ptx=True)
            written = [path.stat().st_size for path in folder.glob("*.ptx")]
        if len(written) != len(modules):
            raise RuntimeError(f"{len(written)} of {len(modules)} modules were compiled for sm_{generation}")
        found[f"sm_{generation}"] = {"s": round(time.perf_counter() - started, 1), "bytes": sum(written)}
    return found


def raster(options: argparse.Namespace) -> dict:
    """`talker bench`, both engines: raster, step, frames in memory, as EXR files and as a movie."""
    threads, entries = torch.get_num_threads(), []
    for engine in ("cuda", "native") if native.is_available() else ("cuda",):
        entries += [raster_entry(engine, threads, *case, 0.6) for case in RASTER_CASES]
        entries += [step_entry(engine, threads, *case, 0.6) for case in (STEP_CASE, RASTER_CASES[-1])]
        for name in RENDERS:
            try:
                entries += render_entries(engine, threads, *RENDER_CASE, 0.6, (name,))
            except Exception as error:  # what writes files may be missing here: the other figures do not depend on it
                entries.append({"name": name, "engine": engine, "error": f"{type(error).__name__}: {error}"})
    return {"entries": entries}


def frames(options: argparse.Namespace) -> dict:
    """Frames in memory, one after the other, of a drawn portrait: milliseconds each, at 512 and at 1080 px."""
    found = {}
    for gaussians, size in ((20000, 512), (28000, 1080)):
        portrait = drawn_portrait(gaussians, size).to("cuda").eval()
        drive = nodding_drive(portrait, 64)
        numbers = itertools.cycle(range(len(drive)))
        draw = partial(_draw_next, portrait, drive, numbers, size)
        found[f"{gaussians} at {size} px, ms"] = median_ms(draw, 2.0)
    return found


def _draw_next(portrait: Portrait, drive: Drive, numbers: Iterator[int], size: int) -> None:
    portrait.render(drive, next(numbers), size, engine="cuda")


def steps(options: argparse.Namespace) -> dict:
    """Steps of training the subject, late in a run, where each is queued while the one before is worked on."""
    found = {}
    for preset in ("standard", "film"):
        run = _late_run(Path(options.subject), preset)
        training = trainer.steps(run)
        started = time.perf_counter()
        for _ in range(WARM_STEPS):
            next(training)
        run.settle()
        warm_s = time.perf_counter() - started
        torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        for _ in range(TIMED_STEPS):
            next(training)
        queued_s = time.perf_counter() - started
        run.settle()
        step_ms = 1e3 * (time.perf_counter() - started) / TIMED_STEPS
        alone_ms = median_ms(partial(next, training), 1.0)
        run.settle()
        found[preset] = {
            "step_ms": step_ms, "queueing_ms": 1e3 * queued_s / TIMED_STEPS, "waited_for_ms": alone_ms,
            "first_steps_s": warm_s, "loss": run.loss, "peak_mb": torch.cuda.max_memory_allocated() >> 20,
            **_profile(training, run, options.log and f"{options.log}-{preset}.txt"),
        }  # fmt: skip
    return found


def _late_run(root: Path, preset: str) -> Run:
    settings = train_settings(preset, steps=STEPS, holdout=0, engine="cuda")
    settings = replace(settings, portrait=replace(settings.portrait, poses="refined"))
    run = trainer.prepare(Subject.open(root), settings)
    run.step = int(LATE * STEPS)
    return run


def _profile(training: Any, run: Run, log: str | None) -> dict:
    """What the GPU does in a step, and how often the CPU waits for it."""
    many = 50
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    ) as profile:
        for _ in range(many):
            next(training)
        torch.cuda.synchronize()
    run.settle()
    averages = profile.key_averages()
    if log:
        Path(log).write_text(averages.table(sort_by="self_device_time_total", row_limit=70, max_name_column_width=90))
    on_gpu = [event for event in averages if event.device_type == torch.autograd.DeviceType.CUDA]
    waits = sum(event.count for event in averages if event.key in SYNCS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        for _ in range(many):
            next(training)
        torch.cuda.set_sync_debug_mode("default")
    run.settle()
    return {
        "gpu_busy_ms": sum(event.self_device_time_total for event in on_gpu) / 1e3 / many,
        "gpu_operations": sum(event.count for event in on_gpu) / many,
        "waits": (waits - 1) / many,
        "waits_that_torch_tells_of": sum("synchroniz" in str(each.message) for each in caught) / many,
    }


def film(options: argparse.Namespace) -> dict:
    """`talker train --preset film` for some time, at a size, with memory over time."""
    subject = Subject.open(Path(options.subject))
    if subject.info.size < options.size:
        return {"skipped": f"the subject's frames are stored at {subject.info.size} px"}
    settings = train_settings("film", steps=30000, engine="cuda", size=options.size)
    settings = replace(settings, portrait=replace(settings.portrait, poses="refined"), more_for_long=False)
    curve: list[dict] = []
    started = time.monotonic()
    run = trainer.prepare(subject, settings)
    prepared_s = time.monotonic() - started
    trained = time.monotonic()
    for step in trainer.steps(run):
        now = time.monotonic()
        if step % 1000 == 0 or now - trained > options.seconds:
            curve.append(
                {
                    "step": step, "s": round(now - trained, 2), "loss": run.loss,
                    "gpu_mb": torch.cuda.memory_allocated() >> 20,
                    "gpu_peak_mb": torch.cuda.max_memory_allocated() >> 20,
                    "gpu_reserved_mb": torch.cuda.memory_reserved() >> 20,
                }
            )  # fmt: skip
        if now - trained > options.seconds:
            break
    run.settle()
    spent_s = time.monotonic() - trained
    return {
        "prepared_s": prepared_s, "steps": run.step, "of": settings.steps, "s": spent_s,
        "whole_training_s": spent_s / max(run.progress, 1e-9), "ms_a_step": 1e3 * spent_s / run.step, "loss": run.loss,
        "over_time": curve,
    }  # fmt: skip


PARTS: dict[str, Callable[[argparse.Namespace], dict]] = {
    "machine": machine, "kernels": kernels, "equality": equality, "raster": raster, "frames": frames, "steps": steps,
    "film": film,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="gpu_report", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--subject")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--log", help="beginning of the names of further files")
    options = parser.parse_args()
    print(json.dumps(PARTS[options.part](options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
