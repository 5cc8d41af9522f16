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
from backend.deliver.plan import line_drive
from backend.media.audio_features import log_mel
from backend.performance.liveliness import life_of, with_eyes
from backend.performance.parts import parts_of
from backend.performance.speech import SpeechModel
from backend.performance.stress import stress_of
from backend.performance.voice import Voice
from backend.portrait.audio_code import audio_windows
from backend.portrait.saving import open_portrait
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared.jobs import Reporter
from tests.support.lively_clip import FPS, RATE, lively_clip, spoken


def digests(root: Path, sound: Path, camera: Path) -> dict[str, str]:
    """Digests of features, curves, and the keys of all frames, for every way to get poses."""
    subject = Subject.open(root)
    model = subject.model(None)
    portrait, speech = open_portrait(model), SpeechModel.load(model.speech_file)
    found = {}
    for name, settings in {
        "life": RenderSettings(),
        "life of the face": RenderSettings(pose="still", seed=4),
        "recorded": RenderSettings(pose="recorded"),
        "recorded at another rate": RenderSettings(pose="recorded", fps="30000/1001"),
        "still": RenderSettings(pose="still", face_life=0.0, seed=3),
        "given": RenderSettings(pose=str(camera)),
    }.items():
        line = plan_line(subject, speech, sound, settings, Reporter())
        drive = line_drive(portrait, line)
        found[f"{name}: keys"] = digest(*frame_keys(drive, {}))
        found[f"{name}: curves"] = digest(drive.curves.numpy().tobytes())
        found[f"{name}: poses"] = digest(line.poses.tobytes(), drive.rotations.numpy().tobytes())
        found[f"{name}: motion"] = digest(drive.motion.numpy().tobytes())
    found["sound"] = digest(line.features.log_mel.tobytes())
    found["windows"] = digest(audio_windows(line.features, line.times_s, portrait.settings).tobytes())
    return found


def lively_digests() -> dict[str, str]:
    """Digests of how a person's manner is learned, and of what it makes of a line."""
    manner, features = lively_clip().manner, log_mel(spoken(12.0, 3), RATE)
    stress, times_s = stress_of(features, Voice.of(features)), np.arange(300) / float(FPS)
    parts = parts_of(manner, stress)
    life = life_of(manner, stress, parts, times_s)
    upper = with_eyes(manner, stress, parts, times_s, life.face, life.head[:, :3])
    learned = (manner.motion, manner.gain, manner.rest, manner.low, manner.blinking.shape, manner.gaze.slopes)
    return {
        "manner": digest(*(value.tobytes() for value in learned)),
        "life": digest(life.head.tobytes(), life.body.tobytes(), upper.tobytes()),
    }


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
    line = digests(*map(Path, sys.argv[1:])) | lively_digests()
    print(json.dumps({"line": line, "libraries": libraries()}))
