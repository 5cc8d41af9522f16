"""A camera whose numbers are on the device: what changes from frame to frame while a captured graph stays the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from shared.camera import Intrinsics

LENS = 5
"""Numbers of a lens: focal lengths and centre, px, and the screen filter, px^2: fx, fy, cx, cy, blur."""


@dataclass(frozen=True)
class Lens(Intrinsics):
    """Intrinsics whose numbers, and the screen filter, are read on the device when the kernels run.

    Of the intrinsics themselves only the size counts then. For the cuda engine alone.
    """

    on_device: Tensor = field(kw_only=True, compare=False)
    """(LENS,) float64"""


def lens_numbers(intrinsics: Intrinsics, blur: float) -> list[float]:
    """The numbers of a lens under a screen filter `blur`, px^2."""
    return [intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy, blur]


def lens_of(intrinsics: Intrinsics, blur: float, device: torch.device) -> Tensor:
    """(LENS,) float64 on `device`."""
    if isinstance(intrinsics, Lens):
        return intrinsics.on_device
    numbers = torch.tensor(lens_numbers(intrinsics, blur), dtype=torch.float64)
    # From pinned memory the copy is queued; from other memory the CPU would wait for the device.
    return numbers.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else numbers
