"""The score of identity: what it lacks is said, and where it has all, a face is nearer to itself than to another."""

import importlib.util

import numpy as np
import pytest

from backend.evaluate import identity
from backend.evaluate.identity import MODEL, FaceIdentity, identity_distance, why_missing
from shared.errors import InputError
from tests.support.scored_pictures import blurred, photograph

HAS_DLIB = importlib.util.find_spec("dlib") is not None


@pytest.fixture
def lacking(monkeypatch):
    """find_spec that does not know the packages named."""

    def without(*names):
        real = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else real(name))

    return without


def test_without_dlib_there_is_none_and_it_says_so(tmp_path, lacking):
    lacking("dlib")
    assert FaceIdentity.find(tmp_path) is None
    assert "dlib is not installed" in (why_missing(tmp_path) or "")


def test_without_the_nets_file_there_is_none_and_it_says_which(tmp_path, lacking, monkeypatch):
    lacking("face_recognition_models")
    monkeypatch.setattr(identity, "find_optional_model", lambda name, models_dir: None)
    assert FaceIdentity.find(tmp_path) is None
    if HAS_DLIB:
        assert MODEL in (why_missing(tmp_path) or "")


def test_another_file_by_its_name_is_refused(tmp_path):
    (tmp_path / MODEL).write_bytes(b"something else")
    with pytest.raises(InputError, match="checksum"):
        FaceIdentity(tmp_path / MODEL)


@pytest.mark.skipif(why_missing() is not None, reason="dlib or its net is not installed here (docs/evaluation.md)")
def test_a_picture_is_itself_a_blurred_one_nearly_and_another_one_further():
    net = FaceIdentity.find()
    assert net is not None
    points = np.random.default_rng(0).uniform(30, 98, (478, 3))
    points[[263, 362, 33, 133, 2], :2] = [[90, 50], [74, 50], [38, 50], [54, 50], [64, 76]]
    own, near, other = (
        net.descriptor(picture, points) for picture in (photograph(), blurred(photograph(), 0.7), photograph(seed=5))
    )
    assert identity_distance(own, own) == 0.0
    assert 0 < identity_distance(near, own) < identity_distance(other, own)
