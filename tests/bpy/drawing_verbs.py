"""The pretended verbs, but for a render that leaves a real (tiny) take of its line's length."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

from tests.bpy import pretend_verbs, synthetic_take


def render(arguments, report):
    with wave.open(arguments["audio"]) as sound:
        seconds = Fraction(sound.getnframes(), sound.getframerate())
    fps = Fraction(arguments["fps"])
    frames = math.ceil(seconds * fps)
    report.phase("render", frames)
    out, take_id = Path(arguments["out"]), arguments["take_id"]
    command = [sys.executable, synthetic_take.__file__, str(out), "--frames", str(frames), "--fps", str(fps), "--plate"]
    subprocess.run([*command, "--id", take_id], check=True)
    values = {"take_id": take_id, "complete": True, "frames": {"count": frames, "fps": str(fps)}}
    (out / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    report.step(frames)
    return {"out": str(out), "frames": frames}


VERBS = {**pretend_verbs.VERBS, "render": render}
