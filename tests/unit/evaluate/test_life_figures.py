"""Figures of a line's life beside its clip's, and the command that prints them."""

from __future__ import annotations

import pytest

from backend.command import life as command
from backend.evaluate.life import life_figures
from backend.media.audio import save_wav
from tests.support.lively_clip import RATE, make_lively, spoken
from tests.support.synthetic_subject import make_subject


@pytest.fixture
def stage(tmp_path):
    subject = make_subject(tmp_path / "anna")
    make_lively(subject)
    save_wav(tmp_path / "line.wav", spoken(6.0, 3), RATE)
    return subject, tmp_path / "line.wav"


def test_figures_are_of_the_clip_and_of_its_lines(stage):
    subject, sound = stage
    found = life_figures(subject, [sound], seeds=2)
    clip, life = found["clip"], found["life"]
    assert clip["blinks_a_minute"] == pytest.approx(5 * 60 / 12, rel=0.3)
    assert clip["lids_closed"] == pytest.approx(0.7, abs=0.02) and life["lids_closed"] > 0.6
    assert 0 < life["yaw_range"] <= clip["yaw_range"] and 0 < life["speed_100"] <= clip["speed_100"]
    assert life["gaze_resting"] > clip["gaze_resting"]
    assert found["link"]["pitch"] > 0.3 > found["link"]["yaw"]


def test_the_command_prints_a_row_for_every_figure_and_mistakes_in_one_line(stage, capsys, tmp_path):
    subject, sound = stage
    assert command.main(["--subject", str(subject.root), "--audio", str(sound), "--seeds", "1"]) == 0
    printed = capsys.readouterr().out
    assert "| anna, clip | anna, life |" in printed and "anna goes with stress: pitch" in printed
    assert sum(line.startswith("|") for line in printed.splitlines()) == 2 + len(command._ROWS)
    assert command.main(["--subject", str(tmp_path / "nobody"), "--audio", str(sound)]) == 2
    assert "is not a subject folder" in capsys.readouterr().err
