"""Log-mel features of speech, sampled at exact times."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend import exact
from backend.media.arrays import load_arrays, save_arrays
from backend.media.audio import SPEECH_RATE, resampled
from shared.errors import InputError

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
_BLOCK = 4096
"""Windows that are transformed at a time; bounds memory."""
_HZ_PER_MEL, _LOG_FROM_MEL = 200.0 / 3.0, 15.0
_LOG_STEP = 0.06875177742094912
"""ln(6.4) / 27: steps of a mel above 1000 Hz, as a ratio's logarithm."""


@dataclass
class AudioFeatures:
    """Feature vector m belongs to time `start_s + m / rate_hz`, in seconds from the start of the sound."""

    log_mel: np.ndarray
    """(M, 80) float32, natural log of mel amplitude, log(FLOOR) in silence."""
    rate_hz: float
    """Vectors a second."""
    start_s: float = 0.0
    """Time of the first vector, seconds."""
    cut_off: tuple[int, int] = (0, 0)
    """How many vectors of the sound come before those that are kept here, and after (`near`). `start_s` is of the
    sound, so that interpolation rounds as in the whole of it."""

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Features at any times (seconds, any shape), linear between vectors, the end vectors held beyond the ends.

        Returns (*times_s.shape, 80) float32.
        """
        below, above, weight = self._between(times_s)
        before, _ = self.cut_off
        return self.log_mel[below - before] * (1.0 - weight) + self.log_mel[above - before] * weight

    def near(self, times_s: np.ndarray, reach_s: float = 0.0) -> AudioFeatures:
        """Those vectors alone that are asked for at times within `reach_s` of any of `times_s`; no copy."""
        times_s = np.asarray(times_s, np.float64)
        below, above, _ = self._between(np.array([times_s.min() - reach_s, times_s.max() + reach_s]))
        before, after = self.cut_off
        first, end = int(below[0]), int(above[1]) + 1
        cut_off = (first, before + len(self.log_mel) + after - end)
        return replace(self, log_mel=self.log_mel[first - before : end - before], cut_off=cut_off)

    def _between(self, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The vectors of the sound on both sides of any times, and the share (…, 1) of those above."""
        count = self.cut_off[0] + len(self.log_mel) + self.cut_off[1]
        position = (np.asarray(times_s, dtype=np.float64) - self.start_s) * self.rate_hz
        position = np.clip(position, 0.0, count - 1)
        below = np.minimum(position.astype(np.int64), max(count - 2, 0))
        above = np.minimum(below + 1, count - 1)
        return below, above, (position - below)[..., None].astype(np.float32)

    def windows(self, times_s: np.ndarray, half_width_s: float, taps: int) -> np.ndarray:
        """`taps` feature vectors spread evenly over ±`half_width_s` around each exact time.

        times_s: (T,) seconds, whatever the frame rate. Returns (T, taps, 80) float32.
        """
        offsets = np.linspace(-half_width_s, half_width_s, taps) if taps > 1 else np.zeros(1)
        return self.at(np.asarray(times_s, dtype=np.float64)[:, None] + offsets)

    def of_frames(self, times_s: np.ndarray, frames: np.ndarray) -> AudioFeatures:
        """The vectors that sound while `frames` (N,), counted from 0, of a clip are shown, one after the other.

        times_s: (T,) seconds, when the clip's frames are shown. For statistics: where frames are left out, what follows
        no longer has its time.
        """
        sounding_s = self.start_s + np.arange(len(self.log_mel)) / self.rate_hz
        shown = np.clip(np.searchsorted(times_s, sounding_s, side="right") - 1, 0, len(times_s) - 1)
        return AudioFeatures(self.log_mel[np.isin(shown, frames)], self.rate_hz, self.start_s)

    def save(self, path: str | os.PathLike) -> None:
        """Write as .npz without pickles, through a temporary name."""
        save_arrays(Path(path), {"log_mel": self.log_mel, "rate_hz": self.rate_hz, "start_s": self.start_s})

    @classmethod
    def load(cls, path: str | os.PathLike) -> AudioFeatures:
        """Read what `save` wrote. Raises InputError when the file is missing or damaged."""
        do = "Preprocess the footage again."
        data = load_arrays(Path(path), do)
        try:
            log_mel, rate_hz, start_s = data["log_mel"], float(data["rate_hz"]), float(data["start_s"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged ({error}).", do) from error
        if log_mel.ndim != 2 or log_mel.shape[1] != MELS or not len(log_mel) or not np.isfinite(log_mel).all():
            raise InputError(f"{path} is damaged: it holds no features.", do)
        if not 0.0 < rate_hz < np.inf or not np.isfinite(start_s):
            raise InputError(f"{path} is damaged: {rate_hz} vectors a second from {start_s} s.", do)
        return cls(log_mel, rate_hz, start_s)


def log_mel(samples: np.ndarray, rate: int) -> AudioFeatures:
    """Log-mel features of (n,) mono samples at `rate` Hz; 200 vectors a second from time 0, centred windows.

    A vector has the same bits on every machine and whatever else is in the sound, except that resampling rounds
    within blocks of a fraction of a second. Raises InputError when there is less than one window of sound.
    """
    return log_mel_of([samples], rate)


def log_mel_of(blocks: Iterable[np.ndarray], rate: int) -> AudioFeatures:
    """`log_mel` of sound that comes in blocks (n,), of which it keeps none: to the same bits."""
    found: list[np.ndarray] = []
    waiting, heard = np.zeros(FFT_SIZE // 2, np.float32), 0
    for block in resampled(blocks, rate, SPEECH_RATE):
        heard += len(block)
        waiting = np.concatenate([waiting, block])
        whole = (len(waiting) - FFT_SIZE) // HOP + 1
        if whole >= _BLOCK:
            found += _vectors(waiting, whole)
            waiting = waiting[whole * HOP :]
    if heard < FFT_SIZE:
        raise InputError("The sound is shorter than 32 ms.", "Give a longer sound.")
    count = heard // HOP + 1
    found += _vectors(np.pad(waiting, (0, FFT_SIZE // 2 + HOP)), count - sum(map(len, found)))
    # One block after the other is let go, so that there are never two copies of hours.
    log_mels, at = np.empty((count, MELS), np.float32), 0
    found.reverse()
    while found:
        block = found.pop()
        log_mels[at : at + len(block)] = block
        at += len(block)
    return AudioFeatures(log_mels, SPEECH_RATE / HOP)


def _vectors(samples: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """(n, MELS) float32 log-mel of the first `count` windows of samples, in blocks."""
    window = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)
    starts = np.lib.stride_tricks.sliding_window_view(samples, FFT_SIZE)[::HOP][:count]
    bank = _filter_bank()
    for first in range(0, count, _BLOCK):
        # numpy's own transform goes window by window, in plain code that is the same for all x86 processors.
        spectrum = np.fft.rfft(starts[first : first + _BLOCK] * window, axis=1).T
        real, imaginary = np.ascontiguousarray(spectrum.real), np.ascontiguousarray(spectrum.imag)
        # Not np.abs of the complex numbers, which is computed otherwise with AVX-512.
        amplitude = np.sqrt(real * real + imaginary * imaginary)
        mels = np.empty((amplitude.shape[1], MELS), np.float32)
        for band, weights in enumerate(bank.T):
            # A band has few bins. Added one after the other: a matrix product has another order on every machine.
            bins = np.flatnonzero(weights)
            total = amplitude[bins[0]] * weights[bins[0]]
            for at in bins[1:]:
                total += amplitude[at] * weights[at]
            mels[:, band] = total
        yield exact.log(np.maximum(mels, FLOOR)).astype(np.float32)


def band_centres_hz() -> np.ndarray:
    """(MELS,) frequency at which each band is most sensitive."""
    return _band_edges_hz()[1:-1]


def _band_edges_hz() -> np.ndarray:
    """(MELS + 2,) where bands begin; each ends where the next but one begins."""
    low, high = (_mel_of(hz) for hz in FREQUENCY_RANGE_HZ)
    mel = np.linspace(low, high, MELS + 2)
    above = 1000.0 * exact.exp((mel - _LOG_FROM_MEL) * _LOG_STEP)
    return np.where(mel < _LOG_FROM_MEL, mel * _HZ_PER_MEL, above)


@functools.cache
def _filter_bank() -> np.ndarray:
    """(FFT_SIZE / 2 + 1, MELS) float32 triangles of equal area, as Slaney's Auditory Toolbox (1998) has them: the same
    as librosa.filters.mel to rounding."""
    edges = _band_edges_hz()
    bins_hz = (np.arange(FFT_SIZE // 2 + 1) * (SPEECH_RATE / FFT_SIZE))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre))
    return (np.maximum(triangles, 0.0) * (2.0 / (right - left))).astype(np.float32)


def _mel_of(hz: float) -> float:
    """Slaney's mel scale: linear below 1000 Hz, logarithmic above."""
    if hz < 1000.0:
        return hz / _HZ_PER_MEL
    return _LOG_FROM_MEL + float(exact.log(hz / 1000.0)) / _LOG_STEP
