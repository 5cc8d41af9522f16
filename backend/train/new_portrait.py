"""A new portrait, before its first step: Gaussians on their seeds, fields at the identity, the drive's projections."""

from __future__ import annotations

import numpy as np
import torch

from backend.performance.curves import SPOKEN_CURVES, curve_names, ordered_curves
from backend.portrait import box
from backend.portrait.condition import CurveProjection
from backend.portrait.gaussians import FACE, OPACITY_START, ORAL, GaussianSet
from backend.portrait.head_motion import mean_pose, motion_features, quaternion_from_matrix
from backend.portrait.inside import seed_inside
from backend.portrait.portrait import Portrait, PortraitSizes
from backend.portrait.seeding import Evidence, seed_face, seed_oral, seed_rest_of_head, seed_torso
from backend.settings import PortraitSettings
from backend.train.data import TrainingData
from backend.train.driving import training_sound
from backend.train.expression_units import unit_matrix

FIELD_MARGIN_CM = 1.0
LIP_SHARE = 0.04
"""Share of the face's Gaussians, those nearest to the lips, whose motion is an input of the oral field."""


def start_portrait(
    data: TrainingData, settings: PortraitSettings, seed: int, models_dir: str | None = None
) -> Portrait:
    """A portrait that shows the person with a still face, ready to train."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    poses = data.track.camera_from_head[data.frames]
    rest_pose = mean_pose(poses)
    evidence = data.evidence(rest_pose, models_dir)
    names = curve_names(settings.lip_curves)
    curves = ordered_curves(data.track, names)[data.frames]
    mask = np.array([name in SPOKEN_CURVES for name in names])
    speech = CurveProjection.fit(curves, mask, settings.speech_components, settings.component_variance)
    if settings.upper == "units":
        upper = CurveProjection.fixed(unit_matrix(names))
    else:
        upper = CurveProjection.fit(curves, ~mask, settings.upper_components, settings.component_variance)

    on_mesh = round(settings.head_gaussians * settings.mesh_share)
    in_mouth = round(settings.head_gaussians * settings.oral_share)
    opacity = OPACITY_START
    if settings.start == "box":
        opacity = box.OPACITY
        face = box.seed_box(evidence, settings.head_gaussians - in_mouth, FACE, rng)
        oral = box.seed_box(evidence, in_mouth, ORAL, rng)
    else:
        inside = min(on_mesh, round(settings.head_gaussians * settings.inside_share))
        face = seed_face(evidence, on_mesh - inside, rng).joined(
            seed_rest_of_head(evidence, settings.head_gaussians - on_mesh - in_mouth, rng)
        )
        if inside:
            face = face.joined(seed_inside(evidence, inside, face, rng))
        oral = seed_oral(evidence, in_mouth, rng)
    torso = seed_torso(evidence, settings.torso_gaussians, rng)
    sizes = PortraitSizes(
        face=len(face.points), oral=len(oral.points), torso=len(torso.points), curves=len(names),
        speech_components=speech.component_count, upper_components=upper.component_count,
        lips=max(8, round(on_mesh * LIP_SHARE)), body=data.track.body.shape[1] if settings.torso_gaussians else 0,
    )  # fmt: skip
    portrait = Portrait(settings, sizes, names)
    portrait.face, portrait.oral = (GaussianSet.from_seeds(s, settings.harmonics, opacity) for s in (face, oral))
    portrait.torso = GaussianSet.from_seeds(torso)
    portrait.speech, portrait.upper = speech, upper
    portrait.rest_pose.copy_(torch.from_numpy(rest_pose))
    portrait.rest_rotation.copy_(torch.from_numpy(quaternion_from_matrix(rest_pose[:3, :3])))
    for field, gaussians in ((portrait.facial_field, portrait.face), (portrait.oral_field, portrait.oral)):
        if settings.start == "box":
            field.encoder.enclose(box.field_corners(evidence), 0.0)
        else:
            field.encoder.enclose(gaussians.means, FIELD_MARGIN_CM)
    _start_links(portrait, data, evidence, poses)
    unit = data.intrinsics.scaled(1, 1)
    portrait.camera = {"fx": unit.fx, "fy": unit.fy, "cx": unit.cx, "cy": unit.cy}
    portrait.trained_size = data.size
    portrait.distances_cm = (float(poses[:, 2, 3].min()), float(poses[:, 2, 3].max()))
    portrait.fps = float(data.subject.fps)
    return portrait.train()


def _start_links(portrait: Portrait, data: TrainingData, evidence: Evidence, poses: np.ndarray) -> None:
    """Initialise the links between parts: jaw to mouth, head to torso, sound to the audio code."""
    settings = portrait.settings
    if portrait.jaw is not None:
        lips = torch.from_numpy(evidence.vertices[evidence.lips].astype(np.float32))
        portrait.jaw.watch(portrait.face.means, lips)
    if portrait.torso_motion is not None:
        motion = motion_features(poses, evidence.rest_pose, float(data.subject.fps), settings.motion_windows_s)
        chin = float(evidence.vertices[evidence.chin, 1])
        body = torch.from_numpy(data.track.body[data.frames])
        portrait.torso_motion.start(portrait.torso.means.detach(), chin, torch.from_numpy(motion), body)
    for audio in (portrait.audio, portrait.oral_audio):
        if audio is not None:
            mel = training_sound(data).log_mel
            audio.mean.copy_(torch.from_numpy(mel.mean(axis=0)))
            audio.deviation.copy_(torch.from_numpy(mel.std(axis=0) + 1e-3))
