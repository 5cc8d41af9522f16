"""Tracking on real footage, where there is some: the mesh stays on the landmarks, pixels make the poses stiller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.face.mesh import load_canonical_face
from backend.preprocess.pipeline import preprocess
from backend.preprocess.pnp import project
from backend.settings import PhotometricSettings, PreprocessSettings
from backend.subject.subject import Subject
from shared.jobs import Reporter
from tests.support.places import FOOTAGE

CLIPS = ("podium_5s_512.mp4", "flag_8s_512.mp4", "grid_bbaf2n.mpg")
SIZE = 256

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FOOTAGE.is_dir(), reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there"
    ),
]


def flicker(subject: Subject) -> float:
    """Grey levels by which the skin under points of the mesh changes from frame to frame: median over points that the
    refinement of poses does not look at, within a centimetre below the part of the face that it is made on."""
    face, track = load_canonical_face(), subject.track()
    below_cm = PhotometricSettings().lowest_cm - face.vertices[:, 1]
    points = np.flatnonzero((below_cm > 0) & (below_cm < 1))
    assert len(points) > 20
    shape = face.vertices + track.shape_offsets
    pixels = project(shape[points], track.camera_from_head, track.focal_px, track.principal_px)
    seen = []
    pictures = subject.frames(SIZE)
    assert len(pictures) == len(pixels)
    for index, at in enumerate(pixels):
        frame = pictures[index]
        grey, floor = frame.mean(axis=2), np.floor(at - 0.5).astype(int)
        (x, y), (u, v) = floor.T, (at - 0.5 - floor).T
        top = (1 - u) * grey[y, x] + u * grey[y, x + 1]
        seen.append((1 - v) * top + v * ((1 - u) * grey[y + 1, x] + u * grey[y + 1, x + 1]))
    return float(np.median(np.abs(np.diff(seen, axis=0)).mean(axis=0)))


def subject_of(name: str, folder: Path, refine_poses: bool) -> Subject:
    settings = PreprocessSettings(size=SIZE, refine_poses=refine_poses)
    return preprocess(FOOTAGE / name, folder, settings, Reporter())


@pytest.mark.parametrize("name", CLIPS)
def test_reprojection_is_within_one_and_a_half_pixels_and_refinement_stills_what_it_does_not_look_at(name, tmp_path):
    if not (FOOTAGE / name).is_file():
        pytest.skip(f"{name} is not in {FOOTAGE}")
    refined = subject_of(name, tmp_path / "refined", refine_poses=True)
    assert refined.info.quality["reprojection_px_at_512"] < 1.5
    assert refined.info.quality["usable_frames"] == refined.info.quality["frames"]
    assert flicker(refined) < flicker(subject_of(name, tmp_path / "by_landmarks", refine_poses=False))
