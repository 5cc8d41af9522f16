"""A take has a clean plate of the footage's whole frame, also that of a subject from before there was one."""

import numpy as np
import pytest

from backend.deliver.plate import guessed, write_plate
from backend.media.png import write_png
from backend.provenance.marks import OF_PARTS, Marks
from backend.subject.pictures import read_picture
from shared import layout
from shared.camera import Crop
from shared.errors import InputError

MARKS = Marks("s" * 16, "t" * 32, "none recorded", OF_PARTS)


def test_a_subjects_own_plate_is_the_takes(subject, tmp_path):
    plate = np.full((48, 80, 3), (10, 20, 30), np.uint8)
    write_png(subject.root / layout.PLATE_FILE, plate)
    write_plate(tmp_path, subject, MARKS)
    np.testing.assert_array_equal(read_picture(tmp_path / layout.PLATE_FILE, None, 3), plate)
    (subject.root / layout.PLATE_FILE).write_bytes(b"cut")
    with pytest.raises(InputError, match="damaged|cannot be read"):
        write_plate(tmp_path, subject, MARKS)


def test_an_older_subject_gives_a_plate_without_rims(subject, tmp_path):
    write_plate(tmp_path, subject, MARKS)
    plate = read_picture(tmp_path / layout.PLATE_FILE, None, 3)
    info = subject.info
    assert plate.shape == (info.footage_height, info.footage_width, 3)
    np.testing.assert_allclose(plate, 128, atol=1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_guess_goes_on_smoothly_from_the_crop(kind):
    top, crop = np.iinfo(kind).max, Crop(20, 10, 16, 16)
    crop_plate = np.empty((16, 16, 3), kind)
    crop_plate[:, :8], crop_plate[:, 8:] = top // 4, top // 2
    plate = guessed(crop_plate, crop, (64, 40))
    assert plate.shape == (40, 64, 3) and plate.dtype == kind
    np.testing.assert_allclose(plate[10:26, 20:27].astype(float), top // 4, atol=0.05 * top)
    assert plate.min() > 0.2 * top and plate.max() < 0.55 * top
    assert plate[:, :10].mean() < 0.31 * top < 0.4 * top < plate[:, 50:].mean()
