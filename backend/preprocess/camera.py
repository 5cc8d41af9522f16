"""Where the head is in every frame, and through which camera: PnP, bundle adjustment, photometric refinement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from backend.face.mesh import CanonicalFace
from backend.face.points import CHIN, FOREHEAD_TOP, MESH_POINTS, RIGID_POINTS
from backend.preprocess.bundle import bundle_adjust, fit_shape, recentred_offsets
from backend.preprocess.photometric import refine_poses
from backend.preprocess.pnp import face_pixels_per_cm, focal_prior, initial_poses, project
from backend.settings import BundleSettings, PhotometricSettings
from shared.jobs import Reporter

NEUTRAL_JAW = 0.12
"""Frames whose jaw is open by more than this (blendshape jawOpen) say nothing about the neutral lips and chin."""


@dataclass(frozen=True)
class CameraSolution:
    """The clip's camera. Pixels are those of the pictures that the landmarks were given in."""

    focal_px: float
    principal_px: np.ndarray
    """(2,)."""
    poses: np.ndarray
    """(T, 4, 4) float64 camera from head (shared.camera)."""
    shape_offsets: np.ndarray
    """(468, 3) float64 cm, this person's neutral face minus the canonical one."""
    landmark_poses: np.ndarray
    """(T, 4, 4) the poses before the photometric refinement."""
    landmark_shape_offsets: np.ndarray
    """(468, 3) the shape before it."""
    reprojection_px: np.ndarray
    """(T,) mean error of the rigid landmarks; NaN in frames without a face."""
    texture_deviation: tuple[float, float] | None
    """Temporal deviation of the upper face's look in the head's frame, grey levels, before and after the photometric
    refinement; None without one."""


@threadpool_limits.wrap(limits=1, user_api="blas")
def solve_camera(
    landmarks: np.ndarray,
    jaw_open: np.ndarray,
    face: CanonicalFace,
    principal_px: np.ndarray,
    footage_side_px: tuple[float, float],
    fps: float,
    frames: Sequence[np.ndarray] | None = None,
    report: Reporter | None = None,
    settings: BundleSettings | None = None,
    photometric: PhotometricSettings | None = None,
    scratch: Path | None = None,
) -> CameraSolution:
    """Head poses, focal length and personal shape of a clip.

    landmarks: (T, 478, 3) px, NaN in frames without a face. jaw_open: (T,) blendshape in [0, 1]. principal_px (2,),
    footage_side_px (width, height): centre and sides of the whole footage in the landmarks' px. frames: T pictures
    (S, S, 3) uint8 RGB to refine the poses on; None: by landmarks alone. scratch: a folder for their grey copies.
    """
    settings, report = settings or BundleSettings(), report or Reporter()
    points = landmarks[:, RIGID_POINTS, :2].astype(np.float64)
    found = np.isfinite(points).all(axis=(1, 2))
    model = face.vertices[RIGID_POINTS]
    focal, spread = focal_prior(*footage_side_px, face_pixels_per_cm(points, model))
    poses = initial_poses(points, model, focal, principal_px)
    bundle = bundle_adjust(points, model, poses, focal, spread, principal_px, fps, settings)
    neutral = np.where(found, np.exp(-np.nan_to_num(jaw_open) / NEUTRAL_JAW), 0.0)
    offsets = fit_shape(
        landmarks[:, :MESH_POINTS, :2],
        face.vertices,
        bundle.poses,
        bundle.focal_px,
        principal_px,
        neutral,
        bundle.noise_px,
        settings,
    )
    offsets[RIGID_POINTS] = bundle.offsets_cm
    poses, by_landmarks, deviation = bundle.poses, offsets.copy(), None
    if frames is not None:
        height = np.linalg.norm(landmarks[found, FOREHEAD_TOP, :2] - landmarks[found, CHIN, :2], axis=1)
        refined = refine_poses(
            frames,
            face,
            face.vertices + offsets,
            poses,
            bundle.landmarks,
            float(np.median(height)),
            fps,
            report,
            photometric,
            scratch,
        )
        poses = refined.poses
        offsets[:, 2] += refined.depth_offsets_cm
        # The poses now follow the skin. Landmarks have a constant offset against it, which belongs in the shape.
        offsets[RIGID_POINTS] += recentred_offsets(
            points, model + offsets[RIGID_POINTS], poses, bundle.focal_px, principal_px
        )
        deviation = (refined.texture_deviation_before, refined.texture_deviation_after)
    errors = project(model + offsets[RIGID_POINTS], poses, bundle.focal_px, principal_px) - points
    reprojection = np.linalg.norm(errors, axis=-1).mean(axis=1)
    return CameraSolution(
        bundle.focal_px, principal_px, poses, offsets, bundle.poses, by_landmarks, reprojection, deviation
    )
