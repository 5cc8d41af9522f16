"""The pretended verbs of the tests with bpy; here training leaves a model, and a render a real (tiny) render folder."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.bpy import pretend_verbs, synthetic_take

FRAMES = 6
SLOW_STEPS, SLOW_STEP_S = 3000, 0.2


def train(arguments, report):
    """Ten minutes on a subject with a file `slow` in it, else at once."""
    if (Path(arguments["subject"]) / "slow").exists():
        report.phase("train", SLOW_STEPS)
        for _ in range(SLOW_STEPS):
            time.sleep(SLOW_STEP_S)
            report.step()
    model = Path(arguments["subject"]) / "models" / arguments["model"]
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text("{}", encoding="utf-8")
    return {"subject": arguments["subject"], "model": model.name, "folder": str(model), "message": "Trained."}


def render(arguments, report):
    report.phase("render", FRAMES)
    command = [sys.executable, synthetic_take.__file__, arguments["out"], "--frames", str(FRAMES)]
    subprocess.run(command, check=True)
    report.step(FRAMES)
    return {"out": arguments["out"], "frames": FRAMES}


VERBS = {**pretend_verbs.VERBS, "train": train, "render": render}
