"""What any mouth does for a sound, before a speaker is known: a small net whose weights come with the program.

It has learned from a synthesiser's speech in many languages, voices and rooms, whose phones are known (backend.phones,
which makes the file of weights). It knows nobody's mouth: how far a speaker's lips go for a shape is learned from the
footage (performance.speech).
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from backend import exact
from backend.media.audio_features import MELS, AudioFeatures
from backend.performance.speech_net import SpeechNet
from backend.performance.voice import Voice, VoiceNormaliser
from shared.errors import InternalError

WEIGHTS = Path(__file__).with_name("mouth_prior.safetensors")
SHAPES = ("jaw", "press", "pucker", "wide", "tuck")
"""What a mouth does, each about 0 to 1: the jaw opens, the lips are pressed together, are rounded, are spread, and the
lower lip lies under the upper teeth."""
HALF_WIDTH_S, TAPS = 0.24, 25
"""The sound that it hears about a moment."""
RATE_HZ = 50.0
"""Moments at which it is asked; between them its answers are interpolated."""
VOICE_PRIOR_S = 1.0
"""A line's own loudness and tone count as much as those of all voices after this many seconds of voice."""
_PAUSE = 6
"""Moments to either side in which nothing must be said either, for a pause: a weak sound is not one."""
_BLOCK = 64
"""Moments at a time; bounds memory."""


class MouthPrior:
    """The net with its weights."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        """state: of `mouth_prior.safetensors`: the net's weights, voice_mean and voice_deviation (80,) of all voices,
        and lead_s (1,), by which people's mouths lead those of the lessons but where lips are pressed, seconds. Raises
        KeyError, ValueError or RuntimeError if parts are missing or do not fit."""
        weights = {name[4:]: torch.from_numpy(value) for name, value in state.items() if name.startswith("net.")}
        members, _, hidden = weights["first.weight"].shape
        self._net = SpeechNet(members, TAPS, MELS, hidden, weights["last.weight"].shape[2], 0.0, 0)
        self._net.load_state_dict(weights)
        self._net.eval()
        self._voice = VoiceNormaliser(state["voice_mean"], state["voice_deviation"], VOICE_PRIOR_S)
        self._lead_s = float(state["lead_s"][0]) if "lead_s" in state else 0.0  # older ones are as their lessons were
        self.state = state

    @classmethod
    @functools.cache
    def shipped(cls) -> MouthPrior:
        """The one that comes with the program. Raises InternalError if its file is damaged."""
        try:
            return cls(load_file(WEIGHTS))
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise InternalError(f"{WEIGHTS} is damaged ({error}).", "Install the backend again.") from error

    def shapes(self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None) -> np.ndarray:
        """(T, 5) float64, columns SHAPES: see `hear`."""
        return self.hear(features, times_s, voice)[0]

    def hear(self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None) -> tuple[np.ndarray, np.ndarray]:
        """Shapes (T, 5), columns SHAPES, and how likely it is a pause, (T,) in [0, 1]; float64.

        times_s: any times (T,) of a line whose `voice` is known (None: silence).

        A moment's answers have the same bits whatever else is in the line, for any number of threads and on every
        machine.
        """
        at, ahead = (_moments(times_s + lead_s) for lead_s in (0.0, self._lead_s))
        about = at[0][:, None] + np.arange(-_PAUSE, _PAUSE + 2)
        asked = np.unique(np.concatenate([about.ravel(), ahead[0], ahead[0] + 1]))
        answers = np.concatenate([
            self._answers(features, asked[first : first + _BLOCK] / RATE_HZ, voice)
            for first in range(0, len(asked), _BLOCK)
        ])  # fmt: skip
        shapes, quiet = answers[:, -len(SHAPES) :], _first_of_softmax(answers[:, : -len(SHAPES)])
        place = np.searchsorted(asked, about)
        still = np.stack([quiet[place[:, 0 : 2 * _PAUSE + 1]], quiet[place[:, 1:]]]).min(axis=2)
        told = _between(shapes, np.searchsorted(asked, ahead[0]), ahead[1])
        press = SHAPES.index("press")  # lips open with the burst, not before it
        told[:, press] = _between(shapes, place[:, _PAUSE], at[1])[:, press]
        return told, still[0] + at[1] * (still[1] - still[0])

    def _answers(self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None) -> np.ndarray:
        """(T, C) the net's output at a few times (T,)."""
        normal = self._voice.apply(features.near(times_s, HALF_WIDTH_S), voice)
        return self._net.mean_output(normal.windows(times_s, HALF_WIDTH_S, TAPS))


def _moments(times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The moments before times (T,), int64, and how far (T,) in [0, 1) it is from there to the next ones."""
    at = np.maximum(np.asarray(times_s, np.float64), 0.0) * RATE_HZ
    before = at.astype(np.int64)
    return before, at - before


def _between(answers: np.ndarray, place: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(T, C) answers (N, C) interpolated from places (T,) to the next ones."""
    return answers[place] + share[:, None] * (answers[place + 1] - answers[place])


def _first_of_softmax(logits: np.ndarray) -> np.ndarray:
    """(B,) the first of the softmax of logits (B, N), whose sum is taken one after the other."""
    powers = exact.exp(logits - logits.max(axis=1, keepdims=True))
    total = powers[:, 0]
    for column in powers.T[1:]:
        total = total + column
    return powers[:, 0] / total
