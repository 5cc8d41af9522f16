"""Tracking on real footage, where there is some: the mesh stays on the landmarks, pixels make the poses stiller."""

from __future__ import annotations

import pytest

from backend.preprocess.pipeline import preprocess
from backend.settings import PreprocessSettings
from shared.jobs import Reporter
from tests.support.places import FOOTAGE

CLIPS = ("podium_5s_512.mp4", "flag_8s_512.mp4", "grid_bbaf2n.mpg")

pytestmark = pytest.mark.skipif(
    not FOOTAGE.is_dir(), reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there"
)


@pytest.mark.parametrize("name", CLIPS)
def test_reprojection_is_within_one_and_a_half_pixels_at_512_and_refinement_stills_the_face(name, tmp_path):
    if not (FOOTAGE / name).is_file():
        pytest.skip(f"{name} is not in {FOOTAGE}")
    quality = preprocess(FOOTAGE / name, tmp_path / "subject", PreprocessSettings(size=256), Reporter()).info.quality
    assert quality["reprojection_px_at_512"] < 1.5
    assert quality["upper_face_deviation"]["refined"] < quality["upper_face_deviation"]["landmarks_only"]
    assert quality["usable_frames"] == quality["frames"]
