"""How far a portrait's lips are apart, by its own Gaussians, not by what a picture shows of them."""

from __future__ import annotations

import numpy as np
import torch

from backend.face.points import LIP_RING_INNER
from backend.portrait.portrait import Portrait

ACROSS = 0.3
"""Share of the mouth's width to either side of its middle that is looked at."""
LIP_CM = 0.5
"""What lies no further than this from the line between the lips is lip."""
BEHIND_CM = 0.6
"""Nor further behind the lips' line than this."""
COLUMNS = 6
FEWEST = 5
"""Gaussians of a lip in a column, for it to count."""
OUTERMOST = 10
"""Per cent of a lip's Gaussians that may lie beyond its edge: single ones are no edge."""
SIZE = 32
"""Side of the pictures, which nobody looks at, px."""


def lip_gaps(portrait: Portrait, curves: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(T,) cm from the lower edge of the upper lip to the upper edge of the lower one under curves (T, K); the less,
    the further the lips press into each other. vertices: (468, 3) the person's neutral face, head cm.

    Lips move in the head's own frame, by curves alone: what is found holds under every pose of the head.
    """
    ring = vertices[list(LIP_RING_INNER)]
    corner = int(np.argmax(ring[:, 0]))
    upper_line, lower_line = ring[: corner + 1], np.concatenate([ring[corner:], ring[:1]])
    points = portrait.face.means.detach().numpy()
    middle, width = ring[:, 0].mean(), np.ptp(ring[:, 0])
    near = (np.abs(points[:, 0] - middle) < ACROSS * width) & (points[:, 2] > ring[:, 2].min() - BEHIND_CM)
    above = points[:, 1] - _height(points[:, 0], upper_line)
    below = _height(points[:, 0], lower_line) - points[:, 1]
    upper, lower = (near & (way > 0) & (way < LIP_CM) for way in (above, below))
    edges = np.linspace(middle - ACROSS * width, middle + ACROSS * width, COLUMNS + 1)
    drive = portrait.drive(curves, np.tile(portrait.rest_pose.numpy(), (len(curves), 1, 1)))
    gaps = np.full(len(curves), np.nan)
    for frame in range(len(curves)):
        with torch.no_grad():
            _, change = portrait(drive, frame, portrait.intrinsics(SIZE), torso=False, mattes=False)
        moved = points + change.numpy()[:, :3]
        columns = np.digitize(moved[:, 0], edges)
        found = []
        for column in range(1, COLUMNS + 1):
            over, under = (moved[lip & (columns == column), 1] for lip in (upper, lower))
            if min(len(over), len(under)) >= FEWEST:
                found.append(np.percentile(over, OUTERMOST) - np.percentile(under, 100 - OUTERMOST))
        if found:
            gaps[frame] = np.mean(found)
    return gaps


def _height(across: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Height of a line of points (L, 3) at places across the face (N,)."""
    order = np.argsort(line[:, 0])
    return np.interp(across, line[order, 0], line[order, 1])
