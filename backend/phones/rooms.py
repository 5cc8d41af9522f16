"""The same voice in another room, through another microphone, with something humming beside it; and sounds that are no
voice: breath, music, knocks."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

_DECAY = 6.9
"""ln(1000): a room's reverberation time is that in which its sound falls by 60 dB."""
_TELEPHONE_HZ = (300.0, 3400.0)
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 8000.0
_SHORTEST_BREATH_S = 0.25


def elsewhere(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    """(n,) float32 of samples (n,) at `rate` Hz, moved in no way in time: a room, a microphone, noise, a loudness."""
    sound = samples / max(float(np.abs(samples).max()), 1e-6)
    sound = _through_microphone(_in_room(sound, rate, draw), rate, draw)
    sound = sound + _noise(len(sound), rate, draw) * _level(sound) * 10 ** (-draw.uniform(5, 50) / 20)
    return (sound * 10 ** (draw.uniform(-30, 0) / 20) / max(float(np.abs(sound).max()), 1e-6)).astype(np.float32)


def nobody(seconds: float, rate: int, draw: np.random.Generator) -> np.ndarray:
    """(n,) float32 of a room in which nobody speaks."""
    noise = _noise(round(seconds * rate), rate, draw)
    if draw.random() < 0.6:
        noise = noise * 10 ** (-draw.uniform(0, 40) / 20) + wordless(len(noise), rate, draw)
    return (0.1 * noise * 10 ** (draw.uniform(-60, 0) / 20)).astype(np.float32)


def wordless(count: int, rate: int, draw: np.random.Generator) -> np.ndarray:
    """(count,) float32 of deviation about 1, or less: somebody breathes, something is played, something knocks."""
    sound = np.zeros(count)
    kind = draw.random()
    if kind < 0.6:
        at = int(draw.uniform(0.0, 0.3) * rate)
        while at < count - _SHORTEST_BREATH_S * rate:
            breath = _breath(draw.uniform(_SHORTEST_BREATH_S, 1.0), rate, draw)[: count - at]
            sound[at : at + len(breath)] += breath
            at += len(breath) + int(draw.uniform(0.2, 1.5) * rate)
    elif kind < 0.85:
        sound = _music(count, rate, draw)
    else:
        for _ in range(draw.integers(1, 4)):
            at = int(draw.uniform(0.0, count))
            knock = draw.standard_normal(int(0.06 * rate)) * np.exp(-np.arange(int(0.06 * rate)) / (0.01 * rate))
            sound[at : at + len(knock)] += 2.0 * knock[: count - at]
    return sound.astype(np.float32)


def _breath(seconds: float, rate: int, draw: np.random.Generator) -> np.ndarray:
    """Air through an open throat: noise with a few broad resonances, that swells and ebbs away."""
    count = round(seconds * rate)
    air = np.zeros(count)
    for centre_hz in (draw.uniform(400, 1000), draw.uniform(1200, 2200), draw.uniform(2400, 4500)):
        width = np.exp(-np.pi * draw.uniform(200, 900) / rate)
        poles = [1.0, -2.0 * width * np.cos(2 * np.pi * centre_hz / rate), width**2]
        part = lfilter([1.0], poles, draw.standard_normal(count))
        air += draw.uniform(0.2, 1.0) * part / part.std()
    swell = np.sin(np.pi * np.linspace(0, 1, count) ** draw.uniform(0.5, 1.5)) ** draw.uniform(0.5, 2.0)
    return air / air.std() * swell


def _music(count: int, rate: int, draw: np.random.Generator) -> np.ndarray:
    """Notes one after the other or together, each of some harmonics that fade."""
    sound = np.zeros(count)
    pitch_hz, length_s = draw.uniform(80, 500), draw.uniform(0.15, 0.8)
    for start in np.arange(0.0, count / rate, length_s):
        for _ in range(draw.integers(1, 4)):
            seconds = np.arange(count - int(start * rate)) / rate
            note_hz = pitch_hz * 2 ** (draw.integers(-7, 13) / 12)
            fading = np.exp(-seconds / draw.uniform(0.1, 1.0))
            for harmonic in range(1, draw.integers(2, 8)):
                tone = np.sin(2 * np.pi * harmonic * note_hz * seconds + draw.uniform(0, 6.28))
                sound[int(start * rate) :] += tone * fading / harmonic
    return sound / max(float(sound.std()), 1e-9)


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
        hum_hz, share = draw.choice((50, 60, 100, 120)), draw.uniform(0.5, 10.0)
        for harmonic in range(1, draw.integers(2, 6)):
            noise = noise / noise.std() + share / harmonic * np.sin(
                2 * np.pi * harmonic * hum_hz * np.arange(length) / rate
            )
    return noise / noise.std()


def _level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound).mean()))
