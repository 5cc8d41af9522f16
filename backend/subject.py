"""The subject folder: everything that is known of one person, as files.

Pictures are display-referred RGB uint8, region maps uint8 with channels `shared.layout.REGION_NAMES`.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from backend.disk import require_space
from backend.parallel import in_order
from backend.pictures import PictureFile, PictureFolder, Pictures, read_picture, write_picture_file
from shared import layout
from shared.camera import Crop, Intrinsics
from shared.errors import InputError
from shared.timing import fps_text, parse_fps

SCHEMA = 2
"""1: no body curves in track.npz; such a folder is read as one whose body was not tracked."""


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
    audio_offset_s: float = 0.0
    """How late the footage's sound was against its picture, seconds (positive: late); already taken out of audio.wav
    when `audio_offset_corrected`."""
    audio_offset_corrected: bool = False
    input_colour: str = "srgb"
    """Transfer curve and primaries the stored frames were read with."""
    consent: str = ""
    """The user's note on the consent of the person shown."""
    stages: dict[str, str] = field(default_factory=dict)
    """Finished preprocessing stages: name to the content hash of their inputs."""
    quality: dict = field(default_factory=dict)
    """Quality report: numbers, and `warnings` in plain words."""
    schema: int = SCHEMA


@dataclass
class Track:
    """What track.npz holds. T frames; pixels are those of the stored frames (`SubjectInfo.size`)."""

    focal_px: float
    principal_px: np.ndarray
    """(2,) principal point, px; the footage's centre, so it may lie off the crop's centre."""
    camera_from_head: np.ndarray
    """(T, 4, 4) float64, head cm to OpenCV camera cm (shared.camera)."""
    landmarks: np.ndarray
    """(T, 478, 3) float32 px; z in the scale of x, smaller is nearer."""
    shape_offsets: np.ndarray
    """(468, 3) float32 cm, this person's neutral face minus MediaPipe's canonical one."""
    blendshapes: np.ndarray
    """(T, 52) float32 in [0, 1], names in `blendshape_names`."""
    blendshape_names: np.ndarray
    """(52,) str."""
    curves: np.ndarray
    """(T, K) float32, the true performance; names in `curve_names` (performance.curves)."""
    curve_names: np.ndarray
    """(K,) str."""
    confidence: np.ndarray
    """(T,) float32 in [0, 1]; 0 where the face was not found and the pose is interpolated."""
    reprojection_px: np.ndarray
    """(T,) float32, mean error of the rigid landmarks, px."""
    times_s: np.ndarray
    """(T,) float64, time of each stored frame by its source timestamp, from the first frame."""
    body: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(T, K) float32 cm, the body's own motion (preprocess.body); K is 0 where it is not known."""

    def __post_init__(self) -> None:
        if not self.body.size:
            self.body = np.zeros((self.frame_count, 0), np.float32)

    @property
    def frame_count(self) -> int:
        return len(self.camera_from_head)

    def intrinsics(self, stored_size: int, size: int) -> Intrinsics:
        """The crop's camera for frames resampled from `stored_size` to `size` px."""
        x, y = float(self.principal_px[0]), float(self.principal_px[1])
        return Intrinsics(self.focal_px, self.focal_px, x, y, stored_size, stored_size).scaled(size, size)

    def save(self, path: Path) -> None:
        """Write as .npz without pickles, through a temporary name."""
        temporary = path.with_suffix(".partial.npz")
        arrays: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        np.savez(temporary, **arrays)
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> Track:
        """Read what `save` wrote. Raises InputError when the file is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as data:
                # Folders of schema 1 have no body curves.
                values = {f.name: data[f.name] for f in fields(cls) if f.name != "body" or "body" in data}
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"The track {path} cannot be read ({error}).", "Preprocess the footage again.") from error
        values["focal_px"] = float(values["focal_px"])
        return cls(**values)


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
        path = root / layout.SUBJECT_FILE
        if not path.is_file():
            raise InputError(f"{root} is not a subject folder (no {layout.SUBJECT_FILE}).", "Preprocess footage first.")
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}).", "Preprocess the footage again.") from error
        schema = values.get("schema", 0)
        if schema > SCHEMA:
            raise InputError(f"{root} was written by a newer version (schema {schema}).", "Update M2DAO-Talker.")
        known = {f.name for f in fields(SubjectInfo)}
        try:
            info = SubjectInfo(**{key: value for key, value in values.items() if key in known})
        except TypeError as error:
            raise InputError(f"{path} lacks fields ({error}).", "Preprocess the footage again.") from error
        info.schema = SCHEMA
        return cls(root, info)

    def save_info(self) -> None:
        """Write subject.json, through a temporary name."""
        path = self.root / layout.SUBJECT_FILE
        temporary = path.with_suffix(".partial")
        temporary.write_text(json.dumps(asdict(self.info), indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)

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
    def audio_path(self) -> Path:
        return self.root / layout.AUDIO_FILE

    def newest_model(self) -> str:
        """Name of the model that was trained last. Raises InputError if there is none."""
        configs = list((self.root / layout.MODELS_FOLDER).glob(f"*/{layout.MODEL_CONFIG_FILE}"))
        if not configs:
            raise InputError(f"{self.root} holds no trained model.", "Train one first.")
        return max(configs, key=lambda path: path.stat().st_mtime).parent.name

    def track(self) -> Track:
        return Track.load(self.root / layout.TRACK_FILE)

    def frames(self, size: int) -> Pictures:
        """T pictures (size, size, 3) uint8 RGB, read when asked for: from the stored ones where these have that size,
        else from a cache that is made on first use. Raises InputError where the disk has no room for it."""
        return self._pictures(layout.FRAMES_FOLDER, size, 3)

    def regions(self, size: int) -> Pictures:
        """T soft region maps (size, size, 4) uint8 (layout.REGION_NAMES; 255 is one), likewise."""
        return self._pictures(layout.REGIONS_FOLDER, size, 4)

    def background(self, size: int) -> np.ndarray:
        """(size, size, 3) uint8 RGB, the background plate."""
        return read_picture(self.root / layout.BACKGROUND_FILE, size, 3)

    def _pictures(self, folder: str, size: int, channels: int) -> Pictures:
        stored = PictureFolder(self.root / folder, self.frame_count, size, channels)
        if size == self.info.size:
            return stored
        key = self.info.stages.get(folder, "")[:12]
        cache = self.root / layout.CACHE_FOLDER / f"{folder}_{size}_{key}.npy"
        if not cache.is_file():
            cache.parent.mkdir(exist_ok=True)
            shape = (self.frame_count, size, size, channels)
            do = "Make room, or train at a smaller size."
            require_space(cache.parent, math.prod(shape), f"the clip's {folder} at {size} px", do)
            write_picture_file(cache, in_order(stored.__getitem__, range(len(stored))), shape)
        return PictureFile(cache)
