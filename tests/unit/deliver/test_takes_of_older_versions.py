"""Takes whose manifests have paths in them, and ids as they were given, are known again and gone on with."""

import json

import pytest

from backend.deliver import render as rendering
from backend.deliver.provenance import subject_beside
from backend.media.audio import load_audio, save_wav
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.jobs import Reporter
from shared.take_ids import is_id, public_id
from tests.support.disc_stage import make_stage

ADDONS_ID = "strip/Scene/../../home/anna/line.wav"
FRAMES = RenderSettings(frames="1:2")


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return make_stage(tmp_path, monkeypatch)


def make_older(out, sound, take_id):
    """The manifest as version 2 of it was."""
    values = json.loads((out / "manifest.json").read_text())
    for name in ("program", "source_type", "consent", "subject_folder", "signed_by"):
        del values[name]
    audio = {"name": sound.name, "path": str(sound.resolve()), "sha256": values["inputs"]["audio"]["sha256"]}
    values |= {"schema": 2, "subject": str(out.parent / "subject"), "take_id": take_id}
    values["inputs"]["audio"] = audio
    (out / "manifest.json").write_text(json.dumps(values))


@pytest.mark.parametrize("take_id", [None, ADDONS_ID])
def test_an_edited_line_is_known_by_its_file_or_by_its_id(stage, take_id):
    subject, _, sound, out = stage
    settings = RenderSettings(frames="1:2", take_id=take_id)
    rendering.render(subject, sound, out, settings, Reporter())
    make_older(out, sound, take_id)
    save_wav(sound, load_audio(sound) * 0.5, 16000)
    rendering.render(subject, sound, out, settings, Reporter())
    values = json.loads((out / "manifest.json").read_text())
    assert (values["schema"], values["subject"]) == (3, "0" * 16) and "path" not in values["inputs"]["audio"]
    assert take_id is None or values["take_id"] == public_id(ADDONS_ID) != ADDONS_ID
    save_wav(sound, load_audio(sound) * 0.5, 16000)
    assert rendering.render(subject, sound, out, settings, Reporter()).frames == 26, "and by what is written now"


def test_another_line_of_the_same_name_from_elsewhere_is_still_refused(stage, tmp_path):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, FRAMES, Reporter())
    (tmp_path / "other").mkdir()
    save_wav(tmp_path / "other" / sound.name, load_audio(sound) * 0.5, 16000)
    for older in (False, True):
        if older:
            make_older(out, sound, "an id")
        with pytest.raises(InputError, match="holds another take"):
            rendering.render(subject, tmp_path / "other" / sound.name, out, FRAMES, Reporter())


def test_ids_are_plain_words_or_hashes_and_known_as_both():
    assert public_id("sh010_020 a.1") == "sh010_020 a.1"
    for given in (ADDONS_ID, "a/b", "C:\\a", "", "a" * 65, "a\nb"):
        hidden = public_id(given)
        assert len(hidden) == 32 and set(hidden) <= set("0123456789abcdef") and public_id(hidden) == hidden
        assert is_id(hidden, given) and is_id(given, given) and not is_id(None, given)
    assert not is_id(public_id("a/b"), "a/c")


def test_where_the_subject_lies_is_told_only_where_it_is_near(tmp_path):
    take = tmp_path / "project" / "lines" / "one"
    take.mkdir(parents=True)
    assert subject_beside(take, tmp_path / "project" / "lines" / "anna") == "../anna"
    assert subject_beside(take, tmp_path / "project" / "subject") == "../../subject"
    for far in (tmp_path / "anna", tmp_path / "elsewhere" / "anna", take / "anna", tmp_path / "project" / "a" / "anna"):
        assert subject_beside(take, far) is None
