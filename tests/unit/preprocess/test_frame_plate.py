"""The clean plate of the whole frame: the crop's in its place, around it what the camera saw most of the time."""

import numpy as np
import pytest

from backend.preprocess.frame_plate import whole_plate
from shared.camera import Crop

CROP = Crop(6, 4, 8, 8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_around_the_crop_is_what_was_seen_most_of_the_time_and_in_it_the_crops_plate(kind):
    top = np.iinfo(kind).max
    room = np.linspace(0, 0.8 * top, 20 * 24 * 3).astype(kind).reshape(20, 24, 3)
    samples = [room.copy() for _ in range(5)]
    samples[1][2:4] = top  # somebody passes by
    samples[3][15:] = 0
    for sample in samples:
        sample[CROP.y : CROP.y + 8, CROP.x : CROP.x + 8] = 7  # the person
    crop_plate = np.full((4, 4, 3), top // 3, kind)
    plate = whole_plate(samples, CROP, crop_plate)
    inside = np.zeros((20, 24), bool)
    inside[CROP.y : CROP.y + 8, CROP.x : CROP.x + 8] = True
    assert plate.dtype == kind
    np.testing.assert_array_equal(plate[~inside], room[~inside])
    np.testing.assert_array_equal(plate[inside], top // 3)
