"""A finished take as a movie with alpha and as a phone's curves: what is in the files is what is in the take."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from backend.export.export import export
from backend.export.finished import FinishedTake
from backend.export.options import ExportOptions
from backend.media import exr
from backend.media.alpha_movie import AlphaMovieWriter
from backend.media.encode import MovieWriter
from backend.performance.curves import FACE_CURVES, Performance
from backend.performance.live_link import read_live_link
from backend.provenance.identity import new_identity
from backend.provenance.marks import STATEMENT
from backend.provenance.verify import verify
from shared import layout
from shared.consent import Consent, write_consent
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_take import FIRST, FPS, LAST, MARKS, SIZE, SKIN


def test_a_movie_has_the_takes_colour_alpha_rate_sound_and_marks(take, tmp_path):
    told = export(take, tmp_path / "shot" / "head.mov", Reporter())
    assert told["frames"] == LAST - FIRST + 1 and "ProRes" in told["kind"]
    with av.open(str(tmp_path / "shot" / "head.mov")) as movie:
        video = movie.streams.video[0]
        assert video.codec_context.name == "prores" and video.average_rate == FPS
        assert (video.codec_context.color_primaries, video.codec_context.colorspace) == (1, 1)
        assert STATEMENT in movie.metadata["comment"]
        pictures = [frame.to_ndarray(format="rgba64le") / 65535.0 for frame in movie.decode(video=0)]
    with av.open(str(tmp_path / "shot" / "head.mov")) as movie:
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in movie.decode(audio=0)]) / 2.0**31
    assert len(pictures) == LAST - FIRST + 1
    finished = FinishedTake.open(take)
    for number, picture in zip(finished.numbers, pictures, strict=True):
        asked = finished.picture(number)
        assert np.abs(picture[..., 3] - asked[..., 3]).max() < 0.01
        inside = asked[..., 3] > 0.5
        assert np.abs(picture - asked)[inside].max() < 0.02
        assert np.allclose(np.median(picture[inside][:, :3], axis=0), SKIN * (1 - number / 40), atol=0.005)
    assert abs(len(sound) / 48000 - float(len(pictures) / FPS)) < 1e-3
    assert 0.45 < np.abs(sound[100:]).min(), "sound begins with the first frame that is there"


def test_the_movie_carries_the_takes_marks(take, tmp_path):
    export(take, tmp_path / "head.mov", Reporter())
    found = verify(tmp_path / "head.mov", None, Reporter())
    told = {name: found[name] for name in ("subject", "take", "consent", "source_type", "signature")}
    assert told == {
        "subject": MARKS.subject, "take": MARKS.take, "consent": MARKS.consent, "source_type": MARKS.source_type,
        "signature": "none",
    }  # fmt: skip


def test_the_movie_is_signed_where_an_identity_is_configured(take, tmp_path, monkeypatch):
    pytest.importorskip("c2pa", reason="c2pa-python is optional: requirements/credentials.txt")
    new_identity(tmp_path / "id", "The Studio")
    monkeypatch.setenv("TALKER_CERTIFICATES", str(tmp_path / "id" / "certificates.pem"))
    monkeypatch.setenv("TALKER_SIGNING_KEY", str(tmp_path / "id" / "key.pem"))
    export(take, tmp_path / "head.MOV", Reporter())
    found = verify(tmp_path / "head.MOV", tmp_path / "id" / "certificates.pem", Reporter())
    assert (found["signature"], found["trusted"]) == ("holds", True)
    with av.open(str(tmp_path / "head.MOV")) as movie:
        assert len(list(movie.decode(video=0))) == LAST - FIRST + 1


def test_a_take_from_before_there_were_marks_gives_a_movie_with_what_it_says(take, tmp_path):
    with MovieWriter(take / layout.PREVIEW_FILE, 16, 16, FPS, None, {"comment": STATEMENT}) as movie:
        movie.write(np.zeros((16, 16, 3), np.uint8))
    export(take, tmp_path / "head.mov", Reporter())
    with pytest.raises(InputError, match="carries no marks"):
        verify(tmp_path / "head.mov", None, Reporter())
    with av.open(str(tmp_path / "head.mov")) as written:
        assert written.metadata["comment"] == STATEMENT


def test_colour_goes_on_beyond_the_heads_edge(take):
    picture = FinishedTake.open(take).picture(FIRST)
    assert np.abs(picture[..., :3] - SKIN * (1 - FIRST / 40)).max() < 0.01
    assert picture[0, 0, 3] == 0


def test_curves_go_to_a_phones_format_and_back(take, tmp_path):
    export(take, tmp_path / "line.csv", Reporter())
    again, given = read_live_link(tmp_path / "line.csv"), Performance.load(take / layout.PERFORMANCE_FILE)
    assert np.abs(again.array(FACE_CURVES) - given.array(FACE_CURVES)).max() < 1e-6


def test_what_cannot_be_is_said(take, tmp_path):
    with pytest.raises(InputError, match="end with '.avi'.*Known: .mov"):
        export(take, tmp_path / "head.avi", Reporter())
    with pytest.raises(InputError, match="no finished take"):
        export(tmp_path, tmp_path / "head.mov", Reporter())
    (take / layout.EXR_NAME.format(frame=5)).write_bytes(b"cut")
    with pytest.raises(InputError, match="cannot be read"):
        export(take, tmp_path / "head.mov", Reporter())
    assert not (tmp_path / "head.mov").exists() and not list(tmp_path.glob("*.partial"))
    manifest = json.loads((take / layout.MANIFEST_FILE).read_text())
    for change, said in (
        ({"complete": False}, "not finished"),
        ({"frames": {"first": 0, "last": 8, "fps": "25/1", "layers": "exr", "colour": "srgb"}}, "damaged"),
        ({"frames": []}, "damaged"),
        ({"frames": manifest["frames"] | {"layers": "mp4"}}, "--layers exr"),
    ):
        (take / layout.MANIFEST_FILE).write_text(json.dumps(manifest | change))
        with pytest.raises(InputError, match=said):
            export(take, tmp_path / "head.mov", Reporter())


def with_manifest(take, **change):
    values = json.loads((take / layout.MANIFEST_FILE).read_text())
    (take / layout.MANIFEST_FILE).write_text(json.dumps(values | change))


@pytest.mark.parametrize(
    "change",
    [
        {"first": float("inf")}, {"last": float("inf")}, {"last": 10**30}, {"first": 1.5}, {"first": True}, {"fps": []},
        {"first": "1"}, {"fps": float("inf")}, {"layers": []}, {"colour": {}}, {"colour": "none"},
    ],
)  # fmt: skip
def test_a_manifest_whose_frames_cannot_be_is_refused_in_words(take, tmp_path, change):
    with_manifest(take, frames=json.loads((take / layout.MANIFEST_FILE).read_text())["frames"] | change)
    with pytest.raises(InputError):
        export(take, tmp_path / "head.mov", Reporter())


@pytest.mark.parametrize(
    ("passes", "said"),
    [
        ({"Combined": np.zeros((SIZE + 2, SIZE, 4))}, "Frame 5 .* has 48 x 50 px, the first one 48 x 48 px"),
        ({"Combined": np.zeros((SIZE, SIZE, 3))}, "no picture with alpha"),
        ({"Depth": np.zeros((SIZE, SIZE))}, "no picture with alpha"),
        ({"Combined": np.zeros((SIZE, SIZE))}, "no picture with alpha"),
    ],
)
def test_a_frame_that_is_no_picture_of_the_take_is_refused_in_words(take, tmp_path, passes, said):
    exr.write_layers(take / layout.EXR_NAME.format(frame=5), passes)
    with pytest.raises(InputError, match=said):
        export(take, tmp_path / "head.mov", Reporter())
    assert not (tmp_path / "head.mov").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", [layout.PREVIEW_FILE, layout.EXR_NAME.format(frame=FIRST), layout.AUDIO_FILE])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(take, tmp_path, name):
    (take / name).unlink()
    os.mkfifo(take / name)
    with pytest.raises(InputError, match="is a pipe"):
        export(take, tmp_path / "head.mov", Reporter())
    assert exr.read_attributes(take / name) == {}
    assert not exr.is_whole(take / name)


def test_names_with_a_colon_are_files(take, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if os.name == "nt":
        pytest.skip("Windows allows no colon in a file's name")
    export(take, Path("take:1.mov"), Reporter())
    assert verify(Path("take:1.mov"), None, Reporter())["take"] == MARKS.take


@pytest.mark.parametrize("name", ["head.mov", "head.csv"])
def test_only_what_was_exported_from_here_is_replaced(take, tmp_path, name):
    out = tmp_path / name
    for _ in range(2):
        export(take, out, Reporter())
    out.write_text("Timecode,BlendShapeCount,EyeBlinkLeft\n10:00:00:00.000,61,0.5\n")
    with pytest.raises(InputError, match="is there already, and was not exported") as refused:
        export(take, out, Reporter())
    assert "another name" in refused.value.do and out.read_text().startswith("Timecode")
    if name.endswith("mov"):
        with AlphaMovieWriter(out, 16, 16, Fraction(25), None, {"comment": "A film."}) as movie:
            movie.write(np.zeros((16, 16, 4), np.float32))
    else:  # a phone's own, which turns the head
        export(take, tmp_path / "again.csv", Reporter())
        out.write_text((tmp_path / "again.csv").read_text().replace(",0.0000000000", ",0.1000000000"))
    before = out.read_bytes()
    with pytest.raises(InputError, match="is there already, and was not exported"):
        export(take, out, Reporter())
    assert out.read_bytes() == before


@pytest.mark.parametrize("name", ["head.mov", "head.csv"])
def test_what_the_person_shown_does_not_agree_to_any_more_is_not_exported(take, tmp_path, subject, name):
    told = {"subject": subject.id, "subject_folder": f"../{subject.root.name}"}
    with_manifest(take, **told)
    write_consent(subject.root, Consent(given_by="A. Nobody", on="2000-01-01"))
    export(take, tmp_path / name, Reporter())
    (tmp_path / name).unlink()
    for gone in (Consent(withdrawn="2001-01-01"), Consent(until="2001-01-01"), Consent(on="2999-01-01")):
        write_consent(subject.root, gone)
        with pytest.raises(InputError, match="consent"):
            export(take, tmp_path / name, Reporter())
    (subject.root / layout.CONSENT_FILE).write_text("{}")
    with pytest.raises(InputError, match="consent.json is damaged"):
        export(take, tmp_path / name, Reporter())
    assert not (tmp_path / name).exists()
    with_manifest(take, subject="0123456789abcdef")  # somebody else's folder stands there now
    export(take, tmp_path / name, Reporter())


def test_alpha_is_clean_where_pictures_are_high_enough_to_be_cut_into_slices(tmp_path):
    picture = np.zeros((450, 450, 4), np.float32)
    picture[230:, 100:300] = 0.6
    with AlphaMovieWriter(tmp_path / "a.mov", 450, 450, Fraction(25)) as movie:
        for _ in range(12):
            movie.write(picture)
    with av.open(str(tmp_path / "a.mov")) as movie:
        for frame in movie.decode(video=0):
            plane = frame.planes[3]
            alpha = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : frame.width]
            assert alpha[:220].max() == 0


def test_consent_is_asked_for_of_a_subject_that_is_named_too(take, tmp_path, subject):
    with_manifest(take, subject=subject.id)  # which does not say where it is
    write_consent(subject.root, Consent(withdrawn="2001-01-01"))
    with pytest.raises(InputError, match="consent"):
        export(take, tmp_path / "head.csv", Reporter(), ExportOptions(subject=subject.root))
    assert not (tmp_path / "head.csv").exists()
