"""A finished take as PNG pictures: each as it is in the take, tagged, numbered, marked, and nothing else replaced."""

from __future__ import annotations

import json
import struct

import av
import cv2
import numpy as np
import pytest

from backend.export.export import export
from backend.export.finished import FinishedTake
from backend.export.options import ExportOptions
from backend.media import png
from backend.media.encode import MovieWriter
from backend.provenance.identity import new_identity
from backend.provenance.marks import DRAWN, STATEMENT
from backend.provenance.verify import verify
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_take import FIRST, FPS, LAST, MARKS


@pytest.mark.parametrize(("deep", "kind"), [(False, np.uint8), (True, np.uint16)])
def test_pictures_are_the_takes_and_every_reader_finds_them(take, tmp_path, deep, kind):
    told = export(take, tmp_path / "shot" / "head.####.png", Reporter(), ExportOptions(deep=deep))
    assert told["frames"] == LAST - FIRST + 1 and told["out"].endswith("head.####.png")
    assert sorted(path.name for path in (tmp_path / "shot").iterdir()) == [f"head.000{n}.png" for n in range(3, 9)]
    most = np.iinfo(kind).max
    finished = FinishedTake.open(take)
    for number in finished.numbers:
        path = tmp_path / "shot" / f"head.{number:04d}.png"
        asked = finished.picture(number)
        ours = png.read_png(path, 4, "", deep=True)
        assert ours.dtype == kind and np.abs(ours / most - asked).max() < 0.51 / most + 1e-6
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0))
            assert (frame.color_trc, frame.color_primaries) == (13, 1), "FFmpeg knows it to be sRGB"
            assert np.array_equal(frame.to_ndarray(), ours)
        opened = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert opened is not None and np.array_equal(cv2.cvtColor(opened, cv2.COLOR_BGRA2RGBA), ours)


def chunks(path):
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found[kind] = data[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def test_pictures_say_that_they_are_srgb_and_carry_marks(take, tmp_path):
    told = export(take, tmp_path / "head.png", Reporter(), ExportOptions(frames="5:6"))
    assert (told["first"], told["last"]) == (str(tmp_path / "head.000005.png"), str(tmp_path / "head.000006.png"))
    found = chunks(tmp_path / "head.000005.png")
    assert list(found)[:5] == [b"IHDR", b"tEXt", b"cICP", b"sRGB", b"gAMA"]
    assert found[b"cICP"] == b"\x01\x0d\x00\x01" and png.is_whole(tmp_path / "head.000005.png")
    marks = verify(tmp_path / "head.000006.png", None, Reporter())
    assert (marks["subject"], marks["take"], marks["source_type"]) == (MARKS.subject, MARKS.take, DRAWN)


def test_colour_of_a_take_by_another_curve_is_brought_to_srgb(take, tmp_path):
    before = FinishedTake.open(take).picture(FIRST)
    values = json.loads((take / layout.MANIFEST_FILE).read_text())
    values["frames"]["colour"] = "gamma22"
    (take / layout.MANIFEST_FILE).write_text(json.dumps(values))
    export(take, tmp_path / "head.png", Reporter(), ExportOptions(frames="3"))
    stored = png.read_png(tmp_path / "head.000003.png", 4, "") / 255
    assert np.abs(stored - before).max() < 1 / 255, "what is linear in the EXR is the same light"


def test_signed_pictures_are_whole(take, tmp_path, monkeypatch):
    pytest.importorskip("c2pa", reason="c2pa-python is optional: requirements/credentials.txt")
    new_identity(tmp_path / "id", "The Studio")
    monkeypatch.setenv("TALKER_CERTIFICATES", str(tmp_path / "id" / "certificates.pem"))
    monkeypatch.setenv("TALKER_SIGNING_KEY", str(tmp_path / "id" / "key.pem"))
    export(take, tmp_path / "head.png", Reporter(), ExportOptions(frames="4"))
    found = verify(tmp_path / "head.000004.png", tmp_path / "id" / "certificates.pem", Reporter())
    assert (found["signature"], found["trusted"]) == ("holds", True)


def test_only_pictures_that_were_exported_are_replaced(take, tmp_path):
    for _ in range(2):
        export(take, tmp_path / "head.png", Reporter())
    png.write_png(tmp_path / "head.000006.png", np.zeros((4, 4, 4), np.uint8))
    before = {path.name: path.read_bytes() for path in tmp_path.glob("head.*.png")}
    with pytest.raises(InputError, match=r"head.000006.png is there already, and was not exported"):
        export(take, tmp_path / "head.png", Reporter())
    assert {path.name: path.read_bytes() for path in tmp_path.glob("head.*.png")} == before


def test_a_take_from_before_there_were_marks_gives_pictures_that_say_what_they_are(take, tmp_path):
    with MovieWriter(take / layout.PREVIEW_FILE, 16, 16, FPS, None, {"comment": STATEMENT}) as movie:
        movie.write(np.zeros((16, 16, 3), np.uint8))
    for _ in range(2):
        export(take, tmp_path / "head.png", Reporter(), ExportOptions(frames="3"))
    assert png.read_text(tmp_path / "head.000003.png")["comments"] == STATEMENT


@pytest.mark.parametrize("frames", ["1:4", "4:9", "x", "5:4"])
def test_frames_that_the_take_does_not_have_are_refused_in_words(take, tmp_path, frames):
    with pytest.raises(InputError, match="--frames|frame") as refused:
        export(take, tmp_path / "head.png", Reporter(), ExportOptions(frames=frames))
    assert "--frames" in refused.value.do and not list(tmp_path.glob("*.png"))


def test_one_file_of_all_frames_takes_no_part_of_them(take, tmp_path):
    with pytest.raises(InputError, match="has all frames of the take"):
        export(take, tmp_path / "head.mov", Reporter(), ExportOptions(frames="3:4"))


@pytest.mark.parametrize("name", ["head.######.png", "other.####.png", "head.######.ply"])
def test_numbered_files_are_not_written_into_a_take(take, tmp_path, name):
    """A take of PNG frames would have them replaced, in another colour; forgetting would not know the others."""
    before = {path.name: path.read_bytes() for path in take.iterdir()}
    with pytest.raises(InputError, match=r"is a take.*Export to a folder of its own"):
        export(take, take / name, Reporter())
    assert {path.name: path.read_bytes() for path in take.iterdir()} == before
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "manifest.json").write_text("{}")
    assert export(take, tmp_path / "page" / "head.######.png", Reporter())["frames"] == LAST - FIRST + 1
