"""The portrait: head, mouth and torso as Gaussians, posed for a frame and drawn in one depth-sorted pass."""

from __future__ import annotations

import contextlib
import functools
import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from backend.kernels.depth import expect_depth
from backend.kernels.threads import torch_aside
from backend.media.audio_features import MELS
from backend.portrait.audio_code import AudioCode
from backend.portrait.canonical import CanonicalReads
from backend.portrait.condition import CurveProjection
from backend.portrait.field import make_field
from backend.portrait.frame import Drive, PortraitFrame, PortraitSizes, averaged, to_numpy
from backend.portrait.gaussians import MATTES, GaussianSet
from backend.portrait.graphed_frames import GraphedFrames
from backend.portrait.harmonics import shaded
from backend.portrait.head_motion import motion_features, quaternion_from_matrix
from backend.portrait.jaw import JawMotion, oral_drive
from backend.portrait.posing import Part, Posed, pose_parts
from backend.portrait.torso import TorsoMotion
from backend.raster.constants import BLUR_PX2
from backend.raster.rasterize import MAX_SIDE_PX, rasterize
from backend.settings import PortraitSettings
from shared import layout
from shared.camera import Intrinsics

EMPTY_DEPTH_CM = layout.DEPTH_EMPTY * 100.0
HEAD_MOTION_WIDTH = 6
FILMED_MARGIN = 0.02
"""So far beyond the crop, in its sides, a Gaussian of the torso may reach by its deviation, and count as seen."""
LEAST_DISTANCE_CM = 1.0
"""A head counts as no nearer to the camera than this."""


class Portrait(nn.Module):
    """The model of one person."""

    rest_pose: Tensor
    rest_rotation: Tensor

    def __init__(self, settings: PortraitSettings, sizes: PortraitSizes, curve_names: tuple[str, ...]) -> None:
        super().__init__()
        self.settings, self.sizes, self.curve_names = settings, sizes, tuple(curve_names)
        self.camera = {"fx": 1.0, "fy": 1.0, "cx": 0.5, "cy": 0.5}
        """Intrinsics of the crop as fractions of its side."""
        self.trained_size: int | None = None
        """Side of the pictures that it learned from, px; None: not known."""
        self.distances_cm: tuple[float, float] | None = None
        """The nearest and the farthest that the camera was when it learned, along its axis; None: not known."""
        self.fps = 25.0
        self.face, self.oral = (GaussianSet(n, settings.harmonics) for n in (sizes.face, sizes.oral))
        self.torso = GaussianSet(sizes.torso)
        self.register_buffer("rest_pose", torch.eye(4))
        self.register_buffer("rest_rotation", torch.tensor([1.0, 0, 0, 0]))
        self.speech = CurveProjection(sizes.curves, sizes.speech_components)
        self.upper = CurveProjection(sizes.curves, sizes.upper_components)
        self.audio = self.oral_audio = None
        speech_width = sizes.speech_components
        if settings.drive == "audio":
            self.audio = AudioCode(MELS, settings.audio_taps, settings.audio_code)
            self.oral_audio = AudioCode(MELS, settings.audio_taps, settings.audio_code) if settings.own_audio else None
            speech_width = settings.audio_code
        outputs = 12 if settings.face_colour_moves else 9
        self.facial_field = make_field(
            settings, settings.facial_planes, settings.facial_features, settings.facial_modes,
            (speech_width, sizes.upper_components), outputs,
        )  # fmt: skip
        self.jaw = JawMotion(sizes.lips) if settings.jaw_link else None
        oral_widths = (speech_width, JawMotion.width) if settings.jaw_link else (speech_width,)
        self.oral_field = make_field(
            settings, settings.oral_planes, settings.oral_features, settings.oral_modes, oral_widths,
            12 if settings.face_colour_moves else 3,
        )  # fmt: skip
        motion_width = HEAD_MOTION_WIDTH * len(settings.motion_windows_s)
        self.torso_motion = TorsoMotion(settings, motion_width, sizes.body) if sizes.torso else None
        self._reads = CanonicalReads()
        self._graphed = GraphedFrames(self)

    def counted_sizes(self) -> PortraitSizes:
        """Its sizes with the numbers of Gaussians that it has now: training may have changed them."""
        return replace(self.sizes, face=len(self.face), oral=len(self.oral), torso=len(self.torso))

    # What drives it

    @property
    def needs_audio(self) -> bool:
        """Whether frames are driven by log-mel windows (the baseline) instead of curves alone."""
        return self.audio is not None

    @property
    def has_torso(self) -> bool:
        """Whether neck and shoulders are synthesised; if not, they must come from recorded frames."""
        return self.torso_motion is not None

    def intrinsics(self, size: int) -> Intrinsics:
        """The footage crop's camera for a picture of `size` x `size` px."""
        c = self.camera
        return Intrinsics(c["fx"], c["fy"], c["cx"], c["cy"], 1, 1).scaled(size, size)

    def blur(self, intrinsics: Intrinsics, distance_cm: float | None = None) -> float:
        """The rasteriser's screen filter for a picture, px^2.

        As wide on the person as the one that it learned under, since Gaussians that were learned under a filter are
        too thin without it; but never less than a pixel of this picture needs. In its own pixels where the size of the
        pictures that it learned from is not known. distance_cm: of the head from the camera; None: as when it learned.
        """
        return BLUR_PX2 * max(1.0, self._enlargement(intrinsics, distance_cm)) ** 2

    def _enlargement(self, intrinsics: Intrinsics, distance_cm: float | None) -> float:
        """How many pixels of a picture, along a row, the person has for one of the pictures that it learned from: more
        in a larger picture, and where the head is nearer than it ever was then."""
        if self.trained_size is None:
            return 1.0
        larger = intrinsics.fx / (self.camera["fx"] * self.trained_size)
        if distance_cm is None or self.distances_cm is None:
            return larger
        nearest, farthest = self.distances_cm
        return larger * min(max(distance_cm, nearest), farthest) / max(distance_cm, LEAST_DISTANCE_CM)

    def _fineness(self, intrinsics: Intrinsics, distance_cm: float | None) -> int:
        """How many times larger a picture is drawn before its pixels are averaged: so often that it is not smaller than
        those that it learned from. A wider filter would do against aliasing too, but would change how much of what
        lies behind is seen; the average of the finer picture is what a camera with larger pixels records."""
        most = MAX_SIDE_PX // max(intrinsics.width, intrinsics.height)
        return max(1, min(most, math.ceil(1.0 / self._enlargement(intrinsics, distance_cm) - 1e-6)))

    def drive(
        self,
        curves: np.ndarray,
        poses: np.ndarray,
        fps: float | None = None,
        audio: np.ndarray | None = None,
        body: np.ndarray | None = None,
        views: np.ndarray | None = None,
        body_poses: np.ndarray | None = None,
    ) -> Drive:
        """Prepare T frames at a constant rate: curves (T, K), poses (T, 4, 4) camera_from_head.

        fps: of the poses, None for the footage's; audio: (T, W, taps, bands) log-mel windows where needed
        (see audio_code.audio_windows); body: (T, K) the body's own motion that was recorded with the poses, None (or
        K of 0) where there is none: the body then follows the head; views: (T, 4, 4) from where it is looked
        at, cm, as Drive has it; body_poses: (T, 4, 4) of a head that the body goes with in the place of `poses`. Raises
        ValueError when lengths differ or audio is missing.
        """
        if len(curves) != len(poses) or (audio is not None and len(audio) != len(poses)):
            raise ValueError(f"{len(curves)} frames of curves for {len(poses)} poses")
        if curves.shape[1] != self.sizes.curves:
            raise ValueError(f"{curves.shape[1]} curves, expected {self.sizes.curves}")
        if self.needs_audio and audio is None:
            raise ValueError("this portrait is driven by audio windows, and there are none")
        poses = np.asarray(poses, np.float64)
        of_head = motion_features(
            poses if body_poses is None else np.asarray(body_poses, np.float64),
            self.rest_pose.double().cpu().numpy(),
            float(fps or self.fps),
            self.settings.motion_windows_s,
        )

        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.asarray(values, np.float32)).to(self.rest_pose.device)

        motion = tensor(of_head)
        if self.torso_motion is not None:
            motion = self.torso_motion.with_body(motion, tensor(body) if body is not None and body.size else None)
        return Drive(
            tensor(curves),
            tensor(poses),
            tensor(quaternion_from_matrix(poses[:, :3, :3])),
            motion,
            None if audio is None else tensor(audio),
            torch.from_numpy((poses if views is None else views @ poses)[:, 2, 3].astype(np.float32)),
            None if views is None else tensor(views),
        )

    # Drawing

    def forward(
        self,
        drive: Drive,
        index: int,
        intrinsics: Intrinsics,
        *,
        deformed: bool = True,
        torso: bool = True,
        mattes: bool = True,
        branch: str | None = None,
        engine: str = "native",
        threads: int = 0,
    ) -> tuple[PortraitFrame[Tensor], Tensor | None]:
        """Draw frame `index` of a drive. Returns the frame (depth premultiplied) and the facial deformation (N, 9 or
        12), None when `deformed` is off and the head keeps its canonical shape. `torso` draws neck and shoulders,
        `mattes` their region coverage; `branch`, face or oral, nothing but that."""
        parts, facial = self._parts(drive, index, deformed, torso, branch)
        layers = [[part] for part in parts] if self.settings.layered else [parts]
        frames = [self._drawn(layer, drive, index, intrinsics, mattes, engine, threads) for layer in layers]
        return functools.reduce(PortraitFrame.before, frames), facial

    def _parts(
        self, drive: Drive, index: int, deformed: bool = True, torso: bool = True, branch: str | None = None
    ) -> tuple[list[Part], Tensor | None]:
        """The parts of a frame, and the facial deformation, as `forward` has them."""
        face, oral, facial = self._head_changes(drive, index, deformed, branch)
        pose = drive.poses[index] if drive.views is None else drive.views[index] @ drive.poses[index]
        parts = [Part(self.face, shaded(self.face, face, pose))] if branch != "oral" else []
        parts += [Part(self.oral, shaded(self.oral, oral, pose))] if branch != "face" else []
        if torso and branch is None and self.torso_motion is not None:
            motion = self.torso_motion.drive(drive.motion[index])
            change = self._reads.change("torso", self.torso_motion.field, self.torso, motion)
            parts.append(Part(self.torso, change, self.torso_motion, self.torso_motion.body(motion)))
        return parts, facial

    @torch.no_grad()
    def gaussians(self, drive: Drive, index: int) -> Posed:
        """The Gaussians that `render` draws of frame `index`, with the colours that they have from there, in the camera
        of `drive.poses`, cm. Those that may not be looked at from elsewhere have no opacity."""
        parts, _ = self._parts(drive, index)
        posed = self._posed(parts, drive, index, mattes=False)
        return posed if drive.views is None else replace(posed, opacities=self._filmed(parts, posed.opacities))

    def _posed(self, parts: list[Part], drive: Drive, index: int, mattes: bool) -> Posed:
        return pose_parts(parts, drive.poses[index], drive.rotations[index], self.rest_pose, self.rest_rotation, mattes)

    def _drawn(
        self,
        parts: list[Part],
        drive: Drive,
        index: int,
        intrinsics: Intrinsics,
        mattes: bool,
        engine: str,
        threads: int,
    ) -> PortraitFrame[Tensor]:
        """Parts drawn together, sorted by depth."""
        # Without gradients mattes need no feature channels: as labels they give the same bits and cost less.
        as_features = mattes and torch.is_grad_enabled()
        posed = self._posed(parts, drive, index, as_features)
        labels = torch.cat([part.gaussians.mattes for part in parts]) if mattes and not as_features else None
        view, opacities = torch.eye(4, device=posed.means.device), posed.opacities
        if drive.views is not None:
            view = drive.views[index]
            opacities = self._filmed(parts, opacities)
        out = rasterize(
            posed.means, posed.quaternions, posed.scales, opacities, posed.features,
            view, intrinsics, labels=labels, label_count=MATTES,
            blur=self.blur(intrinsics, _distance(drive, index)), engine=engine, threads=threads,
        )  # fmt: skip
        if not mattes:
            return PortraitFrame(out.features, out.alpha, out.depth, None)
        rgb, coverage = out.features.split((3, MATTES), dim=-1)
        return PortraitFrame(rgb, out.alpha, out.depth, coverage)

    def _filmed(self, parts: list[Part], opacities: Tensor) -> Tensor:
        """(N,) opacities of parts that are looked at from elsewhere."""
        return opacities * torch.cat([self._was_filmed(part.gaussians) for part in parts])

    def _was_filmed(self, part: GaussianSet) -> Tensor:
        """(N,) 1 for what may be looked at from elsewhere: all of the head, and of the torso what lay in the footage's
        crop; nobody has ever seen what its Gaussians are beyond."""
        if part is not self.torso:
            return torch.ones_like(part.opacities)
        at = part.means @ self.rest_pose[:3, :3].T + self.rest_pose[:3, 3]
        c = self.camera
        x, y = c["fx"] * at[:, 0] / at[:, 2] + c["cx"], c["fy"] * at[:, 1] / at[:, 2] + c["cy"]
        reach = c["fx"] * part.log_scales.exp().amax(dim=1) / at[:, 2]
        outside = torch.stack((-x, x - 1, -y, y - 1)).amax(dim=0) + reach
        return ((at[:, 2] > 0) & (outside < FILMED_MARGIN)).to(at.dtype)

    def _head_changes(
        self, drive: Drive, index: int, deformed: bool, branch: str | None
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Changes of face and mouth by their fields, and the facial deformation as `forward` returns it; without those
        that a branch by itself does not need."""
        if not deformed:
            return None, None, None
        speech, oral_speech = self._speech_of(drive, index)
        facial = moved = None
        if branch != "oral" or self.jaw is not None:
            facial_drive = torch.cat((speech, self.upper(drive.curves[index])))
            facial = self._reads.change("face", self.facial_field, self.face, facial_drive)
        if branch != "face":
            moved = self._reads.change("oral", self.oral_field, self.oral, oral_drive(oral_speech, self.jaw, facial))
        return facial, moved, facial

    def _speech_of(self, drive: Drive, index: int) -> tuple[Tensor, Tensor]:
        """(S,) what tells the speech of a frame to face and mouth: components of the curves, or codes of the sound."""
        if self.audio is None:
            speech = self.speech(drive.curves[index])
            return speech, speech
        if drive.audio is None:
            raise ValueError("this portrait is driven by audio windows, and its drive has none")
        windows = drive.audio[index]
        code = self.audio(windows)
        return code, code if self.oral_audio is None else self.oral_audio(windows)

    def train(self, mode: bool = True) -> Portrait:
        """Switch between training and drawing; drops cached reads of the canonical shape."""
        self.forget_reads()
        return super().train(mode)

    def forget_reads(self) -> None:
        """Drop cached reads of the canonical shape: where parameters were changed by a captured graph, which does not
        say so, and where what was read belongs to one."""
        self._reads.forget()
        self._graphed.forget()

    def threading(self, threads: int) -> contextlib.AbstractContextManager[None]:
        """How to share `threads` (0: torch's) between kernels and torch while this portrait learns or is drawn."""
        # The baseline's field runs in torch alone.
        return torch_aside(threads) if self.settings.field == "modes" else contextlib.nullcontext()

    @torch.no_grad()
    def render(
        self,
        drive: Drive,
        index: int,
        size: int,
        *,
        intrinsics: Intrinsics | None = None,
        torso: bool = True,
        engine: str = "native",
        threads: int = 0,
    ) -> PortraitFrame[np.ndarray]:
        """Draw frame `index` of a drive as numpy float32 arrays, `size` px square unless `intrinsics` say otherwise.

        A picture smaller than those that the portrait learned from is drawn larger and averaged.
        """
        camera = intrinsics or self.intrinsics(size)
        distance = _distance(drive, index)
        fineness = self._fineness(camera, distance)
        fine = camera.scaled(camera.width * fineness, camera.height * fineness)

        def draw(drive: Drive, index: int, fine: Intrinsics) -> PortraitFrame[Tensor]:
            frame, _ = self(drive, index, fine, torso=torso, engine=engine, threads=threads)
            frame = averaged(frame, fineness)
            depth = expect_depth(frame.alpha, frame.depth, layout.VISIBLE_ALPHA, EMPTY_DEPTH_CM)
            return replace(frame, depth=depth)

        if engine == "cuda" and self._graphed.serves(drive):
            return PortraitFrame(
                *self._graphed.render(
                    drive, index, fine, self.blur(fine, distance),
                    lambda drive, fine: draw(drive, 0, fine), (torso, fineness),
                )
            )  # fmt: skip
        with self.threading(threads):
            frame = draw(drive, index, fine)
        return PortraitFrame(*to_numpy((frame.rgb, frame.alpha, frame.depth, frame.drawn_mattes)))


def _distance(drive: Drive, index: int) -> float | None:
    """Of the head from the camera in a frame, cm, where that is known."""
    return None if drive.distances is None else float(drive.distances[index])
