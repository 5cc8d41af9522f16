"""What other poses uncover: Gaussians that start inside the head, behind all that the frames show.

Nothing is learned of what no frame shows, and a head that is turned further than it was filmed shows it: the underside
of the jaw, the skin under the hairline, the hair round the corner, the neck under the chin. Without anything there,
one looks through. So some Gaussians stand there from the start, in the colours of what lies next to them: where frames
cover them they stay as they are, and where frames shine through they learn.

None of them is to be seen in front of what was filmed: those whose place lies outside of the head in two or more of the
frames that the seeds are read from are left out (a visual hull; Laurentini 1994).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.spatial import cKDTree

from backend.portrait.gaussians import FACE, HAIR, ORAL, Seeds
from backend.portrait.seeding import (
    HIDDEN_SHARE,
    SKULL_BEHIND_EARS_CM,
    SKULL_BELOW_FOREHEAD_CM,
    SKULL_RADII_CM,
    Evidence,
    head_to_pixels,
    read_pixels,
)

_WALL_SHARE = 0.6
"""Of the points inside the head, those that are a wall behind the border of the face; the others are under the hair."""
_TRIED = 4
"""Candidates for each point that is wanted; most are kept."""
_INWARD = 0.4
"""How far a wall has come to the head's middle line at its end, across."""
_LEVEL = 0.15
"""The same, up and down: the underside of a jaw is nearly level."""
_BESIDE_BORDER = 0.06
"""A wall's colour is that of the face so much nearer to its middle: the border itself is a mixture."""
_SHADE = 0.35
"""How much darker than its border the underside of the jaw is at its end."""
_UNDER_HAIR = 0.85
"""Size of the skull under the hair, as a share of the ellipsoid on which the hair starts."""
_TIGHT = 0.8
"""How wide they are, as a share of their distance: wide ones would show as a haze beside a turned head."""


def seed_inside(evidence: Evidence, count: int, outer: Seeds, rng: np.random.Generator) -> Seeds:
    """`count` points inside the head: a wall from the border of the face mesh back to the head's middle, and a skull
    under the hair. outer: the seeds of the head, whose colours those under the hair take."""
    on_wall = round(_WALL_SHARE * count)
    wall = _hidden(evidence, _wall(evidence, _TRIED * on_wall, outer, rng), on_wall, rng)
    skull = _hidden(evidence, _skull(evidence, _TRIED * (count - on_wall), outer, rng), count - on_wall, rng)
    return wall.joined(skull)


def _wall(evidence: Evidence, count: int, outer: Seeds, rng: np.random.Generator) -> Seeds:
    vertices = evidence.vertices
    border = vertices[border_of(evidence.triangles)]
    low, high = border.min(axis=0), border.max(axis=0)
    middle = np.array([vertices[:, 0].mean(), 0.5 * (low[1] + high[1]), _middle_depth(evidence)])
    steps = np.linalg.norm(np.roll(border, -1, axis=0) - border, axis=1)
    edges = np.cumsum(steps)
    at = (np.arange(count) + rng.random(count)) / max(count, 1) * edges[-1]
    index = np.minimum(np.searchsorted(edges, at), len(border) - 1)
    along = (1.0 - (edges[index] - at) / np.maximum(steps[index], 1e-9))[:, None]
    start = border[index] + along * (np.roll(border, -1, axis=0)[index] - border[index])
    back = rng.random((count, 1))
    points = start + back * (middle - start) * [_INWARD, _LEVEL, 1.0]
    colours = _nearest(start + _BESIDE_BORDER * (vertices.mean(axis=0) - start), outer.points, outer.colours)
    under = np.clip((middle[1] - start[:, 1:2]) / max(0.5 * (high[1] - low[1]), 1e-6), 0.0, 1.0)
    area = edges[-1] * max(float(np.abs(border[:, 2] - middle[2]).mean()), 1.0)
    spacing = np.full(count, _TIGHT * np.sqrt(_TRIED * area / max(count, 1)))
    return Seeds(points, colours * (1.0 - _SHADE * under * back), spacing, np.full(count, FACE))


def _skull(evidence: Evidence, count: int, outer: Seeds, rng: np.random.Generator) -> Seeds:
    """Above and behind the face, as the ellipsoid that hair starts on, but smaller."""
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    forehead = evidence.vertices[evidence.forehead]
    centre = np.array([
        evidence.vertices[:, 0].mean(), forehead[1] - SKULL_BELOW_FOREHEAD_CM, _middle_depth(evidence)
    ])  # fmt: skip
    face = (direction[:, 2] > 0) & (centre[1] + SKULL_RADII_CM[1] * direction[:, 1] < forehead[1])
    direction[face, 2] *= -1.0
    points = centre + _UNDER_HAIR * SKULL_RADII_CM * direction
    hair = outer.mattes == HAIR if (outer.mattes == HAIR).any() else np.ones(len(outer.mattes), bool)
    colours = _nearest(points, outer.points[hair], outer.colours[hair])
    radius = float(np.mean(SKULL_RADII_CM)) * _UNDER_HAIR
    spacing = np.full(count, _TIGHT * np.sqrt(_TRIED * 3.0 * np.pi * radius**2 / max(count, 1)))
    return Seeds(points, colours, spacing, np.full(count, HAIR))


def border_of(triangles: np.ndarray) -> np.ndarray:
    """(B,) vertex numbers, in order, of the longest border of a mesh: edges that one triangle alone has."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    alone = Counter(tuple(sorted(edge)) for edge in edges.tolist())
    onward = {a: b for a, b in edges.tolist() if alone[tuple(sorted((a, b)))] == 1}
    longest: list[int] = []
    while onward:
        first, _ = next(iter(onward.items()))
        loop, at = [], first
        while at in onward:
            loop.append(at)
            at = onward.pop(at)
        longest = max(longest, loop, key=len)
    return np.array(longest, np.int64)


def _hidden(evidence: Evidence, seeds: Seeds, count: int, rng: np.random.Generator) -> Seeds:
    """`count` of the seeds that lie in the head in every frame but one, which may be an odd one: some of them twice
    where there are too few; and the likeliest ones where there are none."""
    shown = []
    for region, pose in zip(evidence.regions, evidence.poses, strict=True):
        pixels = head_to_pixels(seeds.points, pose, evidence.intrinsics)
        shown.append(read_pixels(region, pixels)[:, [ORAL, FACE, HAIR]].sum(axis=1) / 255.0)
    seen = np.sort(shown, axis=0)[min(1, len(shown) - 1)]
    inside = np.flatnonzero(seen > HIDDEN_SHARE)
    if len(inside) >= count:
        chosen = inside[np.linspace(0, max(len(inside) - 1, 0), count).round().astype(int)]
    elif len(inside):
        chosen = np.resize(inside, count)
    else:
        chosen = np.lexsort((rng.random(len(seen)), -seen))[:count]
    return Seeds(seeds.points[chosen], seeds.colours[chosen], seeds.spacing[chosen], seeds.mattes[chosen])


def _middle_depth(evidence: Evidence) -> float:
    return float(evidence.vertices[list(evidence.ears), 2].mean()) - SKULL_BEHIND_EARS_CM


def _nearest(points: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N, C) the values (K, C) of the known points (K, 3) nearest to points (N, 3)."""
    return values[cKDTree(known).query(points)[1]]
