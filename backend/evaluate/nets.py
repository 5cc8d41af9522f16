"""The scores of nets whose weights are not shipped, where somebody has put them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from backend.evaluate import identity
from backend.evaluate.identity import FaceIdentity, identity_distance
from backend.evaluate.lpips import LPIPS_FILE, Lpips
from backend.evaluate.recorded import RecordedFrame

T = TypeVar("T")


class Nets:
    """Scores a drawn picture beside the recorded one; NaN from a net that is not there."""

    def __init__(self, lpips: Lpips | None = None, face_identity: FaceIdentity | None = None) -> None:
        self._lpips = None if lpips is None else _Compared(lambda picture, _: lpips.features(picture), lpips.distance)
        self._identity = None if face_identity is None else _Compared(face_identity.descriptor, identity_distance)

    @classmethod
    def find(cls, models_dir: str | os.PathLike | None = None) -> Nets:
        """Those whose files are in the models folders. Raises InputError for a file that is not what its name says."""
        return cls(Lpips.find(models_dir), FaceIdentity.find(models_dir))

    def lpips(self, picture: np.ndarray, recorded: RecordedFrame) -> float:
        """LPIPS of (S, S, 3) uint8 over the whole picture."""
        return float("nan") if self._lpips is None else self._lpips(picture, recorded)

    def identity(self, picture: np.ndarray, recorded: RecordedFrame) -> float:
        """Distance of face descriptors of (S, S, 3) uint8."""
        return float("nan") if self._identity is None else self._identity(picture, recorded)


class _Compared(Generic[T]):
    """What a net sees in drawn pictures against what it sees in the recorded one, which it looks at only once."""

    def __init__(self, see: Callable[[np.ndarray, np.ndarray], T], distance: Callable[[T, T], float]) -> None:
        """see: of a picture and the face's landmarks in it."""
        self._see, self._distance = see, distance
        self._last: tuple[RecordedFrame, T] | None = None

    def __call__(self, picture: np.ndarray, recorded: RecordedFrame) -> float:
        if self._last is None or self._last[0] is not recorded:
            self._last = recorded, self._see(recorded.picture, recorded.landmarks)
        return self._distance(self._see(picture, recorded.landmarks), self._last[1])


def about_nets(models_dir: str | os.PathLike | None = None) -> dict[str, str]:
    """Score to what measured it, or to why nothing did, in words."""
    found = Lpips.find(models_dir) is not None
    return {
        "lpips": LPIPS_FILE if found else f"no {LPIPS_FILE} in the models folder: no LPIPS (docs/evaluation.md)",
        "identity": identity.why_missing(models_dir) or identity.MODEL,
    }
