"""Finding the speaker's face in a clip, and following it through every frame.

Two passes: `scan_step` gathers every face of a few frames a second, of which one is the speaker's (preprocess.scan);
`FaceTracker` then measures that face in every frame, on a crop around it at good resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from backend.face.boxes import FACE_MARGIN, area, centre, longer_side, square_around
from backend.face.landmarker import FaceObservation, Landmarker
from backend.preprocess.unusable import UnusableFootage

MAX_FACES = 5
"""Faces looked for in one frame of the scan."""
SAME_FACE_SHIFT = 0.8
"""A face found this many face widths from where a face was last seen is still the same one."""
OTHER_FACE_AREA, OTHER_FACE_PRESENCE = 0.2, 0.2
"""Another face is worth a warning from this share of the speaker's area and of the clip on."""


@dataclass
class FacePath:
    """One face followed through the scanned frames."""

    numbers: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    rolls: list[float] = field(default_factory=list)
    """Degrees by which it lies on its side (FaceObservation.roll_degrees), where that was measured."""

    @property
    def area(self) -> float:
        """Median area of the face's box, px²."""
        return float(np.median([area(box) for box in self.boxes]))


def _tiles(width: int, height: int, side: int) -> list[np.ndarray]:
    """Squares of `side` px that cover the frame, each half over the next."""

    def starts(length: int) -> np.ndarray:
        count = 1 if length <= side else int(np.ceil((length - side) / (side / 2))) + 1
        return np.linspace(0, max(length - side, 0), count)

    return [np.array([x, y, x + side, y + side]) for y in starts(height) for x in starts(width)]


def find_all_faces(landmarker: Landmarker, rgb: np.ndarray) -> list[FaceObservation]:
    """Every face in a frame: the detector sees only large faces, so where it finds none, ever smaller tiles follow."""
    height, width = rgb.shape[:2]
    faces = landmarker.find(rgb)
    side = min(width, height)
    while not faces and side >= min(width, height) / 4:
        for tile in _tiles(width, height, side):
            for face in landmarker.find(rgb, tile):
                apart = [np.abs(centre(face.box) - centre(o.box)).max() / longer_side(o.box) for o in faces]
                if not apart or min(apart) > 0.5:
                    faces.append(face)
        side //= 2
    return faces


def scan_step(paths: list[FacePath], number: int, faces: list[FaceObservation]) -> None:
    """Add the faces of frame `number` to the paths they continue, or start new ones."""
    free = list(paths)
    for face in sorted(faces, key=lambda face: -area(face.box)):
        box = face.box
        near = [
            (float(np.linalg.norm(centre(box) - centre(path.boxes[-1]))), index)
            for index, path in enumerate(free)
            if np.linalg.norm(centre(box) - centre(path.boxes[-1])) < SAME_FACE_SHIFT * longer_side(box)
        ]
        path = free.pop(min(near)[1]) if near else FacePath()
        if not near:
            paths.append(path)
        path.numbers.append(number)
        path.boxes.append(box)
        path.rolls.append(face.roll_degrees)


def faces_of(paths: list[FacePath], scanned: int) -> list[FacePath]:
    """The faces that may be the speaker's, of a clip of `scanned` frames: the largest and most constant one (area times
    presence) first, then others that are not much smaller and rarer.

    Raises UnusableFootage if no face was found in any frame.
    """
    if not paths:
        raise UnusableFootage(
            "No face was found in the footage.",
            "Give footage that shows one person's face from the front, at least 60 px high, well lit.",
        )
    first = max(paths, key=lambda path: path.area * len(path.numbers) / scanned)
    others = [
        path
        for path in paths
        if path is not first
        and path.area > OTHER_FACE_AREA * first.area
        and len(path.numbers) > OTHER_FACE_PRESENCE * scanned
    ]
    return [first, *others]


def left_to_right(faces: list[FacePath]) -> list[FacePath]:
    """Faces by where they are first seen."""
    return sorted(faces, key=lambda path: centre(path.boxes[0])[0])


class FaceTracker:
    """Measures the speaker's face in every frame, on a square cut around where the scan saw it.

    Frames do not depend on each other, so they may be measured in any order.
    """

    def __init__(self, landmarker: Landmarker, speaker: FacePath) -> None:
        self._landmarker = landmarker
        self._numbers = np.array(speaker.numbers)
        self._boxes = np.array(speaker.boxes)

    def measure(self, number: int, rgb: np.ndarray) -> FaceObservation | None:
        """The speaker's face in frame `number` of the scan's numbering; None if it is not found."""
        expected = np.array([np.interp(number, self._numbers, self._boxes[:, k]) for k in range(4)])
        for margin in (FACE_MARGIN, 2 * FACE_MARGIN):
            found = self._landmarker.find(rgb, square_around(expected, margin))
            near = [
                (float(np.linalg.norm(centre(face.box) - centre(expected))), index)
                for index, face in enumerate(found)
                if np.linalg.norm(centre(face.box) - centre(expected)) < SAME_FACE_SHIFT * longer_side(expected)
                and 0.4 < longer_side(face.box) / longer_side(expected) < 2.5
            ]
            if near:
                return found[min(near)[1]]
        return None
