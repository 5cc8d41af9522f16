"""Landmarks by name: one place for the numbers of MediaPipe's face mesh (0 to 467; 468 to 477 are the irises).

Left and right are the picture's unless a name says the person's; rings go around once, without repeating their start.
"""

from __future__ import annotations

import numpy as np

MESH_POINTS = 468
IRIS_POINTS = 10
LANDMARK_POINTS = MESH_POINTS + IRIS_POINTS

FOREHEAD_TOP, CHIN = 10, 152
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14
MOUTH_CORNERS = (61, 291)
BEFORE_EARS = (234, 454)
"""Before the person's right and left ear."""
BELOW_EARS = (93, 323)
"""On the face oval, a little lower."""

RIGID_POINTS = np.unique(
    [10, 338, 297, 109, 67, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 327, 97, 326, 45, 275, 48, 278]
    + [115, 344]
    + [131, 360, 49, 279, 198, 420, 122, 351, 193, 417, 245, 465, 188, 412, 196, 419, 174, 399, 3, 248, 51, 281]
    + [33, 133, 362, 263, 130, 359, 243, 463, 127, 356, 234, 454, 93, 323, 162, 389, 21, 251, 54, 284, 103, 332]
    + [143, 372, 34, 264, 227, 447, 116, 345, 117, 346, 118, 347, 50, 280, 123, 352, 137, 366, 108, 337, 69, 299]
)
"""Points that expressions hardly move: forehead, nose, eye corners, temples, cheekbones."""

LIP_RING_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIP_RING_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Outlines of the lips and of the mouth's opening, from the left corner over the upper lip."""
UPPER_LIP_ROWS = (
    *(185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(183, 42, 41, 38, 12, 268, 271, 272, 407),
    *(191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_LIP_ROWS = (
    *(146, 91, 181, 84, 17, 314, 405, 321, 375),
    *(77, 90, 180, 85, 16, 315, 404, 320, 307),
    *(96, 89, 179, 86, 15, 316, 403, 319, 325),
    *(95, 88, 178, 87, 14, 317, 402, 318, 324),
)
"""All points of a lip but its corners, four rows from outside to inside."""
LIP_CORNERS = (61, 76, 62, 78, 291, 306, 292, 308)

EYE_RINGS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
"""Outlines of the left and the right eye, from the outer corner over the lower lid."""
UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))

FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Around the face, from the forehead by the right cheek to the chin and back."""
JAW_LINE = (288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58)
"""The part of FACE_OVAL along the jaw, between the angles below the ears."""


def other_way_round(ring: tuple[int, ...]) -> tuple[int, ...]:
    """The same ring from the same start, in the opposite direction."""
    return ring[:1] + ring[:0:-1]
