"""Fixtures of the unit tests. The add-on's parts that need no Blender are known as `extension_without_blender`."""

import os
from pathlib import Path

import pytest

from backend.subject.subject import Subject
from tests.support import (
    extension_shim,  # noqa: F401 (imported for what it registers)
    kernel_support,
)
from tests.support.synthetic_subject import blob_face, make_subject

for _name in ("TALKER_CERTIFICATES", "TALKER_SIGNING_KEY"):
    os.environ.pop(_name, None)  # what is rendered here is signed by nobody but where a test says so


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """A synthetic subject, whose face mesh stands in for the canonical one."""
    monkeypatch.setattr("backend.train.data.load_canonical_face", lambda models_dir=None: blob_face())
    return make_subject(tmp_path / "subject")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of the compiled kernels skip or fail where there are none, as kernel_support says."""
    if item.get_closest_marker("kernels"):
        kernel_support.require_kernels()
