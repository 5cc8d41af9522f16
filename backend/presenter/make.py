"""The demo's material: the presenter's footage with its sound and ground truth, and a new line of dialogue."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from backend.face.mesh import load_canonical_face
from backend.media.audio import save_wav
from backend.media.encode import MovieWriter
from backend.presenter.footage import GroundTruth, draw_footage
from backend.presenter.speech import speak
from shared.jobs import Reporter
from shared.timing import samples_for_frames

FOOTAGE_TEXT = (
    "Good morning. I am drawn by a small program, and nobody has ever met me. My mouth moves with every sound I make. "
    "Papa paid for the big blue boat, and we sailed away before five. Now you know how I speak."
)
LINE_TEXT = "Hello again. These words were never filmed, but my lips should move as if they were."


@dataclass(frozen=True)
class DemoMaterial:
    """Where the demo's files are."""

    footage: Path
    line: Path
    ground_truth: Path


def draw_clip(
    text: str, path: Path, *, fps: Fraction = Fraction(25), models_dir: str | None = None, seed: int = 0,
    width: int = 640, height: int = 512, report: Reporter | None = None,
) -> GroundTruth:  # fmt: skip
    """Draw the presenter saying `text` into a movie with sound at `path`. Returns the ground truth."""
    spoken = speak(text)
    face = load_canonical_face(models_dir)
    frames = int(Fraction(len(spoken.samples), spoken.sample_rate) * fps)
    sound = spoken.samples[: samples_for_frames(frames, spoken.sample_rate, fps)]
    with MovieWriter(path, width, height, fps, audio=(sound, spoken.sample_rate)) as movie:
        return draw_footage(spoken, face, movie.write, fps=fps, width=width, height=height, seed=seed, report=report)


def make_demo_material(folder: Path, report: Reporter, models_dir: str | None = None) -> DemoMaterial:
    """Draw the footage and speak the line, once; a second call finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    material = DemoMaterial(folder / "presenter.mp4", folder / "line.wav", folder / "ground_truth.json")
    if not material.ground_truth.is_file():
        truth = draw_clip(FOOTAGE_TEXT, material.footage, models_dir=models_dir, report=report)
        line = speak(LINE_TEXT)
        save_wav(material.line, line.samples, line.sample_rate)
        truth.save(material.ground_truth)
    return material
