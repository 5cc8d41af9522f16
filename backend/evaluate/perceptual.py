"""A perceptual distance of pictures that needs no trained weights: oriented structure at several scales.

Luma is looked at as the first stages of vision do: through filters of four orientations and, in steps of an octave,
four scales, each with an even and an odd phase (second and first derivatives of a Gaussian, steered as in Freeman &
Adelson 1991, "The Design and Use of Steerable Filters"). What is compared is the energy of each pair of phases, which
a small shift hardly changes, relative to the energy that the neighbourhood has in both pictures: blur, noise, cracks
and doubled lines change it, brightness does not. A pixel counts by what it tells, as in Wang & Li 2011, "Information
Content Weighting": one with an edge in either picture more than one in a flat wall. Colour is compared at scales from
2 px, as it is seen less sharply.

It stands in for LPIPS (see `lpips`) and has not been checked against it, nor against people: docs/evaluation.md says
what it has been checked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SCALES = 4
"""Octaves, from the picture's own pixels to 8 px."""
ANGLES = (0.0, 45.0, 90.0, 135.0)
"""Orientations, degrees."""
SIGMA_PX = 1.0
"""Of the Gaussian whose derivatives are taken, in px of each scale."""
UNSEEN_LEVELS = 3.0
"""Grey levels of contrast at which a difference counts half: below it, noise of the camera hides things."""
FLAT_COUNTS = 0.1
"""What a pixel without any structure counts, against ln(1 + energy / UNSEEN_LEVELS²) of one that has some."""
COLOUR_UNSEEN_LEVELS = 10.0
"""The same for chroma, which is seen less well."""


@dataclass(frozen=True)
class Structure:
    """What `structure` finds in a picture, finest scale first."""

    energies: tuple[np.ndarray, ...]
    """(len(ANGLES), h, w) float32 each: contrast in grey levels."""
    colours: tuple[np.ndarray, ...]
    """(h, w, 2) float32 each: red and blue against luma."""


def structure(picture: np.ndarray) -> Structure:
    """Oriented energies and colours of (H, W, 3) uint8 RGB. Scales smaller than 8 px a side are left out."""
    seen: np.ndarray = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    energies, colours = [], []
    for _ in range(SCALES):
        energies.append(_energies(np.ascontiguousarray(seen[..., 0])))
        seen = cv2.pyrDown(seen)
        colours.append(seen[..., 1:].copy())
        if min(seen.shape[:2]) < 8:
            break
    return Structure(tuple(energies), tuple(colours))


@dataclass(frozen=True)
class Difference:
    """Where two pictures differ, and where that counts, finest scale first."""

    structure: tuple[np.ndarray, ...]
    """(h, w) float32 in [0, 1]."""
    told: tuple[np.ndarray, ...]
    """(h, w) float32: how much a pixel of it tells."""
    colour: tuple[np.ndarray, ...]
    """(h, w) float32 in [0, 1), at half the size."""


def difference(picture: Structure, recorded: Structure) -> Difference:
    """Where two pictures of one size differ (ValueError if they have not)."""
    sizes = picture.energies[0].shape, recorded.energies[0].shape
    if sizes[0] != sizes[1]:
        raise ValueError(f"pictures differ in size: {sizes[0][1:]}, {sizes[1][1:]}")
    unlike, told = zip(*(_unlike(a, b) for a, b in zip(picture.energies, recorded.energies, strict=True)), strict=True)
    colours = zip(picture.colours, recorded.colours, strict=True)
    return Difference(unlike, told, tuple(_unlike_colour(a, b) for a, b in colours))


def perceptual(found: Difference, weight: np.ndarray) -> float:
    """Distance in [0, 1] over the pixels of `weight` (H, W) in [0, 1]: 0 the same, 1 nothing in common; NaN if the
    region is empty. ValueError if the pictures have another size."""
    if weight.shape != found.structure[0].shape:
        raise ValueError(f"pictures and weight differ in size: {found.structure[0].shape}, {weight.shape}")
    if weight.sum() < 1.0:
        return float("nan")
    weight = np.asarray(weight, np.float32)
    distances = []
    for unlike, told, colour in zip(found.structure, found.told, found.colour, strict=True):
        distances.append(_mean(unlike, weight * told))
        weight = cv2.resize(weight, colour.shape[::-1], interpolation=cv2.INTER_AREA)
        distances.append(_mean(colour, weight))
    return float(np.sqrt(np.mean(distances)))


def _energies(luma: np.ndarray) -> np.ndarray:
    """(len(ANGLES), H, W) energy of an even and an odd phase, scaled so that a grating has its amplitude."""
    radius = int(np.ceil(3 * SIGMA_PX))
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-0.5 * np.square(x / SIGMA_PX))
    smooth /= smooth.sum()
    first = x / SIGMA_PX * smooth
    second = (np.square(x / SIGMA_PX) - 1.0) * smooth

    def filtered(across: np.ndarray, down: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(luma, cv2.CV_32F, across, down, borderType=cv2.BORDER_REFLECT)

    odd_x, odd_y = filtered(first, smooth), filtered(smooth, first)
    even_xx, even_yy, even_xy = filtered(second, smooth), filtered(smooth, second), filtered(first, first)
    energies = np.empty((len(ANGLES), *luma.shape), np.float32)
    for energy, angle in zip(energies, np.deg2rad(ANGLES), strict=True):
        c, s = np.cos(angle), np.sin(angle)
        odd = np.float32(c) * odd_x + np.float32(s) * odd_y
        even = np.float32(c * c) * even_xx + np.float32(s * s) * even_yy + np.float32(2 * c * s) * even_xy
        cv2.magnitude(odd, even, energy)
    return energies


def _unlike(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of energies (K, h, w): their squared difference against the squared energy about a pixel, (h, w) in [0, 1]; and
    how much the pixel tells, (h, w)."""
    # Orientation by orientation: numpy's sum over the first axis takes several times as long.
    difference, about = np.zeros_like(a[0]), np.zeros_like(a[0])
    for one, other in zip(a, b, strict=True):
        difference += np.square(one - other)
        about += np.square(one) + np.square(other)
    # The neighbourhood's energy masks; but a pixel has at least its own, so that the quotient stays within 1.
    about = np.maximum(about, cv2.GaussianBlur(about, (0, 0), 2 * SIGMA_PX))
    unseen = np.float32(UNSEEN_LEVELS**2)
    return difference / (about + unseen), np.log1p(about / unseen) + np.float32(FLAT_COUNTS)


def _unlike_colour(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(h, w) in [0, 1) of colours (h, w, 2)."""
    red, blue = cv2.split(a - b)
    difference = np.square(red) + np.square(blue)
    return difference / (difference + COLOUR_UNSEEN_LEVELS**2)


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    return float((values * weight).sum(dtype=np.float64) / weight.sum(dtype=np.float64))
