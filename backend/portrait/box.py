"""A start that knows nothing of the person: Gaussians at random in a box about the head, grey."""

from __future__ import annotations

import numpy as np
from torch import Tensor, tensor

from backend.portrait.gaussians import Seeds
from backend.portrait.seeding import Evidence

HALF_CM = 10.0
"""Half the box's side."""
FIELD_HALF_CM = 15.0
"""Half the side of the box that the fields encode."""
OPACITY = 0.1
"""Opacity of all at the start."""
GREY = 0.5


def seed_box(evidence: Evidence, count: int, matte: int, rng: np.random.Generator) -> Seeds:
    """`count` points spread at random over the box, all of one matte."""
    points = centre(evidence) + HALF_CM * (2 * rng.random((count, 3)) - 1)
    spacing = 2 * HALF_CM / max(count, 1) ** (1 / 3)
    return Seeds(points, np.full((count, 3), GREY), np.full(count, spacing), np.full(count, matte))


def field_corners(evidence: Evidence) -> Tensor:
    """(2, 3) corners of the box that the fields encode, head cm."""
    middle = centre(evidence)
    return tensor(np.stack([middle - FIELD_HALF_CM, middle + FIELD_HALF_CM])).float()


def centre(evidence: Evidence) -> np.ndarray:
    """(3,) middle of the head, head cm: half way down the face, where the ears are."""
    vertices = evidence.vertices
    height = (vertices[evidence.forehead, 1] + vertices[evidence.chin, 1]) / 2
    return np.array([vertices[:, 0].mean(), height, vertices[list(evidence.ears), 2].mean()])
