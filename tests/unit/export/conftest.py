"""A finished take to export."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.disc_take import make_take


@pytest.fixture
def take(tmp_path: Path) -> Path:
    return make_take(tmp_path / "take")
