"""The cuda engine's kernels from Gaussians to sorted tiles, one thread a Gaussian.

select -> project -> cover -> list_pairs -> (sort)          backward: adjoint of project
"""

from __future__ import annotations

import warp as wp

from . import constants
from .cuda_view import TILE, View

_tile = wp.constant(TILE)
_cutoff = wp.constant(constants.ALPHA_CUTOFF)
_near = wp.constant(constants.NEAR)
_half = wp.constant(constants.PIXEL_CENTRE)


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
    determinant = wp.dot(across, across) + view.blur * (uu + vv) + view.blur * view.blur
    centres[i] = wp.vec2(view.fx * tan_x + view.cx, view.fy * tan_y + view.cy)
    conics[i] = wp.vec3((vv + view.blur) / determinant, -uv / determinant, (uu + view.blur) / determinant)
    depths[i] = p[2]
    variances[i] = wp.vec2(uu + view.blur, vv + view.blur)


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
    them. A Gaussian without any, or with a value on screen that is not finite, is not drawn."""
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
