"""The real render with a stand-in head: a disc of its person's colour, whose mouth opens as the sound is loud.

As a program, in the backend's environment, it makes the subjects: `disc_verbs.py FOLDER SEED RED GREEN BLUE`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.command import verbs
from backend.deliver import plan as planning
from backend.performance.curves import SPEECH_CURVES
from backend.performance.speech import SpeechModel
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from tests.bpy.pretend_verbs import doctor
from tests.support.disc_stage import DiscPortrait, SteadySpeech
from tests.support.synthetic_subject import make_subject

_FLOOR, _RANGE = -14.0, 14.0
"""Log-mel of a closed mouth, and how much more opens it."""


class ColouredPortrait(DiscPortrait):
    """The disc in the colour that its weights are."""

    def __init__(self, model: ModelFolder) -> None:
        super().__init__()
        self._colour = np.array(model.weights_file.read_text().split(), np.float32)

    def render(self, drive, index, size, *, intrinsics=None, **options):
        frame = super().render(drive, index, size, intrinsics=intrinsics, **options)
        return replace(frame, rgb=frame.alpha[..., None] * self._colour)


class HearingSpeech(SteadySpeech):
    """Opens the jaw as loud as a moment is, and knows nothing of any other."""

    def predict_array(self, features, times_s, voice=None, strength=0.0):
        curves = np.zeros((len(times_s), len(SPEECH_CURVES)), np.float32)
        curves[:, 0] = np.clip((features.at(times_s).mean(axis=1) - _FLOOR) / _RANGE, 0.0, 1.0)
        return curves


def render(arguments, report):
    """As `talker render` does it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(planning, "open_portrait", ColouredPortrait)
        patched.setattr(SpeechModel, "load", classmethod(lambda cls, path: HearingSpeech()))
        return verbs.render(arguments, report)


def main(folder: str, seed: str, *colour: str) -> None:
    subject = make_subject(Path(folder))
    info = replace(subject.info, source=f"{seed}.mp4", source_sha256=seed * 64)
    Subject(subject.root, info).save_info()
    model = ModelFolder.of(subject.root, "m2dao")
    model.make()
    model.config_file.write_text("{}")
    model.weights_file.write_text(" ".join(colour))
    model.speech_file.write_bytes(b"speech")


VERBS = {"render": render, "doctor": doctor}

if __name__ == "__main__":
    main(*sys.argv[1:])
