"""The cuda engine's kernels from tiles to pixels and back, one thread a pixel in blocks of one tile.

    blend          blend_backward -> gather (one thread a Gaussian)

In kernels, float(0.0) declares a variable where 0.0 would be a constant.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import warp as wp

from . import constants
from .cuda_view import BLOCK, TILE, View

MOMENTS = 6
"""Sums that the backward blend leaves for every (tile, Gaussian), before those of the channels: of the gradient g of
the logarithm of alpha, and of g dx, g dy, g dx^2, g dx dy, g dy^2."""

_tile = wp.constant(TILE)
_block = wp.constant(BLOCK)
_cutoff = wp.constant(constants.ALPHA_CUTOFF)
_cap = wp.constant(constants.ALPHA_CAP)
_stop = wp.constant(constants.TRANSMITTANCE_STOP)
_half = wp.constant(constants.PIXEL_CENTRE)


@wp.struct
class Place:
    """Where a thread's pixel is."""

    tile: int
    x: int
    y: int
    pixel: int
    """y * width + x; -1 outside of the picture."""


@wp.func
def _place(thread: int, view: View) -> Place:
    place = Place()
    place.tile = thread // _block
    within = thread % _block
    place.x = place.tile % view.tiles_x * _tile + within % _tile
    place.y = place.tile // view.tiles_x * _tile + within // _tile
    place.pixel = -1
    if place.x < view.width and place.y < view.height:
        place.pixel = place.y * view.width + place.x
    return place


@wp.func
def _offset(place: Place, pixel: wp.vec2i, within: wp.vec2) -> wp.vec2:
    """From a splat's centre to the middle of the pixel, px; whole pixels are exact."""
    return wp.vec2(float(place.x - pixel[0]), float(place.y - pixel[1])) + (wp.vec2(_half, _half) - within)


@wp.func
def _uncapped_alpha(opacity: float, conic: wp.vec3, d: wp.vec2) -> float:
    exponent = 0.5 * (conic[0] * d[0] * d[0] + conic[2] * d[1] * d[1]) + conic[1] * d[0] * d[1]
    return opacity * wp.exp(-exponent)


@dataclass(frozen=True)
class BlendKernels:
    """The kernels that are compiled for a number of features."""

    blend: Any
    blend_backward: Any
    gather: Any
    sums: Any
    """Type of the sums of one slot: a vector of the moments, the features' gradients and the depth's."""


@functools.cache
def blend_kernels(features: int) -> BlendKernels:
    """The blend of `features` channels and the depth, its gradient, and the gathering of that by Gaussian."""
    count = wp.constant(features)
    depth_sum = wp.constant(MOMENTS + features)
    channel_vector = wp.types.vector(length=features, dtype=float)
    sum_vector = wp.types.vector(length=MOMENTS + features + 1, dtype=float)

    @wp.kernel(enable_backward=False, module="unique")
    def blend(
        opacities: wp.array(dtype=float),
        features: wp.array2d(dtype=float),
        pixels: wp.array(dtype=wp.vec2i),
        within: wp.array(dtype=wp.vec2),
        conics: wp.array(dtype=wp.vec3),
        depths: wp.array(dtype=float),
        view: View,
        begins: wp.array(dtype=int),
        entries: wp.array(dtype=int),
        picture: wp.array2d(dtype=float),
        alphas: wp.array(dtype=float),
        depth_picture: wp.array(dtype=float),
        ends: wp.array(dtype=int),
    ):
        """Entries [begins[tile], begins[tile + 1]) of each tile, front to back, to its pixels. ends[pixel]: one past
        the last entry that contributes to the pixel."""
        place = _place(wp.tid(), view)
        if place.pixel < 0:
            return
        transmittance = float(1.0)
        values = channel_vector()
        depth = float(0.0)
        end = begins[place.tile]
        for n in range(begins[place.tile], begins[place.tile + 1]):
            g = entries[n]
            alpha = wp.min(_uncapped_alpha(opacities[g], conics[g], _offset(place, pixels[g], within[g])), _cap)
            if alpha >= _cutoff:
                left = transmittance * (1.0 - alpha)
                if left <= _stop:
                    break
                weight = alpha * transmittance
                for c in range(count):
                    values[c] += weight * features[g, c]
                depth += weight * depths[g]
                transmittance = left
                end = n + 1
        for c in range(count):
            picture[place.pixel, c] = values[c]
        alphas[place.pixel] = 1.0 - transmittance
        depth_picture[place.pixel] = depth
        ends[place.pixel] = end

    @wp.kernel(enable_backward=False, module="unique")
    def blend_backward(
        opacities: wp.array(dtype=float),
        features: wp.array2d(dtype=float),
        pixels: wp.array(dtype=wp.vec2i),
        within: wp.array(dtype=wp.vec2),
        conics: wp.array(dtype=wp.vec3),
        depths: wp.array(dtype=float),
        view: View,
        begins: wp.array(dtype=int),
        entries: wp.array(dtype=int),
        slots: wp.array(dtype=wp.int64),
        picture: wp.array2d(dtype=float),
        alphas: wp.array(dtype=float),
        depth_picture: wp.array(dtype=float),
        ends: wp.array(dtype=int),
        picture_gradient: wp.array2d(dtype=float),
        alpha_gradient: wp.array(dtype=float),
        depth_gradient: wp.array(dtype=float),
        sums: wp.array(dtype=sum_vector),
    ):
        """Sums of every entry's slot over the pixels of its tile. Front to back, like the forward pass: with f the
        worth of a Gaussian in a pixel (its channels times the pixel's gradient),
        dL/dalpha = T f - behind / (1 - alpha), where `behind` starts as the worth of the whole pixel and loses
        weight x f at every Gaussian."""
        place = _place(wp.tid(), view)
        upstream = channel_vector()
        of_alpha = float(0.0)
        of_depth = float(0.0)
        behind = float(0.0)
        end = begins[place.tile]
        if place.pixel >= 0:
            of_alpha = alpha_gradient[place.pixel]
            of_depth = depth_gradient[place.pixel]
            behind = of_alpha * alphas[place.pixel] + of_depth * depth_picture[place.pixel]
            for c in range(count):
                upstream[c] = picture_gradient[place.pixel, c]
                behind += upstream[c] * picture[place.pixel, c]
            end = ends[place.pixel]
        transmittance = float(1.0)
        # All threads of the block go through the loop together, since each adds to the sums.
        block_end = wp.tile_max(wp.tile(end))[0]
        for n in range(begins[place.tile], block_end):
            g = entries[n]
            sum = sum_vector()
            if n < end:
                d = _offset(place, pixels[g], within[g])
                uncapped = _uncapped_alpha(opacities[g], conics[g], d)
                alpha = wp.min(uncapped, _cap)
                if alpha >= _cutoff:
                    weight = alpha * transmittance
                    worth = of_alpha + of_depth * depths[g]
                    for c in range(count):
                        worth += upstream[c] * features[g, c]
                        sum[MOMENTS + c] = weight * upstream[c]
                    sum[depth_sum] = weight * of_depth
                    behind -= weight * worth
                    if uncapped <= _cap:
                        slope = alpha * (transmittance * worth - behind / (1.0 - alpha))
                        sum[0] = slope
                        sum[1] = slope * d[0]
                        sum[2] = slope * d[1]
                        sum[3] = slope * d[0] * d[0]
                        sum[4] = slope * d[0] * d[1]
                        sum[5] = slope * d[1] * d[1]
                    transmittance *= 1.0 - alpha
            total = wp.tile_reduce(wp.add, wp.tile(sum, preserve_type=True))
            wp.tile_atomic_add(sums, total, offset=int(slots[n]))

    @wp.kernel(enable_backward=False, module="unique")
    def gather(
        opacities: wp.array(dtype=float),
        conics: wp.array(dtype=wp.vec3),
        drawn: wp.array(dtype=int),
        first_slots: wp.array(dtype=int),
        counts: wp.array(dtype=int),
        sums: wp.array(dtype=sum_vector),
        opacity_gradient: wp.array(dtype=float),
        feature_gradient: wp.array2d(dtype=float),
        centre_gradient: wp.array(dtype=wp.vec2),
        conic_gradient: wp.array(dtype=wp.vec3),
        depth_gradient: wp.array(dtype=float),
    ):
        """A Gaussian's gradients on screen from the sums of its slots, always in the same order."""
        i = wp.tid()
        if drawn[i] == 0:
            return
        total = sum_vector()
        first = first_slots[i]
        for slot in range(first, wp.min(first + counts[i], sums.shape[0])):
            total += sums[slot]
        conic = conics[i]
        opacity_gradient[i] = total[0] / opacities[i]
        centre_gradient[i] = wp.vec2(
            conic[0] * total[1] + conic[1] * total[2], conic[1] * total[1] + conic[2] * total[2]
        )
        conic_gradient[i] = wp.vec3(-0.5 * total[3], -total[4], -0.5 * total[5])
        depth_gradient[i] = total[depth_sum]
        for c in range(count):
            feature_gradient[i, c] = total[MOMENTS + c]

    return BlendKernels(blend, blend_backward, gather, sum_vector)
