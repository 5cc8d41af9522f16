"""What the caller can mend ends with exit status 2, one helpful line, and nothing half-written."""

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from backend import disk
from backend.command import cli
from backend.media.encode import MovieWriter
from backend.model_files import find_model
from backend.presenter.make import draw_clip
from backend.subject.subject import Subject

SENTENCE = "Papa bought a map, and we sail before five in the morning, if the weather is good."


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five and a half seconds of the presenter, small."""
    path = tmp_path_factory.mktemp("clips") / "presenter.mp4"
    truth = draw_clip(SENTENCE, path, width=320, height=256)
    assert len(truth.camera_from_head) > 100
    return path


@pytest.fixture(scope="module")
def wall(tmp_path_factory):
    """Three seconds of a wall, with silence: for what is refused whatever is in the clip."""
    path, random = tmp_path_factory.mktemp("clips") / "wall.mp4", np.random.default_rng(0)
    with MovieWriter(path, 320, 240, Fraction(25), (np.zeros(48000 * 3, np.float32), 48000)) as movie:
        for _ in range(75):
            movie.write(random.integers(90, 110, (240, 320, 3), dtype=np.uint8))
    return path


def _preprocess(capsys, *arguments: str | Path) -> tuple[int, str]:
    """Exit status, and what is said on standard error apart from progress."""
    capsys.readouterr()
    status = cli.main(["preprocess", *map(str, arguments)])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("talker preprocess:")]
    return status, "\n".join(lines)


def _refused(capsys, folder, footage, *options: str | Path) -> str:
    """The one line with which `footage` is refused; checks that nothing stands under the subject's name."""
    subject = folder / "subject"
    status, said = _preprocess(capsys, footage, "--subject", subject, *options)
    assert status == 2
    assert len(said.splitlines()) == 1
    assert not subject.exists()
    return said


def _leaves_nothing(folder: Path) -> bool:
    """Whether a refused clip has left none of the person's pictures."""
    return not [path for path in folder.rglob("*") if path.suffix == ".png" or ".partial" in path.name]


def test_a_file_that_is_no_video(capsys, tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("This is not a film.")
    assert "notes.mp4" in _refused(capsys, tmp_path, path)


def test_a_file_that_is_not_there(capsys, tmp_path):
    assert "gone.mp4" in _refused(capsys, tmp_path, tmp_path / "gone.mp4")


@pytest.mark.slow
def test_a_clip_without_a_face(capsys, tmp_path, wall):
    assert "face" in _refused(capsys, tmp_path, wall)
    assert _leaves_nothing(tmp_path)


def test_a_clip_without_sound(capsys, tmp_path):
    path = tmp_path / "silent.mp4"
    with MovieWriter(path, 320, 240, Fraction(25)) as movie:
        for _ in range(75):
            movie.write(np.full((240, 320, 3), 100, np.uint8))
    assert "--audio" in _refused(capsys, tmp_path, path)


def test_a_clip_that_is_too_short(capsys, tmp_path):
    path = tmp_path / "short.mp4"
    draw_clip("Papa.", path, width=320, height=256)
    assert "2.5" in _refused(capsys, tmp_path, path)
    assert _leaves_nothing(tmp_path)


def test_a_folder_that_cannot_be_made(capsys, tmp_path, wall):
    (tmp_path / "file").write_text("in the way")
    subject = tmp_path / "file" / "subject"
    status, said = _preprocess(capsys, wall, "--subject", subject)
    assert status == 2
    assert len(said.splitlines()) == 1
    assert "subject" in said


def test_a_model_file_with_a_wrong_checksum(capsys, tmp_path, wall):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "face_landmarker.task").write_bytes(b"not the model")
    assert "face_landmarker.task" in _refused(capsys, tmp_path, wall, "--models-dir", tmp_path / "models")


@pytest.mark.slow
def test_no_network_while_a_model_must_be_fetched(tmp_path, wall):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "TALKER_"))},
        "TALKER_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "backend", "preprocess", str(wall), "--subject", str(tmp_path / "subject")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    said = [line for line in done.stderr.splitlines() if line.startswith("talker preprocess:")]
    assert done.returncode == 2, done.stderr
    assert len(said) == 1
    assert "--models-dir" in said[0]
    assert not (tmp_path / "subject").exists()


@pytest.mark.slow
def test_a_file_cut_in_half_gives_what_can_still_be_decoded_and_warns(capsys, tmp_path, clip):
    half = tmp_path / "half.mp4"
    data = clip.read_bytes()
    half.write_bytes(data[: int(len(data) * 0.7)])
    status, said = _preprocess(capsys, half, "--subject", tmp_path / "subject")
    assert (status, said) == (0, "")
    whole = int(_frames_of(clip))
    subject = Subject.open(tmp_path / "subject")
    assert 60 <= subject.frame_count < whole
    warnings = " ".join(subject.info.quality["warnings"])
    assert "breaks off" in warnings
    assert "s only" in warnings


def _frames_of(path) -> int:
    """Frames of a whole clip."""
    import av

    with av.open(str(path)) as container:
        return container.streams.video[0].frames


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small file system needs root on Linux")
def test_a_full_disk(capsys, tmp_path, clip):
    models = find_model("face_landmarker.task").parent
    room = tmp_path / "room"
    room.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(room)], capture_output=True).returncode:
        pytest.skip("this machine does not let a test mount a small file system")
    try:
        said = _refused(capsys, room, clip, "--models-dir", models)
        assert "full" in said or "space" in said.lower()
    finally:
        subprocess.run(["umount", str(room)], check=True)
        shutil.rmtree(room, ignore_errors=True)


@pytest.mark.slow
def test_a_disk_with_too_little_room_is_said_before_frames_are_written(capsys, tmp_path, clip, monkeypatch):
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 1_000_000)
    said = _refused(capsys, tmp_path, clip)
    assert "not enough space" in said
    assert "--size" in said
