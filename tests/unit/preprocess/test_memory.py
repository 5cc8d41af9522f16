"""Memory does not grow with the clip: twenty seconds more of footage need hardly any more of it."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from backend.face.mesh import load_canonical_face
from backend.media.encode import MovieWriter
from backend.presenter.footage import draw_footage
from backend.presenter.speech import speak
from backend.subject.subject import Subject

FPS = Fraction(25)
SHORT_S, LONG_S = 12, 32
ALLOWED_SHARE = 0.7
"""Of what the pictures of the additional frames would take by themselves as bytes (98 MB; as floats four times that).
Landmarks, curves and sound of those frames take a tenth of it; the rest is room for the allocator."""

PREPROCESS = """
from backend.preprocess.pipeline import preprocess
from backend.settings import PreprocessSettings

def work(footage, subject):
    preprocess(footage, subject, PreprocessSettings(), Reporter())
"""
TRAIN = """
from backend.settings import train_settings
from backend.subject.subject import Subject
from backend.train.trainer import train

def work(footage, subject):
    train(Subject.open(subject), train_settings("draft", steps=5), Reporter())
"""
PEAKS = """
import resource, sys
from pathlib import Path
from shared.jobs import Reporter
{work}
for footage, subject in zip(sys.argv[1::2], sys.argv[2::2]):
    work(Path(footage), Path(subject))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak if sys.platform == "darwin" else 1024 * peak)
"""
"""One process works on one clip after the other and tells its peak, bytes, after each: libraries, models and pools of
memory that the first one brought in are there when the second one comes."""


@pytest.fixture(scope="module")
def line_and_frames():
    line = speak("Papa bought a map, and we sail before five.")
    frames: list[np.ndarray] = []
    draw_footage(line, load_canonical_face(), frames.append, fps=FPS, width=320, height=256)
    return line, frames


def _write_clip(line_and_frames, seconds: int, footage: Path) -> None:
    """A clip that repeats the drawn frames."""
    line, frames = line_and_frames
    sound = np.resize(line.samples, seconds * line.sample_rate)
    with MovieWriter(footage, 320, 256, FPS, audio=(sound, line.sample_rate)) as movie:
        for number in range(int(seconds * FPS)):
            movie.write(frames[number % len(frames)])


def _growth(work: str, clips: list[tuple[Path, Path]]) -> int:
    """Bytes by which the second clip's work needs more than the first one's, in one process."""
    command = [sys.executable, "-c", PEAKS.format(work=work), *(str(path) for clip in clips for path in clip)]
    # glibc: one pool for all threads, and large arrays given back at once, so that what is free is not counted.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    first, second = map(int, done.stdout.split()[-2:])
    return second - first


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process its peak memory this way")
def test_memory_does_not_grow_with_the_clip(line_and_frames, tmp_path):
    clips = [(tmp_path / f"{seconds}.mp4", tmp_path / f"subject_{seconds}") for seconds in (SHORT_S, LONG_S)]
    for seconds, (footage, _) in zip((SHORT_S, LONG_S), clips, strict=True):
        _write_clip(line_and_frames, seconds, footage)
    by_preprocessing = _growth(PREPROCESS, clips)
    subjects = [Subject.open(folder) for _, folder in clips]
    assert [subject.frame_count for subject in subjects] == [seconds * FPS for seconds in (SHORT_S, LONG_S)]
    pictures = (LONG_S - SHORT_S) * FPS * 3 * subjects[0].info.size ** 2
    assert by_preprocessing < ALLOWED_SHARE * pictures
    assert _growth(TRAIN, clips) < ALLOWED_SHARE * pictures
