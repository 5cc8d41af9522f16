"""The footage under a line that dubs it: which of its frames, what it gives the head, and the drawn frame laid into it.

The drawn frame of a dub is what goes over the footage: alpha is the matte, colour what the footage becomes where that
is 1, already with the footage's light and grain. Where alpha is 0 the footage is as it was shot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from backend.deliver.dub_match import comparable, grain, grain_of, light_gain
from backend.deliver.dub_matte import face_height, faded_at_rims, head_matte, lower_face_matte
from backend.media.colour import to_bytes, to_unit
from backend.media.fill import fill
from backend.performance.curves import UPPER_CURVES, Performance, ordered_curves
from backend.portrait.portrait import EMPTY_DEPTH_CM, Drive, Portrait, PortraitFrame
from backend.settings import RenderSettings
from backend.subject.behind import behind_head, shows_head
from backend.subject.subject import Subject
from backend.subject.track import Track
from shared import choices, layout
from shared.dubbing import DUB_FORM, footage_frames, parse_dub
from shared.errors import InputError

NONE = -1
"""In place of a footage frame: there is none under a line's frame."""
_RIM_SOFT = 0.04
"""Within about twice this share of the face's height the matte fades at a rim of the crop inside the footage."""
_AROUND = 0.2
"""How far around the matte the pictures are compared, as such a share."""
_SEEDS = 0xFFFFFFFF
_SOLID = 0.5
"""Coverage from which the drawn picture tells its colour for sure."""


@dataclass(frozen=True)
class Filmed:
    """What the footage's own frames say of the head, and which of them lies under each frame of a line of N frames."""

    shown: np.ndarray
    """(N,) the subject's frame under each frame, from 0; NONE where there is none."""
    poses: np.ndarray
    """(T, 4, 4) camera_from_head of the subject's frames, cm."""
    body: np.ndarray
    """(T, K) the body's motion in them."""
    upper: np.ndarray
    """(T, 24) their upper-face curves."""
    landmarks: np.ndarray
    """(T, 478, 3) px of the stored frames."""
    fps: Fraction

    @property
    def dubbed(self) -> np.ndarray:
        """(N,) bool: which frames of the line lie over footage."""
        return self.shown != NONE

    def posed(self, poses: np.ndarray) -> np.ndarray:
        """Poses (N, 4, 4) of the line, the footage's where it is dubbed."""
        return np.where(self.dubbed[:, None, None], self.poses[self.shown], poses)

    def with_upper_face(self, performance: Performance) -> Performance:
        """The line's curves with the footage's brows, eyes and cheeks where it is dubbed: edited ones would not fit
        what is left of the footage."""
        upper = self.upper[self.shown]
        curves = {name: np.where(self.dubbed, upper[:, i], performance.curves[name])
                  for i, name in enumerate(UPPER_CURVES)}  # fmt: skip
        return Performance(performance.fps, {**performance.curves, **curves})

    def moving(self, portrait: Portrait, drive: Drive) -> Drive:
        """What moves a portrait through the line: where it is dubbed, the motion of head and body that the footage has
        there, and not what would come of its frames in the line's order."""
        count = len(self.poses)
        heard = np.zeros((count, 1, 1, 1), np.float32) if portrait.needs_audio else None
        curves = np.zeros((count, drive.curves.shape[1]), np.float32)
        there = portrait.drive(curves, self.poses, float(self.fps), heard, self.body)
        here, of = np.flatnonzero(self.dubbed), self.shown[self.dubbed]
        changed = {}
        for name in ("poses", "rotations", "motion", "distances"):
            values, filmed = getattr(drive, name), getattr(there, name)
            if values is not None and filmed is not None:
                changed[name] = values.clone()
                changed[name][here] = filmed[of]
        return replace(drive, **changed)


def require_dub(settings: RenderSettings) -> None:
    """Raises InputError for a dub that is wrong whatever line and footage are."""
    if settings.dub is None:
        return
    try:
        parse_dub(settings.dub)
    except ValueError as error:
        raise InputError(f"{str(error).capitalize()}.", DUB_FORM) from error
    if settings.dub_part not in choices.DUB_PARTS:
        raise InputError(
            f"A dub of {settings.dub_part!r} is unknown.", f"Use one of {', '.join(choices.DUB_PARTS)}."
        )  # fmt: skip
    if settings.pose not in choices.POSES:
        raise InputError(
            "A dub shows the head where the footage has it, so it cannot follow other poses.",
            "Leave the poses out, or the dub.",
        )


def filmed_under(subject: Subject, track: Track, settings: RenderSettings, count: int) -> Filmed | None:
    """The footage under a line of `count` frames; None where it dubs none. track: under the model's poses. Raises
    InputError for frames that neither line nor subject has."""
    if settings.dub is None:
        return None
    require_dub(settings)
    before = subject.info.footage_first
    try:
        frames = footage_frames(parse_dub(settings.dub), count, before + 1, before + subject.frame_count)
    except ValueError as error:
        raise InputError(
            f"{str(error).capitalize()}.", "Correct them, or preprocess that part of the footage too."
        ) from error
    shown = np.array([NONE if frame is None else frame - before - 1 for frame in frames])
    return Filmed(
        shown, track.camera_from_head, track.body, ordered_curves(track, UPPER_CURVES), track.landmarks, subject.fps
    )


class Dub:
    """Lays drawn frames of `size` px into the footage's."""

    def __init__(self, subject: Subject, filmed: Filmed, part: str, size: int, seed: int) -> None:
        self._subject, self._filmed, self._part, self._size, self._seed = subject, filmed, part, size, seed & _SEEDS
        self._plate = subject.background(size)

    def key(self, number: int) -> str | None:
        """What frame `number` of the line, from 1, depends on beside what moves it; None: it is empty."""
        shown = int(self._filmed.shown[number - 1])
        return None if shown == NONE else f"{self._part} {shown} {self._seed}"

    def footage(self, number: int) -> np.ndarray | None:
        """(size, size, 3) uint8, the footage under a frame; None where there is none."""
        shown = int(self._filmed.shown[number - 1])
        return None if shown == NONE else to_bytes(self._subject.frame(shown, self._size))

    def laid(self, number: int, drawn: PortraitFrame[np.ndarray]) -> PortraitFrame[np.ndarray]:
        """A drawn frame as it goes over the footage's."""
        shown = int(self._filmed.shown[number - 1])
        stored, regions = self._subject.frame(shown, self._size), self._subject.region_map(shown, self._size)
        landmarks = self._filmed.landmarks[shown] * (self._size / self._subject.info.size)
        face_px, mattes = face_height(landmarks), drawn.drawn_mattes
        if self._part == "head":
            matte = head_matte(landmarks, mattes, regions)
        else:
            matte = lower_face_matte(landmarks, mattes, regions)
        matte = faded_at_rims(matte, self._rims_within(), _RIM_SOFT * face_px)
        matte = np.where(matte < layout.VISIBLE_ALPHA, np.float32(0.0), matte)
        part = _around(matte, round(_AROUND * face_px))
        rgb, alpha = np.zeros_like(drawn.rgb), drawn.alpha[part]
        colour = self._matched(drawn.rgb[part], alpha, to_unit(stored[part]), regions[part], matte[part],
                               face_px, shown)  # fmt: skip
        behind = _without_head(stored[part], regions[part], self._plate[part])
        over = np.clip(colour * alpha[..., None] + behind * (1.0 - alpha[..., None]), 0.0, 1.0)
        rgb[part] = over * matte[part][..., None]
        return PortraitFrame(rgb, matte, drawn.depth, mattes)

    def empty(self) -> PortraitFrame[np.ndarray]:
        """A frame that lies over no footage."""
        shape = (self._size, self._size)
        depth = np.full(shape, EMPTY_DEPTH_CM, np.float32)
        regions = np.zeros((*shape, len(layout.REGION_NAMES)), np.float32)
        return PortraitFrame(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32), depth, regions)

    def _matched(
        self, rgb: np.ndarray, alpha: np.ndarray, footage: np.ndarray, regions: np.ndarray, matte: np.ndarray,
        face_px: float, shown: int,
    ) -> np.ndarray:  # fmt: skip
        """(H, W, 3) the drawn picture's colour, straight, with the footage's light and grain."""
        straight = rgb / np.maximum(alpha, 1e-6)[..., None]
        covered = np.minimum(regions.sum(axis=2, dtype=np.uint16), 255) / 255.0
        weight = comparable(matte, np.where(alpha > _SOLID, alpha * covered, 0.0), face_px)
        lit = straight * light_gain(footage, straight, weight, face_px)
        noise = grain(matte, *grain_of(footage, lit, weight), (self._seed, shown))
        return lit + noise[..., None]

    def _rims_within(self) -> tuple[bool, bool, bool, bool]:
        """Which rims of the crop (left, top, right, bottom) lie within the footage's frame."""
        crop, info = self._subject.crop, self._subject.info
        right, bottom = crop.x + crop.width, crop.y + crop.height
        return crop.x > 0, crop.y > 0, right < info.footage_width, bottom < info.footage_height


def _around(matte: np.ndarray, reach: int) -> tuple[slice, slice]:
    """Rows and columns of the part of a matte (H, W) that is not 0, and so many px around it."""
    shown = matte > 0
    if not shown.any():
        return slice(0, 1), slice(0, 1)
    found = [np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0)]
    return (
        slice(max(0, int(found[0][0]) - reach), int(found[0][-1]) + 1 + reach),
        slice(max(0, int(found[1][0]) - reach), int(found[1][-1]) + 1 + reach),
    )


def _without_head(stored: np.ndarray, regions: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1]: the footage's frame without its head. The plate behind it is brought to what the
    frame shows beside the person: a camera's exposure drifts, and a step would be seen as a rim around the head."""
    footage = to_unit(stored)
    beside = regions.sum(axis=2, dtype=np.uint16) == 0
    if beside.any():
        missing = fill((footage * np.float32(255.0) - plate).astype(np.float32), beside)
        plate = np.rint(np.clip(plate + missing, 0.0, 255.0)).astype(np.uint8)
    without = to_unit(behind_head(to_bytes(stored), regions, plate))
    return np.where(shows_head(regions)[..., None] > 0, without, footage)
