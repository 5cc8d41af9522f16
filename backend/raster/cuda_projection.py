"""The cuda engine's kernels from Gaussians to lists of them by tile, one thread a Gaussian.

select -> project -> cover -> (sort by depth) -> list_pairs -> (sort by tile)          backward: adjoint of project
"""

from __future__ import annotations

import warp as wp

from . import constants
from .cuda_view import TILE, View

_tile = wp.constant(TILE)
_cutoff = wp.constant(constants.ALPHA_CUTOFF)
_near = wp.constant(constants.NEAR)
_half = wp.constant(constants.PIXEL_CENTRE)
_margin = wp.constant(wp.float64(0.5 * constants.FOV_MARGIN))
_farthest = wp.constant(wp.float64(1.0e9))
"""Centres are counted in whole pixels no farther out than this."""
_no_depth = wp.constant(float("inf"))


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
    """drawn[i] = 1 for the Gaussians that are finite, in front of the camera and opaque enough, else 0."""
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
def _rotation(q: wp.vec4d) -> wp.mat33d:
    """Of a quaternion w, x, y, z of length one."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    one, two = wp.float64(1.0), wp.float64(2.0)
    return wp.mat33d(
        one - two * (y * y + z * z), two * (x * y - w * z), two * (x * z + w * y),
        two * (x * y + w * z), one - two * (x * x + z * z), two * (y * z - w * x),
        two * (x * z - w * y), two * (y * z + w * x), one - two * (x * x + y * y),
    )  # fmt: skip


@wp.kernel
def project(
    means: wp.array(dtype=wp.vec3),
    quaternions: wp.array(dtype=wp.vec4),
    scales: wp.array(dtype=wp.vec3),
    camera: wp.array2d(dtype=float),
    lens: wp.array(dtype=wp.float64),
    view: View,
    drawn: wp.array(dtype=int),
    pixels: wp.array(dtype=wp.vec2i),
    within: wp.array(dtype=wp.vec2),
    conics: wp.array(dtype=wp.vec3),
    depths: wp.array(dtype=float),
    variances: wp.array(dtype=wp.vec2),
):
    """The Gaussians on screen (as `project` of reference.py). Warp writes its adjoint.

    In double precision, and centres as whole pixels and what is left over: whether a pixel is inside of a splat's
    cut-off is decided by its distance from the centre, and one pixel more or less of a splat changes its gradients by
    more than all roundings together.
    """
    i = wp.tid()
    if drawn[i] == 0:
        return
    rotation = wp.mat33d(
        wp.float64(camera[0, 0]), wp.float64(camera[0, 1]), wp.float64(camera[0, 2]),
        wp.float64(camera[1, 0]), wp.float64(camera[1, 1]), wp.float64(camera[1, 2]),
        wp.float64(camera[2, 0]), wp.float64(camera[2, 1]), wp.float64(camera[2, 2]),
    )  # fmt: skip
    shift = wp.vec3d(wp.float64(camera[0, 3]), wp.float64(camera[1, 3]), wp.float64(camera[2, 3]))
    m, s, q = means[i], scales[i], quaternions[i]
    p = rotation * wp.vec3d(wp.float64(m[0]), wp.float64(m[1]), wp.float64(m[2])) + shift
    unit = wp.normalize(wp.vec4d(wp.float64(q[0]), wp.float64(q[1]), wp.float64(q[2]), wp.float64(q[3])))
    deviations = wp.vec3d(wp.float64(s[0]), wp.float64(s[1]), wp.float64(s[2]))
    axes = rotation * _rotation(unit) * wp.diag(deviations)
    fx, fy, cx, cy, blur = lens[0], lens[1], lens[2], lens[3], lens[4]
    width, height = wp.float64(view.width), wp.float64(view.height)
    tan_x, tan_y = p[0] / p[2], p[1] / p[2]
    margin_x, margin_y = _margin * width / fx, _margin * height / fy
    slope_x = wp.clamp(tan_x, -cx / fx - margin_x, (width - cx) / fx + margin_x)
    slope_y = wp.clamp(tan_y, -cy / fy - margin_y, (height - cy) / fy + margin_y)
    along = wp.vec3d(axes[2, 0], axes[2, 1], axes[2, 2])
    u = (wp.vec3d(axes[0, 0], axes[0, 1], axes[0, 2]) - slope_x * along) * (fx / p[2])
    v = (wp.vec3d(axes[1, 0], axes[1, 1], axes[1, 2]) - slope_y * along) * (fy / p[2])
    uu, uv, vv = wp.dot(u, u) + blur, wp.dot(u, v), wp.dot(v, v) + blur
    # uu vv - uv^2, without the difference of two large numbers
    across = wp.cross(u, v)
    determinant = wp.dot(across, across) + blur * (uu + vv - blur)
    x, y = fx * tan_x + cx, fy * tan_y + cy
    column = wp.floor(wp.clamp(x, -_farthest, _farthest))
    row = wp.floor(wp.clamp(y, -_farthest, _farthest))
    pixels[i] = wp.vec2i(int(column), int(row))
    within[i] = wp.vec2(wp.float32(x - column), wp.float32(y - row))
    conics[i] = wp.vec3(wp.float32(vv / determinant), wp.float32(-uv / determinant), wp.float32(uu / determinant))
    depths[i] = wp.float32(p[2])
    variances[i] = wp.vec2(wp.float32(uu), wp.float32(vv))


@wp.func
def _pixels(pixel: int, within: float, reach: float, size: int) -> wp.vec2i:
    """First and end pixel of what lies within `reach` of a centre."""
    centre = float(pixel) + within
    first = wp.clamp(wp.ceil(centre - reach - _half), 0.0, float(size))
    end = wp.clamp(wp.floor(centre + reach - _half) + 1.0, 0.0, float(size))
    return wp.vec2i(int(first), int(end))


@wp.kernel(enable_backward=False)
def cover(
    opacities: wp.array(dtype=float),
    pixels: wp.array(dtype=wp.vec2i),
    within: wp.array(dtype=wp.vec2),
    conics: wp.array(dtype=wp.vec3),
    depths: wp.array(dtype=float),
    variances: wp.array(dtype=wp.vec2),
    view: View,
    drawn: wp.array(dtype=int),
    boxes: wp.array(dtype=wp.vec4i),
    counts: wp.array(dtype=int),
    nearness: wp.array(dtype=float),
):
    """Tiles that alpha may reach the cut-off in: boxes[i] = first column, end column, first row, end row; counts[i] of
    them. A Gaussian without any, or with a value on screen that is not finite, is not drawn. nearness[i]: the depth, to
    sort by; those that are not drawn come last."""
    i = wp.tid()
    counts[i] = 0
    nearness[i] = _no_depth
    if drawn[i] == 0:
        return
    drawn[i] = 0
    if not (wp.isfinite(within[i]) and wp.isfinite(conics[i]) and wp.isfinite(variances[i])):
        return
    squared_radius = 2.0 * wp.log(wp.max(opacities[i] / _cutoff, 1.0))
    reach_x = wp.sqrt(squared_radius * variances[i][0]) * 1.00001 + 1.0e-3
    reach_y = wp.sqrt(squared_radius * variances[i][1]) * 1.00001 + 1.0e-3
    x = _pixels(pixels[i][0], within[i][0], reach_x, view.width)
    y = _pixels(pixels[i][1], within[i][1], reach_y, view.height)
    if x[1] <= x[0] or y[1] <= y[0]:
        return
    box = wp.vec4i(x[0] // _tile, (x[1] - 1) // _tile + 1, y[0] // _tile, (y[1] - 1) // _tile + 1)
    drawn[i] = 1
    boxes[i] = box
    counts[i] = (box[1] - box[0]) * (box[3] - box[2])
    nearness[i] = depths[i]


@wp.kernel(enable_backward=False)
def list_pairs(
    order: wp.array(dtype=wp.int64),
    ends: wp.array(dtype=wp.int64),
    boxes: wp.array(dtype=wp.vec4i),
    counts: wp.array(dtype=int),
    view: View,
    tiles: wp.array(dtype=int),
    gaussians: wp.array(dtype=int),
    first_slots: wp.array(dtype=int),
    most: wp.array(dtype=wp.int64),
    overflow: wp.array(dtype=float),
):
    """One (tile, Gaussian) pair a slot: its tile and its Gaussian, as far as there is room for them.

    order: Gaussians by depth; ends: one past the last slot of each of them, in that order. most[0] becomes the number
    of pairs where it was less, and overflow[0] 1 where there is not room for all of them.
    """
    rank = wp.tid()
    i = int(order[rank])
    room = wp.int64(tiles.shape[0])
    end = ends[rank]
    if rank == order.shape[0] - 1:
        wp.atomic_max(most, 0, end)
        if end > room:
            overflow[0] = 1.0
    first = wp.min(end - wp.int64(counts[i]), room)
    first_slots[i] = int(first)
    if counts[i] == 0:
        return
    box = boxes[i]
    slot = first
    for row in range(box[2], box[3]):
        for column in range(box[0], box[1]):
            if slot < room:
                tiles[slot] = row * view.tiles_x + column
                gaussians[slot] = i
            slot += wp.int64(1)
