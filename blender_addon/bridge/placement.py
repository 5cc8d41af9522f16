"""Where a take lies on a scene's timeline: what every part of an import goes by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from .fit import Fit
from .take import Take


@dataclass(frozen=True)
class Placement:
    """A take on a timeline."""

    take: Take
    frame_start: int
    """Timeline frame at which the line begins."""
    timeline_fps: Fraction
    """Frames a second of the scene, once it is matched to the take where that was asked for."""
    fit: Fit
    """How the footage's frame lies in the scene's picture."""
    take_id: str
    """What the take's data in Blender are tagged with: its folder, as `bridge.tagged.identity` says it."""
    warnings: list[str] = field(default_factory=list)
    """What the artist should know, in plain words; every part of the import adds its own."""

    @property
    def length(self) -> int:
        """Timeline frames that the take's whole line lasts."""
        return self._ceil(self.take.frame_count)

    @property
    def frame_after(self) -> int:
        """The timeline frame after the line's last."""
        return self.frame_start + self.length

    def frames(self) -> list[float]:
        """Timeline frames at which the take's frames are shown: whole ones where both rates agree."""
        rate = self.timeline_fps / self.take.fps
        return [float(self.frame_start + n * rate) for n in range(self.take.frame_count)]

    def lead(self, take_frame: int) -> int:
        """Timeline frames from the line's begin to the first that shows frame `take_frame` of the take."""
        return self._ceil(take_frame - 1)

    def shown_frames(self) -> tuple[int, list[int]]:
        """(timeline frames before the first picture, the take's frame that each timeline frame from there shows).

        Where the rates agree this is every picture once; otherwise pictures are held or dropped so that each is shown
        at its time.
        """
        first, last = self.take.first_frame, max(self.take.frame_files)
        lead = self.lead(first)
        shown = []
        for index in range(lead, self._ceil(last)):
            shown.append(min(last, math.floor(index * self.take.fps / self.timeline_fps) + 1))
        return lead, shown

    def take_frames(self) -> list[int]:
        """The take's frame, from 1, at every timeline frame of the line."""
        return [min(self.take.frame_count, math.floor(index * self.take.fps / self.timeline_fps) + 1)
                for index in range(self.length)]  # fmt: skip

    def _ceil(self, take_frames: int) -> int:
        return math.ceil(take_frames * self.timeline_fps / self.take.fps)
