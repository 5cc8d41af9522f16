"""What training reads of a subject: frames, region maps, plate, poses, curves, and where the mouth is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from backend.face.mesh import load_canonical_face
from backend.face.points import BELOW_EARS, CHIN, EYE_RINGS, FOREHEAD_TOP, LIP_RING_INNER, LIP_RING_OUTER
from backend.portrait.seeding import Evidence
from backend.subject.subject import Subject
from backend.subject.track import Track
from backend.train.holdout import EVERYTHING, Holdout
from backend.train.scale import Scale
from backend.train.views import View, interest_in
from shared.camera import Intrinsics
from shared.errors import InputError

EVIDENCE_FRAMES = 24
MOUTH_BOX_GROWTH = 0.35
"""The mouth's box reaches this share of its width beyond the lips."""
MIN_FRAMES = 8


@dataclass
class Sample:
    """A frame, or a part of it, to learn from: H x W px, values in [0, 1]."""

    rgb: Tensor
    """(H, W, 3) display RGB."""
    regions: Tensor
    """(H, W, 4) region map."""
    background: Tensor
    """(H, W, 3) what lies behind the portrait: the plate, or without a torso of its own the frame without its head."""
    mouth: tuple[slice, slice]
    """Rows and columns of what it shows of the mouth's box; may be empty."""
    intrinsics: Intrinsics
    """Its camera."""
    in_mouth: Tensor | None = None
    """(H, W) 1 in the mouth's box, else 0: in place of `mouth` where a captured graph is to see other frames, too."""


class TrainingData:
    """What training reads of a subject, its frames at two sizes. Memory does not grow with the clip."""

    def __init__(
        self,
        subject: Subject,
        size: int,
        holdout: Holdout = EVERYTHING,
        device: torch.device | str = "cpu",
        *,
        fine: int | None = None,
        masks: str = "soft",
        poses: str = "refined",
        over_plate: bool = True,
    ) -> None:
        """size: of the frames at their coarsest; fine: at their finest, None: the same. device: of the samples. masks:
        as TrainSettings, poses: as PortraitSettings; over_plate: as `Scale`."""
        self.subject, self.size, self.fine, self.device = subject, size, fine or size, device
        self.track: Track = subject.track().posed_by(poses)
        self._scales = {side: Scale(subject, side, device, masks, over_plate) for side in {self.size, self.fine}}
        self.split = holdout.split(self.track.times_s)
        if holdout.parts and not len(self.split.held_out):
            raise InputError(
                f"Of {subject.frame_count} frames cut into {holdout.parts} parts, the one to be kept out has none.",
                "Use a smaller --holdout, or 0 to train on all frames.",
            )
        self.frames = self.split.training[self.track.confidence[self.split.training] > 0]
        if len(self.frames) < MIN_FRAMES:
            raise InputError(
                f"Only {len(self.frames)} frames with a face are left to train on.", "Use longer footage of the face."
            )
        landmarks = self.track.landmarks[..., :2] / subject.info.size
        self._mouth_boxes = {side: mouth_boxes(landmarks, side) for side in self._scales}
        self.mouths = landmarks[:, LIP_RING_OUTER].mean(axis=1)
        """(T, 2) centres of the mouth, x and y as shares of the frame's side."""
        self.eyes = np.stack([landmarks[:, ring].mean(axis=1) for ring in EYE_RINGS], axis=1)
        """(T, 2, 2) centres of both eyes, as `mouths`."""

    @property
    def frame_count(self) -> int:
        """T: all frames of the subject, those kept out as well."""
        return self.subject.frame_count

    @property
    def intrinsics(self) -> Intrinsics:
        """Camera of the whole frames at their coarsest."""
        return self.camera(View.whole(self.size))

    def camera(self, view: View) -> Intrinsics:
        """Camera of what a view shows."""
        whole = self.track.intrinsics(self.subject.info.size, view.size)
        return replace(whole, cx=whole.cx - view.left, cy=whole.cy - view.top, width=view.width, height=view.height)

    def sample(self, frame: int, view: View | None = None) -> Sample:
        """What a view shows of frame `frame` (from 0); None: all of it, at its coarsest."""
        view = view or View.whole(self.size)
        scale = self._scales[view.size]
        rgb, regions, background = scale.part(frame, view)
        mouth = view.inside(self._mouth_boxes[view.size][frame])
        return Sample(rgb, regions, background, mouth, self.camera(view))

    def expect(self, frame: int, size: int) -> None:
        """Have frame `frame` of a size read that will be asked for soon."""
        self._scales[size].expect(frame)

    def curve(self, name: str) -> np.ndarray:
        """(T,) the true curve of that name."""
        return self.track.curves[:, [str(n) for n in self.track.curve_names].index(name)]

    @property
    def interest(self) -> np.ndarray:
        """(size, size) how much is to be learned at a place of the frames (`views.interest_in`)."""
        coarse = self._scales[self.size]
        return interest_in(np.stack([coarse.regions[frame] for frame in self._spread]))

    @property
    def _spread(self) -> np.ndarray:
        """Frames spread over the training part."""
        return self.frames[np.linspace(0, len(self.frames) - 1, EVIDENCE_FRAMES).round().astype(int)]

    def evidence(self, rest_pose: np.ndarray, models_dir: str | None = None) -> Evidence:
        """Frames spread over the training part, and this person's face mesh, to start Gaussians from."""
        chosen = self._spread
        coarse = self._scales[self.size]
        face = load_canonical_face(models_dir)
        return Evidence(
            frames=np.stack([coarse.pictures[frame] for frame in chosen]),
            regions=np.stack([coarse.regions[frame] for frame in chosen]),
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


def mouth_boxes(landmarks: np.ndarray, size: int) -> np.ndarray:
    """(T, 4) top, bottom, left, right of the mouth in px of `size` frames, from landmarks (T, 478, 2) as shares of the
    side; at least 8 px wide and high (or the whole frame), inside the frame."""
    lips = landmarks[:, LIP_RING_OUTER] * size
    low, high = lips.min(axis=1), lips.max(axis=1)
    grow = MOUTH_BOX_GROWTH * (high - low)[:, :1]
    least = min(8, size)
    low = np.clip(np.floor(low - grow), 0, size - least).astype(int)
    high = np.clip(np.ceil(high + grow), low + least, size).astype(int)
    return np.stack([low[:, 1], high[:, 1], low[:, 0], high[:, 0]], axis=1)
