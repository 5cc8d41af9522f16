"""What is known of a clip frame by frame: head poses, landmarks, blendshapes, the true performance."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from backend.media.arrays import load_arrays, save_arrays
from backend.subject.rigid import require_rigid
from shared.camera import Intrinsics
from shared.errors import InputError

_AGAIN = "Preprocess the footage again."


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
    landmark_poses: np.ndarray = field(default_factory=lambda: np.zeros((0, 4, 4)))
    """(T, 4, 4) float64, camera_from_head as the landmarks alone tell it; T is 0 where it is not known."""
    landmark_shape_offsets: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(468, 3) float32 cm, shape_offsets as the landmarks alone tell them; (0, 3) where they are not known."""
    rendered_poses: np.ndarray = field(default_factory=lambda: np.zeros((0, 4, 4)))
    """(T, 4, 4) float64, camera_from_head as a head tells it that was trained on the footage; T is 0 before that."""
    rendered_shape_offsets: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(468, 3) float32 cm, shape_offsets that belong to those poses; (0, 3) before that."""

    def __post_init__(self) -> None:
        if not self.body.size:
            self.body = np.zeros((self.frame_count, 0), np.float32)

    @property
    def frame_count(self) -> int:
        return len(self.camera_from_head)

    @property
    def is_self_tracked(self) -> bool:
        """Whether poses by rendering are known (tracking.self_tracking)."""
        return len(self.rendered_poses) == self.frame_count

    def intrinsics(self, stored_size: int, size: int) -> Intrinsics:
        """The crop's camera for frames resampled from `stored_size` to `size` px."""
        x, y = float(self.principal_px[0]), float(self.principal_px[1])
        return Intrinsics(self.focal_px, self.focal_px, x, y, stored_size, stored_size).scaled(size, size)

    def posed_by(self, poses: str) -> Track:
        """This track with the head poses, and the shape that belongs to them, of PortraitSettings.poses.

        Raises InputError where the poses by landmarks alone were not kept, or the head has not tracked itself.
        """
        if poses == "refined":
            return self
        if poses == "rendered":
            if not self.is_self_tracked:
                raise InputError(
                    "The head poses of this subject have not been refined by rendering.",
                    "Train with the preset standard or film, which does that first, or run talker track --subject DIR.",
                )
            return replace(self, camera_from_head=self.rendered_poses, shape_offsets=self.rendered_shape_offsets)
        if not len(self.landmark_poses):
            raise InputError(
                "This subject was preprocessed before poses by landmarks alone were kept.",
                "Preprocess the footage again, into the same folder: its models stay.",
            )
        return replace(self, camera_from_head=self.landmark_poses, shape_offsets=self.landmark_shape_offsets)

    def save(self, path: Path) -> None:
        """Write as .npz without pickles, through a temporary name."""
        arrays: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> Track:
        """Read what `save` wrote. Raises InputError when the file is missing or damaged."""
        arrays = load_arrays(path, _AGAIN)
        try:
            # Folders from before a field that has a default do not hold it.
            values: dict[str, Any] = {
                f.name: arrays[f.name] for f in fields(cls) if f.name in arrays or not _has_default(f)
            }
            values["focal_px"] = float(values["focal_px"])
            track = cls(**values)
            track._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"The track {path} is damaged ({error}).", _AGAIN) from error
        return track

    def _check(self) -> None:
        """Raises ValueError where arrays do not have the shapes that they should."""
        count = self.frame_count
        if not count or not 0.0 < self.focal_px < np.inf:
            raise ValueError(f"{count} frames with a focal length of {self.focal_px} px")
        shapes: dict[str, tuple[int, ...]] = {
            "principal_px": (2,),
            "camera_from_head": (count, 4, 4),
            "landmarks": (count, 478, 3),
            "shape_offsets": (468, 3),
            "blendshapes": (count, len(self.blendshape_names)),
            "curves": (count, len(self.curve_names)),
            "confidence": (count,),
            "reprojection_px": (count,),
            "times_s": (count,),
            "body": (count, self.body.shape[-1]),
        }
        for name in ("landmark", "rendered"):
            if getattr(self, f"{name}_poses").shape != (0, 4, 4):
                shapes |= {f"{name}_poses": (count, 4, 4), f"{name}_shape_offsets": (468, 3)}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
                raise ValueError(f"{name} is {values.dtype} {values.shape}, or not finite; expected numbers {shape}")
        for name in ("camera_from_head", "landmark_poses", "rendered_poses"):
            require_rigid(name, getattr(self, name))


def _has_default(entry: Field[Any]) -> bool:
    return entry.default_factory is not MISSING
