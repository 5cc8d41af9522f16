"""What goes into a portrait and comes out of it: the lengths of its arrays, what drives it, and a drawn frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class PortraitSizes:
    """Lengths of a portrait's arrays, so that a saved one can be opened without its subject."""

    face: int
    oral: int
    torso: int
    curves: int
    speech_components: int
    upper_components: int
    lips: int
    body: int = 0
    """Body curves (Track.body) that move the torso in addition to the head's motion."""


@dataclass
class Drive:
    """What moves a portrait through T frames."""

    curves: Tensor
    """(T, K) performance curves, in the portrait's order of names."""
    poses: Tensor
    """(T, 4, 4) camera_from_head, cm."""
    rotations: Tensor
    """(T, 4) the poses' rotations as quaternions."""
    motion: Tensor
    """(T, M) motion of head and body as the torso sees it."""
    audio: Tensor | None = None
    """(T, W, taps, bands) log-mel windows, where the portrait is driven by audio."""
    distances: Tensor | None = None
    """(T,) of the head from the camera along its axis, cm; on the CPU, so that no device is waited for."""
    views: Tensor | None = None
    """(T, 4, 4) the camera that looks from the one in which `poses` are, cm; None: that one."""

    def __len__(self) -> int:
        return len(self.poses)

    def only(self, index: int) -> Drive:
        """Frame `index` by itself, T of 1."""
        at = slice(index, index + 1)
        audio = None if self.audio is None else self.audio[at]
        distances = None if self.distances is None else self.distances[at]
        views = None if self.views is None else self.views[at]
        return Drive(self.curves[at], self.poses[at], self.rotations[at], self.motion[at], audio, distances, views)


def to_numpy(tensors: tuple[Tensor, ...]) -> list[np.ndarray]:
    """Tensors of one device as numpy arrays; a GPU is waited for once, its copies go to memory that it can reach."""
    if tensors[0].device.type != "cuda":
        return [tensor.cpu().numpy() for tensor in tensors]
    copies = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return [copy.numpy() for copy in copies]


Array = TypeVar("Array", Tensor, np.ndarray)


@dataclass
class PortraitFrame(Generic[Array]):
    """A drawn frame: tensors while training, numpy arrays from `Portrait.render`. H, W its size."""

    rgb: Array
    """(H, W, 3) display-referred RGB, premultiplied by alpha."""
    alpha: Array
    """(H, W) coverage in [0, 1)."""
    depth: Array
    """(H, W) expected planar depth, cm; EMPTY_DEPTH_CM where alpha is below 1/255. While training: premultiplied."""
    mattes: Array | None
    """(H, W, 4) coverage by region (layout.REGION_NAMES); they sum to alpha. None: drawn without."""

    @property
    def drawn_mattes(self) -> Array:
        """The mattes of a frame that must have some. Raises ValueError if it was drawn without."""
        if self.mattes is None:
            raise ValueError("this frame was drawn without mattes")
        return self.mattes

    def over(self, background: Array) -> Array:
        """(H, W, 3) the frame composited over a background (H, W, 3) in [0, 1]."""
        return self.rgb + (1 - self.alpha)[..., None] * background

    def before(self, other: PortraitFrame[Array]) -> PortraitFrame[Array]:
        """This frame in front of another one; both with premultiplied depth, both with or without mattes."""
        through = 1 - self.alpha
        mattes = None if self.mattes is None else self.mattes + through[..., None] * other.drawn_mattes
        return PortraitFrame(
            self.rgb + through[..., None] * other.rgb,
            self.alpha + through * other.alpha,
            self.depth + through * other.depth,
            mattes,
        )


def averaged(frame: PortraitFrame[Tensor], count: int) -> PortraitFrame[Tensor]:
    """A frame of which every block of `count` x `count` pixels has become one, their mean; its depth is premultiplied,
    its sides are multiples of `count`."""
    if count == 1:
        return frame

    def smaller(tensor: Tensor) -> Tensor:
        return tensor.unflatten(1, (-1, count)).unflatten(0, (-1, count)).mean((1, 3))

    mattes = None if frame.mattes is None else smaller(frame.mattes)
    return PortraitFrame(smaller(frame.rgb), smaller(frame.alpha), smaller(frame.depth), mattes)
