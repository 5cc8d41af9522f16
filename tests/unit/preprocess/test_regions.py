"""Region maps and mattes on drawn pictures with known edges."""

import numpy as np
import pytest

from backend.face.points import LIP_RING_INNER
from backend.preprocess import matting, regions
from shared.errors import Cancelled
from shared.jobs import Progress, Reporter

SIZE = 160
CENTRE = np.array([80.0, 70.0])


def face_points(opening: float = 4.0) -> np.ndarray:
    """(478, 3) px: an oval face of 60 x 80 px about CENTRE, whose inner lips are `opening` px apart."""
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = CENTRE
    angle = np.linspace(0, 2 * np.pi, len(regions.FACE_OVAL), endpoint=False)
    points[list(regions.FACE_OVAL), :2] = CENTRE + np.stack([30 * np.sin(angle), -40 * np.cos(angle)], axis=1)
    angle = np.linspace(0, 2 * np.pi, len(LIP_RING_INNER), endpoint=False)
    lips = np.stack([-10 * np.cos(angle), 20 - 0.5 * opening * np.sin(angle)], axis=1)
    points[list(LIP_RING_INNER), :2] = CENTRE + lips
    return points


def true_alpha(size: int = SIZE) -> np.ndarray:
    """Head and shoulders: an ellipse on a box, hard-edged."""
    y, x = np.mgrid[:size, :size] + 0.5
    head = ((x - CENTRE[0]) / 38) ** 2 + ((y - CENTRE[1]) / 50) ** 2 < 1
    return (head | ((y > 105) & (np.abs(x - CENTRE[0]) < 20)) | ((y > 125) & (np.abs(x - CENTRE[0]) < 60))).astype(
        float
    )


def picture() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 2, (SIZE, SIZE, 3))
    alpha = true_alpha()[..., None]
    return np.clip(alpha * [190, 140, 110] + (1 - alpha) * [60, 90, 60] + noise, 0, 255).astype(np.uint8)


class DrawnSegmenter:
    """Stands in for MediaPipe's: the true mask, blurred and two pixels off, with a stranger in the corner."""

    def __init__(self, models_dir=None) -> None:
        self.size = None

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        pass

    def confidences(self, rgb):
        import cv2

        mask = cv2.GaussianBlur(np.roll(true_alpha(), 2, axis=1), (0, 0), 1.5)
        mask[5:25, 130:150] = 1.0
        return cv2.resize(mask, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32), None


@pytest.fixture
def one_map(monkeypatch):
    monkeypatch.setattr(regions, "PersonSegmenter", DrawnSegmenter)
    return next(regions.segment([picture()], face_points()[None]))


def test_regions_lie_where_the_mesh_says(one_map):
    at = {
        name: tuple(one_map[y, x]) for name, (x, y) in {"lips": (80, 90), "cheek": (62, 80), "crown": (80, 24)}.items()
    }
    assert at["lips"][0] > 200
    assert at["cheek"] == (0, 255, 0, 0)
    assert at["crown"][2] == 255
    assert tuple(one_map[140, 80]) == (0, 0, 0, 255)


def test_regions_sum_to_the_alpha_and_never_above_one(one_map):
    total = one_map.astype(int).sum(axis=2)
    assert total.max() == 255
    truth = true_alpha()
    assert total[truth > 0].mean() > 250
    assert np.abs(total / 255 - truth).mean() < 0.01


def test_alpha_is_zero_away_from_the_person_and_a_stranger_is_left_out(one_map):
    total = one_map.astype(int).sum(axis=2)
    assert total[:, :15].max() == 0
    assert total[:30, 120:].max() == 0


def test_the_neck_edge_is_soft_and_follows_the_jaw(one_map):
    column = one_map[:, 80, :3].astype(int).sum(axis=1) / 255
    soft = np.flatnonzero((column > 0.05) & (column < 0.95))
    chin = CENTRE[1] + 40
    below = soft[soft > CENTRE[1]]
    assert len(below) >= 3
    assert chin < below.mean() < chin + 8


def test_a_closed_mouth_has_almost_no_oral_region(monkeypatch):
    monkeypatch.setattr(regions, "PersonSegmenter", DrawnSegmenter)
    closed = next(regions.segment([picture()], face_points(opening=0.0)[None]))
    wide = next(regions.segment([picture()], face_points(opening=12.0)[None]))
    assert closed[..., 0].sum() < 0.15 * wide[..., 0].sum()
    assert wide[..., 0].sum() / 255 == pytest.approx(np.pi * 10 * 6, rel=0.15)


def test_a_matte_follows_the_picture_where_the_coarse_mask_errs():
    coarse = DrawnSegmenter().confidences(picture())[0]
    coarse[:30, 120:] = 0
    alpha = matting.matte(picture(), coarse, 80.0, matting.MattingSettings())
    truth = true_alpha()
    assert np.abs(alpha - truth).mean() < 0.35 * np.abs(coarse - truth).mean()


def test_guided_coefficients_reproduce_a_linear_function_of_colour():
    rng = np.random.default_rng(1)
    guide = rng.random((40, 40, 3)).astype(np.float32)
    target = (guide @ np.array([0.5, -0.2, 0.3], np.float32) + 0.1).astype(np.float32)
    slope, offset = matting.GuidedFilter(guide, 4, 1e-7).coefficients(target)
    np.testing.assert_allclose(np.einsum("hwc,hwc->hw", slope, guide) + offset, target, atol=1e-3)


def test_a_known_plate_lowers_alpha_where_the_segmenter_is_in_doubt():
    frame = np.full((64, 64, 3), 100, np.uint8)
    doubt = np.full((64, 64), 0.5, np.float32)
    settings = matting.MattingSettings()
    without = matting.matte(frame, doubt, 40.0, settings)
    same = matting.matte(frame, doubt, 40.0, settings, plate=frame)
    other = matting.matte(frame, doubt, 40.0, settings, plate=np.full_like(frame, 200))
    assert same.max() < 0.05 < without.min()
    np.testing.assert_allclose(other, without, atol=1e-5)


def test_hair_below_the_jaw_counts_as_head_where_it_is_known():
    weights = regions.head_weights(SIZE, SIZE, face_points(), regions.RegionSettings())
    hair = np.zeros((SIZE, SIZE), np.float32)
    hair[125:135, 50:60] = 1.0
    shown = regions.to_map(np.ones((SIZE, SIZE), np.float32), weights.with_hair(hair))
    assert tuple(shown[130, 55]) == (0, 0, 255, 0)


def test_landmarks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected"):
        regions.segment([picture()], np.zeros((2, 478, 3)))
    broken = face_points()[None]
    broken[0, 3] = np.nan
    with pytest.raises(ValueError, match="finite"):
        regions.segment([picture()], broken)


def test_segmenting_tells_its_progress_and_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(regions, "PersonSegmenter", DrawnSegmenter)
    seen: list[Progress] = []
    report = Reporter(sink=seen.append, is_cancelled=lambda: len(seen) > 1, min_interval_s=0.0)
    with pytest.raises(Cancelled):
        list(regions.segment([picture()] * 5, np.stack([face_points()] * 5), report=report))
    assert (seen[0].phase, seen[0].total) == ("regions", 5)


def test_weights_above_one_by_a_rounding_error_do_not_wrap_around():
    over = np.full((3, 3), 1.0 + 1e-6, np.float32)
    weights = regions.HeadWeights(over, over, over, over)
    for alpha in np.linspace(0, 1, 511, dtype=np.float32):
        shown = regions.to_map(np.full((3, 3), alpha), weights)
        assert shown[0, 0].astype(int).sum() == np.rint(alpha * np.float32(255))
