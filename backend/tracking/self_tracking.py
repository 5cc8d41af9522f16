"""Rounds of training a head and of refining all poses by it: the subject's own footage tells where its head was.

Landmarks, and the pixels of the upper face, know a face; what they take for its pose differs from the pose under which
a whole head, hair included, lies on the footage: by a degree and by millimetres. The two are found together, as a
bundle adjustment over pictures: a head learns from the frames under the present poses, poses are moved until that head
lies on the frames best, and so on. The head moves its jaw and lips as the footage does, the lips' box is left out of
what is compared, and six smooth numbers a frame are all that comes of it.
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
from backend.subject.claims import tracking_claim
from backend.subject.subject import Subject
from backend.subject.track import Track
from backend.tracking.alignment import Aligner, Alignment
from backend.train.driving import true_drive
from backend.train.trainer import Run, prepare, steps
from shared import layout
from shared.files import explaining, make_writable
from shared.jobs import Reporter

log = logging.getLogger(__name__)

_WORKERS = 2
"""Frames that are aligned at a time; a GPU draws one after the other."""


@dataclass(frozen=True)
class SelfTracking:
    """What self-tracking did to a subject's poses."""

    frames: int
    turned_deg: float
    """Median angle between the poses of preprocessing and those by rendering."""
    moved_cm: float
    """Median distance of the heads' origins."""
    difference_before: float | None = None
    """Mean difference of the drawn face and hair to the footage, levels of 255, before the first round; None where
    nothing was done, since the poses had been refined already."""
    difference_after: float | None = None
    """The same before the last round."""


def self_track(
    subject: Subject, settings: SelfTrackingSettings, report: Reporter, models_dir: str | None = None
) -> SelfTracking:
    """Refine the poses of all frames of a subject, from those that preprocessing found, and keep them in its track.

    Models that learned under the poses of preprocessing keep those. Poses that are refined already stay as they are,
    unless the settings say `again`. Raises InputError for a subject that cannot be trained on or written to, Cancelled
    when the user asked to stop: the subject is then as it was.
    """
    make_writable(subject.root)
    with tracking_claim(subject.root, report):
        return _self_track(subject, settings, report, models_dir)


def _self_track(
    subject: Subject, settings: SelfTrackingSettings, report: Reporter, models_dir: str | None
) -> SelfTracking:
    track = subject.track()
    if track.is_self_tracked and not settings.again:
        return _told(track, track.rendered_poses, [])
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    report.phase("prepare")
    with subject.passing_caches():
        poses, differences = _poses_by_rendering(subject, settings, report, models_dir)
    # Landmarks have a constant offset against what these poses follow, which belongs in the shape.
    points = np.where(track.confidence[:, None, None] > 0, track.landmarks[:, RIGID_POINTS, :2], np.nan)
    shape = (load_canonical_face(models_dir).vertices + track.shape_offsets)[RIGID_POINTS]
    offsets = track.shape_offsets.copy()
    offsets[RIGID_POINTS] += recentred_offsets(points, shape, poses, track.focal_px, track.principal_px)
    path = subject.root / layout.TRACK_FILE
    with explaining(path):
        replace(track, rendered_poses=poses, rendered_shape_offsets=offsets).save(path)
    found = _told(track, poses, differences)
    log.info("self-tracking: %s", found)
    return found


def _told(track: Track, poses: np.ndarray, differences: list[float]) -> SelfTracking:
    turns = Rotation.from_matrix(poses[:, :3, :3] @ track.camera_from_head[:, :3, :3].transpose(0, 2, 1)).magnitude()
    moved = np.linalg.norm(poses[:, :3, 3] - track.camera_from_head[:, :3, 3], axis=1)
    first, last = (differences[0], differences[-1]) if differences else (None, None)
    return SelfTracking(len(poses), float(np.degrees(np.median(turns))), float(np.median(moved)), first, last)


def _poses_by_rendering(
    subject: Subject, settings: SelfTrackingSettings, report: Reporter, models_dir: str | None
) -> tuple[np.ndarray, list[float]]:
    """Poses (T, 4, 4), and the mean difference before each of their refinements."""
    run = prepare(subject, _training_of(subject, settings), models_dir)
    seen = np.flatnonzero(run.data.track.confidence > 0)
    some = seen[np.unique(np.linspace(0, len(seen) - 1, min(settings.frames, len(seen))).round().astype(int))]
    last = run.settings.steps
    looked_at = {settings.steps + number * settings.more_steps: some for number in range(settings.rounds - 1)}
    looked_at[last] = seen
    report.phase("self-tracking", last + settings.iterations * sum(map(len, looked_at.values())))
    differences: list[float] = []
    for done in steps(run):
        report.step()
        if done in looked_at:
            run.settle()
            poses, before = refined_poses(run, looked_at[done], settings, report)
            differences += before
            run.data.track = replace(run.data.track, camera_from_head=poses)
            run.drive = true_drive(run.portrait, run.data)
    return run.data.track.camera_from_head, differences


def _training_of(subject: Subject, settings: SelfTrackingSettings) -> TrainSettings:
    """How the head is trained that the poses are refined by: on all frames, under the poses that preprocessing found,
    without a last pass in which its shape stands still."""
    size = min(settings.size, subject.info.size)
    return TrainSettings(
        portrait=PortraitSettings(poses="refined"), size=size, more_for_long=False, holdout=0, joint_share=0.0,
        views=ViewSettings(coarse_size=min(size, ViewSettings().coarse_size)),
        steps=settings.steps + (settings.rounds - 1) * settings.more_steps,
        seed=settings.seed, engine=settings.engine, threads=settings.threads,
    )  # fmt: skip


def refined_poses(
    run: Run, frames: np.ndarray, settings: SelfTrackingSettings, report: Reporter
) -> tuple[np.ndarray, list[float]]:
    """Poses (T, 4, 4), those of `frames` refined by the head as it is now; and the mean difference before each step.

    Other frames that show a face stay about where they are, those without one follow their neighbours.
    """
    run.portrait.eval()
    track = run.data.track
    aligner = Aligner(run.portrait, run.data, run.drive, settings)
    poses = track.camera_from_head
    acceleration = acceleration_per_frame(float(run.data.subject.fps), BundleSettings())
    others = np.setdiff1d(np.flatnonzero(track.confidence > 0), frames)
    workers = 1 if settings.engine == "cuda" else _WORKERS
    differences = []
    # Small matrices in several threads: a BLAS with threads makes this many times slower.
    with threadpool_limits(1, user_api="blas"):
        for _ in range(settings.iterations):
            information, gradient, seen = np.zeros((len(poses), 6, 6)), np.zeros((len(poses), 6)), []
            aligned = in_order(partial(_aligned, aligner, poses), frames, workers, report.check)
            for t, own in zip(frames, aligned, strict=True):
                information[t], gradient[t] = own.information, own.gradient
                if own.information.any():
                    seen.append(own.difference)
                report.step()
            information[others] = information[frames].mean(axis=0)
            differences.append(float(np.mean(seen)) if seen else 0.0)
            poses = update_poses(poses, solve_smooth_steps(poses, information, gradient, acceleration))
    run.portrait.train()
    return poses, differences


def _aligned(aligner: Aligner, poses: np.ndarray, frame: int) -> Alignment:
    return aligner.at(int(frame), poses[frame])
