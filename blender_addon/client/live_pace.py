"""Which live picture is shown when: the newest at once; while the scene plays each at its own frame, or not at all."""

from __future__ import annotations

from fractions import Fraction

from .live import Taken

MOST_LEAD = 5
"""So many frames ahead of the playhead a picture is asked for while the scene plays, at most."""
LATE_FRAMES = 1
"""A picture that comes later than this, while the scene plays, is dropped: lips would not go with the sound."""
_KEPT = 0.8
"""Share of the smoothed waiting time that stays when another one comes."""


class Pace:
    """The pictures of a live head on their way to the view. Their tags are frames of the timeline."""

    def __init__(self) -> None:
        self.waits_s = 0.0
        """How long a picture takes from its request on, smoothed; 0: not known."""
        self.dropped = 0
        """Pictures that came and were not shown."""
        self._ahead: dict[int, Taken] = {}

    @property
    def is_holding(self) -> bool:
        """Whether a picture waits for its frame."""
        return bool(self._ahead)

    def lead(self, fps: Fraction) -> int:
        """How many frames a playing scene goes on while a picture is drawn."""
        return min(MOST_LEAD, round(self.waits_s * fps))

    def add(self, taken: Taken) -> None:
        """A picture has come."""
        self.waits_s = taken.waited_s if not self.waits_s else _KEPT * self.waits_s + (1 - _KEPT) * taken.waited_s
        self._ahead.pop(taken.tag, None)
        self._ahead[taken.tag] = taken

    def due(self, frame: int, is_playing: bool) -> Taken | None:
        """The picture to show at `frame` of the timeline, once; None: what is shown stays."""
        if not self._ahead:
            return None
        if not is_playing:  # whoever scrubs sees the newest, though the playhead is elsewhere by now
            chosen: Taken | None = list(self._ahead.values())[-1]
            rest: dict[int, Taken] = {}
        else:
            rest = {tag: taken for tag, taken in self._ahead.items() if frame < tag <= frame + MOST_LEAD}
            at = max((tag for tag in self._ahead if frame - LATE_FRAMES <= tag <= frame), default=None)
            chosen = None if at is None else self._ahead[at]
        self.dropped += len(self._ahead) - len(rest) - (chosen is not None)
        self._ahead = rest
        return chosen

    def clear(self) -> None:
        """Forget what waits."""
        self._ahead = {}
