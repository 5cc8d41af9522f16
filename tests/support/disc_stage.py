"""A subject with a stand-in portrait that draws a disc, and a line of noise to render with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.deliver import plan as planning
from backend.media.audio import save_wav
from backend.performance.curves import CURVE_NAMES, SPEECH_CURVES
from backend.performance.speech import SpeechModel
from backend.portrait.portrait import Drive, PortraitFrame
from backend.settings import PortraitSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared.camera import Intrinsics
from tests.support.synthetic_subject import make_subject

SIZE = 32


def disc(opening: float = 0.0, size: int = SIZE) -> PortraitFrame:
    """A soft disc at 50 cm in a picture of `size` px: orange, its lower half mouth as far as it opens."""
    y, x = (np.mgrid[:size, :size] + 0.5) * SIZE / size
    alpha = np.clip((10 - np.hypot(x - 16, y - 16)) / 3, 0, 1).astype(np.float32)
    oral = alpha * opening * (y > 16)
    mattes = np.stack([oral, 0.7 * (alpha - oral), 0.2 * (alpha - oral), 0.1 * (alpha - oral)], axis=2)
    rgb = alpha[..., None] * np.array([0.8, 0.4, 0.2], np.float32)
    return PortraitFrame(rgb, alpha, np.where(alpha > 0, np.float32(50), np.float32(1e12)), mattes.astype(np.float32))


class DiscPortrait:
    """Draws the disc, and counts how often."""

    curve_names = CURVE_NAMES
    needs_audio = False
    settings = PortraitSettings()

    rest_pose = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    rest_pose[2, 3] = 50.0

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def to(self, device):
        return self

    def intrinsics(self, size):
        return Intrinsics(60, 60, SIZE / 2, SIZE / 2, SIZE, SIZE).scaled(size, size)

    def drive(self, curves, poses, fps, audio, body=None, views=None, body_poses=None):
        assert len(curves) == len(poses)
        curves, poses = torch.from_numpy(curves), torch.from_numpy(poses)
        views = None if views is None else torch.from_numpy(views)
        return Drive(curves, poses, rotations=poses[:, 0], motion=poses[:, 1], views=views)

    def render(self, drive, index, size, *, intrinsics=None, **options):
        """The disc; in a picture of another shape at its upper left corner, as large as fits."""
        self.drawn.append(index)
        if intrinsics is None:
            return disc(float(drive.curves[index, 0]), size)
        side = min(intrinsics.width, intrinsics.height)
        drawn = disc(float(drive.curves[index, 0]), side)
        rest = ((0, intrinsics.height - side), (0, intrinsics.width - side))
        return PortraitFrame(
            np.pad(drawn.rgb, (*rest, (0, 0))), np.pad(drawn.alpha, rest),
            np.pad(drawn.depth, rest, constant_values=1e12), np.pad(drawn.drawn_mattes, (*rest, (0, 0))),
        )  # fmt: skip


class SteadySpeech(SpeechModel):
    """Says of every line that the jaw opens by a quarter."""

    def __init__(self) -> None:
        """It has learned nothing."""

    @property
    def curve_names(self):
        return SPEECH_CURVES

    def reach_of(self, features, voice):
        return None

    resting = None

    def closing(self, features, times_s, voice=None):
        return np.zeros(len(times_s))

    def lips_following(self, change):
        return np.zeros((len(change), 0))

    def predict_array(self, features, times_s, voice=None, strength=0.0):
        curves = np.zeros((len(times_s), len(SPEECH_CURVES)), np.float32)
        curves[:, 0] = 0.25
        return curves


def make_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Subject, DiscPortrait, Path, Path]:
    """(subject, portrait, sound file of 1.02 s, out folder) with the stand-ins in place of a trained model."""
    subject = make_subject(tmp_path / "subject")
    model = ModelFolder.of(subject.root, "disc")
    model.make()
    model.config_file.write_text("{}")
    model.weights_file.write_bytes(b"weights")
    model.speech_file.write_bytes(b"speech")
    portrait = DiscPortrait()
    monkeypatch.setattr(planning, "open_portrait", lambda model: portrait)
    monkeypatch.setattr(planning.SpeechModel, "load", classmethod(lambda cls, path: SteadySpeech()))
    sound = np.random.default_rng(0).standard_normal(16320).astype(np.float32) * 0.1
    save_wav(tmp_path / "line.wav", sound, 16000)
    return subject, portrait, tmp_path / "line.wav", tmp_path / "out"
