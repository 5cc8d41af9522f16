"""`bench` returns the entries that its document promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.command import cli
from backend.command.bench import bench
from backend.command.bench_model import bench_model
from backend.portrait.saving import save_portrait
from backend.raster.constants import BLUR_PX2
from backend.train.trainer import prepare
from shared.errors import InputError
from tests.support.synthetic_subject import SIZE, TINY


@pytest.mark.slow
def test_every_entry_names_its_case_and_has_a_positive_figure():
    entries = bench(
        engine="reference", threads=1, seconds=0.01, raster_cases=((60, 24),), step_case=(80, 24), render_case=(80, 32)
    )
    assert [entry["name"] for entry in entries] == ["raster", "step", "render", "render+exr", "render+movie"]
    figures = [{"forward_ms", "forward_backward_ms"}, {"step_ms"}] + [{"frames_per_second"}] * 3
    for entry, names in zip(entries, figures, strict=True):
        assert set(entry) == {"name", "engine", "threads", "gaussians", "size", "filter_px2"} | names
        assert entry["engine"] == "reference" and entry["threads"] == 1
        assert all(entry[name] > 0 for name in names)
    assert (entries[0]["gaussians"], entries[0]["size"]) == (60, 24)
    assert {entry["filter_px2"] for entry in entries} == {BLUR_PX2}


def _learned_at(subject, size: int) -> Path:
    """The folder of a model of `subject` whose pictures were `size` px."""
    portrait = prepare(subject, TINY).portrait
    portrait.trained_size = size
    save_portrait(portrait, subject.model("small"))
    return subject.model("small").path


@pytest.mark.slow
def test_a_trained_model_is_drawn_under_its_own_filter_and_stays_as_it_is(subject):
    folder = _learned_at(subject, SIZE // 2)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    frame, step = bench_model(subject, None, None, "native", threads=1, seconds=0.01)
    assert frame["name"] == "model frame" and frame["frame_ms"] > 0
    assert step["name"] == "model step" and step["step_ms"] > 0
    assert frame["filter_px2"] == pytest.approx(4 * BLUR_PX2), "twice the size, four times the variance"
    assert step["filter_px2"] == pytest.approx(BLUR_PX2), "it learns on at the size of the frames"
    for entry in (frame, step):
        assert (entry["model"], entry["size"], entry["gaussians"]) == ("small", SIZE, 180)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_engine_that_does_not_run_here_is_refused():
    with pytest.raises(InputError, match="'metal'"):
        bench(engine="metal")


def test_the_command_line_times_the_native_engine_unless_another_is_named(monkeypatch, capsys):
    asked = []

    def bench(**options):
        asked.append(options)
        return []

    monkeypatch.setattr("backend.command.bench.bench", bench)
    assert cli.main(["bench", "--json"]) == 0
    assert cli.main(["bench", "--engine", "reference", "--threads", "2", "--json"]) == 0
    assert asked == [{"engine": "native", "threads": 0}, {"engine": "reference", "threads": 2}]


def test_the_command_line_names_a_model_by_its_subject(monkeypatch, capsys, subject):
    asked = []

    def bench(**options):
        asked.append(options)
        return []

    monkeypatch.setattr("backend.command.bench.bench", bench)
    assert cli.main(["bench", "--subject", str(subject.root), "--model", "small", "--size", "64"]) == 0
    assert (asked[0]["subject"].root, asked[0]["model"], asked[0]["size"]) == (subject.root, "small", 64)
    assert cli.main(["bench", "--model", "small"]) == 2
    assert "no subject" in capsys.readouterr().err
