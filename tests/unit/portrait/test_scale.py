"""One portrait at any size: what is drawn larger or smaller than it learned is the same picture, without holes."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from backend.deliver import keys
from backend.portrait.frame import Drive, PortraitFrame
from backend.portrait.portrait import Portrait
from backend.portrait.saving import open_portrait, save_portrait
from backend.raster.constants import BLUR_PX2
from backend.settings import PortraitSettings
from backend.train.data import TrainingData
from backend.train.driving import true_drive
from backend.train.new_portrait import start_portrait
from shared.camera import Intrinsics
from shared.errors import InputError
from tests.support.synthetic_subject import DISTANCE_CM, SIZE

TRAINED_PX = 64
THIN_PX = 0.5
"""Standard deviation of the Gaussians, px at that size: the filter more than doubles their variance."""
SHELL = PortraitSettings(
    inside_share=0.0,
    head_gaussians=4000,
    torso_gaussians=500,
    facial_planes=(8,),
    oral_planes=(8,),
    torso_planes=(4,),
    hidden=16,
)


@pytest.fixture
def drawn(subject) -> tuple[Portrait, Drive]:
    """A face of thin Gaussians, dense enough for the size that they learned at, and what drives it."""
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, SHELL, seed=1).eval()
    portrait.trained_size = TRAINED_PX
    deviation_cm = THIN_PX * DISTANCE_CM / (portrait.camera["fx"] * TRAINED_PX)
    with torch.no_grad():
        for part in (portrait.face, portrait.oral, portrait.torso):
            part.log_scales.fill_(float(np.log(deviation_cm)))
            part.opacity_logits.fill_(1.0)
    return portrait, true_drive(portrait, data)


def reduced(picture: np.ndarray, count: int) -> np.ndarray:
    """The mean of every `count` x `count` pixels."""
    height, width = picture.shape[0] // count, picture.shape[1] // count
    return picture.reshape(height, count, width, count, *picture.shape[2:]).mean((1, 3))


def apart_db(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR of two pictures."""
    return float(-10 * np.log10(np.mean((a - b) ** 2)))


@pytest.mark.kernels
@pytest.mark.parametrize("times", [2, 4])
def test_a_larger_picture_averaged_down_is_the_one_at_the_trained_size(drawn, times):
    portrait, drive = drawn
    expected = portrait.render(drive, 0, TRAINED_PX)
    assert apart_db(reduced(portrait.render(drive, 0, times * TRAINED_PX).rgb, times), expected.rgb) > 40
    portrait.trained_size = None  # the filter in pixels of what is drawn
    assert apart_db(reduced(portrait.render(drive, 0, times * TRAINED_PX).rgb, times), expected.rgb) < 30


@pytest.mark.kernels
@pytest.mark.parametrize("times", [2, 4])
def test_a_larger_picture_has_no_holes_where_the_trained_one_has_none(drawn, times):
    portrait, drive = drawn
    solid = (portrait.render(drive, 0, TRAINED_PX).alpha > 0.95).astype(np.uint8)
    inside = cv2.erode(solid, np.ones((3, 3), np.uint8)).repeat(times, 0).repeat(times, 1) > 0
    assert inside.sum() > 500 * times * times
    assert portrait.render(drive, 0, times * TRAINED_PX).alpha[inside].min() > 0.9
    portrait.trained_size = None
    assert portrait.render(drive, 0, times * TRAINED_PX).alpha[inside].min() < 0.75


@pytest.mark.parametrize("size", [TRAINED_PX // 2, TRAINED_PX // 4])
def test_a_smaller_picture_is_the_trained_one_averaged(drawn, size):
    portrait, drive = drawn
    fine, got = portrait.render(drive, 0, TRAINED_PX), portrait.render(drive, 0, size)
    for name in ("rgb", "alpha", "mattes"):
        expected = reduced(getattr(fine, name), TRAINED_PX // size)
        np.testing.assert_allclose(getattr(got, name), expected, atol=1e-6, err_msg=name)
    # The depth stays that of what is seen: averaged with its coverage, not beside it.
    seen = got.alpha > 0.05
    expected = reduced(fine.depth * fine.alpha, TRAINED_PX // size)[seen] / got.alpha[seen]
    np.testing.assert_allclose(got.depth[seen], expected, rtol=2e-2)


def test_a_size_between_is_drawn_at_the_next_multiple_that_is_no_smaller(drawn):
    portrait, drive = drawn
    fine, got = portrait.render(drive, 0, 96), portrait.render(drive, 0, 48)
    np.testing.assert_allclose(got.rgb, reduced(fine.rgb, 2), atol=1e-6)


@pytest.mark.parametrize(("size", "expected"), [(32, 0.3), (64, 0.3), (128, 1.2), (256, 4.8), (96, 0.675)])
def test_the_filter_grows_with_the_picture_and_never_below_a_pixel_s_own(drawn, size, expected):
    portrait, _ = drawn
    assert portrait.blur(portrait.intrinsics(size)) == pytest.approx(expected, rel=1e-6)
    portrait.trained_size = None
    assert portrait.blur(portrait.intrinsics(size)) == BLUR_PX2


def test_a_crop_has_the_filter_of_the_whole_picture_and_the_same_pixels(drawn):
    portrait, drive = drawn
    whole = portrait.intrinsics(128)
    crop = Intrinsics(whole.fx, whole.fy, whole.cx - 30, whole.cy - 20, 50, 70)
    assert portrait.blur(crop) == portrait.blur(whole)
    picture = portrait.render(drive, 0, 128)
    got = portrait.render(drive, 0, 0, intrinsics=crop)
    assert got.rgb.shape == (70, 50, 3)
    np.testing.assert_allclose(got.rgb, picture.rgb[20:90, 30:80], atol=2e-4)
    half = portrait.render(drive, 0, 0, intrinsics=Intrinsics(30.0, 30.0, 4.5, 9.0, 21, 15))
    assert isinstance(half, PortraitFrame) and half.rgb.shape == (15, 21, 3) and half.depth.shape == (15, 21)


def test_a_model_knows_the_size_it_learned_at_and_one_of_before_has_it_from_its_training(drawn, subject):
    portrait, drive = drawn
    model = subject.model("m")
    save_portrait(portrait, model)
    assert open_portrait(model).trained_size == TRAINED_PX
    config = json.loads(model.config_file.read_text())
    del config["trained_size"]
    for training, expected in (({"settings": {"size": 128}}, 128), ({"settings": {}}, None), (None, None)):
        entries = config if training is None else config | {"training": training}
        model.config_file.write_text(json.dumps(entries))
        assert open_portrait(model).trained_size == expected
    assert open_portrait(model).render(drive, 0, 32).rgb.shape == (32, 32, 3)


@pytest.mark.parametrize("wrong", [-1, "large", [64]])
def test_a_model_that_learned_at_no_size_is_an_input_error(drawn, subject, wrong):
    model = subject.model("m")
    save_portrait(drawn[0], model)
    model.update_config({"trained_size": wrong})
    with pytest.raises(InputError, match="cannot be read"):
        open_portrait(model)


def test_frames_have_other_keys_under_another_filter(drawn, subject, monkeypatch):
    model = subject.model("m")
    save_portrait(drawn[0], model)
    first = keys.model_key(model, "weights")
    assert keys.model_key(model, "weights") == first
    model.update_config({"trained_size": 2 * TRAINED_PX})
    assert keys.model_key(model, "weights") != first
    model.update_config({"trained_size": TRAINED_PX})
    monkeypatch.setattr(keys, "BLUR_PX2", 0.25)
    assert keys.model_key(model, "weights") != first


def moved_back(drive: Drive, times: float) -> Drive:
    """The drive with the head at so many times its distance, straight along the camera's axis."""
    poses = drive.poses.clone()
    poses[:, :3, 3] *= times
    assert drive.distances is not None
    return replace(drive, poses=poses, distances=drive.distances * times)


@pytest.mark.kernels
def test_a_head_nearer_than_it_ever_was_has_no_holes(drawn):
    portrait, drive = drawn
    far = float(drive.distances[0])
    portrait.distances_cm = (far, far)
    near = moved_back(drive, 0.5)
    solid = portrait.render(near, 0, TRAINED_PX).alpha
    outline = cv2.morphologyEx((solid > 0.9).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)))
    inside = cv2.erode(outline, np.ones((7, 7))) > 0
    assert inside.sum() > 500
    portrait.distances_cm = None
    thin = portrait.render(near, 0, TRAINED_PX).alpha
    holes = [float((alpha[inside] < 0.9).mean()) for alpha in (solid, thin)]
    assert holes[0] < 0.06 and holes[1] > 3 * holes[0]


def test_the_filter_is_that_of_the_training_at_all_of_its_distances(drawn):
    portrait, _ = drawn
    camera = portrait.intrinsics(TRAINED_PX)
    portrait.distances_cm = (40.0, 60.0)
    assert [portrait.blur(camera, d) for d in (40.0, 50.0, 60.0, 80.0)] == [BLUR_PX2] * 4
    assert portrait.blur(camera, 20.0) == pytest.approx(4 * BLUR_PX2)
    assert portrait.blur(camera) == BLUR_PX2


def test_a_head_farther_than_it_ever_was_is_averaged_from_a_finer_picture(drawn):
    portrait, drive = drawn
    distance = float(drive.distances[0])
    portrait.distances_cm = (distance, distance)
    far = moved_back(drive, 2.0)
    fine = portrait.render(far, 0, 2 * TRAINED_PX)
    np.testing.assert_allclose(portrait.render(far, 0, TRAINED_PX).rgb, reduced(fine.rgb, 2), atol=1e-6)


def test_a_model_knows_its_distances_and_refuses_what_is_none(drawn, subject):
    portrait, _ = drawn
    model = subject.model("distances")
    portrait.distances_cm = (41.5, 62.25)
    save_portrait(portrait, model)
    assert open_portrait(model).distances_cm == (41.5, 62.25)
    model.update_config({"distances_cm": None})
    assert open_portrait(model).distances_cm is None
    model.update_config({"distances_cm": [3.0, -1.0]})
    with pytest.raises(InputError, match="distances_cm"):
        open_portrait(model)


@pytest.mark.kernels
@pytest.mark.parametrize("times", [0.5, 2, 4])
def test_thin_structures_keep_their_energy_at_any_size(drawn, times):
    """Single Gaussians, thinner than a pixel, as hairs are: what they cover, and the contrast that they make."""
    portrait, drive = drawn
    with torch.no_grad():
        for part in (portrait.face, portrait.oral, portrait.torso):
            alone = torch.arange(len(part)) % 97 == 0
            part.opacity_logits.copy_(torch.where(alone, 0.5, -20.0))

    def covered(size: int) -> float:
        return float(portrait.render(drive, 0, size).alpha.mean(dtype=np.float64))

    def contrast(size: int) -> float:
        alpha = portrait.render(drive, 0, size).alpha.astype(np.float64)
        return float(np.square(reduced(alpha, max(1, size * 2 // TRAINED_PX))).mean())

    size = round(times * TRAINED_PX)
    assert covered(size) == pytest.approx(covered(TRAINED_PX), rel=0.03)
    if times > 1:
        expected = contrast(TRAINED_PX)
        assert contrast(size) == pytest.approx(expected, rel=0.1)
        portrait.trained_size = None
        assert covered(size) < 0.7 * covered(TRAINED_PX)
        assert contrast(size) < 0.7 * expected
