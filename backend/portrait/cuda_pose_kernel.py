"""The kernel that poses a set of Gaussians on a GPU, one thread a Gaussian. Importing this module imports Warp."""

from __future__ import annotations

from backend.kernels.pose import COLOURS, MATTES
from backend.raster.cuda_view import wp

_colours = wp.constant(COLOURS)
_mattes = wp.constant(int(MATTES))


@wp.func
def _product(a: wp.vec4, b: wp.vec4) -> wp.vec4:
    """Hamilton's, of quaternions w, x, y, z."""
    return wp.vec4(
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


@wp.func
def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + wp.exp(-x))


@wp.func
def _moved(pose: wp.array2d(dtype=float), p: wp.vec3) -> wp.vec3:
    return wp.vec3(
        pose[0, 0] * p[0] + pose[0, 1] * p[1] + pose[0, 2] * p[2] + pose[0, 3],
        pose[1, 0] * p[0] + pose[1, 1] * p[1] + pose[1, 2] * p[2] + pose[1, 3],
        pose[2, 0] * p[0] + pose[2, 1] * p[1] + pose[2, 2] * p[2] + pose[2, 3],
    )


@wp.func
def _turned(vector: wp.vec3, p: wp.vec3) -> wp.vec3:
    """A point turned by a rotation vector, as head_motion.rotation_from_vector."""
    squared = wp.dot(vector, vector)
    angle = wp.sqrt(squared + 1.0e-12)
    along = wp.sin(angle) / angle
    half = wp.sin(0.5 * angle) / angle
    across = 2.0 * half * half
    return p * (1.0 - across * squared) + along * wp.cross(vector, p) + across * wp.dot(vector, p) * vector


@wp.func
def _quaternion(vector: wp.vec3) -> wp.vec4:
    """As head_motion.quaternion_from_vector."""
    half = wp.sqrt(0.25 * wp.dot(vector, vector) + 1.0e-12)
    scale = 0.5 * wp.sin(half) / half
    return wp.vec4(wp.cos(half), scale * vector[0], scale * vector[1], scale * vector[2])


@wp.kernel
def pose_set(
    means: wp.array(dtype=wp.vec3),
    rotations: wp.array(dtype=wp.vec4),
    log_scales: wp.array(dtype=wp.vec3),
    opacity_logits: wp.array(dtype=float),
    colour_logits: wp.array(dtype=wp.vec3),
    change: wp.array2d(dtype=float),
    body: wp.array(dtype=float),
    neck_y: wp.array(dtype=float),
    neck_log_softness: wp.array(dtype=float),
    mattes: wp.array(dtype=wp.int64),
    head_pose: wp.array2d(dtype=float),
    head_rotation: wp.array(dtype=float),
    centre: wp.array(dtype=float),
    rest_pose: wp.array2d(dtype=float),
    rest_rotation: wp.array(dtype=float),
    turn_scale: float,
    width: int,
    first: int,
    posed_means: wp.array(dtype=wp.vec3),
    posed_quaternions: wp.array(dtype=wp.vec4),
    posed_scales: wp.array(dtype=wp.vec3),
    posed_opacities: wp.array(dtype=float),
    posed_features: wp.array2d(dtype=float),
):
    """Row `first` + i of the posed arrays from row i of a set (as `posing.pose_in_torch`). width: of the change, 0 for
    none; turn_scale: 0 for a set without a neck. Warp writes its adjoint."""
    i = wp.tid()
    point = means[i]
    q = rotations[i]
    deviation = log_scales[i]
    colour = colour_logits[i]
    if width > 0:
        point = point + wp.vec3(change[i, 0], change[i, 1], change[i, 2])
    if width > 3:
        q = _product(wp.vec4(1.0, change[i, 3], change[i, 4], change[i, 5]), q)
    if width > 6:
        deviation = deviation + wp.vec3(change[i, 6], change[i, 7], change[i, 8])
    if width > 9:
        colour = colour + wp.vec3(change[i, 9], change[i, 10], change[i, 11])
    head = wp.vec4(head_rotation[0], head_rotation[1], head_rotation[2], head_rotation[3])
    place = _moved(head_pose, point)
    turn = head
    if turn_scale > 0.0:
        weight = _sigmoid((means[i][1] - neck_y[0]) * wp.exp(-neck_log_softness[0]))
        vector = turn_scale * wp.vec3(body[0], body[1], body[2])
        middle = _moved(rest_pose, wp.vec3(centre[0], centre[1], centre[2]))
        shift = middle + wp.vec3(body[3], body[4], body[5])
        with_body = _turned(vector, _moved(rest_pose, point) - middle) + shift
        place = with_body + weight * (place - with_body)
        rest = wp.vec4(rest_rotation[0], rest_rotation[1], rest_rotation[2], rest_rotation[3])
        of_body = _product(_quaternion(vector), rest)
        toward = head * wp.where(wp.dot(of_body, head) < 0.0, -1.0, 1.0)
        turn = of_body + weight * (toward - of_body)
    row = first + i
    posed_means[row] = place
    posed_quaternions[row] = _product(turn, q)
    posed_scales[row] = wp.vec3(wp.exp(deviation[0]), wp.exp(deviation[1]), wp.exp(deviation[2]))
    posed_opacities[row] = _sigmoid(opacity_logits[i])
    for c in range(_colours):
        posed_features[row, c] = _sigmoid(colour[c])
    if posed_features.shape[1] > _colours:
        label = int(mattes[i])
        for m in range(_mattes):
            posed_features[row, _colours + m] = wp.where(label == m, 1.0, 0.0)
