"""The native engine: the C++ rasteriser of `backend/kernels/src`, as a differentiable torch function.

Works in 32-bit floats on the CPU; other tensors are converted on the way in and their gradients on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.kernels import library, memory
from backend.kernels.arguments import NULL, struct, structs
from backend.kernels.channels import NO_PLANE, plane
from backend.kernels.library import ffi
from backend.kernels.tensors import doubles, floats, longs
from shared.camera import Intrinsics

from . import constants

MOST_LABELS = library.LIMITS["TALKER_MOST_LABELS"]
"""The library draws at most this many labels itself."""


def is_available() -> bool:
    """Whether the compiled library can be had on this machine."""
    return library.load() is not None


def describe() -> str:
    """One line on the library: its instruction set and threads."""
    opened = library.load()
    if opened is None:
        raise RuntimeError("the compiled library is not available")
    facts = library.describe(opened)
    threads = opened.functions.talker_thread_count(0)
    return f"compiled C++, {facts['origin']}, {facts['instruction_set']}, {threads} threads"


def render(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    intrinsics: Intrinsics,
    threads: int = 0,
    harmonics: Tensor | None = None,
    labels: Tensor | None = None,
    label_count: int = 0,
    *,
    blur: float = constants.BLUR_PX2,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (H, W, C), alpha (H, W), depth (H, W); arguments as `rasterize`. Raises ValueError or MemoryError.

    The features are a view of planes (C, H, W), so `features.permute(2, 0, 1)` is contiguous. Labels are for pictures
    without gradients.
    """
    given = (means, quaternions, scales, opacities, features, camera_from_world, harmonics)
    device, dtype = means.device, features.dtype
    inputs = [None if tensor is None else tensor.to("cpu", torch.float32) for tensor in given]
    if labels is not None:
        labels = labels.cpu().contiguous()
    planes, alpha, depth = _Rasterize.apply(*inputs, labels, label_count, intrinsics, threads, blur)
    return tuple(tensor.to(device, dtype) for tensor in (planes.permute(1, 2, 0), alpha, depth))


class _Rasterize(torch.autograd.Function):
    """Planes (C, H, W), alpha, depth of float32 CPU tensors. Arguments as `render`; intrinsics, threads, blur last."""

    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        quaternions: Tensor,
        scales: Tensor,
        opacities: Tensor,
        features: Tensor,
        camera_from_world: Tensor,
        harmonics: Tensor | None,
        labels: Tensor | None,
        label_count: int,
        intrinsics: Intrinsics,
        threads: int,
        blur: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        lib = library.require()
        given = (means, quaternions, scales, opacities, features, camera_from_world)
        inputs = [tensor.contiguous() for tensor in given]
        harmonics = None if harmonics is None else harmonics.contiguous()
        height, width = intrinsics.height, intrinsics.width
        channels = features.shape[1] + (0 if harmonics is None else 3) + (0 if labels is None else label_count)
        learns = any(ctx.needs_input_grad)
        empty = torch.empty if learns else memory.empty
        planes, alpha, depth = empty(channels, height, width), empty(height, width), empty(height, width)
        scene = _scene(inputs, harmonics, intrinsics, threads, blur, labels, label_count)
        frame = ffi.new("talker_raster_frame **") if learns else NULL
        library.check(lib.talker_raster_forward(scene, floats(planes), floats(alpha), floats(depth), frame))
        if learns:
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(*inputs, harmonics, planes, alpha, depth)
            # What the library keeps of a forward pass, for as long as its gradient can be asked for.
            ctx.frame = ffi.gc(frame[0], lib.talker_raster_release)
            ctx.intrinsics, ctx.threads, ctx.blur = intrinsics, threads, blur
        return planes, alpha, depth

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, planes_gradient: Tensor | None, alpha_gradient: Tensor | None, depth_gradient: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        *inputs, harmonics, planes, alpha, depth = ctx.saved_tensors
        channels = planes.shape[0]
        by_channel = [None] * channels if planes_gradient is None else planes_gradient.unbind()
        gradients = [
            NO_PLANE if gradient is None else plane(gradient)
            for gradient in (*by_channel, alpha_gradient, depth_gradient)
        ]
        outputs = [torch.empty_like(tensor) for tensor in inputs[:5]]
        of_harmonics = None if harmonics is None else torch.empty_like(harmonics)
        # The library sums the camera's gradient in double precision: it is a sum over all Gaussians.
        camera = torch.zeros(4, 4, dtype=torch.float64) if ctx.needs_input_grad[5] else None
        means, quaternions, scales, opacities, features = map(floats, outputs)
        out = struct(
            "talker_raster_gradient",
            means=means,
            quaternions=quaternions,
            scales=scales,
            opacities=opacities,
            features=features,
            harmonics=floats(of_harmonics),
            camera=doubles(camera),
        )
        status = library.require().talker_raster_backward(
            ctx.frame,
            _scene(inputs, harmonics, ctx.intrinsics, ctx.threads, ctx.blur),
            floats(planes),
            floats(alpha),
            floats(depth),
            structs("talker_plane", gradients),
            out,
        )
        library.check(status)
        wanted = [tensor if need else None for tensor, need in zip(outputs, ctx.needs_input_grad[:5], strict=True)]
        return *wanted, None if camera is None else camera.float(), of_harmonics, None, None, None, None, None


def _scene(
    inputs: Sequence[Tensor],
    harmonics: Tensor | None,
    intrinsics: Intrinsics,
    threads: int,
    blur: float,
    labels: Tensor | None = None,
    label_count: int = 0,
) -> Any:
    """The library's view of the tensors, which must outlive it."""
    count, channels = inputs[4].shape
    means, quaternions, scales, opacities, features, camera_from_world = map(floats, inputs)
    return struct(
        "talker_raster_scene",
        count=count,
        channels=channels,
        means=means,
        quaternions=quaternions,
        scales=scales,
        opacities=opacities,
        features=features,
        camera_from_world=camera_from_world,
        fx=intrinsics.fx,
        fy=intrinsics.fy,
        cx=intrinsics.cx,
        cy=intrinsics.cy,
        width=intrinsics.width,
        height=intrinsics.height,
        blur=blur,
        threads=threads,
        bases=0 if harmonics is None else harmonics.shape[1],
        harmonics=floats(harmonics),
        label_count=0 if labels is None else label_count,
        labels=longs(labels),
    )
