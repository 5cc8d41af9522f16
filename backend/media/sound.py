"""The sound of a file as it is used: the chosen channels of one track, mended, mono, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.media.sound_choice import SILENT, SoundChoice, choose_sound
from shared.errors import InputError

_HOT = 1.5
"""Peaks up to here, times full scale, are cut off as any player does; louder ones are turned down."""
_LOUDEST = float(1 << 31) * 1.01
"""Samples beyond so many times full scale are no sound; up to there they may be integers written as floats."""
_MOSTLY = 0.5
"""Share of samples that must be numbers."""


@dataclass(frozen=True)
class Sound:
    """Sound that can be read again and again without ever being in the memory as a whole."""

    choice: SoundChoice
    length: int
    """Samples."""
    turned_down: float
    """What samples are divided by."""
    words: tuple[str, ...]
    """What was chosen and what is mended, for the user."""

    @classmethod
    def open(cls, path: Path, choice: SoundChoice | None = None) -> Sound:
        """Listen to a file once, from beginning to end. choice: the track and channels; None: those that hold speech.

        Raises InputError when it is missing, holds no sound, cannot be decoded, or holds what is no sound.
        """
        choice = choice or choose_sound(path)
        length = numbers = 0
        peak = 0.0
        for block in () if choice is None else _mono(choice):
            finite = np.isfinite(block)
            length += len(block)
            numbers += int(finite.sum())
            peak = max(peak, float(np.abs(block[finite]).max(initial=0.0)))
        if choice is None or not length:
            do = "Give a WAV, MP3, M4A … or a movie with sound, with speech in it."
            raise InputError(f"{path} holds no sound.", do)
        if numbers < _MOSTLY * length:
            raise InputError(f"{path} holds samples that are not numbers.", "Export the sound again.")
        if peak > _LOUDEST:
            raise InputError(f"{path} holds samples far beyond full scale.", "Export the sound again, in [-1, 1].")
        words = list(choice.words)
        if numbers < length:
            words.append(f"{length - numbers} samples of {path.name} are not numbers; they are taken as silence.")
        if peak > _HOT:
            words.append(
                f"The samples of {path.name} go up to {peak:.3g} times full scale; the sound is turned down to it."
            )
        if peak <= SILENT:
            words.append(f"{path.name} is silent: nothing is heard in it from beginning to end.")
        return cls(choice, length, peak if peak > _HOT else 1.0, tuple(words))

    @property
    def rate(self) -> int:
        """Hz."""
        return self.choice.track.rate

    def blocks(self) -> Iterator[np.ndarray]:
        """The samples in blocks (n,) float32. Raises InputError where the file cannot be read any more."""
        for block in _mono(self.choice):
            mended = np.where(np.isfinite(block), block, np.float32(0.0))
            yield mended if self.turned_down == 1.0 else mended / np.float32(self.turned_down)


def _mono(choice: SoundChoice) -> Iterator[np.ndarray]:
    return (choice.mono(block) for block in choice.track.blocks())
