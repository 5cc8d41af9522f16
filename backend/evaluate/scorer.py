"""Draws held-out frames as they are delivered and scores them one by one: memory stays flat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.evaluate.clip import Clip
from backend.evaluate.delivered import Delivery
from backend.evaluate.faces import FaceMeter, FaceTrack, barely_changed
from backend.evaluate.nets import Nets
from backend.evaluate.recorded import RecordedFrame
from backend.evaluate.scores import SCORES, Seen, Shot
from backend.face.points import LANDMARK_POINTS
from backend.performance.curves import FACE_CURVES
from backend.portrait.portrait import Drive, Portrait

FLOOR = "floor"
"""The recording with noise that nobody sees: what the errors of measuring leave of a perfect score."""
PICTURES = ("recorded", "synthesised", "following", "static", FLOOR)
"""What is shown and scored (evaluate.report)."""


class Scorer:
    """Scores of frames, in order; those that are never added have none."""

    def __init__(
        self,
        frames: np.ndarray,
        portrait: Portrait,
        drives: dict[str, Drive],
        delivery: Delivery,
        plate: np.ndarray,
        nets: Nets | None = None,
    ) -> None:
        """frames: (T,) from 0; drives: of evaluate.inputs; plate: (S, S, 3) uint8."""
        self._frames, self._portrait, self._drives, self._delivery = frames, portrait, drives, delivery
        self._plate, self._nets = plate, nets or Nets()
        there = {"synthesised": portrait.has_torso, "following": "following" in drives}
        self.pictures = tuple(name for name in PICTURES if there.get(name, True))
        self._rows = {
            name: {score.name: np.full(len(frames), np.nan) for score in SCORES if score.of_frame}
            for name in self.pictures
        }
        self._span = slice(int(frames[0]), int(frames[-1]) + 1)
        count = self._span.stop - self._span.start
        self._faces = {
            name: FaceTrack(np.full((count, LANDMARK_POINTS, 3), np.nan), np.full((count, len(FACE_CURVES)), np.nan))
            for name in (*self.pictures, "footage")
        }
        self._last: dict[str, Shot] = {}

    def draw(self, recorded: RecordedFrame) -> dict[str, np.ndarray]:
        """Every picture of a frame, (S, S, 3) uint8."""
        driven, static = (self._delivery.frame(self._drives[name], recorded.index) for name in ("driven", "static"))
        behind = self._plate if self._portrait.has_torso else recorded.behind
        drawn = {
            name: frame.in_footage(recorded.picture, recorded.headed, behind)
            for name, frame in (("recorded", driven), ("static", static))
        }
        if "synthesised" in self.pictures:
            drawn["synthesised"] = driven.over(self._plate)
        if "following" in self.pictures:
            drawn["following"] = self._delivery.frame(self._drives["following"], recorded.index).over(self._plate)
        drawn[FLOOR] = barely_changed(recorded.picture, recorded.index)
        return drawn

    def add(self, recorded: RecordedFrame, meter: FaceMeter) -> dict[str, np.ndarray]:
        """Draw and score one frame; returns its pictures."""
        row = int(np.flatnonzero(self._frames == recorded.index)[0])
        self._see("footage", recorded.picture, recorded, meter)
        drawn = self.draw(recorded)
        for name, picture in drawn.items():
            before = self._last.get(name)
            if before is not None and before.recorded.index != recorded.index - 1:
                before = None
            shot = Shot(picture, recorded, before, self._nets)
            for score in SCORES:
                if score.of_frame is not None:
                    self._rows[name][score.name][row] = score.of_frame(shot)
            self._see(name, picture, recorded, meter)
            self._last[name] = replace(shot, before=None)
        return drawn

    def _see(self, name: str, picture: np.ndarray, recorded: RecordedFrame, meter: FaceMeter) -> None:
        track, at = self._faces[name], recorded.index - self._span.start
        track.landmarks[at], track.expression[at] = meter.measure(picture, recorded.around)

    def rows(self, clip: Clip) -> dict[str, dict[str, np.ndarray]]:
        """Picture to score to what was measured, (T,) or (T, K); clip: all frames that the scored ones are among."""
        part, scored = clip.part(self._span), self._frames - self._span.start
        for name, rows in self._rows.items():
            seen = Seen(self._faces[name], self._faces["footage"], part)
            rows |= {score.name: score.of_track(seen)[scored] for score in SCORES if score.of_track}
        return self._rows
