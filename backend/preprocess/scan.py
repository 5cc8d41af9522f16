"""One look at a clip: which part of it is used, which way up it is, and whose face is the speaker's."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend.face.boxes import area, centre
from backend.face.landmarker import FaceObservation, Landmarker
from backend.media.colour import to_bytes
from backend.media.decode import VideoInfo, read_frames
from backend.parallel import in_order_with_tools
from backend.preprocess.shots import Shot, Thumbnails
from backend.preprocess.speaker import MAX_FACES, FacePath, faces_of, find_all_faces, left_to_right, scan_step
from backend.settings import PreprocessSettings
from shared.errors import InputError
from shared.files import write_json
from shared.jobs import Reporter

SCANS_PER_S = 5.0
"""Frames a second that are searched for every face."""
LYING_DEGREES = 60.0
"""A face that lies on its side by more than this is filmed with the camera turned."""
MOST_NAMED = 6
"""Shots whose times are told."""

Choose = Callable[[list[FacePath], VideoInfo, Shot], int | None]
"""Which of several faces of a shot of a clip is the speaker's, by its place in the list; None: not known."""


@dataclass(frozen=True)
class Scan:
    """What of a clip is used."""

    speaker: FacePath
    """The speaker's face in the scanned frames, numbered from `first`."""
    warnings: list[str]
    """What was chosen and why, in words."""
    turns: int = 0
    """Quarter turns anticlockwise, beyond what the file says, that set the speaker upright."""
    first: int = 0
    """The first picture of the clip that is used, from 0."""
    end: int | None = None
    """The picture after the last one; None: to the clip's end."""

    def count(self, info: VideoInfo) -> int:
        """How many pictures of the clip are used, about."""
        return (info.frame_count_estimate if self.end is None else self.end) - self.first

    def save(self, path: Path) -> None:
        """Write as JSON, through a temporary name. Raises OSError."""
        boxes = [box.tolist() for box in self.speaker.boxes]
        values = {"numbers": self.speaker.numbers, "boxes": boxes, "warnings": self.warnings}
        write_json(path, {**values, "turns": self.turns, "first": self.first, "end": self.end})

    @classmethod
    def load(cls, path: Path) -> Scan:
        """Read what `save` wrote, or an older version: that used the whole clip as it lies."""
        values = json.loads(path.read_text())
        speaker = FacePath(values["numbers"], [np.array(box) for box in values["boxes"]])
        return cls(speaker, values["warnings"], values.get("turns", 0), values.get("first", 0), values.get("end"))


def asked_range(settings: PreprocessSettings, info: VideoInfo) -> Shot:
    """The pictures between `start_s` and `end_s`. Raises InputError where there are none."""
    count = max(1, info.frame_count_estimate)
    first = round((settings.start_s or 0.0) * info.fps)
    end = count if settings.end_s is None else min(count, round(settings.end_s * info.fps))
    if not first < end:
        raise InputError(
            f"Nothing of the footage lies between --in and --out: it lasts {float(count / info.fps):.1f} s.",
            "Give --in and --out in seconds from its start.",
        )
    return Shot(first, end)


def what_is_used(settings: PreprocessSettings) -> tuple[str, ...]:
    """What the key of the first stage that reads pictures has of the user's choice; nothing where there is none."""
    chosen = {
        "fps": settings.sequence_fps,
        "start": settings.start_s,
        "end": settings.end_s,
        "speaker": settings.speaker,
    }
    return tuple(f"{name} {value}" for name, value in chosen.items() if value is not None)


def scan_faces(
    footage: Path, info: VideoInfo, settings: PreprocessSettings, report: Reporter, choose: Choose = lambda *_: None
) -> Scan:
    """Look for faces in a few frames a second; choose the part of the clip, its turn, and the speaker's face.

    The part is the longest shot that shows one face throughout. choose: tells the speaker of several people, where the
    user does not. Raises InputError if there is no face.
    """
    part = asked_range(settings, info)
    look = functools.partial(_look, footage, part=part, to_the_end=settings.end_s is None, models=settings.models_dir)
    seen, words = look(info, report=report), []
    turns = seen.turns
    if turns:
        how = {1: "a quarter turn to the left", 2: "half a turn", 3: "a quarter turn to the right"}[turns]
        words.append(f"The speaker does not stand upright in the footage: it is turned by {how}.")
        info = info.turned(turns)
        seen = look(info, report=report)
    shot = max(seen.shots, key=lambda shot: seen.frames_with_a_face(shot))
    faces = faces_of(seen.paths(shot), seen.scanned(shot))
    words += _words_of_part(seen, shot, info)
    speaker, told = _speaker(faces, settings.speaker, lambda ordered: choose(ordered, info, shot))
    speaker = replace(speaker, numbers=[number - shot.first for number in speaker.numbers])
    end = None if settings.end_s is None and shot.end == seen.whole.end else shot.end
    return Scan(speaker, [*words, *told], turns, shot.first, end)


@dataclass(frozen=True)
class _Seen:
    """What one look at a clip found."""

    faces: list[tuple[int, list[FaceObservation]]]
    """Number of each scanned picture, and the faces in it."""
    on_their_head: int
    """How many of them show a face only when they are turned over."""
    whole: Shot
    """All pictures that were read."""
    shots: list[Shot]
    """Its shots; the whole where nothing in it is one."""

    def scanned(self, shot: Shot) -> int:
        """How many pictures of a shot were scanned, at least 1."""
        return max(1, sum(shot.first <= number < shot.end for number, _ in self.faces))

    def paths(self, shot: Shot) -> list[FacePath]:
        """The faces of a shot, followed through it."""
        paths: list[FacePath] = []
        for number, faces in self.faces:
            if shot.first <= number < shot.end:
                scan_step(paths, number, faces)
        return paths

    def frames_with_a_face(self, shot: Shot) -> float:
        """How many pictures of a shot show the face that is most often seen in it, about."""
        most = max((len(path.numbers) for path in self.paths(shot)), default=0)
        return most / self.scanned(shot) * (shot.end - shot.first)

    @property
    def turns(self) -> int:
        """Quarter turns anticlockwise that set most faces upright; 0 where they lie by less than LYING_DEGREES."""
        if self.on_their_head > len(self.faces) / 2:
            return 2
        rolls = [max(faces, key=lambda face: area(face.box)).roll_degrees for _, faces in self.faces if faces]
        lying = [roll for roll in rolls if abs(roll) > LYING_DEGREES]
        if len(lying) <= len(rolls) / 2:
            return 0
        quarters = [round(-roll / 90) % 4 for roll in lying]
        return max(set(quarters), key=quarters.count)


def _look(footage: Path, info: VideoInfo, part: Shot, to_the_end: bool, models: str | None, report: Reporter) -> _Seen:
    """Every face in a few pictures a second, and the shots, of the part of a clip that is asked for."""
    stride = max(1, round(float(info.fps) / SCANS_PER_S))
    report.phase("face", -(-(part.end - part.first) // stride))
    small = Thumbnails()
    read = read_frames(
        footage, info, every=stride, first=part.first, end=None if to_the_end else part.end, watch=small.add
    )
    found: list[tuple[int, list[FaceObservation]]] = []
    on_their_head = 0
    pictures = (to_bytes(rgb) for _, rgb in read)
    for faces, is_on_its_head in in_order_with_tools(_search, pictures, lambda: Landmarker(models, MAX_FACES)):
        found.append((part.first + len(found) * stride, faces))
        on_their_head += is_on_its_head
        report.step()
    whole = Shot(part.first, part.first + small.count)
    shots = [Shot(part.first + shot.first, part.first + shot.end) for shot in small.shots()]
    return _Seen(found, on_their_head, whole, shots or [whole])


def _search(landmarker: Landmarker, rgb: np.ndarray) -> tuple[list[FaceObservation], bool]:
    """Every face of a picture, and whether it shows one when it is turned over that it does not show as it is.

    The landmarker sees hardly any face that stands on its head, and what it takes for one is an upright one.
    """
    faces = landmarker.find(rgb)
    if faces:
        return faces, False
    turned = landmarker.find(np.ascontiguousarray(rgb[::-1, ::-1]))
    return find_all_faces(landmarker, rgb), any(abs(face.roll_degrees) < LYING_DEGREES for face in turned)


def _words_of_part(seen: _Seen, shot: Shot, info: VideoInfo) -> list[str]:
    """What is left out of a clip, and why."""
    if shot == seen.whole:
        return []
    fps = float(info.fps)
    taken = f"{shot.first / fps:.1f} s to {shot.end / fps:.1f} s"
    if len(seen.shots) == 1:
        return [f"Only {taken} of the footage is taken: the rest is blank or fades."]
    begins = (
        ", ".join(f"{one.first / fps:.1f}" for one in seen.shots[:MOST_NAMED])
        + " …"[: 2 * (len(seen.shots) > MOST_NAMED)]
    )
    return [
        f"The footage has {len(seen.shots)} shots (from {begins} s): {taken} is taken, in which one face is to be seen "
        "longest. --in and --out choose another part."
    ]


def _speaker(
    faces: list[FacePath], wanted: int | None, choose: Callable[[list[FacePath]], int | None]
) -> tuple[FacePath, list[str]]:
    """The speaker's face, and words where there are others. Raises InputError where there is no face `wanted`."""
    ordered = left_to_right(faces)
    if wanted is not None and wanted > len(ordered):
        raise InputError(
            f"There is no face {wanted}: {len(ordered)} are in the footage.", "Count them from the left, from 1."
        )
    if len(ordered) == 1:
        return ordered[0], []
    heard = choose(ordered) if wanted is None else None
    if wanted is not None:
        number, why = wanted - 1, "as asked"
    elif heard is not None:
        number, why = heard, "since its lips go with the sound"
    else:
        number = next(index for index, face in enumerate(ordered) if face is faces[0])
        why = "since it is the largest and most constant one"
    speaker = ordered[number]
    x, y = centre(speaker.boxes[0])
    return speaker, [
        f"{len(ordered)} faces are in the footage; number {number + 1} from the left (around x {x:.0f}, "
        f"y {y:.0f} px) is taken as the speaker, {why}. --speaker N takes another."
    ]
