"""Verbs that pretend: the shapes of the real results without their work, for tests of the add-on's job operators."""

from __future__ import annotations

import time
import wave
from pathlib import Path

from shared.errors import InputError


def preprocess(arguments, report):
    if Path(arguments["footage"]).read_bytes() == b"":
        raise InputError("The footage is empty.", "Use another clip.")
    report.phase("looking for the face", 4)
    for _ in range(4):
        time.sleep(0.01)
        report.step()
    Path(arguments["subject"]).mkdir(parents=True, exist_ok=True)
    return {"frames": 4, "fps": "25/1", "subject": arguments["subject"], "quality": {"warnings": ["It is dark."]}}


def train(arguments, report):
    """Slow enough to be cancelled; leaves its arguments in the subject."""
    folder = Path(arguments["subject"])
    report.phase("training", 600)
    for step in range(600 if (folder / "slow").exists() else 3):
        time.sleep(0.05)
        report.step(preview=str(folder / "preview.png") if step == 1 else None)
    model = arguments["model"]
    return {"subject": str(folder), "model": model, "folder": str(folder), "message": f"Trained: {model}."}


def presenter(arguments, report):
    """A clip that is none, and half a second of silence."""
    out = Path(arguments["out"])
    out.mkdir(parents=True)
    (out / "presenter.mp4").write_bytes(b"film")
    with wave.open(str(out / "line.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    return {"footage": str(out / "presenter.mp4"), "line": str(out / "line.wav")}


def evaluate(arguments, report):
    report.phase("evaluate", 1)
    report.step()
    return {"arguments": arguments}


def render(arguments, report):
    report.phase("rendering", 2)
    report.step(2)
    return {"out": arguments["out"], "frames": 2, "arguments": arguments}


def doctor(arguments, report):
    return {"well": True}


VERBS = {
    "presenter": presenter,
    "preprocess": preprocess,
    "train": train,
    "evaluate": evaluate,
    "render": render,
    "doctor": doctor,
}
