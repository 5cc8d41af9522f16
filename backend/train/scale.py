"""A subject's pictures at one size, as training reads them."""

from __future__ import annotations

import functools
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from backend.subject.pictures import Pictures
from backend.subject.subject import Subject
from backend.train.masks import HardMasks
from backend.train.views import View

GPU_SHARE = 0.25
"""Of a GPU's free memory, what the frames of one size may be kept in."""
READERS = 4
"""Threads that read frames before they are wanted: to read one takes as long as several steps on a GPU."""
MOST_EXPECTED = 16


class Scale:
    """A subject's pictures at one size: frames, region maps, what lies behind the portrait. Pictures stay on the disk.

    On a GPU, those that were seen are kept in its memory as far as a share of it goes: to read a picture and take it
    there takes longer than the rest of a step.
    """

    def __init__(
        self, subject: Subject, size: int, device: torch.device | str, masks: str = "soft", over_plate: bool = True
    ) -> None:
        """device: of what `part` gives; masks: as TrainSettings; over_plate: whether the plate is all that lies behind
        the portrait, or the frame without its head."""
        self.size, self._device = size, device
        self.pictures = subject.frames(size, quick=True)
        regions = subject.regions(size, quick=True)
        self.regions: Pictures = HardMasks(regions) if masks == "hard" else regions
        self.plate = torch.from_numpy(subject.plate(size)).to(device)
        """(size, size, 3) in [0, 1]."""
        self._sources: list[Pictures] = [self.pictures, self.regions]
        if not over_plate:
            self._sources.append(subject.frames_without_head(size))
        self._kept: dict[int, list[Tensor]] = {}
        self._expected: dict[int, Future[list[np.ndarray]]] = {}
        self._room = room_for_frames(torch.device(device), (7 if over_plate else 10) * size * size)

    def expect(self, frame: int) -> None:
        """Have a frame read, in another thread, that will be wanted soon. On the CPU nothing is read before."""
        wanted = self._room and frame not in self._kept and frame not in self._expected
        if wanted and len(self._expected) < MOST_EXPECTED:
            self._expected[frame] = _readers().submit(self._read, frame)

    def part(self, frame: int, view: View) -> tuple[Tensor, Tensor, Tensor]:
        """What a view shows of a frame (from 0), (H, W, 3), of its region map, (H, W, 4), and of what lies behind the
        portrait, (H, W, 3), in [0, 1]."""
        if self._room:
            stored = [whole[view.rows, view.columns] for whole in self._whole(frame)]
        else:
            stored = [self._there(source.part(frame, view.rows, view.columns)) for source in self._sources]
        rgb, regions, *behind = (part.float() / 255.0 for part in stored)
        return rgb, regions, behind[0] if behind else self.plate[view.rows, view.columns].contiguous()

    def _whole(self, frame: int) -> list[Tensor]:
        """The pictures of a frame, uint8, where they are wanted; kept there while there is room."""
        kept = self._kept.get(frame)
        if kept is None:
            coming = self._expected.pop(frame, None)
            kept = [self._there(picture) for picture in (self._read(frame) if coming is None else coming.result())]
            if len(self._kept) < self._room:
                self._kept[frame] = kept
        return kept

    def _read(self, frame: int) -> list[np.ndarray]:
        return [source[frame] for source in self._sources]

    def _there(self, picture: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture)).to(self._device)


@functools.cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READERS, thread_name_prefix="frames")


def room_for_frames(device: torch.device, frame_bytes: int) -> int:
    """How many frames may be kept on `device`: none on the CPU, whose memory is not to grow with the clip."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return int(GPU_SHARE * free) // frame_bytes
