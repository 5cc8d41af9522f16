"""`bench` returns the entries that its document promises."""

from __future__ import annotations

import pytest

from backend.command import cli
from backend.command.bench import bench
from shared.errors import InputError


@pytest.mark.slow
def test_every_entry_names_its_case_and_has_a_positive_figure():
    entries = bench(
        engine="reference", threads=1, seconds=0.01, raster_cases=((60, 24),), step_case=(80, 24), render_case=(80, 32)
    )
    assert [entry["name"] for entry in entries] == ["raster", "step", "render", "render+exr", "render+movie"]
    figures = [{"forward_ms", "forward_backward_ms"}, {"step_ms"}] + [{"frames_per_second"}] * 3
    for entry, names in zip(entries, figures, strict=True):
        assert set(entry) == {"name", "engine", "threads", "gaussians", "size"} | names
        assert entry["engine"] == "reference" and entry["threads"] == 1
        assert all(entry[name] > 0 for name in names)
    assert (entries[0]["gaussians"], entries[0]["size"]) == (60, 24)


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
