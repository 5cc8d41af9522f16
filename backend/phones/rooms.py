"""The same voice in another room, through another microphone, with something humming beside it."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

_DECAY = 6.9
"""ln(1000): a room's reverberation time is that in which its sound falls by 60 dB."""
_TELEPHONE_HZ = (300.0, 3400.0)
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 8000.0


def elsewhere(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    """(n,) float32 of samples (n,) at `rate` Hz, moved in no way in time: a room, a microphone, noise, a loudness."""
    sound = samples / max(float(np.abs(samples).max()), 1e-6)
    sound = _through_microphone(_in_room(sound, rate, draw), rate, draw)
    sound = sound + _noise(len(sound), rate, draw) * _level(sound) * 10 ** (-draw.uniform(5, 50) / 20)
    return (sound * 10 ** (draw.uniform(-30, 0) / 20) / max(float(np.abs(sound).max()), 1e-6)).astype(np.float32)


def nobody(seconds: float, rate: int, draw: np.random.Generator) -> np.ndarray:
    """(n,) float32 of a room in which nobody speaks."""
    noise = _noise(round(seconds * rate), rate, draw)
    return (0.1 * noise * 10 ** (draw.uniform(-60, 0) / 20)).astype(np.float32)


def _in_room(sound: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    if draw.random() < 0.5:
        return sound
    length = int(draw.uniform(0.1, 0.6) * rate)
    echo = draw.standard_normal(length) * np.exp(-_DECAY * np.arange(length) / length)
    echo /= np.sqrt(np.square(echo).sum())
    return sound + 10 ** (draw.uniform(-20, 0) / 20) * fftconvolve(sound, echo)[: len(sound)]


def _through_microphone(sound: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    """A tone colour; now and then a telephone's."""
    spectrum, frequency = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / rate)
    knots_hz, gains_db = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, 8), draw.normal(0, draw.uniform(0, 8), 8)
    gain_db = np.interp(np.log(np.maximum(frequency, _LOWEST_HZ)), np.log(knots_hz), gains_db)
    if draw.random() < 0.15:
        gain_db -= 40.0 * ((frequency < _TELEPHONE_HZ[0]) | (frequency > _TELEPHONE_HZ[1]))
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(sound))


def _noise(length: int, rate: int, draw: np.random.Generator) -> np.ndarray:
    """(length,) of deviation 1: white or coloured, now and then with mains hum."""
    noise = draw.standard_normal(length)
    if draw.random() < 0.5:
        noise = lfilter([1.0], [1.0, -draw.uniform(0.5, 0.98)], noise)
    if draw.random() < 0.2:
        noise = noise / noise.std() + 2.0 * np.sin(
            2 * np.pi * draw.choice((50, 60, 100, 120)) * np.arange(length) / rate
        )
    return noise / noise.std()


def _level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound).mean()))
