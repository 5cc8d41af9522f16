"""Rounds of training a head and of refining all poses by it: the subject's own footage tells where its head was.

Landmarks, and the pixels of the upper face, know a face; what they take for its pose differs from the pose under which
a whole head, hair included, lies on the footage: by a degree and by millimetres. The two are found together, as a
bundle adjustment over pictures: a head learns from the frames under the present poses, all poses are moved until that
head lies on the frames best, and so on. Speech plays no part, and the mouth is left out, so poses tell nothing of lips.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from backend.face.mesh import load_canonical_face
from backend.face.points import RIGID_POINTS
from backend.parallel import in_order
from backend.preprocess.bundle import acceleration_per_frame, recentred_offsets, solve_smooth_steps, update_poses
from backend.settings import BundleSettings, PortraitSettings, SelfTrackingSettings, TrainSettings, ViewSettings
from backend.subject.subject import Subject
from backend.tracking.alignment import Aligner, Alignment
from backend.train.driving import true_drive
from backend.train.trainer import Run, prepare, steps
from shared import layout
from shared.jobs import Reporter

log = logging.getLogger(__name__)

_WORKERS = 2
"""Frames that are aligned at a time."""


@dataclass(frozen=True)
class SelfTracking:
    """What self-tracking did to a subject's poses."""

    frames: int
    turned_deg: float
    """Median angle between the poses that it started from and those that it found."""
    moved_cm: float
    """Median distance of the heads' origins."""
    difference_before: float
    """Mean difference of the drawn face and hair to the footage, levels of 255, before the first refinement."""
    difference_after: float
    """The same before the last step of the last one."""


def self_track(
    subject: Subject, settings: SelfTrackingSettings, report: Reporter, models_dir: str | None = None
) -> SelfTracking:
    """Refine the poses of all frames of a subject, from those that preprocessing found, and keep them in its track.

    Models that learned under other poses keep those. Raises InputError for a subject that cannot be trained on,
    Cancelled when the user asked to stop: the subject is then as it was.
    """
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    report.phase("prepare")
    run = prepare(subject, _training_of(subject, settings), models_dir)
    track = subject.track()
    rounds = {settings.steps + number * settings.more_steps for number in range(settings.rounds)}
    differences: list[float] = []
    report.phase("self-tracking", run.settings.steps)
    for done in steps(run):
        report.step()
        if done in rounds:
            poses, seen = refined_poses(run, settings, report)
            differences += seen
            run.data.track = replace(run.data.track, camera_from_head=poses)
            run.drive = true_drive(run.portrait, run.data)
    poses = run.data.track.camera_from_head
    # Landmarks have a constant offset against what these poses follow, which belongs in the shape.
    points = np.where(track.confidence[:, None, None] > 0, track.landmarks[:, RIGID_POINTS, :2], np.nan)
    shape = (load_canonical_face(models_dir).vertices + track.shape_offsets)[RIGID_POINTS]
    offsets = track.shape_offsets.copy()
    offsets[RIGID_POINTS] += recentred_offsets(points, shape, poses, track.focal_px, track.principal_px)
    replace(track, rendered_poses=poses, rendered_shape_offsets=offsets).save(subject.root / layout.TRACK_FILE)
    turns = Rotation.from_matrix(poses[:, :3, :3] @ track.camera_from_head[:, :3, :3].transpose(0, 2, 1)).magnitude()
    moved = np.linalg.norm(poses[:, :3, 3] - track.camera_from_head[:, :3, 3], axis=1)
    found = SelfTracking(
        len(poses), float(np.degrees(np.median(turns))), float(np.median(moved)), differences[0], differences[-1]
    )
    log.info("self-tracking: %s", found)
    return found


def _training_of(subject: Subject, settings: SelfTrackingSettings) -> TrainSettings:
    """How the head is trained that the poses are refined by: on all frames, under the poses that preprocessing found,
    all of it together to the end."""
    size = min(settings.size, subject.info.size)
    return TrainSettings(
        portrait=PortraitSettings(poses="refined"), size=size, more_for_long=False, holdout=0, joint_share=0.0,
        views=ViewSettings(coarse_size=min(size, ViewSettings().coarse_size)),
        steps=settings.steps + (settings.rounds - 1) * settings.more_steps,
        seed=settings.seed, engine=settings.engine, threads=settings.threads,
    )  # fmt: skip


def refined_poses(run: Run, settings: SelfTrackingSettings, report: Reporter) -> tuple[np.ndarray, list[float]]:
    """Poses (T, 4, 4) of all frames, by the head as it is now; and the mean difference before each step.

    Frames without a face follow their neighbours.
    """
    run.portrait.eval()
    track = run.data.track
    aligner = Aligner(run.portrait, run.data, run.drive, settings)
    poses = track.camera_from_head
    acceleration = acceleration_per_frame(float(run.data.subject.fps), BundleSettings())
    used = np.flatnonzero(track.confidence > 0)
    differences = []
    # Small matrices in several threads: a BLAS with threads makes this many times slower.
    with threadpool_limits(1, user_api="blas"):
        for _ in range(settings.iterations):
            aligned = in_order(partial(_aligned, aligner, poses), used, _WORKERS, report.check)
            information, gradient, seen = np.zeros((len(poses), 6, 6)), np.zeros((len(poses), 6)), []
            for t, own in zip(used, aligned, strict=True):
                information[t], gradient[t] = own.information, own.gradient
                seen.append(own.difference)
            differences.append(float(np.mean(seen)))
            poses = update_poses(poses, solve_smooth_steps(poses, information, gradient, acceleration))
    run.portrait.train()
    return poses, differences


def _aligned(aligner: Aligner, poses: np.ndarray, frame: int) -> Alignment:
    return aligner.at(int(frame), poses[frame])
