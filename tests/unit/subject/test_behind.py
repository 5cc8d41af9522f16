"""What lies behind the head: nothing of the recorded head, and the torso as it would look without it."""

import cv2
import numpy as np
import pytest

from backend.subject.behind import behind_head

SIZE = 256
PLATE = np.full((SIZE, SIZE, 3), 60, np.uint8)
HEAD_COLOUR, TORSO_COLOUR = np.array([200.0, 120.0, 100.0]), np.array([30.0, 60.0, 160.0])


def soft(mask: np.ndarray, sigma: float = 1.5) -> np.ndarray:
    return cv2.GaussianBlur(mask.astype(np.float64), (0, 0), sigma)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Recorded frame, region map, coverage by the head, and the frame as it would be without the head."""
    y, x = np.mgrid[:SIZE, :SIZE]
    head, torso = soft(np.hypot(x - 128, y - 96) < 60), soft((y > 120) & (abs(x - 128) < 96))
    without = torso[..., None] * TORSO_COLOUR + (1 - torso[..., None]) * PLATE
    recorded = head[..., None] * HEAD_COLOUR + (1 - head[..., None]) * without
    regions = np.zeros((SIZE, SIZE, 4), np.uint8)
    regions[..., 1], regions[..., 3] = np.rint(255 * head), np.rint(255 * (1 - head) * torso)
    return np.rint(recorded).astype(np.uint8), regions, head, without


def test_a_frame_without_its_head_is_torso_over_plate_wherever_the_head_leaves_anything_free():
    recorded, regions, head, without = scene()
    behind = behind_head(recorded, regions, PLATE)
    free = (head < 0.9)[..., None] & np.ones(3, bool)
    assert np.abs(behind.astype(float) - without)[free].max() < 12
    assert np.abs(behind.astype(float) - without)[free].mean() < 0.5


def test_the_true_head_over_it_is_the_recorded_frame_again_and_over_the_frame_itself_it_is_not():
    recorded, regions, head, _ = scene()

    def over(background: np.ndarray) -> np.ndarray:
        return head[..., None] * HEAD_COLOUR + (1 - head[..., None]) * background

    assert np.abs(over(behind_head(recorded, regions, PLATE)) - recorded).max() < 5
    assert np.abs(over(recorded) - recorded).max() > 20, "the head's soft edge would be there twice"


def test_nothing_of_the_head_is_left_and_what_shows_no_head_is_untouched():
    recorded, regions, head, _ = scene()
    behind = behind_head(recorded, regions, PLATE).astype(float)
    outside = regions[..., 1] == 0
    assert np.array_equal(behind[outside], recorded[outside])
    assert np.abs(behind[48:64, 112:144] - PLATE[48:64, 112:144]).max() < 3, "the plate goes on behind the forehead"
    assert np.abs(behind[144:152, 120:136] - TORSO_COLOUR).max() < 30, "the torso goes on behind the chin"
    towards_head = (behind - PLATE) @ (HEAD_COLOUR - 60) / ((HEAD_COLOUR - 60) ** 2).sum()
    assert towards_head.max() < 0.2 and np.median(towards_head[head > 0.05]) < 0.01


def test_a_neck_on_which_the_map_goes_over_softly_keeps_its_skin_down_to_the_collar():
    skin, shirt = np.array([190, 140, 120]), np.array([245, 245, 250])
    y = np.arange(SIZE)
    torso = np.clip((y - 120) / 40, 0, 1)
    regions = np.zeros((SIZE, SIZE, 4), np.uint8)
    regions[..., 1], regions[..., 3] = np.rint(255 * (1 - torso))[:, None], np.rint(255 * torso)[:, None]
    recorded = np.where((y < 170)[:, None, None], skin, shirt).astype(np.uint8).repeat(SIZE, axis=1)
    behind = behind_head(recorded, regions, PLATE).astype(int)
    assert np.abs(behind[136:168] - skin).max() < 6


def test_a_part_of_a_frame_is_much_as_the_same_part_of_the_whole():
    recorded, regions, _, _ = scene()
    part = slice(40, 248), slice(16, 240)
    alone = behind_head(*(picture[part] for picture in (recorded, regions, PLATE)))
    assert np.abs(alone.astype(int) - behind_head(recorded, regions, PLATE)[part]).mean() < 1


@pytest.mark.parametrize("coverage", [0, 255])
def test_frames_without_a_torso_or_without_a_head_are_no_trouble(coverage):
    recorded = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    regions = np.zeros((SIZE, SIZE, 4), np.uint8)
    regions[..., 2] = coverage
    assert np.array_equal(behind_head(recorded, regions, PLATE), recorded if coverage == 0 else PLATE)


def test_frames_without_their_heads_are_made_once_and_kept(subject, monkeypatch):
    first = subject.frames_without_head(subject.info.size)
    expected = behind_head(
        subject.frames(subject.info.size)[2],
        subject.regions(subject.info.size)[2],
        subject.background(subject.info.size),
    )
    assert np.array_equal(first[2], expected)
    assert np.array_equal(first.part(2, slice(3, 9), slice(4, 20)), expected[3:9, 4:20])
    monkeypatch.setattr("backend.subject.without_head.behind_head", None)
    assert np.array_equal(subject.frames_without_head(subject.info.size)[2], expected)


def test_frames_without_their_heads_are_made_anew_where_a_cache_would_be_too_large(subject, monkeypatch):
    monkeypatch.setattr("backend.subject.subject.QUICK_BYTES", 10)
    size = subject.info.size
    made = subject.frames_without_head(size)
    assert not list(subject.root.glob("cache/without_head_*"))
    assert np.array_equal(
        made[1], behind_head(subject.frames(size)[1], subject.regions(size)[1], subject.background(size))
    )
