"""Figures of a dub: untouched footage is told, and a border that can be seen is told from one that cannot."""

import numpy as np
import pytest

from backend.command.dub_figures import main
from backend.deliver import render as rendering
from backend.evaluate import dub
from backend.evaluate.dub import dub_figures
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    subject, _, sound, out = make_stage(tmp_path, monkeypatch)
    rendering.render(subject, sound, out, RenderSettings(dub="2:6=1", frames="1:8", size=64), Reporter())
    return subject, out


def test_frames_are_counted_and_untouched_footage_is_told(rendered, capsys):
    subject, out = rendered
    figures = dub_figures(out, subject)
    assert figures["frames"] == 5 and figures["outside_largest"] == 0
    assert 0 < figures["coded"] < 10 and all(np.isfinite(value) for value in figures.values())
    assert main(["--take", str(out), "--subject", str(subject.root)]) == 0
    assert "| outside the matte: largest difference | 0 |" in capsys.readouterr().out


def test_a_take_that_dubs_nothing_is_refused_in_words(rendered, tmp_path, capsys):
    subject, out = rendered
    rendering.render(subject, tmp_path / "line.wav", out, RenderSettings(frames="1:1"), Reporter())
    with pytest.raises(InputError, match="no take that dubs"):
        dub_figures(out, subject)
    assert main(["--take", str(out), "--subject", str(subject.root)]) == 2


def test_a_step_across_the_border_is_measured_as_large_as_it_is():
    y, x = np.mgrid[:80, :80]
    matte = np.clip((40 - np.hypot(x - 40, y - 40)) / 6 - 1, 0, 1).astype(np.float32)
    places, across = dub._border(matte, (matte > 0.02) & (matte < 0.98))
    even = np.full((80, 80), 100.0)
    assert dub._steps(even, places, across, 3.0).max() == 0.0
    stepped = even + 10.0 * (matte > 0.5)
    assert dub._steps(stepped, places, across, 6.0).mean() == pytest.approx(10.0, rel=0.05)
    slope = even + x
    assert dub._steps(slope, places, across, 3.0).max() == pytest.approx(6.0, rel=0.05)
