"""The training loss of a drawn portrait over its background by the compiled library, with its gradient in one go."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import library, threads
from .channels import Plane, plane, planes


@dataclass
class Case:
    """What a picture is held against, and how. H, W its size."""

    background: Tensor
    """(H, W, 3) what shows through."""
    target: Tensor
    """(H, W, 3) the recorded frame."""
    box: tuple[slice, slice]
    """Rows and columns of pixels that weigh more."""
    box_weight: float
    """Their extra weight."""
    l1_weight: float
    ssim_weight: float
    regions: Tensor | None = None
    """(H, W, M) what the first M mattes should be; None: they do not count."""
    matte_weight: float = 0.0


class _Case(ctypes.Structure):
    """talker_picture_loss_case of api.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("colours", "background", "target")),
        ("alpha", Plane),
        *((name, ctypes.c_void_p) for name in ("mattes", "regions")),
        *((name, ctypes.c_int32) for name in ("matte_count", "width", "height")),
        *((name, ctypes.c_int32) for name in ("box_top", "box_bottom", "box_left", "box_right")),
        *((name, ctypes.c_float) for name in ("box_weight", "l1_weight", "ssim_weight", "matte_weight")),
        ("threads", ctypes.c_int32),
    )


def serves(rgb: Tensor, case: Case) -> bool:
    """Whether the compiled library is there and takes these pictures: float32 on the CPU, whose target is fixed."""
    fixed = (case.background, case.target)
    return (
        all(t.dtype == torch.float32 and t.device.type == "cpu" for t in (rgb, *fixed))
        and not any(t.requires_grad for t in fixed)
        and library.load() is not None
    )


def picture_loss(rgb: Tensor, alpha: Tensor, mattes: Tensor | None, case: Case) -> Tensor:
    """The loss of a picture: a scalar, differentiable in rgb (H, W, 3) premultiplied, alpha (H, W), mattes (H, W, 4).

    Weighted mean absolute difference of rgb + (1 - alpha) background, one minus its structural similarity, and the
    mean absolute difference of mattes and regions, each by its weight. Raises ValueError or MemoryError.
    """
    return _PictureLoss.apply(rgb, alpha, None if case.regions is None else mattes, case)


class _PictureLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rgb, alpha, mattes, case):
        height, width = alpha.shape
        count = 0 if mattes is None else case.regions.shape[2]
        colours, background, target = planes(rgb), planes(case.background), planes(case.target)
        gradients = torch.empty(4 if mattes is None else 4 + mattes.shape[2], height, width)
        drawn, wanted = (planes(mattes), planes(case.regions)) if count else (None, None)
        if count:
            gradients[4 + count :] = 0.0
        rows, columns = case.box
        arguments = _Case(
            *(ctypes.addressof(array) for array in (colours, background, target)),
            plane(alpha),
            *(None if array is None else ctypes.addressof(array) for array in (drawn, wanted)),
            *(count, width, height),
            *(rows.start, rows.stop, columns.start, columns.stop),
            *(case.box_weight, case.l1_weight, case.ssim_weight, case.matte_weight),
            threads.count(),
        )
        value = ctypes.c_double()
        places = (gradients[0], gradients[3], gradients[4]) if count else (gradients[0], gradients[3])
        status = library.require().talker_picture_loss(
            ctypes.byref(arguments),
            ctypes.byref(value),
            *(ctypes.c_void_p(place.data_ptr()) for place in places),
            *(() if count else (None,)),
        )
        library.check(status)
        ctx.save_for_backward(gradients)
        return rgb.new_tensor(value.value)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        gradients = ctx.saved_tensors[0]
        if upstream != 1.0:
            gradients = gradients * upstream
        mattes = gradients[4:].permute(1, 2, 0) if len(gradients) > 4 else None
        return gradients[:3].permute(1, 2, 0), gradients[3], mattes, None
