"""What every kernel is called with: one small case of each, large enough for several blocks, tiles and bands.

Sizes are no multiples of a vector, a tile or a block, so that every loop's remainder runs too.
"""

from __future__ import annotations

import numpy as np

from shared.camera import Intrinsics

SCENE = Intrinsics(150.0, 158.0, 50.3, 41.9, 97, 83)
"""An off-axis camera of a picture of 4 x 3 tiles."""
BLUR_PX2 = 0.7
"""The screen filter: not the one that a caller who says nothing gets."""
POINTS = 1300
"""Gaussians and points: three blocks of 512, the last of them not full."""


def make_inputs() -> dict[str, np.ndarray]:
    """Arrays by the names that the harness asks for; the same at every call."""
    random = np.random.default_rng(7)
    arrays: dict[str, np.ndarray] = {}
    for name, bases, channels in (("raster.features", 0, 7), ("raster.harmonics", 16, 2)):
        arrays |= _named(name, _scene(random, bases, channels))
    arrays |= _named("planes", _planes(random, features=4, levels=(5, 16, 33)))
    arrays |= _named("field", _field(random))
    arrays |= _named("pose", _pose(random))
    arrays |= _named("loss", _loss(random))
    arrays |= _named("adam", _adam(random))
    arrays |= _named("frames", _frames(random))
    return arrays


def _named(group: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Under the group's name; every floating-point number in 32 bits."""
    return {f"{group}.{k}": v.astype(np.float32) if v.dtype == np.float64 else v for k, v in arrays.items()}


def _scene(random: np.random.Generator, bases: int, channels: int) -> dict[str, np.ndarray]:
    """A shell of Gaussians before the camera, some of them thin, large, opaque or out of the picture."""
    directions = random.standard_normal((POINTS, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    scales = 0.35 * np.exp(0.6 * random.standard_normal((POINTS, 3)))
    scales[:20] *= 8.0
    scales[20:60, 0] *= 0.02
    turn = 0.3
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    pose[:3, 3] = [1.0, -2.0, 45.0]
    opacities = random.random(POINTS)
    opacities[100:200] = 1.0
    return {
        "sizes": np.array([POINTS, channels, bases, SCENE.width, SCENE.height]),
        "intrinsics": np.array([SCENE.fx, SCENE.fy, SCENE.cx, SCENE.cy]),
        "blur": np.array([BLUR_PX2]),
        "means": directions * [8.0, 11.0, 9.0],
        "quaternions": random.standard_normal((POINTS, 4)),
        "scales": scales,
        "opacities": opacities,
        "features": random.random((POINTS, channels)),
        "harmonics": 0.3 * random.standard_normal((POINTS, bases, 3)),
        "camera_from_world": pose,
        "labels": random.integers(0, 4, POINTS),
        "upstream": random.standard_normal((channels + (3 if bases else 0) + 2, SCENE.height, SCENE.width)),
    }


def _planes(random: np.random.Generator, features: int, levels: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Points of which some lie outside of the box."""
    made = {
        "sizes": np.array([POINTS, features, len(levels)]),
        "level_sizes": np.array(levels, np.int32),
        "points": 1.1 * (2 * random.random((POINTS, 3)) - 1),
        "low": np.array([-1.0, -0.9, -1.0]),
        "high": np.array([1.0, 1.1, 0.8]),
        "upstream": random.standard_normal((POINTS, len(levels) * 3 * features)),
    }
    return made | {f"level{i}": random.standard_normal((3, features, n, n)) for i, n in enumerate(levels)}


def _field(random: np.random.Generator) -> dict[str, np.ndarray]:
    features, levels, hidden, outputs = 4, (6, 21), 40, 10
    inputs = 3 * features * len(levels)
    return _planes(random, features, levels) | {
        "sizes": np.array([POINTS, features, len(levels), hidden, outputs]),
        "first": random.standard_normal((hidden, inputs)) / np.sqrt(inputs),
        "first_bias": 0.1 * random.standard_normal(hidden),
        "second": random.standard_normal((hidden, hidden)) / np.sqrt(hidden),
        "second_bias": 0.1 * random.standard_normal(hidden),
        "head": random.standard_normal((outputs, hidden)) / np.sqrt(hidden),
        "upstream": random.standard_normal((POINTS, outputs)),
        "hidden_values": random.standard_normal((POINTS, hidden)),
    }


def _pose(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Two sets: a head, and a torso that hangs at the neck."""
    counts, widths, channels = (POINTS, 333), (12, 6), 7
    arrays = {"counts": np.array(counts), "widths": np.array(widths), "channels": np.array([channels])}
    for i, (count, width) in enumerate(zip(counts, widths, strict=True)):
        arrays |= {
            f"set{i}.means": 8 * random.standard_normal((count, 3)),
            f"set{i}.rotations": random.standard_normal((count, 4)),
            f"set{i}.log_scales": random.standard_normal((count, 3)) - 2,
            f"set{i}.opacity_logits": 2 * random.standard_normal(count),
            f"set{i}.colour_logits": 2 * random.standard_normal((count, 3)),
            f"set{i}.change": 0.2 * random.standard_normal((count, width)),
            f"set{i}.mattes": random.integers(0, 4, count),
        }
    for name, angle in (("head", 0.3), ("rest", -0.1)):
        pose = np.eye(4)
        pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, -1, 0], [np.sin(angle), 0, -np.cos(angle)]]
        pose[:3, 3] = [1.0, 2.0, 60.0]
        # Half a turn about x, then `angle` about y.
        rotation = np.array([0.0, np.cos(angle / 2), 0.0, -np.sin(angle / 2)])
        arrays |= {f"{name}_pose": pose, f"{name}_rotation": rotation}
    arrays |= {
        "body": random.standard_normal(6),
        "centre": np.array([0.0, -20.0, -5.0]),
        "neck_y": np.array([-6.0]),
        "neck_log_softness": np.array([0.4]),
        "turn_scale": np.array([0.05]),
    }
    total = sum(counts)
    shapes = {"means": (total, 3), "quaternions": (total, 4), "scales": (total, 3), "opacities": (total,)}
    shapes["features"] = (total, channels)
    return arrays | {f"upstream.{name}": random.standard_normal(shape) for name, shape in shapes.items()}


def _loss(random: np.random.Generator) -> dict[str, np.ndarray]:
    width, height, mattes = 75, 61, 4
    return {
        "sizes": np.array([width, height, mattes, 10, 40, 21, 60]),
        "weights": np.array([3.0, 0.8, 0.2, 0.1]),
        "colours": random.random((3, height, width)),
        "alpha": random.random((height, width)),
        "background": random.random((height, width, 3)),
        "target": random.random((height, width, 3)),
        "mattes": random.random((mattes, height, width)),
        "regions": random.random((height, width, mattes)),
    }


def _adam(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Two tensors, the second in three pieces of work; some of its gradients are zero, as those of unseen Gaussians."""
    counts = (9, 40001)
    arrays = {"counts": np.array(counts), "factors": np.array([0.013, 1.7])}
    for i, count in enumerate(counts):
        gradient = random.standard_normal(count)
        gradient[::7] = 0.0
        arrays |= {
            f"parameter{i}": random.standard_normal(count),
            f"gradient{i}": gradient,
            f"mean{i}": 0.1 * random.standard_normal(count),
            f"square{i}": random.random(count) ** 2,
        }
    return arrays


def _frames(random: np.random.Generator) -> dict[str, np.ndarray]:
    width, height = 61, 37
    alpha = np.clip(1.4 * random.random((height, width)) - 0.2, 0.0, 1.0)
    rgb = random.random((3, height, width)) * alpha
    mattes = random.random((4, height, width)) * alpha
    depth = 60.0 * alpha * (1 + 0.2 * random.random((height, width)))
    stored = np.stack([*(rgb**2.2), alpha]).astype(np.float16)
    grey = np.linspace(0.0, 1.0, 4097)
    halves = np.arange(0x3C01, dtype=np.uint16).view(np.float16).astype(np.float64)
    return {
        "sizes": np.array([width, height]),
        "drawn": np.concatenate([rgb, alpha[None], depth[None], mattes]),
        "linear": grey**2.2,
        "display": halves ** (1 / 2.2),
        "stored": stored.view(np.uint16),
        "plate": random.integers(0, 256, (height, width, 3)).astype(np.uint8),
    }
