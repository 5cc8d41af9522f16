"""Nothing scores well for a wrong reason: no face, no head, a copy of the footage, a head that stands still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from backend.evaluate.clip import Clip
from backend.evaluate.delivered import Delivery
from backend.evaluate.faces import FaceTrack
from backend.evaluate.lpips import Lpips
from backend.evaluate.nets import Nets
from backend.evaluate.recorded import RecordedFrames
from backend.evaluate.scorer import Scorer
from backend.evaluate.scores import SCORES, Seen, pooled
from backend.face.points import CHIN, FOREHEAD_TOP, LOWER_LIP_INNER, UPPER_LIP_INNER
from backend.media.audio_features import MELS, AudioFeatures
from backend.performance.curves import FACE_CURVES
from backend.portrait.portrait import PortraitFrame
from tests.support.synthetic_subject import FRAMES, SIZE

HELD = np.arange(4, FRAMES)


class Meter:
    """Sees a face where the middle of the picture is brighter than its corner."""

    def measure(self, picture, around):
        middle = float(picture[12:20, 12:20].mean())
        if middle < float(picture[0, 0].mean()) + 10:
            return np.full((478, 3), np.nan), np.full(len(FACE_CURVES), np.nan)
        landmarks = np.random.default_rng(0).uniform(50, 200, (478, 3))
        landmarks[LOWER_LIP_INNER, 1] = landmarks[UPPER_LIP_INNER, 1] + middle / 10
        landmarks[CHIN, 1] = landmarks[FOREHEAD_TOP, 1] + 150
        return landmarks, np.full(len(FACE_CURVES), middle / 255)


class Shows:
    """A portrait without a torso that shows given pictures (T, S, S, 3) in [0, 1] with coverage alpha."""

    has_torso = False

    def __init__(self, pictures: np.ndarray, alpha: np.ndarray) -> None:
        self._pictures, self._alpha = pictures.astype(np.float32), alpha.astype(np.float32)

    def render(self, drive, index, size, **options) -> PortraitFrame:
        alpha = self._alpha[index]
        mattes = np.zeros((*alpha.shape, 4), np.float32)
        mattes[..., 1] = alpha
        depth = np.full(alpha.shape, 50, np.float32)
        return PortraitFrame(self._pictures[index] * alpha[..., None], alpha, depth, mattes)


def silent_clip(frames: int) -> Clip:
    features = AudioFeatures(np.zeros((8 * frames, MELS), np.float32), 200.0)
    return Clip(np.arange(frames) / 25, np.zeros((frames, 6)), features, [])


def scored(subject, pictures: np.ndarray, alpha: np.ndarray) -> tuple[dict, np.ndarray]:
    """Scores of the head over the recorded frames, and the last picture that was scored."""
    rows, drawn = measured(subject, pictures, alpha)
    return pooled(rows["recorded"]), drawn


def measured(subject, pictures: np.ndarray, alpha: np.ndarray, held=HELD, nets=None) -> tuple[dict, np.ndarray]:
    """Rows of every picture, and the last one that was scored."""
    portrait: Any = Shows(pictures, alpha)
    meter: Any = Meter()
    frames = RecordedFrames(subject, subject.track(), SIZE, None)
    drives: Any = {"driven": None, "static": None}
    with Delivery(subject, portrait, SIZE, "reference", 1) as delivery:
        scorer = Scorer(held, portrait, drives, delivery, frames.plate, nets)
        for frame in frames.read(held):
            drawn = scorer.add(frame, meter)["recorded"]
    return scorer.rows(silent_clip(FRAMES)), drawn


@pytest.fixture
def footage(subject) -> np.ndarray:
    """(T, S, S, 3) in [0, 1]."""
    return np.stack([np.asarray(subject.frames(SIZE)[index]) for index in range(FRAMES)]) / 255.0


def head_of(subject) -> np.ndarray:
    """(T, S, S) coverage by the head."""
    return np.stack([subject.regions(SIZE)[i][..., :3].sum(axis=2, dtype=float) / 255.0 for i in range(FRAMES)])


def test_an_empty_alpha_shows_nothing_of_the_recorded_head_and_scores_as_little(subject, footage):
    scores, picture = scored(subject, footage, np.zeros(footage.shape[:3]))
    inside = head_of(subject)[-1] > 0.9
    assert inside.sum() > 20
    assert np.abs(picture[inside].astype(int) - 128).max() < 45, "plate and torso are to be seen there"
    assert scores["psnr_head"] < 20
    assert scores["psnr"] < 25 and scores["ssim"] < 0.9
    assert scores["copies"] == 0


def test_frames_without_a_face_are_counted_as_failed_and_charged_in_every_score_of_faces(subject, footage):
    unseen, _ = scored(subject, footage, np.zeros(footage.shape[:3]))
    poor, _ = scored(subject, np.clip(footage + 0.3, 0, 1), np.ones(footage.shape[:3]))
    assert (unseen["faces"], unseen["frames_with_face"]) == (0.0, 0)
    assert (poor["faces"], poor["frames_with_face"]) == (1.0, len(HELD))
    for name in ("lmd", "lmd_shape", "expression_error", "aue_upper", "aue_lower"):
        assert unseen[name] > poor[name] > 0, name
    assert unseen["jitter"] is None


def test_a_copy_of_the_recorded_frame_is_perfect_and_is_told_to_be_a_copy(subject, footage):
    copy, _ = scored(subject, footage, np.ones(footage.shape[:3]))
    assert copy["psnr_head"] > 45 and copy["copies"] == len(HELD)
    other, _ = scored(subject, np.clip(footage + 0.02, 0, 1), np.ones(footage.shape[:3]))
    assert other["copies"] == 0 and other["psnr_head"] < 36


def test_the_frame_before_is_no_copy_and_is_not_perfect(subject, footage):
    late, _ = scored(subject, np.roll(footage, 1, axis=0), np.ones(footage.shape[:3]))
    assert late["copies"] == 0 and late["psnr_head"] < 30


def track_of(opening: np.ndarray) -> FaceTrack:
    landmarks = np.zeros((len(opening), 478, 3))
    landmarks[:, LOWER_LIP_INNER, 1] = opening
    landmarks[:, CHIN, 1] = 1.0
    return FaceTrack(landmarks, np.zeros((len(opening), len(FACE_CURVES))))


def test_a_head_that_stands_still_follows_nothing():
    spoken = 0.1 + 0.05 * np.random.default_rng(0).standard_normal(50)
    still = track_of(np.full(50, 0.1))
    seen = Seen(still, track_of(spoken), silent_clip(50))
    rows = {score.name: score.of_track(seen) for score in SCORES if score.of_track}
    by_name = {score.name: score.pool(rows[score.rows]) for score in SCORES if score.rows in rows}
    assert by_name["lip_correlation"] == pytest.approx(0.0)
    assert by_name["lmd"] > 0 and np.isnan(by_name["closure"])


def test_every_score_has_a_name_of_its_own_and_one_way_to_be_measured():
    names = [score.name for score in SCORES]
    assert len(set(names)) == len(names)
    for score in SCORES:
        assert sum(way is not None for way in (score.of_frame, score.of_track, score.rows_of)) == 1
        assert score.rows in names


def test_nothing_is_taken_across_frames_between_two_blocks_that_were_kept_out(subject, footage):
    blocks = np.array([2, 3, 4, 8, 9, 10])
    shown = footage.copy()
    shown[8:] = np.clip(shown[8:] + 0.2, 0, 1)  # a jump between the blocks, none within them
    rows = measured(subject, shown, np.ones(footage.shape[:3]), blocks)[0]["recorded"]
    known = np.isfinite(rows["temporal_psnr_head"])
    assert known.tolist() == [False, True, True, False, True, True]
    assert rows["temporal_psnr_head"][known].min() > 40
    assert np.isfinite(rows["jitter"]).tolist() == [False, True, False, False, True, False]
    assert len(rows["lip_correlation"]) == len(blocks)


def test_the_recording_measured_again_is_no_copy_and_nearly_perfect(subject, footage):
    floor: dict = pooled(measured(subject, footage, np.zeros(footage.shape[:3]))[0]["floor"])
    assert floor["copies"] == 0 and floor["faces"] == 1.0
    assert 45 < floor["psnr_head"] < 60 and floor["perceptual"] < 0.05
    assert floor["expression_error"] < 0.01


def test_a_net_that_is_there_scores_and_looks_at_each_recorded_frame_once(subject, footage):
    looks = []

    class Net(Lpips):
        def __init__(self):
            pass

        def features(self, picture):
            looks.append(picture)
            return [torch.from_numpy(picture.astype(np.float32))]

        def distance(self, a, b):
            return float((a[0] - b[0]).abs().mean())

    rows, _ = measured(subject, footage, np.zeros(footage.shape[:3]), nets=Nets(Net()))
    drawn: dict = pooled(rows["recorded"])
    floor: dict = pooled(rows["floor"])
    assert drawn["lpips"] > floor["lpips"] > 0
    assert drawn["identity"] is None
    assert len(looks) == (1 + len(rows)) * len(HELD)
