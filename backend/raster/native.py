"""The native engine: the C++ rasteriser of `backend/kernels/src`, as a differentiable torch function.

Works in 32-bit floats on the CPU; other tensors are converted on the way in and their gradients on the way back.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.kernels import library, memory
from backend.kernels.channels import Plane, plane
from shared.camera import Intrinsics

MOST_LABELS = 4
"""kMostLabels of splat.h."""


class _Scene(ctypes.Structure):
    """talker_raster_scene of api.h."""

    _fields_ = (
        ("count", ctypes.c_int64),
        ("channels", ctypes.c_int64),
        ("means", ctypes.c_void_p),
        ("quaternions", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("opacities", ctypes.c_void_p),
        ("features", ctypes.c_void_p),
        ("camera_from_world", ctypes.c_void_p),
        ("fx", ctypes.c_float),
        ("fy", ctypes.c_float),
        ("cx", ctypes.c_float),
        ("cy", ctypes.c_float),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("bases", ctypes.c_int32),
        ("label_count", ctypes.c_int32),
        ("harmonics", ctypes.c_void_p),
        ("labels", ctypes.c_void_p),
    )


class _Gradient(ctypes.Structure):
    """talker_raster_gradient of api.h."""

    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in ("means", "quaternions", "scales", "opacities", "features", "harmonics", "camera")
    )


class _Frame:
    """Holds what the library keeps of a forward pass, until nobody can ask for its gradient any more."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self.handle = ctypes.c_void_p()
        self._release = lib.talker_raster_release

    def __del__(self) -> None:
        if self.handle:
            self._release(self.handle)


def is_available() -> bool:
    """Whether the compiled library can be had on this machine."""
    return library.load() is not None


def describe() -> str:
    """One line on the library: its instruction set and threads."""
    lib = library.require()
    facts = library.describe(lib)
    return f"compiled C++, {facts['origin']}, {facts['instruction_set']}, {lib.talker_thread_count(0)} threads"


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
    planes, alpha, depth = _Rasterize.apply(*inputs, labels, label_count, intrinsics, threads)
    return tuple(tensor.to(device, dtype) for tensor in (planes.permute(1, 2, 0), alpha, depth))


class _Rasterize(torch.autograd.Function):
    """Planes (C, H, W), alpha, depth of float32 CPU tensors. Arguments as `render`, intrinsics and threads last."""

    @staticmethod
    def forward(ctx, *arguments):
        *tensors, labels, label_count, intrinsics, threads = arguments
        lib = library.require()
        inputs = tuple(None if tensor is None else tensor.contiguous() for tensor in tensors)
        features, harmonics = inputs[4], inputs[6]
        height, width = intrinsics.height, intrinsics.width
        channels = features.shape[1] + (0 if harmonics is None else 3) + (0 if labels is None else label_count)
        learns = any(ctx.needs_input_grad)
        empty = torch.empty if learns else memory.empty
        planes, alpha, depth = empty(channels, height, width), empty(height, width), empty(height, width)
        scene = _scene(inputs[:6], harmonics, intrinsics, threads)
        if labels is not None:
            scene.label_count, scene.labels = label_count, labels.data_ptr()
        frame = _Frame(lib) if learns else None
        status = lib.talker_raster_forward(
            ctypes.byref(scene),
            _pointer(planes),
            _pointer(alpha),
            _pointer(depth),
            ctypes.byref(frame.handle) if frame else None,
        )
        library.check(status)
        if frame:
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(*inputs, planes, alpha, depth)
            ctx.frame, ctx.intrinsics, ctx.threads = frame, intrinsics, threads
        return planes, alpha, depth

    @staticmethod
    @once_differentiable
    def backward(ctx, planes_gradient, alpha_gradient, depth_gradient):
        *inputs, planes, alpha, depth = ctx.saved_tensors
        channels = planes.shape[0]
        gradients = (Plane * (channels + 2))()
        if planes_gradient is not None:
            for channel in range(channels):
                gradients[channel] = plane(planes_gradient[channel])
        if alpha_gradient is not None:
            gradients[channels] = plane(alpha_gradient)
        if depth_gradient is not None:
            gradients[channels + 1] = plane(depth_gradient)
        *outputs, harmonics = [
            None if tensor is None else torch.empty_like(tensor) for tensor in (*inputs[:5], inputs[6])
        ]
        # The library sums the camera's gradient in double precision: it comes from every Gaussian there is.
        camera = torch.zeros(4, 4, dtype=torch.float64) if ctx.needs_input_grad[5] else None
        out = _Gradient(*map(library.address, (*outputs, harmonics, camera)))
        status = library.require().talker_raster_backward(
            ctx.frame.handle,
            ctypes.byref(_scene(inputs[:6], inputs[6], ctx.intrinsics, ctx.threads)),
            _pointer(planes),
            _pointer(alpha),
            _pointer(depth),
            gradients,
            ctypes.byref(out),
        )
        library.check(status)
        wanted = [tensor if need else None for tensor, need in zip(outputs, ctx.needs_input_grad[:5], strict=True)]
        return *wanted, None if camera is None else camera.float(), harmonics, None, None, None, None


def _scene(inputs: Sequence[Tensor], harmonics: Tensor | None, intrinsics: Intrinsics, threads: int) -> _Scene:
    return _Scene(
        *inputs[4].shape,
        *map(library.address, inputs),
        intrinsics.fx,
        intrinsics.fy,
        intrinsics.cx,
        intrinsics.cy,
        intrinsics.width,
        intrinsics.height,
        threads,
        0 if harmonics is None else harmonics.shape[1],
        0,
        library.address(harmonics),
        None,
    )


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
