"""The stages of the cuda engine as NVIDIA Warp kernels, compiled by the NVRTC that Warp brings, when they first run.

    select -> project -> cover -> list_pairs -> (sort) -> blend          blend_backward -> gather -> adjoint of project

One thread a Gaussian, or one thread a pixel in blocks of one tile. Warp runs the same kernels on its CPU device.
Importing this module imports Warp. (In kernels, float(0.0) declares a variable where 0.0 would be a constant.)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import warp as wp

from shared.camera import Intrinsics
from shared.places import cache_folder

from . import model

# Warp's own lines would mix with ours on the terminal, and its compiled kernels belong with our other ones.
wp.config.log_level = wp.LOG_WARNING
wp.config.kernel_cache_dir = str(cache_folder() / "warp")
wp.init()

TILE = 16
"""Side of a tile, px."""
BLOCK = TILE * TILE
"""Threads of a block: one a pixel of its tile."""
MOMENTS = 6
"""Sums that the backward blend leaves for every (tile, Gaussian), before those of the channels: of the gradient g of
the logarithm of alpha, and of g dx, g dy, g dx^2, g dx dy, g dy^2."""

_tile = wp.constant(TILE)
_block = wp.constant(BLOCK)
_blur = wp.constant(model.BLUR_PX2)
_cutoff = wp.constant(model.ALPHA_CUTOFF)
_cap = wp.constant(model.ALPHA_CAP)
_stop = wp.constant(model.TRANSMITTANCE_STOP)
_near = wp.constant(model.NEAR)
_half = wp.constant(model.PIXEL_CENTRE)


@wp.struct
class View:
    """The camera's intrinsics and what follows from them."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    tiles_x: int
    slope_low: wp.vec2
    slope_high: wp.vec2


def view_of(intrinsics: Intrinsics) -> View:
    """`intrinsics` for the kernels."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    width, height = intrinsics.width, intrinsics.height
    margin_x, margin_y = model.FOV_MARGIN * 0.5 * width / fx, model.FOV_MARGIN * 0.5 * height / fy
    view = View()
    view.fx, view.fy, view.cx, view.cy = fx, fy, cx, cy
    view.width, view.height, view.tiles_x = width, height, (width + TILE - 1) // TILE
    view.slope_low = wp.vec2(-cx / fx - margin_x, -cy / fy - margin_y)
    view.slope_high = wp.vec2((width - cx) / fx + margin_x, (height - cy) / fy + margin_y)
    return view


@wp.func
def _features_are_finite(features: wp.array2d(dtype=float), i: int) -> bool:
    for c in range(features.shape[1]):
        if not wp.isfinite(features[i, c]):
            return False
    return True


@wp.kernel(enable_backward=False)
def select(
    means: wp.array(dtype=wp.vec3),
    quaternions: wp.array(dtype=wp.vec4),
    scales: wp.array(dtype=wp.vec3),
    opacities: wp.array(dtype=float),
    features: wp.array2d(dtype=float),
    camera: wp.array2d(dtype=float),
    drawn: wp.array(dtype=int),
):
    """drawn[i] = 1 for the Gaussians that are finite, before the camera and opaque enough, else 0."""
    i = wp.tid()
    drawn[i] = 0
    depth = wp.dot(wp.vec3(camera[2, 0], camera[2, 1], camera[2, 2]), means[i]) + camera[2, 3]
    length = wp.length(quaternions[i])
    sound = wp.isfinite(depth) and wp.isfinite(means[i]) and wp.isfinite(scales[i]) and wp.isfinite(opacities[i])
    if not (sound and wp.isfinite(length) and _features_are_finite(features, i)):
        return
    if depth > _near and length > 1.0e-12 and opacities[i] >= _cutoff:
        drawn[i] = 1


@wp.func
def _rotation(q: wp.vec4) -> wp.mat33:
    """Of a quaternion w, x, y, z of length one."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    return wp.mat33(
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip


@wp.kernel
def project(
    means: wp.array(dtype=wp.vec3),
    quaternions: wp.array(dtype=wp.vec4),
    scales: wp.array(dtype=wp.vec3),
    camera: wp.array2d(dtype=float),
    view: View,
    drawn: wp.array(dtype=int),
    centres: wp.array(dtype=wp.vec2),
    conics: wp.array(dtype=wp.vec3),
    depths: wp.array(dtype=float),
    variances: wp.array(dtype=wp.vec2),
):
    """The Gaussians on screen (as `project` of reference.py). Warp writes its adjoint."""
    i = wp.tid()
    if drawn[i] == 0:
        return
    rotation = wp.mat33(
        camera[0, 0], camera[0, 1], camera[0, 2],
        camera[1, 0], camera[1, 1], camera[1, 2],
        camera[2, 0], camera[2, 1], camera[2, 2],
    )  # fmt: skip
    p = rotation * means[i] + wp.vec3(camera[0, 3], camera[1, 3], camera[2, 3])
    axes = rotation * _rotation(wp.normalize(quaternions[i])) * wp.diag(scales[i])
    tan_x, tan_y = p[0] / p[2], p[1] / p[2]
    slope_x = wp.clamp(tan_x, view.slope_low[0], view.slope_high[0])
    slope_y = wp.clamp(tan_y, view.slope_low[1], view.slope_high[1])
    along = wp.vec3(axes[2, 0], axes[2, 1], axes[2, 2])
    u = (wp.vec3(axes[0, 0], axes[0, 1], axes[0, 2]) - slope_x * along) * (view.fx / p[2])
    v = (wp.vec3(axes[1, 0], axes[1, 1], axes[1, 2]) - slope_y * along) * (view.fy / p[2])
    uu, uv, vv = wp.dot(u, u), wp.dot(u, v), wp.dot(v, v)
    # (uu + blur) (vv + blur) - uv^2, without the difference of two large numbers
    across = wp.cross(u, v)
    determinant = wp.dot(across, across) + _blur * (uu + vv) + _blur * _blur
    centres[i] = wp.vec2(view.fx * tan_x + view.cx, view.fy * tan_y + view.cy)
    conics[i] = wp.vec3((vv + _blur) / determinant, -uv / determinant, (uu + _blur) / determinant)
    depths[i] = p[2]
    variances[i] = wp.vec2(uu + _blur, vv + _blur)


@wp.func
def _pixels(centre: float, reach: float, size: int) -> wp.vec2i:
    """First and end pixel of what lies within `reach` of `centre`."""
    first = wp.clamp(wp.ceil(centre - reach - _half), 0.0, float(size))
    end = wp.clamp(wp.floor(centre + reach - _half) + 1.0, 0.0, float(size))
    return wp.vec2i(int(first), int(end))


@wp.kernel(enable_backward=False)
def cover(
    opacities: wp.array(dtype=float),
    centres: wp.array(dtype=wp.vec2),
    conics: wp.array(dtype=wp.vec3),
    variances: wp.array(dtype=wp.vec2),
    view: View,
    drawn: wp.array(dtype=int),
    boxes: wp.array(dtype=wp.vec4i),
    counts: wp.array(dtype=int),
):
    """Tiles that alpha may reach the cut-off in: boxes[i] = first column, end column, first row, end row; counts[i] of
    them. A Gaussian without any, or beyond all bounds, is not drawn."""
    i = wp.tid()
    counts[i] = 0
    if drawn[i] == 0:
        return
    drawn[i] = 0
    if not (wp.isfinite(centres[i]) and wp.isfinite(conics[i]) and wp.isfinite(variances[i])):
        return
    squared_radius = 2.0 * wp.log(wp.max(opacities[i] / _cutoff, 1.0))
    x = _pixels(centres[i][0], wp.sqrt(squared_radius * variances[i][0]) * 1.00001 + 1.0e-3, view.width)
    y = _pixels(centres[i][1], wp.sqrt(squared_radius * variances[i][1]) * 1.00001 + 1.0e-3, view.height)
    if x[1] <= x[0] or y[1] <= y[0]:
        return
    box = wp.vec4i(x[0] // _tile, (x[1] - 1) // _tile + 1, y[0] // _tile, (y[1] - 1) // _tile + 1)
    drawn[i] = 1
    boxes[i] = box
    counts[i] = (box[1] - box[0]) * (box[3] - box[2])


@wp.kernel(enable_backward=False)
def list_pairs(
    drawn: wp.array(dtype=int),
    boxes: wp.array(dtype=wp.vec4i),
    first_slots: wp.array(dtype=wp.int64),
    depths: wp.array(dtype=float),
    view: View,
    keys: wp.array(dtype=wp.int64),
    slots: wp.array(dtype=int),
    gaussians: wp.array(dtype=int),
):
    """One (tile, Gaussian) pair a slot: its sort key (tile, then the depth's bits, which grow with it), its number and
    its Gaussian."""
    i = wp.tid()
    if drawn[i] == 0:
        return
    box = boxes[i]
    slot = int(first_slots[i])
    nearness = wp.int64(wp.cast(depths[i], wp.int32))
    for row in range(box[2], box[3]):
        for column in range(box[0], box[1]):
            keys[slot] = (wp.int64(row * view.tiles_x + column) << wp.int64(32)) | nearness
            slots[slot] = slot
            gaussians[slot] = i
            slot += 1


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
def _offset(place: Place, centre: wp.vec2) -> wp.vec2:
    return wp.vec2(float(place.x) + _half, float(place.y) + _half) - centre


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
        centres: wp.array(dtype=wp.vec2),
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
        the last entry that the pixel has something of."""
        place = _place(wp.tid(), view)
        if place.pixel < 0:
            return
        transmittance = float(1.0)
        values = channel_vector()
        depth = float(0.0)
        end = begins[place.tile]
        for n in range(begins[place.tile], begins[place.tile + 1]):
            g = entries[n]
            alpha = wp.min(_uncapped_alpha(opacities[g], conics[g], _offset(place, centres[g])), _cap)
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
        centres: wp.array(dtype=wp.vec2),
        conics: wp.array(dtype=wp.vec3),
        depths: wp.array(dtype=float),
        view: View,
        begins: wp.array(dtype=int),
        entries: wp.array(dtype=int),
        slots: wp.array(dtype=int),
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
                d = _offset(place, centres[g])
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
            wp.tile_atomic_add(sums, total, offset=slots[n])

    @wp.kernel(enable_backward=False, module="unique")
    def gather(
        opacities: wp.array(dtype=float),
        conics: wp.array(dtype=wp.vec3),
        drawn: wp.array(dtype=int),
        first_slots: wp.array(dtype=wp.int64),
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
        first = int(first_slots[i])
        for slot in range(first, first + counts[i]):
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
