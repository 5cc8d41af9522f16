"""Audio to speech curves: what sound can predict of jaw and lips; the rest stays at the speaker's mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from backend.exact import log, small_product
from backend.media.audio_features import FLOOR, MELS, AudioFeatures
from backend.performance.curves import SPEECH_CURVES, Performance
from backend.performance.speech_net import SpeechNet, train_net
from backend.settings import SpeechSettings
from shared.errors import InputError
from shared.files import replacing
from shared.jobs import Reporter

_NAMED = ("jawOpen", "mouthClose", "mouthLowerDownLeft", "mouthUpperUpLeft")
_SPREAD_FLOOR = 0.02
"""Curves that move less than this are not scaled up to unit deviation."""
_ACTIVE_NATS = 5.0
"""Sound within this many nats of the loud parts counts as voice."""
_MIN_FRAMES = 10
_MEMORY_S = 0.3
"""Mouths this far apart in time count as independent of each other."""
_TRUST_WITHIN = 0.2
"""A curve is fully trusted once its correlation exceeds chance by this much."""
_MOST_SCALE = 2.0
"""Predictions are never made larger than this to make up for the ridge's shrinkage."""
_BLOCK_FRAMES = 64
"""Frames that are predicted at a time; bounds memory."""
_SAME_VOICE = 0.3
"""How far a voice may move from the one that a line was first normalised by, in its bands' deviations (root mean
square).
A word edited in a line of 20 s moves it by some hundredths, another speaker or microphone by a half or more."""


@dataclass(frozen=True)
class Voice:
    """How a line's voice sounds: statistics of the mel bands while it does."""

    mean: np.ndarray
    """(80,) mean log-mel."""
    deviation: np.ndarray
    """(80,) standard deviation, kept off zero."""
    seconds: float
    """For how long it sounds."""

    @classmethod
    def of(cls, features: AudioFeatures) -> Voice | None:
        """The voice of a line; None in silence."""
        loudness = features.log_mel.mean(axis=1)
        loud = np.percentile(loudness, 95)
        if loud < np.log(FLOOR) + 0.5:
            return None
        active = features.log_mel[loudness > loud - _ACTIVE_NATS]
        return cls(active.mean(axis=0), active.std(axis=0) + 0.3, len(active) / features.rate_hz)

    def is_like(self, other: Voice) -> bool:
        """Whether a line that was normalised by this voice can keep it, now that its own is `other`."""
        moved = (other.mean - self.mean) / self.deviation
        spread = log(other.deviation / self.deviation)
        return float(np.sqrt((moved**2).mean())) < _SAME_VOICE and float(np.sqrt((spread**2).mean())) < _SAME_VOICE

    def to_dict(self) -> dict:
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist(), "seconds": self.seconds}

    @classmethod
    def from_dict(cls, values: dict) -> Voice:
        """Read what `to_dict` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        mean, deviation = (np.array(values[name], np.float32) for name in ("mean", "deviation"))
        if mean.shape != (MELS,) or deviation.shape != (MELS,) or not (deviation > 0).all():
            raise ValueError(f"statistics of shape {mean.shape} and {deviation.shape}, expected ({MELS},)")
        return cls(mean, deviation, float(values["seconds"]))


def voice_of_edited(features: AudioFeatures, first_heard: Voice | None) -> Voice | None:
    """The voice to normalise a line by; None in silence.

    An edited line keeps its first voice while its own is much the same. Otherwise every edit would slightly change the
    scale of the whole line, and with it every frame.
    """
    voice = Voice.of(features)
    return first_heard if voice and first_heard and first_heard.is_like(voice) else voice


class VoiceNormaliser:
    """Log-mel to a voice-independent scale: zero mean, unit deviation of every band while the line's voice sounds.

    A short line says little about its voice, so its statistics are mixed with the training voice's.
    """

    def __init__(self, mean: np.ndarray, deviation: np.ndarray, prior_s: float) -> None:
        self.mean, self.deviation, self.prior_s = mean, deviation, prior_s

    @classmethod
    def fit(cls, features: AudioFeatures, prior_s: float) -> VoiceNormaliser:
        """From the training line. Raises InputError if it is silent."""
        voice = Voice.of(features)
        if voice is None:
            raise InputError("The footage's sound is silent.", "Give its sound as a file with --audio WAV.")
        return cls(voice.mean, voice.deviation, prior_s)

    def apply(self, features: AudioFeatures, voice: Voice | None) -> AudioFeatures:
        """The line on that scale, normalised by `voice` (None: silence)."""
        mean, deviation = self.mean, self.deviation
        if voice is not None:
            weight = voice.seconds / (voice.seconds + self.prior_s)
            mean = mean + weight * (voice.mean - mean)
            deviation = deviation + weight * (voice.deviation - deviation)
        scaled = np.clip((features.log_mel - mean) / deviation, -4.0, 4.0).astype(np.float32)
        return AudioFeatures(scaled, features.rate_hz, features.start_s)


class SpeechModel:
    """Audio to speech curves of one speaker. Make it with `fit` or `from_state`."""

    heard: np.ndarray | None = None
    """(T, 27) float32 curves of the frames that `fit` learned from, each predicted without having learned from it: as
    good as the model is on sound it has not heard. None for a model that was read from a file."""

    def __init__(self, settings: SpeechSettings, net: SpeechNet, state: dict[str, np.ndarray]) -> None:
        self.settings, self.net, self._state = settings, net, state

    @classmethod
    def fit(
        cls,
        features: AudioFeatures,
        curves: np.ndarray,
        times_s: np.ndarray,
        settings: SpeechSettings | None = None,
        report: Reporter | None = None,
        voice_of: AudioFeatures | None = None,
    ) -> SpeechModel:
        """Learn from footage.

        features: of the footage's sound in sync with its picture; curves: (T, K) with the speech curves first
        (performance.curves) at `times_s` (T,) seconds. Hand in training frames only: what is held out must not be seen.
        voice_of: vectors of the sound from which the voice's statistics are taken, None: all of it.
        Components of the curves are trusted as far as sound predicts them on blocks that were not learned from; the
        rest stays at its mean. Same seed, same model. Raises InputError for fewer than ten frames or silence.
        """
        settings = settings or SpeechSettings()
        if len(curves) < _MIN_FRAMES:
            raise InputError(f"{len(curves)} frames are too few to learn speech from.", "Use longer footage.")
        settings = replace(settings, steps=_steps_for(len(curves), settings))
        speech = np.asarray(curves, np.float64)[:, : len(SPEECH_CURVES)]
        style = speech.mean(axis=0)
        targets = _targets(speech, settings.components)
        rest = _rest_target(speech, targets)

        known = features if voice_of is None else voice_of
        voice = VoiceNormaliser.fit(known, settings.voice_prior_s)
        normal = voice.apply(features, Voice.of(known))
        silence = np.clip((np.log(FLOOR) - voice.mean) / voice.deviation, -4.0, 4.0).astype(np.float32)
        trained = train_net(
            lambda at: normal.windows(at + settings.lead_s, settings.half_width_s, settings.taps).astype(np.float32),
            np.asarray(times_s, np.float64), targets, rest, silence, settings, report or Reporter(),
        )  # fmt: skip
        seconds = len(speech) * float(np.median(np.diff(times_s)))
        read_out = _read_out(trained.out_of_fold, speech, trained.fold, seconds, settings)
        state = {
            "style": style,
            "readout": read_out.matrix,
            "offset": read_out.offset,
            "correlation": read_out.correlation,
            "low": np.minimum(speech.min(axis=0), style),
            "high": np.maximum(speech.max(axis=0), style),
            "voice_mean": voice.mean,
            "voice_deviation": voice.deviation,
            "voice_prior_s": np.array([voice.prior_s]),
            "window": np.array([settings.half_width_s, settings.taps, settings.lead_s]),
        }
        model = cls(settings, trained.net, {name: value.astype(np.float32) for name, value in state.items()})
        model.heard = model._within_range(style + read_out.out_of_fold)
        return model

    @property
    def correlation(self) -> np.ndarray:
        """(27,) correlation of each curve with its prediction, on blocks that were not learned from."""
        return self._state["correlation"]

    def predict_array(self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None = None) -> np.ndarray:
        """(T, 27) float32 speech curves in [0, 1] at the exact times (T,) of a line, any voice.

        voice: to normalise the line by; None: its own. A frame's curves have the same bits whatever else is in the
        line, for any number of threads and on every machine.
        """
        s = self._state
        half_width_s, taps = float(s["window"][0]), int(s["window"][1])
        # Older models, whose windows have no lead, hold two numbers.
        heard_s = np.asarray(times_s) + (float(s["window"][2]) if len(s["window"]) > 2 else 0.0)
        normaliser = VoiceNormaliser(s["voice_mean"], s["voice_deviation"], float(s["voice_prior_s"][0]))
        normal = normaliser.apply(features, voice or Voice.of(features))
        outputs = [
            self.net.mean_output(normal.windows(heard_s[first : first + _BLOCK_FRAMES], half_width_s, taps))
            for first in range(0, len(heard_s), _BLOCK_FRAMES)
        ]
        return self._within_range(s["style"] + small_product(np.concatenate(outputs) - s["offset"], s["readout"]))

    def _within_range(self, curves: np.ndarray) -> np.ndarray:
        """Curves (T, 27) as float32, at most a tenth of their range beyond the footage's."""
        low, high = self._state["low"], self._state["high"]
        margin = 0.1 * (high - low)
        return np.clip(np.clip(curves, low - margin, high + margin), 0.0, 1.0).astype(np.float32)

    def predict(self, features: AudioFeatures, times_s: np.ndarray, fps: Fraction | None = None) -> Performance:
        """`predict_array` as named curves. fps: of the times, by default from their median distance."""
        if fps is None:
            step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
            fps = Fraction(1.0 / step).limit_denominator(1001)
        return Performance.from_array(fps, self.predict_array(features, times_s), SPEECH_CURVES)

    def state(self) -> dict[str, torch.Tensor]:
        """Everything as tensors, for a safetensors file."""
        net = {f"net.{name}": value.clone() for name, value in self.net.state_dict().items()}
        return net | {name: torch.from_numpy(value.copy()) for name, value in self._state.items()}

    @classmethod
    def from_state(cls, state: dict[str, torch.Tensor]) -> SpeechModel:
        """The model that `state` came from. Raises InputError if parts are missing or do not fit."""
        try:
            weights = {name[4:]: value for name, value in state.items() if name.startswith("net.")}
            values = {name: np.asarray(value) for name, value in state.items() if not name.startswith("net.")}
            members, _, hidden = weights["first.weight"].shape
            taps = int(values["window"][1])
            settings = SpeechSettings(
                half_width_s=float(values["window"][0]), taps=taps, hidden=hidden, members=members
            )
            net = SpeechNet(members, taps, MELS, hidden, weights["last.weight"].shape[2], 0.0, 0)
            net.load_state_dict(weights)
        except (KeyError, ValueError, RuntimeError) as error:
            raise InputError(f"The speech model is damaged ({error}).", "Train the model again.") from error
        return cls(settings, net.eval(), values)

    def save(self, path: Path) -> None:
        """Write a safetensors file. Raises OSError."""
        tensors = {name: np.ascontiguousarray(value.numpy()) for name, value in self.state().items()}
        with replacing(path) as temporary:
            save_file(tensors, temporary)

    @classmethod
    def load(cls, path: Path) -> SpeechModel:
        """Read what `save` wrote. Raises InputError if it is missing or damaged."""
        try:
            state = load_file(path)
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be read ({error}).", "Train the model again.") from error
        return cls.from_state({name: torch.from_numpy(value) for name, value in state.items()})


def _steps_for(frames: int, settings: SpeechSettings) -> int:
    """Optimiser steps by the clip's length: longer footage takes more of them before it is overfitted."""
    return max(20, int(settings.steps * np.clip((frames / 450) ** 0.5, 0.0, 3.0)))


def _opening(speech: np.ndarray) -> np.ndarray:
    """(T,) how far the lips are apart: the jaw's opening less what the lips close of it."""
    return speech[:, SPEECH_CURVES.index("jawOpen")] - speech[:, SPEECH_CURVES.index("mouthClose")]


def _targets(speech: np.ndarray, components: int) -> np.ndarray:
    """(T, D) float32 what the net learns, each of mean 0 and deviation 1: the opening and the curves it is made of by
    name, since sound predicts them best and they are seen most, and the principal components of all curves."""
    named = np.stack([_opening(speech), *(speech[:, SPEECH_CURVES.index(name)] for name in _NAMED)], axis=1)
    centred = speech - speech.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = max(1, min(components, int((sizes > 1e-3 * sizes[0]).sum())))
    named = (named - named.mean(axis=0)) / np.maximum(named.std(axis=0), _SPREAD_FLOOR)
    return np.concatenate([named, left[:, :kept] * np.sqrt(len(speech))], axis=1).astype(np.float32)


def _rest_target(speech: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(D,) the mouth at rest: the mean of the tenth of frames in which it is most closed."""
    opening = _opening(speech)
    return targets[opening <= np.percentile(opening, 10)].mean(axis=0).astype(np.float32)


@dataclass(frozen=True)
class _ReadOut:
    """What turns the net's outputs (T, D) into curves' deviations from their mean: (outputs - offset) @ matrix."""

    matrix: np.ndarray
    """(D, 27)"""
    offset: np.ndarray
    """(D,)"""
    correlation: np.ndarray
    """(27,) of each curve with its prediction, on blocks that were not learned from."""
    out_of_fold: np.ndarray
    """(T, 27) the deviations of every frame, predicted by a net and a regression that never learned from it."""


def _read_out(
    predicted: np.ndarray, speech: np.ndarray, fold: np.ndarray, seconds: float, settings: SpeechSettings
) -> _ReadOut:
    """The read-out of a net whose predictions of `speech` (T, 27) on blocks not learned from are `predicted` (T, D).

    Fitted by ridge regression on predictions (T, D) that never saw what they predict, with that ridge of the settings
    which predicts the folds best: short clips need a stronger one than long clips. How far each curve can be trusted,
    and by how much the ridge has made it too small, is measured on each fold, `fold` (T,), under the regression of the
    others; a correlation counts as far as it exceeds the standard error that chance alone would give in that
    many `seconds`. So what sound does not predict stays at the speaker's mean; on a clip that is too short, that is
    everything.
    Where prediction is uncertain, least squares alone gives half-open lips: where sound does predict a curve, a share
    of its lost deviation is given back (`expressiveness`), so that the lips close.
    """
    offset = predicted.mean(axis=0)
    p, t = predicted - offset, speech - speech.mean(axis=0)
    tried = {ridge: _out_of_fold(p, t, fold, ridge) for ridge in settings.ridges}
    ridge = min(tried, key=lambda ridge: ((t - tried[ridge]) ** 2).sum())
    fitted = tried[ridge]
    product, power = (fitted * t).mean(axis=0), (fitted**2).mean(axis=0)
    correlation = product / (np.sqrt(power * (t**2).mean(axis=0)) + 1e-8)
    scale = np.clip(product / (power + 1e-12), 0.0, _MOST_SCALE)
    chance = min(1.0, (_MEMORY_S / seconds) ** 0.5)
    trust = np.clip((correlation - chance) / _TRUST_WITHIN, 0.0, 1.0)
    gain = scale * trust * np.maximum(correlation, 0.3) ** (-settings.expressiveness * trust)
    return _ReadOut(_ridge(p, t, ridge) * gain, offset, correlation, fitted * gain)


def _out_of_fold(inputs: np.ndarray, outputs: np.ndarray, fold: np.ndarray, share: float) -> np.ndarray:
    """(T, K) outputs of each fold, predicted by the ridge regression of the others."""
    fitted = np.zeros_like(outputs)
    for held in np.unique(fold):
        tested = fold == held
        fitted[tested] = inputs[tested] @ _ridge(inputs[~tested], outputs[~tested], share)
    return fitted


def _ridge(inputs: np.ndarray, outputs: np.ndarray, share: float) -> np.ndarray:
    """(D, K) ridge regression of outputs (T, K) on inputs (T, D); `share` of the inputs' mean variance is added."""
    gram = inputs.T @ inputs
    return np.linalg.solve(gram + share * np.trace(gram) / len(gram) * np.eye(len(gram)), inputs.T @ outputs)
