"""The recorded frames that a model is scored against, at the size at which it is delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from backend.evaluate import weights
from backend.evaluate.faces import LIPS
from backend.evaluate.metrics import Statistics, statistics
from backend.evaluate.perceptual import Structure, structure
from backend.media.colour import to_bytes
from backend.media.colour_tags import colour_as_stored
from backend.media.decode import VideoInfo, probe, read_frames
from backend.media.sequence import footage_sha256, sequence_of
from backend.preprocess.crop import cut
from backend.subject.behind import behind_head, shows_head
from backend.subject.pictures import PictureFolder
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared import layout
from shared.errors import InputError


@dataclass(frozen=True)
class RecordedFrame:
    """One recorded frame, S x S px, and where things are in it."""

    index: int
    """From 0."""
    picture: np.ndarray
    """(S, S, 3) uint8 RGB, as displayed."""
    regions: np.ndarray
    """(S, S, 4) uint8 region map."""
    landmarks: np.ndarray
    """(478, 2) px of the picture."""
    behind: np.ndarray
    """(S, S, 3) uint8: the frame without its head (subject.behind)."""

    @cached_property
    def headed(self) -> np.ndarray:
        """(S, S) where it shows any of the head, in [0, 1]."""
        return shows_head(self.regions)

    @cached_property
    def head(self) -> np.ndarray:
        """(S, S) weight of the head's pixels."""
        return weights.head_weight(self.regions)

    @cached_property
    def mouth(self) -> np.ndarray:
        """(S, S) weight of the pixels of the mouth's box."""
        return weights.mouth_weight(self.landmarks[list(LIPS)], *self.picture.shape[:2])

    @cached_property
    def face(self) -> np.ndarray:
        """(S, S) weight of the face's pixels."""
        return weights.face_weight(self.regions)

    @cached_property
    def hair(self) -> np.ndarray:
        """(S, S) weight of the hair's pixels."""
        return weights.hair_weight(self.regions)

    @cached_property
    def edge(self) -> np.ndarray:
        """(S, S) weight of the pixels about the head's outline."""
        return weights.edge_weight(self.regions)

    @cached_property
    def neck(self) -> np.ndarray:
        """(S, S) weight of the pixels where head and torso meet."""
        return weights.neck_band(self.regions)

    @cached_property
    def statistics(self) -> Statistics:
        """What SSIM compares."""
        return statistics(self.picture)

    @cached_property
    def structure(self) -> Structure:
        """What the perceptual distance compares."""
        return structure(self.picture)

    @property
    def around(self) -> np.ndarray:
        """(4,) left, top, right, bottom of the face, px."""
        return np.concatenate([self.landmarks.min(axis=0), self.landmarks.max(axis=0)])


@dataclass(frozen=True)
class ScoredSize:
    """The side of the pictures that are compared, px, and why it is that one where it is not the delivered one."""

    size: int
    note: str | None = None


def scored_size(subject: Subject, asked: int | None, footage: Path | None) -> ScoredSize:
    """The size to score at: `asked`, else that of the subject's crop, at which `talker render` delivers.

    A subject may store smaller frames than the crop has. Enlarged ones would be no truth to compare with: then the
    footage itself is needed. Without it the stored size is scored, with a note. Raises InputError where a larger size
    was asked for by number, or the footage is missing or another one.
    """
    stored, delivered = subject.info.size, subject.crop.width
    size = asked or delivered
    if footage is not None and size > stored:
        if size > delivered:
            raise InputError(f"The crop has {delivered} px; {size} px hold no more.", f"Score at {delivered}.")
        if not footage.exists() and sequence_of(footage) is None:
            raise InputError(f"There is no file {footage}.", "Check the path of the footage.")
        if footage_sha256(footage) != subject.info.source_sha256:
            raise InputError(f"{footage} is not the clip that {subject.root} was made from.", "Give that clip.")
        return ScoredSize(size)
    if size <= stored:
        return ScoredSize(size)
    if asked is not None:
        raise InputError(
            f"The subject's frames have {stored} px.", "Give the clip with --footage, or a smaller --size."
        )
    note = (
        f"Delivered pictures have {delivered} px, the subject's frames {stored}: scored at {stored}. "
        "Give the clip with --footage to score what is delivered."
    )
    return ScoredSize(stored, note)


def _as_stored(footage: Path, subject: Subject) -> VideoInfo:
    """A clip that is read as it was when the subject's frames were stored: its colours, and which way up. Raises
    InputError where it is damaged, or the subject is."""
    info = probe(footage, subject.fps).turned(subject.info.footage_turns)
    return replace(info, colour=colour_as_stored(subject.info.footage_colour, info.tags))


class RecordedFrames:
    """The recorded frames of a subject at one size, one at a time: memory does not grow with the clip."""

    def __init__(self, subject: Subject, track: Track, size: int, footage: Path | None) -> None:
        """footage: the clip itself, from which frames larger than the stored ones are cut."""
        self._subject, self._size = subject, size
        self._footage = footage if size > subject.info.size else None
        # Not Subject.regions: a cache of the whole clip is not worth while for the frames that are scored.
        self._regions = PictureFolder(subject.root / layout.REGIONS_FOLDER, subject.frame_count, 4, size)
        self._plate = subject.background(size)
        self._points = track.landmarks[..., :2] * (size / subject.info.size)

    @property
    def plate(self) -> np.ndarray:
        """(S, S, 3) uint8 RGB, the clean plate."""
        return self._plate

    def read(self, wanted: np.ndarray) -> Iterator[RecordedFrame]:
        """The frames `wanted` (N,), from 0, ascending. Raises InputError where one cannot be read."""
        for index, picture in self._pictures(wanted):
            regions = self._regions[index]
            behind = behind_head(picture, regions, self._plate)
            yield RecordedFrame(index, picture, regions, self._points[index], behind)

    def _pictures(self, wanted: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        if self._footage is None:
            folder = self._subject.root / layout.FRAMES_FOLDER
            stored = PictureFolder(folder, self._subject.frame_count, 3, self._size)
            yield from ((int(index), stored[int(index)]) for index in wanted)
            return
        left = set(map(int, wanted))
        info, first = _as_stored(self._footage, self._subject), self._subject.info.footage_first
        for index, (_, rgb) in enumerate(read_frames(self._footage, info, first=first)):
            if index in left:
                left.remove(index)
                yield index, to_bytes(cut(rgb, self._subject.crop, self._size))
            if not left:
                return
        raise InputError(f"{self._footage.name} ends before frame {min(left) + 1}.", "Preprocess the footage again.")
