"""Memory does not grow with the clip: twenty seconds more of footage need hardly any more of it."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from backend.face.mesh import load_canonical_face
from backend.media.encode import MovieWriter
from backend.presenter.footage import draw_footage
from backend.presenter.speech import speak

FPS = Fraction(25)
SHORT_S, LONG_S = 12, 32
ALLOWED_MB = 70
"""Landmarks, curves and sound of the additional frames take 10 MB; the rest is room for the allocator. Their pictures
alone would take 98 MB, as floats 393 MB."""

CHAIN = """
import resource, sys
from pathlib import Path
from backend.preprocess.pipeline import preprocess
from backend.settings import PreprocessSettings, train_settings
from backend.train.trainer import train
from shared.jobs import Reporter

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

subject = preprocess(Path(sys.argv[1]), Path(sys.argv[2]), PreprocessSettings(), Reporter())
preprocessed = peak_mb()
train(subject, train_settings("draft", steps=5), Reporter())
print(subject.frame_count, preprocessed, peak_mb())
"""


@pytest.fixture(scope="module")
def line_and_frames():
    line = speak("Papa bought a map, and we sail before five.")
    frames = []
    draw_footage(line, load_canonical_face(), frames.append, fps=FPS, width=320, height=256)
    return line, frames


def _peaks_mb(line_and_frames, seconds: int, folder) -> np.ndarray:
    """Peak memory after preprocessing and after training a clip that repeats the drawn frames."""
    line, frames = line_and_frames
    footage = folder / f"{seconds}.mp4"
    sound = np.resize(line.samples, seconds * line.sample_rate)
    with MovieWriter(footage, 320, 256, FPS, audio=(sound, line.sample_rate)) as movie:
        for number in range(int(seconds * FPS)):
            movie.write(frames[number % len(frames)])
    command = [sys.executable, "-c", CHAIN, str(footage), str(folder / f"subject_{seconds}")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, *peaks = done.stdout.split()[-3:]
    assert int(count) == seconds * FPS
    return np.array(peaks, dtype=float)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process its peak memory this way")
def test_memory_does_not_grow_with_the_clip(line_and_frames, tmp_path):
    growth = _peaks_mb(line_and_frames, LONG_S, tmp_path) - _peaks_mb(line_and_frames, SHORT_S, tmp_path)
    assert (growth < ALLOWED_MB).all(), growth
