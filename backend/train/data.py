"""What training reads of a subject: frames, region maps, plate, poses, curves, and where the mouth is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.face.mesh import load_canonical_face
from backend.face.points import BELOW_EARS, CHIN, FOREHEAD_TOP, LIP_RING_INNER, LIP_RING_OUTER
from backend.portrait.seeding import Evidence
from backend.subject.subject import Subject
from backend.subject.track import Track
from backend.train.sampling import training_count
from shared.camera import Intrinsics
from shared.errors import InputError

EVIDENCE_FRAMES = 24
MOUTH_BOX_GROWTH = 0.35
"""The mouth's box reaches this share of its width beyond the lips."""
MIN_FRAMES = 8
GPU_SHARE = 0.25
"""Of a GPU's free memory, what frames may be kept in."""


@dataclass
class Sample:
    """One frame to learn from, S x S px, values in [0, 1]."""

    rgb: Tensor
    """(S, S, 3) display RGB."""
    regions: Tensor
    """(S, S, 4) region map."""
    mouth: tuple[slice, slice]
    """Rows and columns of the mouth's box."""


class TrainingData:
    """A subject at one size. Pictures stay on the disk: memory does not grow with the clip.

    On a GPU, those that were seen are kept in its memory as far as a share of it goes: to read a picture and take it
    there takes longer than the rest of a step.
    """

    def __init__(self, subject: Subject, size: int, holdout: int, device: torch.device | str = "cpu") -> None:
        """device: of the plate and the samples."""
        self.subject, self.size, self.device = subject, size, device
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}
        self._room = room_for_frames(torch.device(device), 7 * size * size)
        self.track: Track = subject.track()
        self.pictures = subject.frames(size)
        self.regions = subject.regions(size)
        self.plate = torch.from_numpy(subject.plate(size)).to(device)
        self.count = training_count(len(self.pictures), holdout)
        self.frames = np.flatnonzero(self.track.confidence[: self.count] > 0)
        if len(self.frames) < MIN_FRAMES:
            raise InputError(
                f"Only {len(self.frames)} frames with a face are left to train on.", "Use longer footage of the face."
            )
        self.mouth_boxes = mouth_boxes(self.track.landmarks, subject.info.size, size)

    @property
    def intrinsics(self) -> Intrinsics:
        """Camera of the training frames."""
        return self.track.intrinsics(self.subject.info.size, self.size)

    def sample(self, frame: int) -> Sample:
        """Frame `frame` (from 0)."""
        rgb, regions = (stored.float() / 255.0 for stored in self._stored(frame))
        top, bottom, left, right = self.mouth_boxes[frame]
        return Sample(rgb, regions, (slice(top, bottom), slice(left, right)))

    def _stored(self, frame: int) -> tuple[Tensor, Tensor]:
        """Frame and region map, uint8, where they are wanted."""
        kept = self._kept.get(frame)
        if kept is None:
            rgb, regions = (
                torch.from_numpy(np.asarray(pictures[frame])).to(self.device)
                for pictures in (self.pictures, self.regions)
            )
            kept = rgb, regions
            if len(self._kept) < self._room:
                self._kept[frame] = kept
        return kept

    def curve(self, name: str) -> np.ndarray:
        """(T,) the true curve of that name."""
        return self.track.curves[:, [str(n) for n in self.track.curve_names].index(name)]

    def evidence(self, rest_pose: np.ndarray, models_dir: str | None = None) -> Evidence:
        """Frames spread over the training part, and this person's face mesh, to start Gaussians from."""
        chosen = self.frames[np.linspace(0, len(self.frames) - 1, EVIDENCE_FRAMES).round().astype(int)]
        face = load_canonical_face(models_dir)
        return Evidence(
            frames=np.stack([self.pictures[frame] for frame in chosen]),
            regions=np.stack([self.regions[frame] for frame in chosen]),
            poses=self.track.camera_from_head[chosen],
            rest_pose=rest_pose,
            intrinsics=self.intrinsics,
            vertices=face.vertices + self.track.shape_offsets,
            triangles=face.triangles,
            lips=np.array(LIP_RING_INNER),
            forehead=FOREHEAD_TOP,
            ears=BELOW_EARS,
            chin=CHIN,
        )


def room_for_frames(device: torch.device, frame_bytes: int) -> int:
    """How many frames may be kept on `device`: none on the CPU, whose memory is not to grow with the clip."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return int(GPU_SHARE * free) // frame_bytes


def mouth_boxes(landmarks: np.ndarray, stored_size: int, size: int) -> np.ndarray:
    """(T, 4) top, bottom, left, right of the mouth in px of `size` frames, from landmarks (T, 478, 3) px of
    `stored_size` frames; at least 8 px wide and high (or the whole frame), inside the frame."""
    lips = landmarks[:, LIP_RING_OUTER, :2] * (size / stored_size)
    low, high = lips.min(axis=1), lips.max(axis=1)
    grow = MOUTH_BOX_GROWTH * (high - low)[:, :1]
    least = min(8, size)
    low = np.clip(np.floor(low - grow), 0, size - least).astype(int)
    high = np.clip(np.ceil(high + grow), low + least, size).astype(int)
    return np.stack([low[:, 1], high[:, 1], low[:, 0], high[:, 0]], axis=1)
