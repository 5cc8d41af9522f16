"""Every delivered file says that it is synthetic, of whom, for which line, by what consent; verify reads it."""

import json
import os
import shutil
import wave

import av
import cv2
import numpy as np
import pytest
import soundfile

from backend.command import cli
from backend.deliver import render as rendering
from backend.media import exr, png, riff
from backend.media.audio import save_wav
from backend.provenance.marks import DRAWN, DRAWN_OVER_FOOTAGE, OF_PARTS, STATEMENT, Marks, of_json
from backend.provenance.signature import take_files
from backend.provenance.verify import verify
from backend.settings import RenderSettings
from shared.consent import Consent, write_consent
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage

CONSENT = Consent(given_by="Åsa Ñandú 李", uses="the film", on="2026-11-01")
TELLTALE = "telltale-folder-of-a-person"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Takes of four frames, as EXR and as PNG."""
    folder = tmp_path_factory.mktemp("rendered")
    with pytest.MonkeyPatch.context() as patch:
        subject, _, sound, _ = make_stage(folder, patch)
        write_consent(subject.root, CONSENT)
        for layers in ("exr", "png"):
            settings = RenderSettings(layers=layers, frames="1:4")
            rendering.render(subject, sound, folder / "takes" / layers, settings, Reporter())
    return folder / "takes"


@pytest.fixture
def take(rendered, tmp_path):
    """The take of EXR frames, with the other one beside it: copies, to be damaged."""
    shutil.copytree(rendered, tmp_path / "takes")
    return tmp_path / "takes" / "exr"


def check(path):
    return verify(path, None, Reporter())


FILES = {
    "head.000002.exr": DRAWN,
    "../png/head.000002.png": DRAWN,
    "preview.mp4": DRAWN_OVER_FOOTAGE,
    "contact_sheet.png": DRAWN_OVER_FOOTAGE,
    "audio.wav": OF_PARTS,
    "plate.png": OF_PARTS,
}


def test_every_kind_of_file_carries_all_marks(take):
    manifest = json.loads((take / "manifest.json").read_text())
    for name, source_type in FILES.items():
        found = check(take / name)
        marks = {"subject": "0" * 16, "take": manifest["take_id"], "consent": CONSENT.words()}
        assert {mark: found[mark] for mark in marks} == marks, name
        assert (found["statement"], found["program"], found["source_type"]) == (STATEMENT, "M2DAO-Talker", source_type)
        assert (found["signature"], found["trusted"]) == ("none", False) and "not signed" in found["notice"]
    whole = check(take)
    assert (whole["kind"], whole["consent"], whole["take"]) == ("take", CONSENT.words(), manifest["take_id"])


def test_every_file_of_a_take_is_known_as_one(take):
    """Else it would be neither signed nor verified, and would stay when a person is forgotten."""
    for folder in (take, take.with_name("png")):
        assert set(take_files(folder)) == {path.name for path in folder.iterdir()}


def test_marks_leave_pictures_and_sounds_as_they_are_for_others(take):
    assert wave.open(str(take / "audio.wav")).getnframes() == soundfile.info(str(take / "audio.wav")).frames == 26 * 640
    with av.open(str(take / "audio.wav")) as sound:
        assert sound.metadata["comment"] == STATEMENT
        assert sum(frame.samples for frame in sound.decode(audio=0)) == 26 * 640
    with av.open(str(take / "preview.mp4")) as movie:
        assert len(list(movie.decode(video=0))) == 4 and movie.metadata["comment"].startswith(STATEMENT)
    sheet = cv2.imread(str(take / "contact_sheet.png"))
    assert sheet is not None and sheet.shape == (278, 1024, 3)


def test_the_verb_ends_with_0_where_marks_are_whole_and_2_where_not(take, capsys):
    assert cli.main(["verify", str(take), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["synthetic"] is True
    (take / "preview.mp4").write_bytes(b"")
    assert cli.main(["verify", str(take)]) == 2
    assert "preview.mp4: is empty" in capsys.readouterr().err


def flipped(path, at=0.7):
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_not_whole(take, name):
    cut(take / name)
    with pytest.raises(InputError, match="is not whole|carries no marks|It is cut off"):
        check(take / name)
    if not name.startswith(".."):
        with pytest.raises(InputError, match=name):
            check(take)


@pytest.mark.parametrize("name", ["head.000002.exr", "../png/head.000002.png", "contact_sheet.png"])
def test_a_changed_byte_is_found_where_the_file_has_a_checksum(take, name):
    flipped(take / name)
    with pytest.raises(InputError, match="is not whole"):
        check(take / name)


def test_in_a_take_the_movie_is_the_manifests(take):
    flipped(take / "preview.mp4")
    with pytest.raises(InputError, match="preview.mp4: It is not the movie"):
        check(take)


def test_files_without_marks_are_told_from_those_of_older_versions(take, tmp_path):
    cv2.imwrite(str(tmp_path / "plain.png"), np.zeros((8, 8, 3), np.uint8))
    soundfile.write(str(tmp_path / "plain.wav"), np.zeros(100), 8000)
    for name in ("plain.png", "plain.wav"):
        with pytest.raises(InputError, match="carries no marks"):
            check(tmp_path / name)
    passes = {"Combined": np.zeros((8, 8, 4), np.float32)}
    exr.write_layers(tmp_path / "old.exr", passes, {"comments": STATEMENT, "software": "M2DAO-Talker"})
    with pytest.raises(InputError, match="lacks: subject, take, consent, source_type") as refused:
        check(tmp_path / "old.exr")
    assert "older version" in refused.value.do
    told = Marks("s", "t", "c", DRAWN, statement="A recording.").texts()
    png.write_png(tmp_path / "lie.png", np.zeros((8, 8, 3), np.uint8), told)
    with pytest.raises(InputError, match="statement in it is not"):
        check(tmp_path / "lie.png")


def swapped(take):
    shutil.copy(take.with_name("png") / "audio.wav", take / "audio.wav")


def of_another_consent(take):
    manifest = json.loads((take / "manifest.json").read_text())
    (take / "manifest.json").write_text(json.dumps({**manifest, "consent": "for anything at all"}))


def one_frame_less(take):
    (take / "head.000003.exr").unlink()


def a_folder_for_a_frame(take):
    one_frame_less(take)
    (take / "head.000003.exr").mkdir()


def another_kind_of_file(take):
    (take / "head.000003.exr").write_bytes(b"GIF89a" + bytes(100))


def a_frame_in_anothers_place(take):
    shutil.copy(take / "head.000003.exr", take / "head.000002.exr")


def frames_told(**change):
    def tell(take):
        manifest = json.loads((take / "manifest.json").read_text())
        frames = {**manifest["frames"], **change}
        (take / "manifest.json").write_text(json.dumps({**manifest, "frames": frames}))

    return tell


def without(name):
    return lambda take: (take / name).unlink()


def damaged(name):
    return lambda take: (take / name).write_text("[")


def a_folder_for(name):
    def put(take):
        (take / name).unlink()
        (take / name).mkdir()

    return put


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (a_frame_in_anothers_place, "head.000002.exr: It is another frame"),
        (frames_told(first=float("inf")), "does not say which frames"),
        (frames_told(last=float("inf")), "does not say which frames"),
        (frames_told(last=10**30), "frames that are gone"),
        (frames_told(layers=[]), "does not say which frames"),
        (frames_told(layers="none"), "does not say which frames"),
        (frames_told(fps=float("inf")), "how many frames a second"),
        (without("camera.json"), "camera.json: It is gone"),
        (without("performance.json"), "performance.json: It is gone"),
        (without("audio.wav"), "audio.wav: It is gone"),
        (without("preview.mp4"), "preview.mp4: It is gone"),
        (damaged("camera.json"), "camera.json: is damaged"),
        (damaged("performance.json"), "performance.json: is damaged"),
        (damaged("audio.wav"), "audio.wav: is of no kind"),
        (a_folder_for("camera.json"), "camera.json: is a folder"),
        (a_folder_for("preview.mp4"), "preview.mp4: is a folder"),
        (of_another_consent, "Its marks are not those of the manifest"),
        (one_frame_less, "It tells of frames that are gone"),
        (a_folder_for_a_frame, "is a folder"),
        (another_kind_of_file, "is of no kind that carries marks"),
    ],
)
def test_a_take_whose_files_do_not_belong_together_is_not_whole(take, change, told):
    change(take)
    with pytest.raises(InputError, match=told):
        check(take)


def odd(tmp_path):
    yield tmp_path / "nothing"
    (tmp_path / "empty").touch()
    yield tmp_path / "empty"
    (tmp_path / "folder").mkdir()
    yield tmp_path / "folder"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        yield tmp_path / "pipe"
        (tmp_path / "folder" / "manifest.json").symlink_to(tmp_path / "pipe")
        yield tmp_path / "folder"
    for name, data in {
        "exr": b"\x76\x2f\x31\x01" + b"\xff" * 200,
        "png": b"\x89PNG\r\n\x1a\n" + b"\xff" * 200,
        "mp4": b"\xff\xff\xff\xffftyp" + b"\xff" * 200,
        "mp4.64": b"\0\0\0\1ftyp" + bytes(8) + b"\xff" * 200,
        "wav": b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xffINFO" + b"\xff" * 200,
        "text": b"hello",
        "two": b"\x76\x2f",
    }.items():
        (tmp_path / name).write_bytes(data)
        yield tmp_path / name
    yield tmp_path / ("x" * 300)
    yield tmp_path / "zero\0byte"


def test_any_odd_file_ends_in_a_sentence(tmp_path):
    for path in odd(tmp_path):
        with pytest.raises(InputError) as refused:
            check(path)
        assert refused.value.what and refused.value.do


def test_a_damaged_file_of_ours_never_ends_in_a_fault(take):
    rng = np.random.default_rng(0)
    for name in FILES:
        whole = (take / name).read_bytes()
        for _ in range(25):
            data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            for at in rng.integers(0, min(len(data), 600), 4):
                data[at] = rng.integers(256)
            (take / name).write_bytes(data)
            try:
                check(take / name)
            except InputError as error:
                assert error.what


def test_nothing_delivered_tells_of_the_folders_of_the_machine(tmp_path, monkeypatch):
    private = tmp_path / TELLTALE
    private.mkdir()
    subject, _, sound, _ = make_stage(private, monkeypatch)
    settings = RenderSettings(pose="recorded", frames="1:2", take_id=f"file/../../{TELLTALE}/line.wav")
    rendering.render(subject, sound, tmp_path / "first", settings, Reporter())
    for name in ("camera.json", "performance.json"):
        shutil.copy(tmp_path / "first" / name, private / name)
    edited = RenderSettings(
        pose=str(private / "camera.json"), performance=str(private / "performance.json"), frames="1:2"
    )
    for layers in ("exr", "png", "mp4"):
        out = tmp_path / layers
        rendering.render(subject, sound, out, RenderSettings(**{**vars(edited), "layers": layers}), Reporter())
        rendering.render(subject, sound, private / layers, RenderSettings(layers=layers, frames="1:2"), Reporter())
    delivered = [path for folder in (tmp_path, private) for path in folder.glob("*/*") if path.is_file()]
    delivered = [path for path in delivered if path.parent.name in ("first", "exr", "png", "mp4")]
    assert {path.suffix for path in delivered} == {".exr", ".png", ".mp4", ".wav", ".json"} and len(delivered) > 40
    for path in delivered:
        data = path.read_bytes()
        assert TELLTALE.encode() not in data and str(tmp_path).encode() not in data, path


@pytest.mark.parametrize("consent", ["{", '{"subject": "x"}', "a\\", '"', "none recorded {"])
def test_marks_come_back_from_behind_any_comment(consent):
    marks = Marks("s", "t", consent, DRAWN)
    comment = marks.quicktime_texts('It says {"subject": "nobody"} and more.')["comment"]
    assert of_json(comment)["consent"] == of_json(marks.movie_texts()["description"])["consent"] == consent


def test_text_beyond_latin_comes_back_from_a_picture_and_a_sound(tmp_path):
    text = {"ISBJ": "李 “ä”", "ICMT": "x"}
    save_wav(tmp_path / "a.wav", np.zeros(7, np.float32), 8000, text)
    assert riff.read_info(tmp_path / "a.wav") == text and riff.is_whole(tmp_path / "a.wav")
    png.write_png(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8), {"comments": "ä", "consent": "李 ä"})
    assert png.read_text(tmp_path / "a.png") == {"comments": "ä", "consent": "李 ä"}
    assert png.is_whole(tmp_path / "a.png")
