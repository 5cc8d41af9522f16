"""A rendered line as its folder says: frames, camera, performance, sound. No bpy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..shared import layout
from ..shared.camera import Crop, Intrinsics, Matrix, invert_rigid
from ..shared.errors import InputError
from ..shared.files import explaining
from ..shared.pending import settle
from ..shared.timing import parse_fps

_FRAME_FILE = re.compile(r"^head\.(\d{6})\.(exr|png)$")
_RENDER_AGAIN = "Render the line again."


@dataclass(frozen=True)
class Take:
    """One render folder (`talker render --out`)."""

    folder: Path
    fps: Fraction
    frame_count: int
    """Frames of the whole line."""
    footage_size: tuple[int, int]
    """Width and height of the footage's frame, px."""
    crop: Crop
    """Where the delivered picture lies in the footage's frame, footage px."""
    picture: Intrinsics
    """Camera of the delivered picture, which is `picture.width` x `picture.height` px."""
    camera_to_world: list[Matrix]
    """Per frame, metres, Blender camera (shared.camera)."""
    curves: dict[str, list[float]]
    """Performance curves: a value a frame each."""
    frame_files: dict[int, str] = field(default_factory=dict)
    """Frame number (from 1) to the name of its file; a part of the line, or empty for a movie only."""
    manifest: dict = field(default_factory=dict)
    has_given_lens: bool = False
    """Whether it was drawn under a lens that came with its poses, a scene's camera's, and not under the footage's."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def id(self) -> str:
        """What tells the take from every other, wherever it lies; "" for one from before there were ids."""
        held = self.manifest.get("take_id")
        return held if isinstance(held, str) else ""

    @property
    def first_frame(self) -> int:
        """First frame that has a picture."""
        return min(self.frame_files, default=1)

    @property
    def preview_first_frame(self) -> int:
        """Frame of the line with which the preview movie begins."""
        frames = self.manifest.get("frames")
        return int(frames.get("first", 1)) if isinstance(frames, dict) else 1

    @property
    def transfer(self) -> str:
        """Transfer curve of the clean plate and the preview; the EXR files' is undone by it."""
        frames = self.manifest.get("frames")
        return str(frames.get("colour", "srgb")) if isinstance(frames, dict) else "srgb"

    @property
    def footage_space(self) -> str:
        """Curve and primaries of the footage's own values, such as "hlg-rec2020"; `transfer` where nothing is said."""
        frames = self.manifest.get("frames")
        return str(frames.get("footage_colour", self.transfer)) if isinstance(frames, dict) else self.transfer

    @property
    def footage_turns(self) -> int:
        """Quarter turns, beyond what the footage itself says, by which it was turned to stand upright."""
        return self._of_footage("footage_turns")

    @property
    def footage_first(self) -> int:
        """Pictures of the footage before the first that the head was learned from."""
        return self._of_footage("footage_first")

    @property
    def footage_last(self) -> int:
        """The last frame of the footage, from 1, that the head was learned from; 0 where it is not told."""
        count = self._of_footage("footage_count")
        return self.footage_first + count if count else 0

    def _of_footage(self, name: str) -> int:
        frames = self.manifest.get("frames")
        value = frames.get(name, 0) if isinstance(frames, dict) else 0
        return value if type(value) is int and value >= 0 else 0

    @property
    def frames_transfer(self) -> str:
        """Transfer curve of the frame files themselves."""
        return "linear" if self.is_exr else self.transfer

    @property
    def is_exr(self) -> bool:
        return any(name.endswith(".exr") for name in self.frame_files.values())

    @property
    def preview(self) -> Path | None:
        return self._existing(layout.PREVIEW_FILE)

    @property
    def audio(self) -> Path | None:
        return self._existing(layout.AUDIO_FILE)

    @property
    def footage_camera(self) -> Intrinsics:
        """Camera of the footage's whole frame, footage px."""
        width, height = self.footage_size
        scaled = self.picture.scaled(self.crop.width, self.crop.height)
        return Intrinsics(scaled.fx, scaled.fy, scaled.cx + self.crop.x, scaled.cy + self.crop.y, width, height)

    @property
    def head_distance(self) -> float:
        """Of the head from the camera in the first frame, along its axis, metres."""
        head_in_camera = invert_rigid(self.camera_to_world[0])  # the head stands in the world's origin
        return -head_in_camera[2][3]

    def _existing(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.is_file() else None

    @classmethod
    def open(cls, folder: str | Path) -> Take:
        """Read a render folder. Raises InputError where it is none, is damaged, or misses frames in between."""
        folder = Path(folder).resolve()
        with explaining(folder):
            settle(folder)
        camera_path = folder / layout.CAMERA_FILE
        if not camera_path.is_file():
            raise InputError(
                f"{folder} is not a rendered line (no {layout.CAMERA_FILE}).", "Choose a line's folder, or render one."
            )
        camera = _read_json(camera_path)
        try:
            fps = parse_fps(camera["fps"])
            poses = [[[float(v) for v in row] for row in pose] for pose in camera["camera_to_world"]]
            fx, fy, cx, cy = (float(camera[key]) for key in ("fx", "fy", "cx", "cy"))
            picture = Intrinsics(fx, fy, cx, cy, int(camera["width"]), int(camera["height"]))
            x, y, width, height = (int(v) for v in camera["crop"])
            crop = Crop(x, y, width, height)
            footage = int(camera["footage"]["width"]), int(camera["footage"]["height"])
            given_lens = bool(camera.get("given_lens", False))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{camera_path} is damaged ({error!r}).", _RENDER_AGAIN) from error
        if not poses or any(len(pose) != 4 or any(len(row) != 4 for row in pose) for pose in poses):
            raise InputError(f"{camera_path} holds no 4x4 poses.", _RENDER_AGAIN)
        curves = read_performance(folder / layout.PERFORMANCE_FILE)[1]
        lengths = {len(values) for values in curves.values()} | {len(poses)}
        if len(lengths) != 1:
            raise InputError(f"Camera and curves of {folder} have different lengths {sorted(lengths)}.", _RENDER_AGAIN)
        manifest_path = folder / layout.MANIFEST_FILE
        manifest = _read_json(manifest_path) if manifest_path.is_file() else {}
        frame_files = _find_frames(folder)
        if frame_files and max(frame_files) > len(poses):
            raise InputError(f"{folder} has more frames than its camera ({len(poses)}).", _RENDER_AGAIN)
        return cls(folder, fps, len(poses), footage, crop, picture, poses, curves, frame_files, manifest, given_lens)


def read_performance(path: Path) -> tuple[Fraction, dict[str, list[float]]]:
    """(frames a second, curves) of a performance.json. Raises InputError."""
    if not path.is_file():
        raise InputError(f"There is no {path.name} in {path.parent}.", _RENDER_AGAIN)
    values = _read_json(path)
    try:
        return parse_fps(values["fps"]), {name: [float(v) for v in curve] for name, curve in values["curves"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}).", _RENDER_AGAIN) from error


def _read_json(path: Path) -> dict:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}).", _RENDER_AGAIN) from error
    if not isinstance(values, dict):
        raise InputError(f"{path} is damaged: it holds no object.", _RENDER_AGAIN)
    return values


def _find_frames(folder: Path) -> dict[int, str]:
    """Frame number to file name: the EXR files, or where there are none the PNG files; without a hole."""
    kinds: dict[str, dict[int, str]] = {"exr": {}, "png": {}}
    for path in folder.iterdir():
        match = _FRAME_FILE.match(path.name)
        if match:
            kinds[match[2]][int(match[1])] = path.name
    found = kinds["exr"] or kinds["png"]
    missing = sorted(set(range(min(found), max(found) + 1)) - set(found)) if found else []
    if missing:
        raise InputError(f"Frame {missing[0]} is missing in {folder}.", _RENDER_AGAIN)
    return dict(sorted(found.items()))
