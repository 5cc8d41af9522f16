"""The one function of this room: 3D Gaussians and a camera in, a picture out, with gradients.

The splatting model is that of Kerbl et al. 2023 ("3D Gaussian Splatting") with gsplat's constants (see `constants.py`);
every engine renders the same model, and the tests compare them with each other.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.settings import ENGINES
from shared.camera import Intrinsics
from shared.errors import InputError

from . import constants, cuda, native, reference, spherical_harmonics

log = logging.getLogger(__name__)

MAX_SIDE_PX = 16384
"""Largest picture side that the engines accept."""


@dataclass
class RasterOutput:
    """A rendered picture. H, W are the intrinsics' height and width."""

    features: Tensor
    """(H, W, C) features, premultiplied by coverage; after three channels of colour where harmonics were given."""
    alpha: Tensor
    """(H, W) coverage in [0, 1)."""
    depth: Tensor
    """(H, W) planar depth (the camera's z), premultiplied: divide by alpha for the expected depth."""


def rasterize(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    intrinsics: Intrinsics,
    *,
    harmonics: Tensor | None = None,
    labels: Tensor | None = None,
    label_count: int = 0,
    blur: float = constants.BLUR_PX2,
    engine: str = "native",
    threads: int = 0,
) -> RasterOutput:
    """Splat N Gaussians into a picture of `intrinsics.width` x `intrinsics.height`.

    means (N, 3) in world units; quaternions (N, 4) as w, x, y, z of any length above zero; scales (N, 3) linear
    standard deviations; opacities (N,) in [0, 1]; features (N, C) with any C >= 1: colour, region mattes, anything
    that blends; camera_from_world (4, 4), OpenCV axes. `engine` is one of ENGINES; `threads` 0 means all
    cores.

    With `harmonics` (N, K, 3), of degree 0, 1, 2, 3 for K = 1, 4, 9, 16 (see `spherical_harmonics.py`), the picture
    begins with three more channels, the colour seen from the camera's centre; `features` may be (N, 0) then.

    With `labels` (N,) int64 in [0, label_count), the picture ends with label_count more channels, each with the
    coverage that the Gaussians of that label contribute. One-hot features would give the same bits; the native engine
    draws labels, where nothing learns, at the price of a single channel.

    `blur` is the screen filter: the variance, px^2 of this picture, that is added to every splat in every direction on
    screen, without a change of its opacity. What was learned under a filter must be drawn with one of the same size in
    the world.

    Differentiable in every tensor. The gradient of the camera is computed only if `camera_from_world.requires_grad`.
    Gaussians that are behind the camera or hold a NaN or an infinity are not drawn and get zero gradients.
    Raises ValueError for a wrong shape, intrinsics or filter, labels out of range (on the CPU) or an unknown engine.
    """
    _check(means, quaternions, scales, opacities, features, camera_from_world, intrinsics, harmonics)
    if labels is not None:
        _check_labels(labels, label_count, len(means))
    if threads < 0:
        raise ValueError(f"threads is {threads}, expected 0 (all cores) or more")
    if not (math.isfinite(blur) and blur > 0):
        raise ValueError(f"blur is {blur}, expected px^2 above 0")
    chosen = _engine(engine)
    is_native = chosen is native.render
    render = functools.partial(chosen, blur=blur)
    if labels is not None:
        learns = torch.is_grad_enabled() and any(
            tensor is not None and tensor.requires_grad
            for tensor in (means, quaternions, scales, opacities, features, camera_from_world, harmonics)
        )
        if is_native and label_count <= native.MOST_LABELS and not learns:
            render = functools.partial(render, labels=labels, label_count=label_count)
        else:
            features = torch.cat((features, one_hot(labels, label_count).to(features)), dim=1)
    if harmonics is not None and is_native:
        render = functools.partial(render, harmonics=harmonics)
    elif harmonics is not None:
        features = torch.cat((spherical_harmonics.colours(means, harmonics, camera_from_world), features), dim=1)
    picture, alpha, depth = render(
        means, quaternions, scales, opacities, features, camera_from_world, intrinsics, threads
    )
    return RasterOutput(picture, alpha, depth)


def one_hot(labels: Tensor, count: int) -> Tensor:
    """(N, count) bool, which of its `count` values each label (N,) has; without a look at them, as torch's takes."""
    return labels[:, None] == torch.arange(count, device=labels.device)


def available_engines() -> dict[str, str]:
    """Every engine that runs on this machine: its name and one line on what it is."""
    engines = {}
    if native.is_available():
        engines["native"] = native.describe()
    if cuda.is_available():
        engines["cuda"] = cuda.describe()
    return engines | {"reference": "pure torch (slow)"}


def engine_device(name: str) -> torch.device:
    """Where the engine `name` works. Tensors on another device are copied there and back."""
    return torch.device("cuda" if name == "cuda" else "cpu")


def require_engine(name: str) -> None:
    """Raises InputError if the engine `name` does not run on this machine."""
    engines = available_engines()
    if name not in engines:
        why = f" {cuda.why_not()}" if name == "cuda" else ""
        raise InputError(f"The engine {name!r} does not run on this machine.{why}", f"It has {', '.join(engines)}.")


def _check_labels(labels: Tensor, label_count: int, count: int) -> None:
    if tuple(labels.shape) != (count,) or labels.dtype != torch.int64:
        raise ValueError(f"labels have shape {tuple(labels.shape)} and type {labels.dtype}, expected ({count},) int64")
    if label_count < 1:
        raise ValueError(f"label_count is {label_count}, expected 1 or more where there are labels")
    # On a GPU this would wait for the device in every frame; there, a wrong label is none of them.
    if count and labels.device.type == "cpu" and not 0 <= int(labels.min()) <= int(labels.max()) < label_count:
        raise ValueError(f"labels reach from {labels.min()} to {labels.max()}, expected 0 to {label_count - 1}")


def _engine(name: str) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    if name == "reference":
        return reference.render
    if name == "native":
        # Without a library, native.is_available logs the reason once; the reference engine draws, slowly.
        return native.render if native.is_available() else reference.render
    if name == "cuda":
        if not cuda.is_available():
            raise ValueError(f"engine is 'cuda', which does not run here: {cuda.why_not()}")
        return cuda.render
    raise ValueError(f"engine is {name!r}, expected {' or '.join(ENGINES)}")


def _check(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    intrinsics: Intrinsics,
    harmonics: Tensor | None,
) -> None:
    count = means.shape[0] if means.ndim else 0
    expected = {
        "means": (means, (count, 3)),
        "quaternions": (quaternions, (count, 4)),
        "scales": (scales, (count, 3)),
        "opacities": (opacities, (count,)),
        "camera_from_world": (camera_from_world, (4, 4)),
    }
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
        if not tensor.is_floating_point():
            raise ValueError(f"{name} has type {tensor.dtype}, expected a floating-point type")
    least = 1 if harmonics is None else 0
    if features.ndim != 2 or features.shape[0] != count or features.shape[1] < least:
        raise ValueError(f"features has shape {tuple(features.shape)}, expected ({count}, C) with C >= {least}")
    if not features.is_floating_point():
        raise ValueError(f"features has type {features.dtype}, expected a floating-point type")
    if harmonics is not None:
        shape = tuple(harmonics.shape)
        if len(shape) != 3 or shape[0] != count or shape[1] not in spherical_harmonics.BASES or shape[2] != 3:
            raise ValueError(f"harmonics has shape {shape}, expected ({count}, K, 3) with K one of 1, 4, 9, 16")
        if not harmonics.is_floating_point():
            raise ValueError(f"harmonics has type {harmonics.dtype}, expected a floating-point type")
    for name, side in (("width", intrinsics.width), ("height", intrinsics.height)):
        if not 1 <= side <= MAX_SIDE_PX:
            raise ValueError(f"intrinsics.{name} is {side}, expected 1 to {MAX_SIDE_PX}")
    if not (intrinsics.fx > 0 and intrinsics.fy > 0):
        raise ValueError(f"intrinsics have fx, fy = {intrinsics.fx}, {intrinsics.fy}, expected positive values")
