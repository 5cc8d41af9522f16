"""Makes the rasteriser's reference cases: `python -m tests.support.raster_cases.generate`.

Writes one NAME.npz a case beside this file: what to draw, in single precision, and the picture that slow_splats.py
draws of it. A test holds the files against this program, and the engines against the files.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from .slow_splats import Picture, draw

FOLDER = Path(__file__).parent
CLEARANCE = 3e-5
"""No pixel of a case comes nearer to an edge of the model (see slow_splats.Picture), or rounding would decide it."""
SIZE = (19, 15)
NEAR_DEPTHS = (-5.0, -0.5, 0.0, 0.009, 0.011, 0.02, 0.3)

Case = dict[str, np.ndarray]


def build(random: np.random.Generator, count: int, channels: int, bases: int = 0) -> Case:
    """A cloud about ten units before a camera that stands, looks and is centred off the axis."""
    turn_y, turn_x = 0.35, -0.2
    about_y = np.array([[np.cos(turn_y), 0, np.sin(turn_y)], [0, 1, 0], [-np.sin(turn_y), 0, np.cos(turn_y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(turn_x), -np.sin(turn_x)], [0, np.sin(turn_x), np.cos(turn_x)]])
    camera = np.eye(4)
    camera[:3, :3], camera[:3, 3] = about_x @ about_y, [0.7, -0.4, 10.0]
    return {
        "means": random.standard_normal((count, 3)) * [2.5, 2.0, 2.0],
        "quaternions": random.standard_normal((count, 4)),
        "scales": 0.5 * np.exp(0.7 * random.standard_normal((count, 3))),
        "opacities": random.uniform(0.05, 0.95, count),
        "features": random.random((count, channels)),
        "harmonics": 0.5 * random.standard_normal((count, bases, 3)),
        "camera_from_world": camera,
        "intrinsics": np.array([23.0, 26.0, 7.5, 9.0]),
        "size": np.array(SIZE),
    }


def near_plane(random: np.random.Generator) -> Case:
    """Gaussians behind the camera, on either side of the near plane, and just before it.

    The camera is the world's origin, so that small depths are exact and not differences of large numbers.
    """
    case = build(random, 12, 3)
    case["camera_from_world"] = np.eye(4)
    case["means"][:, 2] += 10.0
    for i, depth in enumerate(NEAR_DEPTHS):
        case["means"][i] = [0.02 * depth * i, -0.01 * depth * i, depth]
        case["scales"][i] = 0.05 * max(abs(depth), 0.01)
    return case


def thin_and_huge(random: np.random.Generator) -> Case:
    """Needles, discs, specks smaller than a pixel, one that covers everything, and some far out of the picture."""
    case = build(random, 14, 3)
    case["scales"][0:3, 0] = 1e-4
    case["scales"][3:5, :2] = 1e-4
    case["scales"][5:7] = 1e-3
    case["scales"][7] = 40.0
    case["scales"][8] = [30.0, 1e-3, 0.5]
    case["means"][9:12] = [[14.0, 1.0, 0.0], [-11.0, -9.0, 1.0], [2.0, 12.0, -1.0]]
    case["scales"][9:12] *= 6.0
    return case


def opaque(random: np.random.Generator) -> Case:
    """Stacks that reach the cap and the stop, and Gaussians too faint to be drawn."""
    case = build(random, 16, 3)
    case["opacities"][:9] = 1.0
    case["opacities"][9:11] = [0.0039, 0.0]
    case["scales"][:9] = 1.5 * case["scales"][:9] + 0.5
    return case


CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "one_channel": lambda random: build(random, 20, 1),
    "nine_channels": lambda random: build(random, 20, 9),
    "harmonics_of_degree_0": lambda random: build(random, 15, 0, bases=1),
    "harmonics_of_degree_1": lambda random: build(random, 15, 2, bases=4),
    "harmonics_of_degree_2": lambda random: build(random, 15, 0, bases=9),
    "harmonics_of_degree_3": lambda random: build(random, 15, 2, bases=16),
    "near_plane": near_plane,
    "thin_and_huge": thin_and_huge,
    "opaque": opaque,
}


def make(name: str) -> tuple[Case, Picture]:
    """What to draw, rounded to single precision, and its picture: of the first seed whose pixels keep the clearance."""
    for seed in itertools.count():
        made = CASES[name](np.random.default_rng(seed))
        case = {key: array.astype(np.float32) if array.dtype == np.float64 else array for key, array in made.items()}
        picture = draw(case)
        if picture.closest > CLEARANCE:
            return case, picture
    raise AssertionError("unreachable")


def main() -> None:
    """Write every case."""
    for name in CASES:
        case, picture = make(name)
        expected = {"features": picture.features, "alpha": picture.alpha, "depth": picture.depth}
        rounded: Any = {f"expected_{key}": array.astype(np.float32) for key, array in expected.items()}
        np.savez_compressed(FOLDER / f"{name}.npz", **cast(Any, case), **rounded)
        print(f"{name}: {(FOLDER / name).with_suffix('.npz').stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
