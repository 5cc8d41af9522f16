"""Camera and frame conventions, and the conversions between them.

Frames of reference
    head       MediaPipe's canonical face: centimetres, X to the right of a picture that shows the face from the
               front, Y up, Z out of the face.
    camera     OpenCV: centimetres, X right, Y down, Z forward along the optical axis.
    world      Blender: metres, Z up; the head stands still in it and looks along -Y.
               world = 0.01 * (x, -z, y) of the head frame.
    blender_camera  Blender's camera object: looks along its -Z, Y up.

Pixels: origin at the top left corner of the top left pixel, x right, y down, so pixel centres lie at +0.5.
Matrices are row-major 4x4 as nested lists; `target_from_source` maps column vectors of source into target.
"""

from __future__ import annotations

from dataclasses import dataclass

Matrix = list[list[float]]

CENTIMETRE_M = 0.01
WORLD_FROM_HEAD_AXES: Matrix = [[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
CAMERA_FROM_BLENDER_CAMERA: Matrix = [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]]


def multiply(a: Matrix, b: Matrix) -> Matrix:
    """Matrix product of two 4x4 matrices."""
    return [[sum(a[i][k] * b[k][j] for k in range(4)) for j in range(4)] for i in range(4)]


def invert_rigid(m: Matrix) -> Matrix:
    """Inverse of a rotation plus translation."""
    r = [[m[j][i] for j in range(3)] for i in range(3)]
    t = [-sum(r[i][k] * m[k][3] for k in range(3)) for i in range(3)]
    return [[*r[0], t[0]], [*r[1], t[1]], [*r[2], t[2]], [0.0, 0.0, 0.0, 1.0]]


def _scale_translation(m: Matrix, factor: float) -> Matrix:
    return [[*row[:3], row[3] * factor] for row in m[:3]] + [list(m[3])]


def camera_to_world(camera_from_head: Matrix) -> Matrix:
    """Blender camera's pose in the world (metres) about a still head, from the head's pose in the OpenCV camera (cm).

    Inverse of `camera_from_head`.
    """
    head_from_camera = _scale_translation(invert_rigid(camera_from_head), CENTIMETRE_M)
    return multiply(multiply(WORLD_FROM_HEAD_AXES, head_from_camera), CAMERA_FROM_BLENDER_CAMERA)


def camera_from_head(camera_to_world_m: Matrix) -> Matrix:
    """The head's pose in the OpenCV camera (cm) from the Blender camera's pose in the world (metres)."""
    head_from_world_axes = invert_rigid(WORLD_FROM_HEAD_AXES)
    head_from_camera = multiply(multiply(head_from_world_axes, camera_to_world_m), CAMERA_FROM_BLENDER_CAMERA)
    return invert_rigid(_scale_translation(head_from_camera, 1.0 / CENTIMETRE_M))


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera of a picture of `width` x `height` pixels; all values in pixels of that picture."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def scaled(self, width: int, height: int) -> Intrinsics:
        """The same camera for a picture resampled to `width` x `height`."""
        sx, sy = width / self.width, height / self.height
        return Intrinsics(self.fx * sx, self.fy * sy, self.cx * sx, self.cy * sy, width, height)

    def blender_lens(self, sensor_width_mm: float) -> tuple[float, float, float]:
        """(lens in mm, shift_x, shift_y) of a Blender camera with sensor_fit HORIZONTAL and this sensor width."""
        return (
            self.fx * sensor_width_mm / self.width,
            (self.width / 2 - self.cx) / self.width,
            (self.cy - self.height / 2) / self.width,
        )


@dataclass(frozen=True)
class Crop:
    """Square cut out of the footage's frame: left, top, width and height in the footage's pixels."""

    x: int
    y: int
    width: int
    height: int
