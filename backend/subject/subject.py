"""The subject folder: everything that is known of one person, as files.

Pictures are RGB in the working space (media.colour), stored in 16 bits where the footage has more than 8; region maps
are uint8 with channels `shared.layout.REGION_NAMES`.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.disk import free_bytes, require_space
from backend.media.colour import SHOWN, TRANSFERS, to_unit
from backend.parallel import in_order
from backend.subject.model_folder import ModelFolder
from backend.subject.pictures import PictureFile, PictureFolder, Pictures, read_picture, write_picture_file
from backend.subject.publishing import restore_if_needed
from backend.subject.track import Track
from backend.subject.without_head import WithoutHead
from shared import layout
from shared.camera import Crop
from shared.claims import claiming
from shared.consent import Consent, read_consent
from shared.errors import InputError
from shared.files import read_json_object, remove_leftovers, write_json
from shared.jobs import Reporter
from shared.timing import fps_text, parse_fps

log = logging.getLogger(__name__)

SCHEMA = 3
"""1: no body curves in track.npz; such a folder is read as one whose body was not tracked. Up to 2: `input_colour` was
rec709 for footage with that tag, though nobody had asked for it; it is read as srgb."""
ID_DIGITS = 16
_BEHIND_NEEDS = ("frames", "regions", "background")
"""Stages of preprocessing that make what `frames_without_head` reads."""
QUICK_BYTES = 4e9
"""Most that a cache of uncompressed pictures of the stored size may take; half of the free disk at most."""


@dataclass
class SubjectInfo:
    """What subject.json holds."""

    source: str
    """File name of the footage (not its folder)."""
    source_sha256: str
    """Hash of the footage file."""
    fps: str
    """Frame rate as "num/den"."""
    frame_count: int
    """Frames in the folder."""
    size: int
    """Width and height of the stored frames, px."""
    crop: dict
    """Square cut out of the footage: x, y, width, height in the footage's (upright) px."""
    footage_width: int
    footage_height: int
    """Of the footage as it is shown, turned and in square pixels."""
    footage_turns: int = 0
    """Quarter turns anticlockwise, beyond what the footage itself says, by which it was turned upright: 0 to 3."""
    footage_first: int = 0
    """Pictures of the footage before the first that is used."""
    audio_offset_s: float = 0.0
    """How late the footage's sound was against its picture, seconds (positive: late); already taken out of audio.wav
    when `audio_offset_corrected`."""
    audio_offset_corrected: bool = False
    input_colour: str = "srgb"
    """Transfer curve by which delivery makes the colour linear (media.colour.TRANSFERS)."""
    footage_colour: dict = field(default_factory=dict)
    """How the footage's values were read (media.colour.FootageColour.to_dict); empty where an older version read them:
    as they lie."""
    consent: str = ""
    """The user's note on the consent of the person shown, as it was when the subject was made; what holds is in
    consent.json (shared.consent), where there is one."""
    stages: dict[str, str] = field(default_factory=dict)
    """Finished preprocessing stages: name to the content hash of their inputs."""
    quality: dict = field(default_factory=dict)
    """Quality report: numbers, and `warnings` in plain words."""
    schema: int = SCHEMA


_TYPES: dict[str, type] = {
    **dict.fromkeys(("source", "source_sha256", "fps", "input_colour", "consent"), str),
    **dict.fromkeys(("frame_count", "size", "footage_width", "footage_height"), int),
    **dict.fromkeys(("crop", "footage_colour", "stages", "quality"), dict),
}


def _check(info: SubjectInfo) -> None:
    """Raises TypeError or ValueError where subject.json says what cannot be."""
    for name, kind in _TYPES.items():
        if type(getattr(info, name)) is not kind:
            raise TypeError(f"{name} is {getattr(info, name)!r}")
    numbers = {name: getattr(info, name) for name, kind in _TYPES.items() if kind is int}
    numbers |= {f"crop.{name}": info.crop[name] for name in ("width", "height") if name in info.crop}
    for name, number in numbers.items():
        if type(number) is not int or not 0 < number < 1 << 31:
            raise ValueError(f"{name} is {number!r}")
    if sorted(info.crop) != ["height", "width", "x", "y"] or any(type(info.crop[name]) is not int for name in "xy"):
        raise ValueError(f"crop is {info.crop}")
    for name, end in (("footage_turns", 4), ("footage_first", 1 << 31)):
        if type(getattr(info, name)) is not int or not 0 <= getattr(info, name) < end:
            raise ValueError(f"{name} is {getattr(info, name)!r}")
    if not 0 < parse_fps(info.fps) < 1000:
        raise ValueError(f"fps is {info.fps!r}")
    if info.input_colour not in TRANSFERS:
        raise ValueError(f"input_colour is {info.input_colour!r}")


class Subject:
    """A finished subject folder, opened for reading. Made by preprocess.pipeline."""

    def __init__(self, root: Path, info: SubjectInfo) -> None:
        self.root = root
        self.info = info

    @classmethod
    def open(cls, root: str | os.PathLike) -> Subject:
        """Open a subject folder, migrating older schemas.

        Raises InputError if it is no subject, is unfinished, or was written by a newer version.
        """
        root = Path(root)
        restore_if_needed(root)
        path = root / layout.SUBJECT_FILE
        if not path.is_file():
            raise InputError(f"{root} is not a subject folder (no {layout.SUBJECT_FILE}).", "Preprocess footage first.")
        values = read_json_object(path, "Preprocess the footage again.")
        schema = values.get("schema", 0)
        if not isinstance(schema, int):
            raise InputError(f"{path} is damaged (schema {schema!r}).", "Preprocess the footage again.")
        if schema > SCHEMA:
            raise InputError(f"{root} was written by a newer version (schema {schema}).", "Update M2DAO-Talker.")
        known = {f.name for f in fields(SubjectInfo)}
        try:
            info = SubjectInfo(**{key: value for key, value in values.items() if key in known})
            _check(info)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            raise InputError(f"{path} is damaged ({error}).", "Preprocess the footage again.") from error
        if schema < 3 and info.input_colour == "rec709":
            info.input_colour = SHOWN
        info.schema = SCHEMA
        return cls(root, info)

    def save_info(self) -> None:
        """Write subject.json, through a temporary name."""
        write_json(self.root / layout.SUBJECT_FILE, asdict(self.info))

    @property
    def id(self) -> str:
        """What files that are made of this person call it: the beginning of the footage's hash."""
        return self.info.source_sha256[:ID_DIGITS]

    def consent(self) -> Consent:
        """What the person shown has agreed to, as it is on the disk now. Raises InputError where that is damaged."""
        return read_consent(self.root, self.info.consent)

    @property
    def fps(self) -> Fraction:
        return parse_fps(self.info.fps)

    @fps.setter
    def fps(self, fps: Fraction) -> None:
        self.info.fps = fps_text(fps)

    @property
    def frame_count(self) -> int:
        return self.info.frame_count

    @property
    def crop(self) -> Crop:
        return Crop(**self.info.crop)

    @property
    def footage_space(self) -> str:
        """Curve and primaries of the footage's own values (media.colour.FootageColour.space)."""
        return self.info.footage_colour.get("space", self.info.input_colour)

    @property
    def audio_path(self) -> Path:
        return self.root / layout.AUDIO_FILE

    def model(self, name: str | None) -> ModelFolder:
        """Model `name`, which need not be there yet; None: the one that was trained last.

        Raises InputError for a name that is none, or where there is no model at all.
        """
        return ModelFolder.newest_of(self.root) if name is None else ModelFolder.of(self.root, name)

    def track(self) -> Track:
        return Track.load(self.root / layout.TRACK_FILE)

    def frames(self, size: int, quick: bool = False) -> Pictures:
        """T pictures (size, size, 3) uint8 RGB, read when asked for: from the stored ones where these have that size,
        else from a cache that is made on first use. Raises InputError where the disk has no room for it.

        quick: for readers that come back to every picture many times: from a cache of uncompressed pictures at the
        stored size too, where that takes no more than QUICK_BYTES.
        """
        return self._pictures(layout.FRAMES_FOLDER, size, 3, quick)

    def frame(self, index: int, size: int) -> np.ndarray:
        """(size, size, 3) uint8 or uint16 RGB, one picture as deep as it is stored, for readers that pass once."""
        return PictureFolder(self.root / layout.FRAMES_FOLDER, self.frame_count, 3, size, deep=True)[index]

    def region_map(self, index: int, size: int) -> np.ndarray:
        """(size, size, 4) uint8 soft region map of one picture, for readers that pass once."""
        return PictureFolder(self.root / layout.REGIONS_FOLDER, self.frame_count, 4, size)[index]

    def regions(self, size: int, quick: bool = False) -> Pictures:
        """T soft region maps (size, size, 4) uint8 (channels layout.REGION_NAMES; 255 is one), read when asked for.

        Cached as `frames` are. Raises InputError where the disk has no room for the cache.
        """
        return self._pictures(layout.REGIONS_FOLDER, size, 4, quick)

    def frames_without_head(self, size: int) -> Pictures:
        """T pictures (size, size, 3) uint8 RGB, the frames without their heads (subject.behind), for readers that come
        back to every picture many times: from a cache where that takes no more than QUICK_BYTES, else made anew."""
        frames, regions = self.frames(size, quick=True), self.regions(size, quick=True)
        made = WithoutHead(frames, regions, self.background(size))
        shape = (self.frame_count, size, size, 3)
        if self._is_too_large(shape):
            return made
        key = "".join(self.info.stages.get(of, "")[:12] for of in _BEHIND_NEEDS)
        return self._cached(f"without_head_{size}_{key}.npy", made, shape, f"the clip's background at {size} px")

    def background(self, size: int) -> np.ndarray:
        """(size, size, 3) uint8 RGB, the background plate, to be shown."""
        return read_picture(self.root / layout.BACKGROUND_FILE, size, 3)

    def plate(self, size: int) -> np.ndarray:
        """(size, size, 3) float32 RGB in [0, 1], the background plate with all of its bits, to be computed with."""
        return to_unit(read_picture(self.root / layout.BACKGROUND_FILE, size, 3, deep=True))

    @contextmanager
    def passing_caches(self) -> Iterator[None]:
        """Caches that are made inside are deleted at its end: of sizes that nothing else asks for."""
        folder = self.root / layout.CACHE_FOLDER
        before = set(folder.glob("*.npy"))
        try:
            yield
        finally:
            for path in set(folder.glob("*.npy")) - before:
                with suppress(OSError):  # Windows keeps a file that is still mapped
                    path.unlink(missing_ok=True)

    def _pictures(self, folder: str, size: int, channels: int, quick: bool) -> Pictures:
        stored = PictureFolder(self.root / folder, self.frame_count, channels, size)
        shape = (self.frame_count, size, size, channels)
        if size == self.info.size and (not quick or self._is_too_large(shape)):
            return stored
        key = self.info.stages.get(folder, "")[:12]
        return self._cached(f"{folder}_{size}_{key}.npy", stored, shape, f"the clip's {folder} at {size} px")

    def _is_too_large(self, shape: tuple[int, ...]) -> bool:
        """Whether so many bytes are too many for a cache that is there for speed alone."""
        return math.prod(shape) > min(QUICK_BYTES, free_bytes(self.root) / 2)

    def _cached(self, name: str, made: Pictures, shape: tuple[int, int, int, int], what: str) -> PictureFile:
        """Pictures from a file of the cache, which is made of `made` on first use."""
        cache = self.root / layout.CACHE_FOLDER / name
        found = _opened(cache, shape)
        if found is not None:
            return found
        cache.parent.mkdir(exist_ok=True)
        with claiming(lambda: [cache], "made", Reporter()):
            found = _opened(cache, shape)  # somebody else may have made it meanwhile
            if found is not None:
                return found
            told = remove_leftovers(cache.parent, cache.name)
            if told:
                log.warning(told)
            require_space(cache.parent, math.prod(shape), what, "Make room, or train at a smaller size.")
            write_picture_file(cache, in_order(made.__getitem__, range(len(made))), shape)
            return PictureFile(cache, shape)


def _opened(cache: Path, shape: tuple[int, int, int, int]) -> PictureFile | None:
    """The pictures in a file of the cache; None where there is none yet, or a damaged one, which is named."""
    if not cache.exists():
        return None
    try:
        return PictureFile(cache, shape)
    except InputError as error:
        log.warning("%s It is made again.", error.what)
        return None
