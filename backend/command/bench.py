"""`talker bench`: how fast this machine rasterises, trains and renders, on synthetic scenes and on a trained model.

Every figure is a median. The engine asked for and the reference engine are timed in the same run, in turns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from backend.command.bench_model import bench_model
from backend.command.timing import entry, median_ms
from backend.deliver.pipeline import FrameDrawer, concurrency_for
from backend.deliver.store import frame_store
from backend.media.audio_features import log_mel
from backend.media.encode import MovieWriter
from backend.parallel import in_order
from backend.performance.curves import CURVE_NAMES
from backend.performance.speech import SpeechModel
from backend.portrait.gaussians import FACE, ORAL, TORSO, GaussianSet, Seeds
from backend.portrait.portrait import Drive, Portrait, PortraitFrame, PortraitSizes
from backend.raster.constants import BLUR_PX2
from backend.raster.rasterize import engine_device, rasterize, require_engine
from backend.settings import LearningRates, LossWeights, PortraitSettings, SpeechSettings
from backend.subject.subject import Subject
from backend.train.data import Sample
from backend.train.graphed import GraphedSteps
from backend.train.loss import deformation_loss, portrait_loss
from backend.train.optimiser import make_optimiser
from backend.train.planned import Planned
from backend.train.views import View
from shared.camera import Intrinsics
from shared.scratch import scratch_folder

RASTER_CASES = ((2_000, 128), (10_000, 256), (20_000, 512))
"""Gaussians and picture size, px."""
STEP_CASE = (10_000, 256)
RENDER_CASE = (20_000, 512)
RENDERS = ("render", "render+exr", "render+movie")
HEAD_RADII_CM = (7.2, 9.5, 8.5)
HEAD_DISTANCE_CM = 46.0
FOCAL_SIDES = 1.9
"""Focal length of the scenes' camera in picture sides."""
TORSO_SHARE = 0.3
LINE_S = 2.0
LINE_FPS = Fraction(25)
SAMPLE_RATE = 16000
LATE = 0.6
"""Progress at which a step is measured."""
Finished = TypeVar("Finished")


def bench(
    engine: str = "native",
    threads: int = 0,
    seconds: float = 2.0,
    raster_cases: tuple[tuple[int, int], ...] = RASTER_CASES,
    step_case: tuple[int, int] = STEP_CASE,
    render_case: tuple[int, int] = RENDER_CASE,
    *,
    subject: Subject | None = None,
    model: str | None = None,
    size: int | None = None,
) -> list[dict]:
    """Time rasterising, a training step and rendering; each figure takes about `seconds`.

    threads: 0 for all cores. subject: one with a trained model, which is measured too; model, size: see `bench_model`.
    Returns entries {name, engine, threads, gaussians, size, filter_px2, …}: "raster" with forward_ms and
    forward_backward_ms (RGB, alpha and depth; gradients of everything but the camera), for `engine` and for reference;
    "step" with step_ms; "render", "render+exr" and "render+movie" with frames_per_second; those of `bench_model`.
    Raises InputError where `engine` does not run here.
    """
    require_engine(engine)
    torch.set_num_threads(threads or torch.get_num_threads())
    threads = torch.get_num_threads()
    entries = []
    for gaussians, size in raster_cases:
        for name in dict.fromkeys((engine, "reference")):
            entries.append(raster_entry(name, threads, gaussians, size, seconds))
    entries.append(step_entry(engine, threads, *step_case, seconds))
    entries += render_entries(engine, threads, *render_case, seconds)
    return entries if subject is None else entries + bench_model(subject, model, size, engine, threads, seconds)


def shell(count: int, size: int, seed: int = 0) -> tuple[dict[str, Tensor], Intrinsics]:
    """A head-like shell of small Gaussians (three standard deviations cover 3 to 6 px) as arguments of `rasterize`."""
    rng = np.random.default_rng(seed)
    focal = FOCAL_SIDES * size
    points = _ellipsoid(count, rng) * (1 - 0.15 * rng.random((count, 1)))
    radius_px = rng.uniform(3.0, 6.0, (count, 3))
    scales = radius_px / 3.0 * HEAD_DISTANCE_CM / focal * (1.0, 1.0, 0.3)
    pose = np.eye(4)
    pose[2, 3] = HEAD_DISTANCE_CM
    arrays = {
        "means": points,
        "quaternions": rng.standard_normal((count, 4)),
        "scales": scales,
        "opacities": 1 / (1 + np.exp(-1.5 * rng.standard_normal(count) - 0.5)),
        "features": rng.random((count, 3)),
        "camera_from_world": pose,
    }
    tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in arrays.items()}
    return tensors, Intrinsics(focal, focal, size / 2, size / 2, size, size)


def raster_entry(engine: str, threads: int, gaussians: int, size: int, seconds: float) -> dict:
    tensors, intrinsics = shell(gaussians, size)
    device = engine_device(engine)
    scene: dict[str, Any] = {name: value.to(device) for name, value in tensors.items()}
    learned = {name: value.clone().requires_grad_() for name, value in scene.items() if name != "camera_from_world"}
    leaves = list(learned.values())
    target = torch.rand(3, size, size, device=device).permute(1, 2, 0)
    target_depth = torch.rand(size, size, device=device)

    def forward() -> None:
        with torch.no_grad():
            rasterize(**scene, intrinsics=intrinsics, blur=BLUR_PX2, engine=engine, threads=threads)

    def forward_backward() -> None:
        picture = rasterize(**scene | learned, intrinsics=intrinsics, blur=BLUR_PX2, engine=engine, threads=threads)
        torch.autograd.grad((picture.features, picture.depth), leaves, (target, target_depth))

    return entry(
        "raster", engine, threads, gaussians, size, BLUR_PX2,
        forward_ms=median_ms(forward, seconds / 2), forward_backward_ms=median_ms(forward_backward, seconds / 2),
    )  # fmt: skip


def step_entry(engine: str, threads: int, gaussians: int, size: int, seconds: float) -> dict:
    """A whole training step: frame, composite, loss, gradients, optimiser; on a GPU as training takes it."""
    device = engine_device(engine)
    portrait = drawn_portrait(gaussians, size).to(device).train()
    optimiser = make_optimiser(portrait, LearningRates())
    drive, intrinsics, weights = nodding_drive(portrait, 8), portrait.intrinsics(size), LossWeights()
    mouth = slice(size * 5 // 8, size * 6 // 8)
    rgb, regions, plate = (torch.rand(size, size, channels, device=device) for channels in (3, 4, 3))
    sample = Sample(rgb, regions / 4, plate, (mouth, mouth), intrinsics)
    learns = tuple(dict.fromkeys(group["name"] for group in optimiser.param_groups))
    planned = Planned(1, LATE, 3, View.whole(size), learns, deformed=True, branch=None)

    def loss_of(sample: Sample, drive: Drive, planned: Planned) -> Tensor:
        frame, facial = portrait(drive, 0, sample.intrinsics, mattes=False, engine=engine, threads=threads)
        loss = portrait_loss(frame, sample, portrait.has_torso, weights, 0.0)
        return loss + weights.deformation * deformation_loss(facial)

    def one_by_one() -> None:
        loss = loss_of(sample, drive.only(planned.frame), planned)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    step: Callable[[], None] = one_by_one
    if engine == "cuda":
        graphed = GraphedSteps(
            portrait, optimiser, None, lambda planned: (sample, drive.only(planned.frame)), loss_of,
            lambda progress: None, math.nan,
        )  # fmt: skip
        step = partial(graphed.take, planned)
        step()
    with portrait.threading(threads):
        step_ms = median_ms(step, seconds)
    return entry("step", engine, threads, gaussians, size, portrait.blur(intrinsics), step_ms=step_ms)


def render_entries(
    engine: str, threads: int, gaussians: int, size: int, seconds: float, to: tuple[str, ...] = RENDERS
) -> list[dict]:
    """A line from its sound to frames in memory; to EXR files; to a movie: the pipeline of `talker render`. Those of
    RENDERS that `to` names."""
    portrait = drawn_portrait(gaussians, size).to(engine_device(engine)).eval()
    sound = _babble(LINE_S)
    speech = _babble_model(sound)
    frames = int(LINE_S * LINE_FPS)
    times_s = np.arange(frames) / float(LINE_FPS)
    plate = np.full((size, size, 3), 90, np.uint8)
    filter_px2 = portrait.blur(portrait.intrinsics(size))
    concurrency = concurrency_for(threads, size, frames)

    def finished(finish: Callable[[int, PortraitFrame[np.ndarray]], Finished]) -> Iterator[Finished]:
        """What `finish` makes of every frame, in order."""
        curves = np.zeros((frames, len(CURVE_NAMES)), np.float32)
        told = [CURVE_NAMES.index(name) for name in speech.curve_names]
        curves[:, told] = speech.predict_array(log_mel(sound, SAMPLE_RATE), times_s)
        drive = portrait.drive(curves, _nodding_poses(frames), float(LINE_FPS))
        with FrameDrawer(portrait, drive, size, engine, concurrency.threads) as drawer:
            numbers = range(1, frames + 1)
            yield from in_order(lambda n: finish(n, drawer.draw(n)), numbers, concurrency.frames)

    def in_memory() -> None:
        for _ in finished(lambda number, frame: frame):
            pass

    with scratch_folder("bench") as folder:
        exr = frame_store(folder, "exr", "srgb", {}, plate, LINE_FPS)
        movie_only = frame_store(folder, "mp4", "srgb", {}, plate, LINE_FPS)

        def to_exr() -> None:
            for _ in finished(lambda number, frame: exr.write(number, frame, "bench")):
                pass

        def to_movie() -> None:
            with MovieWriter(folder / "line.mp4", size, size, LINE_FPS, (sound, SAMPLE_RATE), {}) as movie:
                for picture in finished(lambda number, frame: movie_only.write(number, frame, "bench")):
                    movie.write(picture)

        cases = dict(zip(RENDERS, (in_memory, to_exr, to_movie), strict=True))
        return [
            entry(
                name, engine, threads, gaussians, size, filter_px2,
                frames_per_second=round(frames / (median_ms(cases[name], seconds) / 1e3), 1),
            )
            for name in to
        ]  # fmt: skip


def drawn_portrait(gaussians: int, size: int, seed: int = 0) -> Portrait:
    """A synthetic portrait: an ellipsoid head on a torso, its fields at the identity, all of its parts used. It counts
    as one that learned from pictures of `size` px, and is to be drawn at that size.

    Its Gaussians are as large as training leaves them: together they have about the picture's area. (A clip trained at
    256 px with 10k has a median standard deviation of 1.7 px, this 1.5.)
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    torso, oral = round(gaussians * TORSO_SHARE), round(gaussians * 0.05)
    face = gaussians - torso - oral
    settings = PortraitSettings(head_gaussians=face + oral, torso_gaussians=torso)
    sizes = PortraitSizes(
        face=face, oral=oral, torso=torso, curves=len(CURVE_NAMES), speech_components=8, upper_components=8,
        lips=min(64, face // 4),
    )  # fmt: skip
    portrait = Portrait(settings, sizes, CURVE_NAMES)
    spacing_cm = HEAD_DISTANCE_CM / FOCAL_SIDES / np.sqrt(max(gaussians, 1))
    portrait.face = _seeded(_ellipsoid(face, rng), spacing_cm, FACE, rng)
    portrait.oral = _seeded(_ellipsoid(oral, rng) * 0.3 + (0, -3.0, 6.0), spacing_cm, ORAL, rng)
    portrait.torso = _seeded(_ellipsoid(torso, rng) * (1.7, 0.4, 0.5) + (0, -9.0, -2.0), spacing_cm, TORSO, rng)
    rest = torch.from_numpy(_nodding_poses(1)[0].astype(np.float32))
    portrait.rest_pose.copy_(rest)
    portrait.trained_size = size
    portrait.camera = {"fx": FOCAL_SIDES, "fy": FOCAL_SIDES, "cx": 0.5, "cy": 0.5}
    portrait.facial_field.encoder.enclose(portrait.face.means, 1.0)
    portrait.oral_field.encoder.enclose(portrait.oral.means, 1.0)
    mouth = torch.tensor([[0.0, -4.0, 7.0], [0.0, -4.8, 7.0]])
    if portrait.jaw is not None:
        portrait.jaw.watch(portrait.face.means, mouth)
    if portrait.torso_motion is not None:
        width = portrait.torso_motion.body.in_features
        motion = torch.from_numpy(rng.standard_normal((50, width)).astype(np.float32))
        portrait.torso_motion.start(portrait.torso.means.detach(), -9.0, motion)
    return portrait


def _seeded(points: np.ndarray, spacing_cm: float, matte: int, rng: np.random.Generator) -> GaussianSet:
    count = len(points)
    spacing = np.full(count, spacing_cm)
    return GaussianSet.from_seeds(Seeds(points, rng.random((count, 3)), spacing, np.full(count, matte)))


def _ellipsoid(count: int, rng: np.random.Generator) -> np.ndarray:
    direction = rng.standard_normal((count, 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True) * HEAD_RADII_CM


def _nodding_poses(count: int) -> np.ndarray:
    """(count, 4, 4) camera_from_head of a head that faces the camera and nods a little."""
    angle = 0.1 * np.sin(np.arange(count) / 8)
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (count, 1, 1))
    poses[:, 1, 1] = poses[:, 2, 2] = -np.cos(angle)
    poses[:, 1, 2], poses[:, 2, 1] = np.sin(angle), -np.sin(angle)
    poses[:, 2, 3] = HEAD_DISTANCE_CM
    return poses


def nodding_drive(portrait: Portrait, count: int) -> Drive:
    curves = np.random.default_rng(0).random((count, len(CURVE_NAMES)), np.float32)
    return portrait.drive(curves, _nodding_poses(count), float(LINE_FPS))


def _babble(seconds: float) -> np.ndarray:
    """(n,) noise that swells and fades four times a second, as speech does."""
    time_s = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(len(time_s))
    return (0.1 * noise * np.sin(2 * np.pi * 2 * time_s) ** 2).astype(np.float32)


def _babble_model(sound: np.ndarray) -> SpeechModel:
    """A speech model of the usual size, hardly trained."""
    times_s = np.arange(int(LINE_S * LINE_FPS)) / float(LINE_FPS)
    curves = np.random.default_rng(0).random((len(times_s), len(CURVE_NAMES)))
    return SpeechModel.fit(log_mel(sound, SAMPLE_RATE), curves, times_s, SpeechSettings(steps=2))
