"""Footage of more than 8 bits is stored in 16: no bands in the stored plate, nor in what delivery makes of it."""

import json

import numpy as np
import pytest

from backend.deliver.frames import stored_passes
from backend.face.mesh import load_canonical_face
from backend.media.audio import save_wav
from backend.media.colour import linear_to_srgb, srgb_to_linear, to_unit
from backend.media.decode import read_frames
from backend.media.exr import read_layers, write_layers
from backend.media.png import read_png, write_png
from backend.portrait.portrait import PortraitFrame
from backend.preprocess.background import estimate_plate
from backend.preprocess.crop import cut
from backend.preprocess.pipeline import preprocess
from backend.presenter.footage import draw_footage
from backend.presenter.speech import speak
from backend.settings import PreprocessSettings
from backend.subject.pictures import PictureFolder, read_picture
from backend.subject.subject import Subject
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.colour_difference import picture_difference
from tests.support.colour_twins import KINDS, write_twin
from tests.support.drawn_face import face_masks
from tests.support.synthetic_subject import SIZE

CODE = 1 / 1023
"""A code value of 10 bits."""


@pytest.fixture
def ramp(tmp_path):
    """A clip whose columns rise by one code of 10 bits each, from black to white, and the values (64, 876)."""
    values = np.tile(np.linspace(0, 1, 876), (64, 1))
    path = tmp_path / "ramp.mkv"
    light = srgb_to_linear(np.repeat(values[..., None], 3, axis=2))
    write_twin(path, KINDS["bt709 10 bit lossless"], [light] * 3)
    return path, values


def check_ramp(found, values):
    """Every column within a code of 10 bits of the source, and no two alike."""
    assert np.abs(found - values[..., None]).max() < CODE
    assert (np.diff(found.mean(axis=(0, 2))) > 0.5 * CODE).all(), "bands"


def test_a_ramp_of_10_bits_has_no_bands_in_frames_and_plate(tmp_path, ramp):
    path, values = ramp
    frames = [rgb for _, rgb in read_frames(path)]
    assert len(frames) == 3 and all(rgb.dtype == np.uint16 for rgb in frames)
    for number, rgb in enumerate(frames):
        write_png(tmp_path / layout.frame_name(number + 1), rgb, fast=True)
    stored = PictureFolder(tmp_path, 3, 3, deep=True)
    np.testing.assert_array_equal(stored[2], frames[2])
    check_ramp(to_unit(stored[2]), values)
    plate = estimate_plate([stored[i] for i in range(3)], [np.zeros(values.shape, np.uint8)] * 3)
    assert plate.dtype == np.uint16
    write_png(tmp_path / layout.BACKGROUND_FILE, plate)
    check_ramp(to_unit(read_picture(tmp_path / layout.BACKGROUND_FILE, None, 3, deep=True)), values)


def test_a_ramp_of_10_bits_has_no_bands_in_a_delivered_exr(tmp_path, ramp):
    path, values = ramp
    rgb = to_unit(next(read_frames(path))[1])
    one = np.ones(values.shape, np.float32)
    frame = PortraitFrame(rgb=rgb, alpha=one, depth=50 * one, mattes=np.repeat(one[..., None] / 4, 4, axis=2))
    write_layers(tmp_path / "head.exr", stored_passes(frame, "srgb")[0])
    combined = read_layers(tmp_path / "head.exr")[0]["Combined"]
    check_ramp(linear_to_srgb(combined[..., :3].astype(np.float64)), values)


def test_the_holes_of_a_plate_of_16_bits_are_filled_between_their_borders():
    frame = np.full((16, 16, 3), 40000, np.uint16)
    covered = np.zeros((16, 16), np.uint8)
    covered[4:12, 4:12] = 255
    plate = estimate_plate([frame] * 4, [covered] * 4)
    assert np.abs(plate.astype(int) - 40000).max() < 100


def test_a_subject_of_16_bits_is_read_as_bytes_and_as_units(subject):
    deep = np.full((SIZE, SIZE, 3), 30001, np.uint16)
    write_png(subject.root / layout.BACKGROUND_FILE, deep)
    write_png(subject.root / layout.FRAMES_FOLDER / layout.frame_name(1), deep)
    for size in (SIZE, SIZE // 2):
        assert subject.background(size).dtype == subject.frames(size)[0].dtype == np.uint8
        assert (subject.background(size) == 117).all() and (subject.frames(size)[0] == 117).all()
        np.testing.assert_allclose(subject.plate(size), 30001 / 65535, atol=1e-7)


def test_a_subject_of_8_bits_is_read_as_before(subject):
    plate = subject.plate(SIZE)
    assert plate.dtype == np.float32
    np.testing.assert_array_equal(plate, subject.background(SIZE).astype(np.float32) / 255)
    assert subject.info.footage_colour == {} and subject.footage_space == "srgb"


def test_16_bits_are_refused_where_only_8_are_written(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((4, 4, 4), np.uint16))
    with pytest.raises(InputError):
        read_png(tmp_path / "a.png", 4, "Render again.")
    assert read_png(tmp_path / "a.png", 4, "Render again.", deep=True).dtype == np.uint16


@pytest.mark.slow
def test_hdr_footage_and_its_twin_of_standard_range_become_the_same_subject(tmp_path):
    """The whole way, with the drawn presenter: frames and plate agree, and the folder says what was done."""
    spoken = speak("Papa bought a map, and we sail before five.")
    pictures: list[np.ndarray] = []
    truth = draw_footage(spoken, load_canonical_face(), pictures.append, width=320, height=256)
    save_wav(tmp_path / "line.wav", spoken.samples, spoken.sample_rate)
    settings = PreprocessSettings(refine_poses=False, matting_size=64, audio=str(tmp_path / "line.wav"))
    subjects = {}
    for name in ("bt709", "HLG"):
        clip = tmp_path / f"clip{KINDS[name].suffix}"
        write_twin(clip, KINDS[name], (srgb_to_linear(picture / 255) for picture in pictures))
        subjects[name] = preprocess(clip, tmp_path / name, settings, Reporter())
    hlg, sdr = subjects["HLG"], subjects["bt709"]
    info = json.loads((hlg.root / layout.SUBJECT_FILE).read_text())
    assert info["input_colour"] == "srgb"
    assert info["footage_colour"] == {
        "space": "hlg-rec2020", "matrix": "bt2020nc", "range": "limited", "bits": 10, "stored_bits": 16,
    }  # fmt: skip
    assert sum("HDR (HLG)" in warning for warning in info["quality"]["warnings"]) == 1
    assert not any("HDR" in warning for warning in sdr.info.quality["warnings"])
    assert read_file(hlg, layout.BACKGROUND_FILE).dtype == np.uint16
    assert read_file(sdr, layout.BACKGROUND_FILE).dtype == np.uint8
    assert Subject.open(hlg.root).footage_space == "hlg-rec2020"
    assert hlg.info.crop == sdr.info.crop
    plates = picture_difference(hlg.plate(hlg.info.size), sdr.plate(sdr.info.size))
    assert plates.mean() < 1.0
    masks, differences = face_masks(truth, 320, 256), []
    for number in range(0, hlg.frame_count, 10):
        inside = cut(masks[number].astype(np.uint8), hlg.crop, hlg.info.size) > 0
        name = f"{layout.FRAMES_FOLDER}/{layout.frame_name(number + 1)}"
        deep = read_file(hlg, name)
        assert deep.dtype == np.uint16
        differences.append(picture_difference(deep, read_file(sdr, name))[inside])
    assert np.concatenate(differences).mean() < 1.5
    assert np.percentile(np.concatenate(differences), 95) < 3.0


def read_file(subject, name):
    return read_picture(subject.root / name, None, 3, deep=True)
