"""The baseline's drive: a learned code of the sound around a frame, end to end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from backend.media.audio_features import AudioFeatures
from backend.settings import PortraitSettings

WINDOW_STEP_S = 0.04
WINDOW_HALF_WIDTH_S = 0.08


def audio_windows(features: AudioFeatures, times_s: np.ndarray, settings: PortraitSettings) -> np.ndarray:
    """(T, W, taps, bands) log-mel windows about times (T,): W windows of 0.16 s, one every 0.04 s."""
    offsets = (np.arange(settings.audio_windows) - (settings.audio_windows - 1) / 2) * WINDOW_STEP_S
    times_s = np.asarray(times_s, np.float64)
    return np.stack(
        [features.windows(times_s + offset, WINDOW_HALF_WIDTH_S, settings.audio_taps) for offset in offsets], axis=1
    )


class AudioCode(nn.Module):
    """Log-mel windows to one code: a convolution over each window, then attention over the windows.

    The arrangement of TalkingGaussian's audio net (Li et al. 2024; from AD-NeRF), on log-mel instead of DeepSpeech.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, bands: int, taps: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("deviation", torch.ones(bands))
        self.convolution = nn.Sequential(
            nn.Conv1d(bands, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.02),
            nn.Conv1d(32, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.02),
        )  # fmt: skip
        left = ((taps - 1) // 2 + 1 - 1) // 2 + 1
        self.code = nn.Sequential(nn.Linear(32 * left, 64), nn.LeakyReLU(0.02), nn.Linear(64, width))
        self.attention = nn.Sequential(
            nn.Conv1d(width, 16, 3, padding=1), nn.LeakyReLU(0.02), nn.Conv1d(16, 1, 3, padding=1)
        )

    def forward(self, windows: Tensor) -> Tensor:
        """(width,) code of log-mel windows (W, taps, bands) around one frame."""
        standard = (windows - self.mean) / self.deviation
        codes = self.code(self.convolution(standard.transpose(1, 2)).flatten(1))
        weight = torch.softmax(self.attention(codes.T[None])[0, 0], dim=0)
        return weight @ codes
