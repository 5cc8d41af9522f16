"""Log-mel features of speech, sampled at exact times."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from backend.media.audio import SPEECH_RATE, resample
from backend.parallel import single_threaded_torch
from shared.errors import InputError
from shared.files import replacing

MELS = 80
"""Mel bands."""
FREQUENCY_RANGE_HZ = (55.0, 7600.0)
"""Lowest and highest frequency of the bands (the range of SyncTalk's audio-visual encoder)."""
FFT_SIZE = 512
"""Samples of one analysis window, 32 ms."""
HOP = 80
"""Samples between windows, 5 ms: 200 feature vectors a second."""
FLOOR = 1e-5
"""Mel amplitude that counts as silence."""


@dataclass
class AudioFeatures:
    """Feature vector m belongs to time `start_s + m / rate_hz`, in seconds from the start of the sound."""

    log_mel: np.ndarray
    """(M, 80) float32, natural log of mel amplitude, log(FLOOR) in silence."""
    rate_hz: float
    """Vectors a second."""
    start_s: float = 0.0
    """Time of the first vector, seconds."""

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Features at any times (seconds, any shape), linear between vectors, the end vectors held beyond the ends.

        Returns (*times_s.shape, 80) float32.
        """
        position = (np.asarray(times_s, dtype=np.float64) - self.start_s) * self.rate_hz
        position = np.clip(position, 0.0, len(self.log_mel) - 1)
        below = np.minimum(position.astype(np.int64), max(len(self.log_mel) - 2, 0))
        above = np.minimum(below + 1, len(self.log_mel) - 1)
        weight = (position - below)[..., None].astype(np.float32)
        return self.log_mel[below] * (1.0 - weight) + self.log_mel[above] * weight

    def windows(self, times_s: np.ndarray, half_width_s: float, taps: int) -> np.ndarray:
        """`taps` feature vectors spread evenly over ±`half_width_s` around each exact time.

        times_s: (T,) seconds, whatever the frame rate. Returns (T, taps, 80) float32.
        """
        offsets = np.linspace(-half_width_s, half_width_s, taps) if taps > 1 else np.zeros(1)
        return self.at(np.asarray(times_s, dtype=np.float64)[:, None] + offsets)

    def save(self, path: str | os.PathLike) -> None:
        """Write as .npz without pickles, through a temporary name."""
        with replacing(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez(file, log_mel=self.log_mel, rate_hz=self.rate_hz, start_s=self.start_s)

    @classmethod
    def load(cls, path: str | os.PathLike) -> AudioFeatures:
        """Read what `save` wrote. Raises InputError when the file is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(data["log_mel"], float(data["rate_hz"]), float(data["start_s"]))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}).", "Preprocess the footage again.") from error


def log_mel(samples: np.ndarray, rate: int) -> AudioFeatures:
    """Log-mel features of (n,) mono samples at `rate` Hz; 200 vectors a second from time 0, centred windows.

    The filter bank is librosa's (`librosa.filters.mel`, Slaney); the transform is numpy's, since librosa's own compiles
    numba code for seconds on first use. Raises InputError when there is less than one window of sound.
    """
    samples = resample(samples, rate, SPEECH_RATE)
    if len(samples) < FFT_SIZE:
        raise InputError("The sound is shorter than 32 ms.", "Give a longer sound.")
    count = len(samples) // HOP + 1
    padded = np.pad(samples, (FFT_SIZE // 2, FFT_SIZE // 2 + HOP))
    window = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)
    starts = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP][:count]
    bank = torch.from_numpy(_filter_bank())
    mels = np.empty((count, MELS), np.float32)
    for first in range(0, count, 4096):
        block = starts[first : first + 4096] * window
        amplitude = np.abs(np.fft.rfft(block, axis=1)).astype(np.float32)
        # Not numpy's product: its BLAS would keep a thread spinning for long after, in the way of what follows.
        with single_threaded_torch():
            mels[first : first + 4096] = (torch.from_numpy(amplitude) @ bank).numpy()
    return AudioFeatures(np.log(np.maximum(mels, FLOOR)), SPEECH_RATE / HOP)


def _filter_bank() -> np.ndarray:
    """(FFT_SIZE / 2 + 1, MELS) float32."""
    import librosa

    low, high = FREQUENCY_RANGE_HZ
    return librosa.filters.mel(sr=SPEECH_RATE, n_fft=FFT_SIZE, n_mels=MELS, fmin=low, fmax=high).T.astype(np.float32)
