"""The tracker finds the drawn presenter where it was drawn."""

import numpy as np
import pytest

from backend.media.decode import probe
from backend.preprocess.pipeline import preprocess
from backend.presenter.make import FOOTAGE_TEXT, draw_clip
from backend.settings import PreprocessSettings
from shared.jobs import Reporter
from tests.support.presenter_truth import pose_errors

pytestmark = pytest.mark.slow
SENTENCE = "Papa bought a map, and we sail before five in the morning."


@pytest.fixture(scope="module", params=[(FOOTAGE_TEXT, 0), (SENTENCE, 0), (SENTENCE, 3)], ids=["demo", "0", "3"])
def tracked(request, tmp_path_factory):
    """Subject, ground truth and file of the demo's footage, and of a sentence with two other motions of the head."""
    text, seed = request.param
    folder = tmp_path_factory.mktemp("presenter")
    footage = folder / "presenter.mp4"
    truth = draw_clip(text, footage, seed=seed)
    return preprocess(footage, folder / "subject", PreprocessSettings(), Reporter()), truth, probe(footage)


def test_every_frame_of_the_presenter_is_found(tracked):
    subject, truth, _ = tracked
    assert subject.frame_count == len(truth.camera_from_head)
    assert (subject.track().confidence > 0).all()


def test_rotation_is_within_a_degree_and_translation_within_three_percent_of_depth_in_every_frame(tracked):
    subject, truth, _ = tracked
    rotation, translation = pose_errors(subject.track().camera_from_head, truth.camera_from_head)
    assert rotation.max() < 1.0
    assert translation.max() < 0.03


def test_landmarks_and_mesh_agree(tracked):
    subject, _, _ = tracked
    assert subject.track().reprojection_px.mean() * 512 / subject.info.size < 1.5


def test_the_jaw_curve_follows_the_drawn_jaw(tracked):
    subject, truth, _ = tracked
    track = subject.track()
    jaw = track.curves[:, list(track.curve_names).index("jawOpen")]
    assert np.corrcoef(jaw, truth.motion.mouth[:, 0])[0, 1] > 0.7


def test_the_crop_holds_the_principal_point_of_the_footage(tracked):
    subject, truth, info = tracked
    crop, scale = subject.crop, subject.info.size / subject.crop.width
    expected = [(info.width / 2 - crop.x) * scale, (info.height / 2 - crop.y) * scale]
    np.testing.assert_allclose(subject.track().principal_px, expected, atol=1e-6)
