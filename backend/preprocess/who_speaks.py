"""Whose lips go with the sound, of several people in a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.face.landmarker import Landmarker
from backend.face.points import LANDMARK_POINTS
from backend.media.audio import SPEECH_RATE, load_audio
from backend.media.colour import to_bytes
from backend.media.decode import VideoInfo, read_frames
from backend.preprocess.quality import mouth
from backend.preprocess.shots import Shot
from backend.preprocess.speaker import FacePath, FaceTracker
from backend.preprocess.sync import estimate_offset

LISTENED_S = 12.0
"""Seconds of the clip by which it is told."""
EVIDENCE, AHEAD = 0.2, 0.05
"""Least correlation of the speaker's lips with what is heard, times its confidence, and by how much it is above every
other face's. Six filmed speakers have 0.26 to 0.61 with their own voice, others up to 0.37, each below the own one."""


def who_speaks(
    faces: list[FacePath], footage: Path, info: VideoInfo, shot: Shot, sound: Path, models_dir: str | None
) -> int | None:
    """Place in `faces` of the one whose lips follow the sound; None where that cannot be told.

    faces: of `shot`, a part of the footage, numbered as its pictures. sound: from the footage's first picture on.
    """
    length = min(shot.end - shot.first, round(LISTENED_S * info.fps))
    first = (shot.first + shot.end - length) // 2
    seen = np.full((len(faces), length, LANDMARK_POINTS, 3), np.nan)
    times = []
    with Landmarker(models_dir, 2) as landmarker:
        trackers = [FaceTracker(landmarker, face) for face in faces]
        for number, (_, rgb) in enumerate(read_frames(footage, info, first=first, end=first + length)):
            picture = to_bytes(rgb)
            times.append(float(number / info.fps))
            for face, tracker in enumerate(trackers):
                found = tracker.measure(first + number, picture)
                if found is not None:
                    seen[face, number] = found.landmarks
    start = round(first / info.fps * SPEECH_RATE)
    heard = load_audio(sound)[start : start + round(length / info.fps * SPEECH_RATE)]
    moments = np.array(times)
    estimates = [estimate_offset(heard, SPEECH_RATE, mouth(one[: len(times)]), moments) for one in seen]
    fits = [estimate.correlation * estimate.confidence for estimate in estimates]
    order = np.argsort(fits)[::-1]
    best, second = fits[order[0]], fits[order[1]]
    return int(order[0]) if best > EVIDENCE and best > second + AHEAD else None
