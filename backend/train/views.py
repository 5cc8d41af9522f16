"""What part of a frame a training step sees, and at which size. Stateless: step and seed alone decide.

A training begins with whole, small frames, which show at little cost where everything is, and goes on with crops of
frames as large as they are delivered: as many pixels a step, but the pixels that an artist gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.settings import ViewSettings
from backend.train.draws import Draw, generator

WANDER = 0.25
"""Centres of crops on mouth and eyes are moved by up to this share of the crop's side."""
BACKGROUND_INTEREST = 0.05
"""How often background is the centre of a crop, as a share of how often the head is."""
TORSO_INTEREST = 0.5
EDGE_INTEREST = 2.0
"""How much more often the middle of a soft edge (hair, a silhouette) is the centre of a crop than the head's inside."""


@dataclass(frozen=True)
class View:
    """A rectangle of a frame, whose side is `size` px, in px of that."""

    size: int
    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, size: int) -> View:
        """The whole frame."""
        return cls(size, 0, 0, size, size)

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)

    def inside(self, box: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns, counted from the view's corner, of what lies in it of a box (4,): top, bottom, left, right
        px of the frame. Empty where nothing does."""
        top, bottom = (int(np.clip(v - self.top, 0, self.height)) for v in box[:2])
        left, right = (int(np.clip(v - self.left, 0, self.width)) for v in box[2:])
        return slice(top, bottom), slice(left, right)


class ViewSampler:
    """Draws views: whole frames of the coarse size, then crops of the fine one about mouth, eyes, and anything else."""

    def __init__(
        self,
        settings: ViewSettings,
        coarse: int,
        fine: int,
        mouth: np.ndarray,
        eyes: np.ndarray,
        interest: np.ndarray,
        seed: int,
    ) -> None:
        """coarse, fine: sides of whole frames, px; mouth (T, 2), eyes (T, 2, 2): centres, x and y as shares of the
        side; interest (H, W): how often a crop has its centre there, see `interest_in`."""
        self.settings, self.coarse, self.fine, self._seed = settings, coarse, fine, seed
        self._mouth, self._eyes = mouth, eyes
        self._edges, self._shape = np.cumsum(interest, dtype=np.float64), interest.shape

    def draw(self, frame: int, step: int, coarse: bool = False, mouth_alone: bool = False) -> View:
        """The view that step `step` has of frame `frame`. coarse: it is one of those that see whole, small frames;
        mouth_alone: of the head nothing but the mouth learns in it."""
        if coarse or self.fine <= self.coarse:
            return View.whole(self.coarse)
        side = min(self.settings.mouth_crop if mouth_alone else self.settings.crop, self.fine)
        if side == self.fine:
            return View.whole(self.fine)
        rng = generator(self._seed, step, Draw.VIEW)
        kind, eye, *wander = rng.random(4)
        if mouth_alone or kind < self.settings.mouth + self.settings.eyes:
            at_mouth = mouth_alone or kind < self.settings.mouth
            centre = self._mouth[frame] if at_mouth else self._eyes[frame, int(2 * eye)]
            left, top = centre * self.fine + WANDER * side * (2 * np.array(wander) - 1)
        else:
            cell = np.searchsorted(self._edges, wander[0] * self._edges[-1], side="right")
            row, column = np.divmod(min(cell, len(self._edges) - 1), self._shape[1])
            top, left = (np.array((row, column)) + rng.random(2)) * (self.fine / np.array(self._shape))
        corner = np.array((top, left)) - side / 2
        top, left = np.clip(corner.round(), 0, self.fine - side).astype(int)
        return View(self.fine, int(top), int(left), side, side)


def interest_in(regions: np.ndarray) -> np.ndarray:
    """(H, W) how much is to be learned at a place of the frame: of the head, less of the torso, most of soft edges.

    regions (F, H, W, 4): region maps of some frames, uint8.
    """
    share = regions.astype(np.float32).mean(axis=0) / 255.0
    person = regions.astype(np.float32).sum(axis=-1).clip(0, 255.0) / 255.0
    edge = (4 * person * (1 - person)).mean(axis=0)
    weight = share[..., :3].sum(axis=-1) + TORSO_INTEREST * share[..., 3] + EDGE_INTEREST * edge
    return cv2.GaussianBlur(weight, (0, 0), max(1.0, 0.01 * weight.shape[0])) + BACKGROUND_INTEREST
