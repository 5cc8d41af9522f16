"""Run by test_same_bits in processes of their own: what a line is made of, as digests on standard output.

Arguments: a subject's folder with a model, a sound, a camera.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from backend.deliver.keys import digest, frame_keys
from backend.deliver.line import plan_line
from backend.deliver.render import _drive
from backend.performance.speech import SpeechModel
from backend.portrait.audio_code import audio_windows
from backend.portrait.saving import open_portrait
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared.jobs import Reporter


def digests(root: Path, sound: Path, camera: Path) -> dict[str, str]:
    """Digests of features, curves, and the keys of all frames, for every way to get poses."""
    subject = Subject.open(root)
    model = subject.model(None)
    portrait, speech = open_portrait(model), SpeechModel.load(model.speech_file)
    found = {}
    for name, settings in {
        "recorded": RenderSettings(),
        "recorded at another rate": RenderSettings(fps="30000/1001"),
        "still": RenderSettings(pose="still", seed=3),
        "given": RenderSettings(pose=str(camera)),
    }.items():
        line = plan_line(subject, speech, sound, settings, Reporter())
        drive = _drive(portrait, line)
        found[f"{name}: keys"] = digest(*frame_keys(drive, {}))
        found[f"{name}: curves"] = digest(drive.curves.numpy().tobytes())
        found[f"{name}: poses"] = digest(line.poses.tobytes(), drive.rotations.numpy().tobytes())
        found[f"{name}: motion"] = digest(drive.motion.numpy().tobytes())
    found["sound"] = digest(line.features.log_mel.tobytes())
    found["windows"] = digest(audio_windows(line.features, line.times_s, portrait.settings).tobytes())
    return found


def libraries() -> dict[str, str]:
    """Digests of what numpy and torch make of the same numbers, to tell whether this process runs other code."""
    draw = np.random.default_rng(0)
    a, b = draw.standard_normal((64, 200)).astype(np.float32), draw.standard_normal((200, 27)).astype(np.float32)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    return {
        "BLAS": digest((a @ b).tobytes()),
        "torch": digest((x @ y).numpy().tobytes(), x.exp().numpy().tobytes(), x.sum(dim=0).numpy().tobytes()),
        "numpy": digest(np.log(np.abs(a) + 0.1).tobytes(), np.exp(a).tobytes(), np.sin(a.astype(np.float64)).tobytes()),
    }


if __name__ == "__main__":
    print(json.dumps({"line": digests(*map(Path, sys.argv[1:])), "libraries": libraries()}))
