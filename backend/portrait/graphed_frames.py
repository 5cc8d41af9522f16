"""Frames on a GPU as captured graphs: from a row of the drive to arrays in the CPU's memory with one wait a frame."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from backend.portrait.frame import Drive, PortraitFrame
from backend.raster import capture, cuda
from backend.raster.capture import Captured, GraphPool, agree
from backend.raster.cuda_lists import Watch
from backend.raster.lens import LENS, Lens, lens_numbers
from shared.camera import Intrinsics

log = logging.getLogger(__name__)

Draw = Callable[[Drive, Intrinsics], PortraitFrame[Tensor]]
"""Draws the only frame of a drive through a camera."""
_MOVES = ("curves", "poses", "rotations", "motion")
"""What of a drive a row of numbers holds."""


class GraphedFrames:
    """Draws frames of a portrait that is driven by curves, one after the other: one thread at a time."""

    def __init__(self, portrait: nn.Module) -> None:
        self._portrait = portrait
        self._kinds: dict[tuple, _Kind] = {}
        self._packed: tuple[Drive, Tensor] | None = None
        self._states: list[tuple[int, int, int]] = []

    def forget(self) -> None:
        """Drop what is known: what graphs read may have moved or changed."""
        self._kinds.clear()
        self._packed = None

    def serves(self, drive: Drive) -> bool:
        """Whether frames of a drive can be drawn so: it holds no sound and no other view, and lies where the engine
        works."""
        return (
            drive.audio is None
            and drive.views is None
            and drive.poses.device.type == cuda.DEVICE
            and capture.is_wanted()
        )

    def render(
        self, drive: Drive, index: int, camera: Intrinsics, blur: float, draw: Draw, kind: object
    ) -> list[np.ndarray]:
        """rgb, alpha, depth and mattes of frame `index` of a drive, under a screen filter `blur`, px^2.

        Frames of one `kind` and size differ in drive and camera alone.
        """
        self._look_at_parameters()
        if self._packed is None or self._packed[0] is not drive:
            fields = [getattr(drive, name).flatten(1) for name in _MOVES]
            self._packed = drive, torch.cat(fields, dim=1)
        row = self._packed[1][index]
        key = (kind, camera.height, camera.width, len(row))
        if key not in self._kinds:
            self._kinds[key] = _Kind(drive.only(index), camera, draw)
        return self._kinds[key].render(row, lens_numbers(camera, blur))

    def _look_at_parameters(self) -> None:
        """Forget everything where a parameter was written to, is another one, or lies elsewhere."""
        states = [(id(value), value._version, value.data_ptr()) for value in self._portrait.parameters()]
        if states != self._states:
            self.forget()
            self._states = states


class _Kind:
    """Frames that differ in drive and camera alone."""

    def __init__(self, drive: Drive, camera: Intrinsics, draw: Draw) -> None:
        self._device, self._draw = drive.poses.device, draw
        fields = {name: getattr(drive, name) for name in _MOVES}
        self._row = torch.zeros(sum(field.numel() for field in fields.values()), device=self._device)
        parts = self._row.split([field.numel() for field in fields.values()])
        views = {name: part.view(field.shape) for (name, field), part in zip(fields.items(), parts, strict=True)}
        self._drive = Drive(**views)
        self._lens = torch.zeros(LENS, dtype=torch.float64, device=self._device)
        self._numbers: list[float] = []
        self._camera = Lens(**vars(camera), on_device=self._lens)
        self._pool, self._watch = GraphPool(self._device), Watch.on(self._device)
        self._graph: Captured | None = None
        self._captures = True
        self._out = torch.zeros(0)
        """Values of the frame's arrays, one after the other, and at the end whether a list was too short."""
        self._shapes: list[torch.Size] = []

    def render(self, row: Tensor, numbers: list[float]) -> list[np.ndarray]:
        """The arrays of a frame of a drive's row and a lens's numbers."""
        self._row.copy_(row)
        if numbers != self._numbers:
            self._numbers = numbers
            lens = torch.tensor(numbers, dtype=torch.float64)
            self._lens.copy_(lens.pin_memory() if self._device.type == "cuda" else lens, non_blocking=True)
        while True:
            self._send()
            values = self._fetch()
            if not values[-1]:
                sizes = np.cumsum([shape.numel() for shape in self._shapes])
                arrays = np.split(values[:-1], sizes[:-1])
                return [array.reshape(shape) for array, shape in zip(arrays, self._shapes, strict=True)]
            log.info("A frame is drawn again: its splats covered more tiles than there was room for.")
            self._watch.grow()
            self._graph = None

    def _send(self) -> None:
        """Have the frame drawn: the first one operation by operation, the second as it is captured."""
        if self._graph is None and self._shapes and self._captures:
            self._graph = self._capture()
        if self._graph is not None:
            self._graph.replay()
            return
        with self._pool.aside():
            self._body()
        self._watch.prepare(self._device, self._camera.height, self._camera.width)

    def _capture(self) -> Captured | None:
        """A graph of these frames; None where that cannot be: they are sent one by one from then on."""
        try:
            graph = Captured(self._body, self._watch, self._pool)
            graph.replay()
            replayed = self._out[:-1].clone()
            too_short = bool(self._watch.overflow.item())
            with self._pool.aside():
                self._body()
            if too_short or agree([replayed], [self._out[:-1]]):
                return graph
            why = "a replayed frame differs"
        except RuntimeError as error:
            why = str(error).splitlines()[0]
        log.warning("Frames cannot be captured here (%s): they are sent one by one, slowly.", why)
        self._captures = False
        self._watch.overflow.zero_()
        return None

    def _body(self) -> None:
        frame = self._draw(self._drive, self._camera)
        arrays = (frame.rgb, frame.alpha, frame.depth, frame.drawn_mattes)
        if not self._shapes:
            self._shapes = [array.shape for array in arrays]
            self._out = torch.zeros(sum(array.numel() for array in arrays) + 1, device=self._device)
        torch.cat([*(array.reshape(-1) for array in arrays), self._watch.overflow], out=self._out)

    def _fetch(self) -> np.ndarray:
        """What a frame left, in memory of its own."""
        if self._device.type != "cuda":
            return self._out.clone().numpy()
        copy = torch.empty(self._out.shape, pin_memory=True)
        copy.copy_(self._out, non_blocking=True)
        torch.cuda.current_stream(self._device).synchronize()
        return copy.numpy()
