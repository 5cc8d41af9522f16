"""An export that is killed leaves nothing under the final name, and what it leaves the next one removes and names."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest

from backend.export import movie as exporting
from backend.export.export import export
from backend.media.alpha_movie import AlphaMovieWriter
from shared.claims import Claims
from shared.errors import Cancelled, InputError
from shared.files import PARTIAL
from shared.jobs import Reporter


def _said(take, out) -> list[str]:
    told: list[str] = []
    export(take, out, Reporter(lambda progress: told.append(progress.message or ""), min_interval_s=0.0))
    return [line for line in told if line]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_what_a_killed_export_leaves_has_another_name_and_is_removed_and_named_by_the_next(take, tmp_path):
    out = tmp_path / "cut" / "head.mov"
    out.parent.mkdir()
    others = [out.with_name(name) for name in ("head.mov.partial", "other.mov.1.2.partial", "head.mov.bak")]
    for other in others:
        other.write_bytes(b"somebody's own")
    child = os.fork()
    if not child:
        plain = AlphaMovieWriter.write

        def write(movie: AlphaMovieWriter, rgba: np.ndarray) -> None:
            plain(movie, rgba)
            os.kill(os.getpid(), signal.SIGKILL)

        AlphaMovieWriter.write = write  # type: ignore[assignment, method-assign]
        export(take, out, Reporter())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = [path for path in out.parent.iterdir() if path not in others and path.suffix != ".lock"]
    assert not out.exists() and len(left) == 1 and PARTIAL in left[0].name
    assert _said(take, out) == [
        f"Removed from {out.parent}, half-written by a run that was killed: parts of head.mov (0.0 MB)."
    ]
    assert sorted(out.parent.iterdir()) == sorted([out, *others])
    assert _said(take, out) == []


def test_what_was_left_of_curves_goes_too(take, tmp_path):
    (tmp_path / "head.csv.12.345.partial").write_text("Timecode")
    assert "parts of head.csv" in _said(take, tmp_path / "head.csv")[0]
    assert [path.name for path in tmp_path.glob("head*")] == ["head.csv"]


def test_what_was_left_of_numbered_pictures_goes_and_nothing_of_others(take, tmp_path):
    (tmp_path / "head.000004.png.12.345.partial").write_bytes(b"half")
    kept = [tmp_path / name for name in ("other.000004.png.12.345.partial", "head.png.12.345.partial", "head.4.png")]
    for path in kept:
        path.write_bytes(b"somebody's own")
    assert "parts of 1 of head.######.png" in _said(take, tmp_path / "head.png")[0]
    assert not (tmp_path / "head.000004.png.12.345.partial").exists() and all(path.exists() for path in kept)
    assert _said(take, tmp_path / "head.png") == []


def test_a_movie_gets_its_name_when_it_is_signed(take, tmp_path, monkeypatch):
    class Refuses:
        identity = type("Identity", (), {"fingerprint": "f"})()

        def sign(self, path, marks) -> None:
            assert path.is_file() and path.name != "head.mov" and path.suffix == ".mov"
            raise InputError("The identity cannot sign.")

    monkeypatch.setattr(exporting, "configured_credentials", lambda settings: Refuses())
    with pytest.raises(InputError, match="cannot sign"):
        export(take, tmp_path / "head.mov", Reporter())
    assert not list(tmp_path.glob("head.mov*"))


def test_a_take_that_is_rendered_or_forgotten_is_waited_for(take, tmp_path):
    claims = Claims()
    assert claims.take([take], "rendered") is None
    said: list[str] = []
    report = Reporter(lambda progress: said.append(progress.message or ""), lambda: bool(said))
    try:
        with pytest.raises(Cancelled):
            export(take, tmp_path / "head.mov", report)
    finally:
        claims.give_all_back()
    assert "is being rendered by process" in said[0]


def test_while_it_is_exported_a_take_is_held(take, tmp_path, monkeypatch):
    held = []
    plain = AlphaMovieWriter.write

    def write(movie: AlphaMovieWriter, rgba: np.ndarray) -> None:
        busy = Claims().take([take], "forgotten")
        held.append(busy and busy[1] and busy[1].doing)
        plain(movie, rgba)

    monkeypatch.setattr(AlphaMovieWriter, "write", write)
    export(take, tmp_path / "head.mov", Reporter())
    assert held and set(held) == {"exported"}
