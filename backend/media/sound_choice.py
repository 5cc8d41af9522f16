"""Which sound track of a file holds the speech, and which of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt, sosfiltfilt

from backend.media.sound_tracks import CENTRE, SoundTrack, tracks_of
from shared.errors import InputError

VOICE_HZ = (150.0, 5000.0)
"""The band in which voices are looked for."""
FRAME_S = 0.02
"""Spacing of the loudness that is measured."""
SYLLABLES_HZ = (2.0, 8.0)
"""How often syllables follow each other: the loudness of speech goes up and down as often."""
RISE_AND_FALL = 0.2
"""Least deviation of the loudness at that rate, as a share of its mean. Speech has 0.3 to 1.2; tones, time codes and
noise have up to 0.02, held chords 0.1."""
BETWEEN_DB, BETWEEN = (4.0, 25.0), 0.08
"""Least share of moments that are so far below the loudest ones. Speech has 0.13 to 0.8; beeps are on or off."""
SILENT = 3e-4
"""A track or channel that never goes beyond this is silent (-70 dB)."""
_AS_LOUD = 0.9
"""A channel with this share of the loudest one's power is as loud."""
OPPOSITE = -0.5
"""Channels whose correlation is below this cancel each other."""


@dataclass(frozen=True)
class SoundChoice:
    """What is read of a file's sound."""

    track: SoundTrack
    channels: tuple[int, ...] = ()
    """From 0: those whose mean is taken; none: all of them."""
    words: tuple[str, ...] = ()
    """What was chosen and why, where there was a choice."""

    @property
    def in_key(self) -> tuple[object, ...]:
        """What the key of a stage has of it: nothing where the first track is read as it is."""
        return (self.track.number, self.channels) if self.channels or self.track.number > 1 else ()

    def mono(self, block: np.ndarray) -> np.ndarray:
        """(k,) of a block (channels, k) of the track."""
        chosen = self.channels if max(self.channels, default=0) < len(block) else ()
        return (block[list(chosen)] if chosen else block).mean(axis=0, dtype=np.float32).astype(np.float32)


@dataclass(frozen=True)
class _Heard:
    """What is measured of a track's channels, C of them."""

    peak: np.ndarray
    """(C,) largest sample."""
    loudness: np.ndarray
    """(C, T) of the voices' band, every FRAME_S."""
    correlations: np.ndarray
    """(C, C) of the channels with each other."""

    @property
    def is_silent(self) -> np.ndarray:
        """(C,) bool."""
        return self.peak <= SILENT

    @property
    def is_speech(self) -> np.ndarray:
        """(C,) bool: whether a channel's loudness goes up and down as that of speech does."""
        return np.array(
            [not silent and _varies(row) for silent, row in zip(self.is_silent, self.loudness, strict=True)]
        )


def choose_sound(path: Path, number: int | None = None) -> SoundChoice | None:
    """The track that holds speech, or track `number`; None where the file has no sound that can be decoded.

    Of several with speech, that which players play by default, else the first; where none has any, the first that is
    not silent. Raises InputError where the file cannot be read or has no such track.
    """
    tracks = tracks_of(path)
    if number is not None:
        chosen = next((track for track in tracks if track.number == number), None)
        if chosen is None:
            raise InputError(
                f"{path.name} has no sound track {number} that can be read.",
                f"Choose one of: {', '.join(_called(track) for track in tracks)}."
                if tracks
                else "Leave the option out.",
            )
        return _with_channels(chosen, _listen(chosen), (f"Sound track {_called(chosen)} is taken.",))
    if not tracks:
        return None
    if len(tracks) == 1:
        only = tracks[0]
        if len(only.channels) == 1 and only.number == 1:
            return SoundChoice(only)
        words = (f"Sound track {_called(only)} is taken: no other can be read.",) if only.number > 1 else ()
        return _with_channels(only, _listen(only), words)
    heard = {track.number: _listen(track) for track in tracks}
    speaking = [track for track in tracks if heard[track.number].is_speech.any()]
    sounding = [track for track in tracks if not heard[track.number].is_silent.all()]
    chosen = sorted(speaking, key=lambda track: not track.is_default)[0] if speaking else (sounding or tracks)[0]
    others = "; ".join(_why_not(track, heard[track.number]) for track in tracks if track is not chosen)
    words = (
        f"{path.name} has {len(tracks)} sound tracks: {_called(chosen)} is taken ({others}). "
        "--audio-track N takes another.",
    )
    return _with_channels(chosen, heard[chosen.number], words)


def _called(track: SoundTrack) -> str:
    return f"{track.number} ({track.name})" if track.name else str(track.number)


def _why_not(track: SoundTrack, heard: _Heard) -> str:
    if heard.is_silent.all():
        return f"{_called(track)} is silent"
    return f"{_called(track)} has {'speech too' if heard.is_speech.any() else 'sound that is no speech'}"


def _with_channels(track: SoundTrack, heard: _Heard, words: tuple[str, ...]) -> SoundChoice:
    """A track with those of its channels that hold speech and do not cancel each other."""
    count = len(track.channels)
    everything = SoundChoice(track, (), words)
    if count == 1 or len(heard.peak) != count:
        return everything
    if count > 2 and CENTRE in track.channels and heard.is_speech[track.channels.index(CENTRE)]:
        centre = track.channels.index(CENTRE)
        of_centre = f"Of {count} channels, the centre alone is taken: dialogue is there."
        return SoundChoice(track, (centre,), (*words, of_centre))
    spoken = list(np.flatnonzero(heard.is_speech))
    sounding = spoken or list(np.flatnonzero(~heard.is_silent))
    if not sounding:
        return everything
    power = np.square(heard.loudness).sum(axis=1)
    loudest = next(index for index in sounding if power[index] >= _AS_LOUD * power[sounding].max())
    alike = heard.correlations[loudest]
    opposite = [index for index in range(count) if alike[index] < OPPOSITE]
    # Where nothing is speech, silence beside it is left alone: a tone has no better half.
    silent = [index for index in range(count) if heard.is_silent[index] and spoken]
    others = {*range(count)} - {*sounding, *opposite, *silent}
    speechless = sorted(index for index in others if alike[index] < -OPPOSITE and spoken)
    left_out = {
        f"in opposite phase to channel {loudest + 1}, with which it would cancel": opposite,
        "silent": silent,
        "without speech (a time code, a tone, noise)": speechless,
    }
    told = [
        f"Of {count} channels, {', '.join(str(1 + index) for index in which)} "
        f"{'is' if len(which) == 1 else 'are'} {why}, and left out."
        for why, which in left_out.items()
        if which
    ]
    kept = tuple(index for index in range(count) if index not in {*opposite, *silent, *speechless})
    return SoundChoice(track, kept, (*words, *told)) if told else everything


def _listen(track: SoundTrack) -> _Heard:
    """Measure a track in one pass; memory does not grow with its samples. At a rate that holds no voices, nothing is
    measured: then all channels are taken."""
    count = len(track.channels)
    if 0.45 * track.rate <= 2 * VOICE_HZ[0]:
        return _Heard(np.zeros(count), np.zeros((count, 0)), np.eye(count))
    step = max(1, round(FRAME_S * track.rate))
    band = butter(2, (VOICE_HZ[0], min(VOICE_HZ[1], 0.45 * track.rate)), "bandpass", fs=track.rate, output="sos")
    state = np.zeros((len(band), count, 2))
    peak, products = np.zeros(count), np.zeros((count, count))
    rest, loudness = np.zeros((count, 0)), []
    for block in track.blocks():
        if len(block) != count:
            continue
        block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
        peak = np.maximum(peak, np.abs(block).max(axis=1))
        voices, state = sosfilt(band, block, axis=1, zi=state)
        products += voices @ voices.T
        rest = np.concatenate([rest, voices], axis=1)
        whole = rest.shape[1] // step
        loudness.append(np.sqrt(np.square(rest[:, : whole * step].reshape(count, whole, step)).mean(axis=2)))
        rest = rest[:, whole * step :]
    size = np.sqrt(np.diag(products))
    correlations = products / np.maximum(np.outer(size, size), 1e-12)
    return _Heard(peak, np.concatenate([np.zeros((count, 0)), *loudness], axis=1), correlations)


def _varies(loudness: np.ndarray) -> bool:
    """Whether loudness (T,), every FRAME_S, goes up and down as that of speech."""
    if len(loudness) < 1.0 / FRAME_S:
        return True  # too short to tell
    slow_and_fast = sosfiltfilt(butter(2, SYLLABLES_HZ, "bandpass", fs=1.0 / FRAME_S, output="sos"), loudness)
    level = 20.0 * np.log10(loudness + 1e-9)
    below = np.percentile(level, 98) - level
    between = ((below > BETWEEN_DB[0]) & (below < BETWEEN_DB[1])).mean()
    return bool(slow_and_fast.std() > RISE_AND_FALL * loudness.mean() and between > BETWEEN)
