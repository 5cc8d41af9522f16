"""Live heads for tests of the backend: pictures of one colour, slow, failing and crashing ones, as `model` says."""

from __future__ import annotations

import builtins
import os
import time
from pathlib import Path

import numpy as np

from shared.errors import InputError


class _Change:
    what, do, reopen = "The model was trained.", "", True


class _Sources:
    def __init__(self, file: Path, failing: str = "") -> None:
        self._file, self._failing = file, failing

    def look(self):
        if self._failing:
            raise getattr(builtins, self._failing)(13, "cannot be looked at")
        return None if self._file.exists() else _Change()


class FakeHead:
    """Its pictures have the frame's number in their red, `jawOpen` in their green, the pose's x in their blue."""

    def __init__(self, subject: Path, size: int, failing: str = "") -> None:
        self._size = size
        self.sources = _Sources(subject, failing)

    def facts(self):
        return {"frames": 100, "fps": "25/1", "width": self._size, "height": self._size, "transfer": "srgb"}

    def draw(self, frame, curves, pose=None, body=None, lens=None, controls=None):
        if frame > 100:
            raise InputError(f"There is no frame {frame}.", "Ask for another one.")
        if "crash" in curves:
            os._exit(7)
        time.sleep(curves.get("seconds", 0.0))
        picture = np.zeros((self._size, self._size, 4), np.uint8)
        picture[..., 2] = 0 if pose is None else round(100 * abs(pose[0][3]))  # centimetres to the side
        picture[..., 2] += round(10 * (controls or {}).get("smile", 0.0))
        picture[..., 0], picture[..., 1], picture[..., 3] = frame, round(255 * curves.get("jawOpen", 0.0)), 255
        return picture

    def for_view(self, picture):
        return (picture / 255.0).astype(np.float32)


def open_live_head(subject, model, take, size, transparent, report):
    if model == "none":
        raise InputError("There is no model.", "Train one.")
    if model == "slow":
        time.sleep(600)
    return FakeHead(subject, size, model.removeprefix("unseen ") if model.startswith("unseen ") else "")
