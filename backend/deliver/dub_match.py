"""A drawn frame given the light and the grain of the footage's frame that it is laid into.

Light: by how much the footage is brighter, channel by channel, measured along the matte's edge, where both pictures
show the same skin, and smoothly continued inside. Grain: what the footage has of fine structure in even places and the
drawn frame lacks, in two octaves, as noise that belongs to the footage's frame: held frames hold it. Sums are taken in
one order, so that the bits are the same on every machine.
"""

from __future__ import annotations

import numpy as np

from backend.deliver.dub_matte import smoothed

_LUMA = np.array([0.2126, 0.7152, 0.0722])
_DARK = 0.02
"""Added to both pictures where one is divided by the other: blacks tell nothing of light."""
_MOST_GAIN = 1.35
"""Light is changed by no more than this, either way."""
_DIFFERENT = 0.12
"""Where the pictures differ by more, after their light as a whole is matched, they do not show the same thing."""
_EDGE = 0.06
"""Reach of the place along the matte's edge where both are compared, as a share of the face's height."""
_RADII = (0.6, 0.3, 0.15, 0.08)
"""Over which light is averaged, from wide to narrow, as shares of the face's height; a narrower mean counts as far as
something was measured within it."""
_SURE = 0.04
"""Mean weight of what was measured from which a mean counts fully."""
_CELLS = 48
"""Light is computed on cells of this part of the face's height."""
_OCTAVES = 2
_EVEN = 0.5
"""Share of the places compared, the evenest ones, in which grain is measured."""
_MOST_GRAIN = 0.03
"""Deviation of grain, at most, in an octave."""
_FAINT = 0.02
"""Below this matte grain grows no further."""


def comparable(matte: np.ndarray, both: np.ndarray, face_px: float) -> np.ndarray:
    """(H, W) float64 weights of the places along a matte's edge where both pictures show skin, hair or clothes.

    both: (H, W) in [0, 1], where the person covers the pixel in both.
    """
    edge = smoothed(matte, max(1, round(_EDGE * face_px)))
    return 4.0 * edge * (1.0 - edge) * both


def light_gain(footage: np.ndarray, drawn: np.ndarray, weight: np.ndarray, face_px: float) -> np.ndarray:
    """(H, W, 3) by how much the drawn picture is to be made brighter.

    footage, drawn: (H, W, 3) in [0, 1]; weight: (H, W) of `comparable`; face_px: the face's height, px.
    """
    height, width = weight.shape
    cell = max(1, round(face_px / _CELLS))
    if weight.sum() <= 0.0:
        return np.ones((height, width, 3))
    total = _ratio(_summed(footage, weight), _summed(drawn, weight), weight.sum())
    apart = np.abs(footage - drawn * total).max(axis=2)
    weight = weight * np.clip(2.0 - 2.0 * apart / _DIFFERENT, 0.0, 1.0)
    if weight.sum() <= 0.0:
        return np.broadcast_to(np.clip(total, 1.0 / _MOST_GAIN, _MOST_GAIN), (height, width, 3))
    there, here, mass = (_cells(v, cell) for v in (footage * weight[..., None], drawn * weight[..., None], weight))
    gain = np.broadcast_to(_ratio(_summed(footage, weight), _summed(drawn, weight), weight.sum()), there.shape)
    for share in _RADII:
        radius = max(1, round(share * face_px / cell / 2))
        p, d, m = (smoothed(v, radius) for v in (there, here, mass))
        sure = np.clip(m / _SURE, 0.0, 1.0)[..., None]
        gain = gain + sure * (_ratio(p, d, m[..., None]) - gain)
    return _enlarged(np.clip(gain, 1.0 / _MOST_GAIN, _MOST_GAIN), cell, height, width)


def grain_of(footage: np.ndarray, drawn: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(octaves,) deviations of the fine structure in the footage and in the drawn picture, in even places; pictures and
    weight as `light_gain` has them."""
    there, here = footage @ _LUMA, drawn @ _LUMA
    bands, rest = octaves(there)
    uneven = np.abs(rest - smoothed(rest, 2))
    places = weight > 0.25
    if places.sum() < 64:
        return np.zeros(_OCTAVES), np.zeros(_OCTAVES)
    even = places & (uneven <= np.quantile(uneven[places], _EVEN))
    measured = [[float(np.median(np.abs(band[even]))) / 0.6745 for band in of] for of in (bands, octaves(here)[0])]
    return np.minimum(measured[0], _MOST_GRAIN), np.minimum(measured[1], _MOST_GRAIN)


def grain(matte: np.ndarray, footage: np.ndarray, drawn: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """(H, W) float64 noise to be added to the drawn picture, so that what is mixed by the matte (H, W) has the
    footage's grain: more along the edge, where two grains that know nothing of each other are averaged.

    footage, drawn: (octaves,) their own grains' deviations; seed: numbers, none of them negative.
    """
    share = np.maximum(matte.astype(np.float64), _FAINT)
    bands, _ = octaves(_noise(matte.shape, seed))
    total = np.zeros(matte.shape)
    for band, there, here in zip(bands, footage, drawn, strict=True):
        missing = there**2 * (1.0 - (1.0 - share) ** 2) - (share * here) ** 2
        total += np.sqrt(np.maximum(missing, 0.0)) / share * band / max(float(np.sqrt((band * band).mean())), 1e-9)
    return total


def octaves(values: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """A picture (H, W) taken apart into octaves of detail, the finest first, and the rest."""
    bands = []
    for octave in range(_OCTAVES):
        softer = _binomial(values, 1 << octave)
        bands.append(values - softer)
        values = softer
    return bands, values


def _binomial(values: np.ndarray, step: int) -> np.ndarray:
    for axis in (0, 1):
        pads = [(0, 0), (0, 0)]
        pads[axis] = (step, step)
        padded = np.pad(values, pads, mode="edge")
        count = values.shape[axis]
        before, here, after = (np.take(padded, range(at, at + count), axis=axis) for at in (0, step, 2 * step))
        values = 0.25 * before + 0.5 * here + 0.25 * after
    return values


def _noise(shape: tuple[int, ...], seed: tuple[int, ...]) -> np.ndarray:
    """(H, W) noise of deviation about 1, the sum of four even numbers each."""
    raw = np.random.PCG64(seed).random_raw(shape[0] * shape[1]).reshape(shape)
    total = sum(((raw >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.float64) for part in range(4))
    return (np.asarray(total) / 65535.0 - 2.0) * 1.7320508


def _ratio(there: np.ndarray, here: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """Of two weighted sums of pictures, by what `mass` weighed in all."""
    dark = _DARK * mass
    return (there + dark) / np.maximum(here + dark, 1e-9)


def _summed(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (picture * weight[..., None]).sum(axis=(0, 1))


def _cells(values: np.ndarray, cell: int) -> np.ndarray:
    """Means over cells of so many px; the last ones are filled up with the rim."""
    height, width = values.shape[:2]
    pads = [(0, -height % cell), (0, -width % cell)] + [(0, 0)] * (values.ndim - 2)
    padded = np.pad(values, pads, mode="edge")
    shape = (padded.shape[0] // cell, cell, padded.shape[1] // cell, cell, *values.shape[2:])
    return padded.reshape(shape).mean(axis=(1, 3))


def _enlarged(cells: np.ndarray, cell: int, height: int, width: int) -> np.ndarray:
    """Cells (h, w, C) as a picture (height, width, C), linear between their centres."""
    for axis, count in ((0, height), (1, width)):
        at = np.clip((np.arange(count) + 0.5) / cell - 0.5, 0, cells.shape[axis] - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, cells.shape[axis] - 1)
        share = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        before, after = np.take(cells, low, axis=axis), np.take(cells, high, axis=axis)
        cells = before + share * (after - before)
    return cells
