"""A track that holds what no preprocessing writes is refused in words, before anything is drawn by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.subject.track import Track
from shared.errors import InputError
from tests.support.synthetic_subject import make_subject


def _poses(change):
    def changed(track: Track) -> Track:
        poses = track.camera_from_head.copy()
        change(poses)
        return replace(track, camera_from_head=poses)

    return changed


def _scaled(poses):
    poses[3, :3, :3] *= 1.01


def _mirrored(poses):
    poses[3, :3, 0] *= -1


def _huge(poses):
    poses[3] = 1e300


def _far(poses):
    poses[3, 2, 3] = 1e9


def _sheared(poses):
    poses[3, 3, 0] = 0.5


def _rendered(track: Track) -> Track:
    return replace(
        track, rendered_poses=np.zeros_like(track.camera_from_head), rendered_shape_offsets=track.shape_offsets
    )


@pytest.mark.parametrize(
    "change", [*map(_poses, (_scaled, _mirrored, _huge, _far, _sheared)), _rendered],
    ids=["scaled", "mirrored", "huge", "far", "sheared", "rendered"],
)  # fmt: skip
def test_poses_that_are_no_positions_of_a_head_are_damage(tmp_path, change):
    track = make_subject(tmp_path / "subject").track()
    path = tmp_path / "track.npz"
    track.save(path)
    assert Track.load(path).frame_count == track.frame_count
    change(track).save(path)
    with pytest.raises(InputError, match="no position of a head"):
        Track.load(path)
