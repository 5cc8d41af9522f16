"""The portrait: head, mouth and torso as Gaussians, posed for a frame and drawn in one depth-sorted pass."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from backend.kernels.depth import expect_depth
from backend.kernels.threads import torch_aside
from backend.portrait.audio_code import AudioCode
from backend.portrait.canonical import CanonicalReads
from backend.portrait.condition import CurveProjection
from backend.portrait.facial import JawMotion, make_field
from backend.portrait.frame import Drive, PortraitFrame, PortraitSizes, to_numpy
from backend.portrait.gaussians import MATTES, GaussianSet
from backend.portrait.head import motion_features, quaternion_from_matrix
from backend.portrait.oral import oral_drive
from backend.portrait.posing import Part, pose_parts
from backend.portrait.torso import TorsoMotion
from backend.raster.rasterize import rasterize
from backend.settings import PortraitSettings
from shared import layout
from shared.camera import Intrinsics
from shared.errors import InputError

MODEL_SCHEMA = 2
"""1: torsos that know the head's motion only."""
EMPTY_DEPTH_CM = layout.DEPTH_EMPTY * 100.0
VISIBLE_ALPHA = 1.0 / 255.0
HEAD_MOTION_WIDTH = 6
MEL_BANDS = 80


class Portrait(nn.Module):
    """The model of one person."""

    rest_pose: Tensor
    rest_rotation: Tensor

    def __init__(self, settings: PortraitSettings, sizes: PortraitSizes, curve_names: tuple[str, ...]) -> None:
        super().__init__()
        self.settings, self.sizes, self.curve_names = settings, sizes, tuple(curve_names)
        self.camera = {"fx": 1.0, "fy": 1.0, "cx": 0.5, "cy": 0.5}
        """Intrinsics of the crop as fractions of its side."""
        self.fps = 25.0
        self.face, self.oral, self.torso = (GaussianSet(n) for n in (sizes.face, sizes.oral, sizes.torso))
        self.register_buffer("rest_pose", torch.eye(4))
        self.register_buffer("rest_rotation", torch.tensor([1.0, 0, 0, 0]))
        self.speech = CurveProjection(sizes.curves, sizes.speech_components)
        self.upper = CurveProjection(sizes.curves, sizes.upper_components)
        self.audio = None
        speech_width = sizes.speech_components
        if settings.drive == "audio":
            self.audio = AudioCode(MEL_BANDS, settings.audio_taps, settings.audio_code)
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

    def drive(
        self,
        curves: np.ndarray,
        poses: np.ndarray,
        fps: float | None = None,
        audio: np.ndarray | None = None,
        body: np.ndarray | None = None,
    ) -> Drive:
        """Prepare T frames at a constant rate: curves (T, K), poses (T, 4, 4) camera_from_head.

        fps: of the poses, None for the footage's; audio: (T, W, taps, bands) log-mel windows where needed
        (see audio_code.audio_windows); body: (T, K) the body's own motion that was recorded with the poses, None (or
        K of 0) where there is none: the body then follows the head. Raises ValueError when lengths differ or audio is
        missing.
        """
        if len(curves) != len(poses) or (audio is not None and len(audio) != len(poses)):
            raise ValueError(f"{len(curves)} frames of curves for {len(poses)} poses")
        if curves.shape[1] != self.sizes.curves:
            raise ValueError(f"{curves.shape[1]} curves, expected {self.sizes.curves}")
        if self.needs_audio and audio is None:
            raise ValueError("this portrait is driven by audio windows, and there are none")
        poses = np.asarray(poses, np.float64)
        of_head = motion_features(
            poses, self.rest_pose.double().cpu().numpy(), float(fps or self.fps), self.settings.motion_windows_s
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
        engine: str = "native",
        threads: int = 0,
    ) -> tuple[PortraitFrame[Tensor], Tensor | None]:
        """Draw frame `index` of a drive. Returns the frame (depth premultiplied) and the facial deformation (N, 9 or
        12), None when `deformed` is off and the head keeps its canonical shape. `torso` draws neck and shoulders,
        `mattes` their region coverage."""
        face, oral, facial = self._head_changes(drive, index, deformed)
        parts = [Part(self.face, face), Part(self.oral, oral)]
        if torso and self.torso_motion is not None:
            motion = self.torso_motion.drive(drive.motion[index])
            change = self._reads.change("torso", self.torso_motion.field, self.torso, motion)
            parts.append(Part(self.torso, change, self.torso_motion, self.torso_motion.body(motion)))
        # Mattes that nothing is learned from need no features: as labels they are the same bits for less.
        as_features = mattes and torch.is_grad_enabled()
        posed = pose_parts(
            parts, drive.poses[index], drive.rotations[index], self.rest_pose, self.rest_rotation, as_features
        )
        labels = torch.cat([part.gaussians.mattes for part in parts]) if mattes and not as_features else None
        out = rasterize(
            posed.means, posed.quaternions, posed.scales, posed.opacities, posed.features,
            torch.eye(4, device=posed.means.device), intrinsics, labels=labels, label_count=MATTES, engine=engine,
            threads=threads,
        )  # fmt: skip
        if not mattes:
            return PortraitFrame(out.features, out.alpha, out.depth, None), facial
        rgb, coverage = out.features.split((3, MATTES), dim=-1)
        return PortraitFrame(rgb, out.alpha, out.depth, coverage), facial

    def _head_changes(
        self, drive: Drive, index: int, deformed: bool
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """What the fields change of face and mouth, and the face's again for whoever watches it."""
        if not deformed:
            return None, None, None
        curves = drive.curves[index]
        if self.audio is None:
            speech = self.speech(curves)
        elif drive.audio is not None:
            speech = self.audio(drive.audio[index])
        else:
            raise ValueError("this portrait is driven by audio windows, and its drive has none")
        facial_drive = torch.cat((speech, self.upper(curves)))
        facial = self._reads.change("face", self.facial_field, self.face, facial_drive)
        moved = self._reads.change("oral", self.oral_field, self.oral, oral_drive(speech, self.jaw, facial))
        return facial, moved, facial

    def train(self, mode: bool = True) -> Portrait:
        """Switch between training and drawing; forgets what was kept of the canonical shape."""
        self._reads.forget()
        return super().train(mode)

    def threading(self, threads: int) -> contextlib.AbstractContextManager[None]:
        """How to share `threads` (0: torch's) between kernels and torch while this portrait learns or is drawn."""
        # The baseline's field is torch's own work.
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
        """Draw frame `index` of a drive as numpy float32 arrays, `size` px square unless `intrinsics` say otherwise."""
        with self.threading(threads):
            frame, _ = self(
                drive, index, intrinsics or self.intrinsics(size), torso=torso, engine=engine, threads=threads
            )
            depth = expect_depth(frame.alpha, frame.depth, VISIBLE_ALPHA, EMPTY_DEPTH_CM)
        return PortraitFrame(*to_numpy((frame.rgb, frame.alpha, depth, frame.drawn_mattes)))

    def render_frame(
        self, curves: np.ndarray, camera_from_head: np.ndarray, size: int, *, audio: np.ndarray | None = None, **options
    ) -> PortraitFrame[np.ndarray]:
        """Draw one frame by itself: curves (K,), pose (4, 4), audio windows (W, taps, bands) where needed.

        The torso takes the pose as held; for a moving head prepare the whole track with `drive` and use `render`,
        whose options this takes.
        """
        drive = self.drive(curves[None], camera_from_head[None], None, None if audio is None else audio[None])
        return self.render(drive, 0, size, **options)

    # Files

    def save(self, folder: Path) -> None:
        """Write weights (safetensors) and config.json into a model folder, each through a temporary name."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "schema": MODEL_SCHEMA,
            "settings": asdict(self.settings),
            "sizes": asdict(self.sizes),
            "curve_names": list(self.curve_names),
            "camera": self.camera,
            "fps": self.fps,
        }
        weights = folder / (layout.MODEL_WEIGHTS_FILE + ".partial")
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, weights)
        os.replace(weights, folder / layout.MODEL_WEIGHTS_FILE)
        path = folder / layout.MODEL_CONFIG_FILE
        if path.is_file():
            config = json.loads(path.read_text(encoding="utf-8")) | config
        temporary = path.with_suffix(".partial")
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def load(cls, subject: str | os.PathLike, name: str) -> Portrait:
        """Open model `name` of a subject folder, ready to draw. Raises InputError if it is missing or damaged."""
        return cls.open(layout.model_folder(Path(subject), name))

    @classmethod
    def open(cls, folder: Path) -> Portrait:
        """Open a model folder, ready to draw. Raises InputError if it is missing, damaged or too new."""
        path = folder / layout.MODEL_CONFIG_FILE
        if not path.is_file():
            raise InputError(f"{folder} holds no trained model.", "Train one first.")
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            if config["schema"] > MODEL_SCHEMA:
                raise InputError(f"{folder} was written by a newer version.", "Update M2DAO-Talker.")
            known = {f.name for f in fields(PortraitSettings)}
            values: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in config["settings"].items()
                if key in known
            }
            portrait = cls(PortraitSettings(**values), PortraitSizes(**config["sizes"]), tuple(config["curve_names"]))
            portrait.camera, portrait.fps = config["camera"], float(config["fps"])
            portrait.load_state_dict(load_file(folder / layout.MODEL_WEIGHTS_FILE))
        except (OSError, KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError(f"The model in {folder} cannot be read ({error}).", "Train it again.") from error
        return portrait.eval()
