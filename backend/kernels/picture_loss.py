"""The training loss of a drawn portrait over its background by the compiled library, with its gradient in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import library, threads
from .arguments import NULL, struct
from .channels import plane, planes
from .library import ffi
from .tensors import are_served, floats


@dataclass
class Case:
    """What a picture is compared with, and the weights. H, W: its size."""

    background: Tensor
    """(H, W, 3) the picture behind the portrait."""
    target: Tensor
    """(H, W, 3) the recorded frame."""
    box: tuple[slice, slice]
    """Rows and columns of pixels that weigh more."""
    box_weight: float
    """Their extra weight."""
    l1_weight: float
    ssim_weight: float
    regions: Tensor | None = None
    """(H, W, M) the targets of the first M mattes; None: mattes do not count."""
    matte_weight: float = 0.0


def serves(rgb: Tensor, case: Case) -> bool:
    """Whether the compiled library is there and takes these pictures: float32 on the CPU, whose target is fixed."""
    fixed = (case.background, case.target)
    return not any(t.requires_grad for t in fixed) and are_served(rgb, *fixed)


def picture_loss(rgb: Tensor, alpha: Tensor, mattes: Tensor | None, case: Case) -> Tensor:
    """The loss of a picture: a scalar, differentiable in rgb (H, W, 3) premultiplied, alpha (H, W), mattes (H, W, 4).

    Weighted mean absolute difference of rgb + (1 - alpha) background, one minus its structural similarity, and the
    mean absolute difference of mattes and regions, each by its weight. Raises ValueError or MemoryError.
    """
    return _PictureLoss.apply(rgb, alpha, None if case.regions is None else mattes, case)


class _PictureLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rgb: Tensor, alpha: Tensor, mattes: Tensor | None, case: Case) -> Tensor:
        height, width = alpha.shape
        # Arrays that the structure points to are kept in variables, so that they live until the call is over.
        colours, background, target = planes(rgb), planes(case.background), planes(case.target)
        gradients = torch.empty(4 if mattes is None else 4 + mattes.shape[2], height, width)
        count, drawn, wanted = 0, NULL, NULL
        if mattes is not None and case.regions is not None:
            count, drawn, wanted = case.regions.shape[2], planes(mattes), planes(case.regions)
            gradients[4 + count :] = 0.0
        rows, columns = case.box
        arguments = struct(
            "talker_picture_loss_case",
            colours=colours,
            background=background,
            target=target,
            alpha=plane(alpha),
            mattes=drawn,
            regions=wanted,
            matte_count=count,
            width=width,
            height=height,
            box_top=rows.start,
            box_bottom=rows.stop,
            box_left=columns.start,
            box_right=columns.stop,
            box_weight=case.box_weight,
            l1_weight=case.l1_weight,
            ssim_weight=case.ssim_weight,
            matte_weight=case.matte_weight,
            threads=threads.count(),
        )
        value = ffi.new("double *")
        status = library.require().talker_picture_loss(
            arguments, value, floats(gradients[0]), floats(gradients[3]), floats(gradients[4] if count else None)
        )
        library.check(status)
        ctx.save_for_backward(gradients)
        return rgb.new_tensor(value[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        gradients = ctx.saved_tensors[0]
        if upstream != 1.0:
            gradients = gradients * upstream
        mattes = gradients[4:].permute(1, 2, 0) if len(gradients) > 4 else None
        return gradients[:3].permute(1, 2, 0), gradients[3], mattes, None
