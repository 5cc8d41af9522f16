"""Audio to speech curves: what sound can predict of jaw and lips; the rest stays at the speaker's mean."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from backend.exact import small_product
from backend.media.audio_features import FLOOR, MELS, AudioFeatures
from backend.performance.closing import at_rest, may_close, pressed
from backend.performance.curves import SPEECH_CURVES, SPOKEN_CURVES, Performance
from backend.performance.lips import lips_by_shapes
from backend.performance.mouth_prior import MouthPrior
from backend.performance.read_out import read_out
from backend.performance.speech_net import SpeechNet, train_net
from backend.performance.speech_state import require_whole
from backend.performance.speech_targets import amid, lips_opening, net_targets, rest_target, steps_for, usual_when
from backend.performance.voice import Reach, Voice, VoiceNormaliser, loudness_of_voice
from backend.settings import SpeechSettings
from backend.subject.weights import load_weights, save_weights
from shared.errors import InputError
from shared.jobs import Reporter

_MIN_FRAMES = 10
_REACH_S = 3.0
"""A line's own reach counts half after this many seconds of voice."""
_REACH_STEP_S = 0.04
"""Steps in which it is measured."""
_MOST_SCALE = 2.0
"""A line's mouth is not scaled by more than this, nor by less than its inverse."""
_SPEAKS = 0.25
"""A line that moves the mouth less than so much of the speaker's own spread is noise, not a voice to be put right."""
_PRIOR = "prior."
"""Names in a speech model's file that begin so are the mouth prior's that it learned with: another version of the
program may come with another one."""
_BLOCK_FRAMES = 64
"""Frames that are predicted at a time; bounds memory."""


class SpeechModel:
    """Audio to speech curves of one speaker. Make it with `fit` or `from_state`."""

    heard: np.ndarray | None = None
    """(T, K) float32 curves of the frames that `fit` learned from, each predicted without having learned from it: as
    good as the model is on sound it has not heard. None for a model that was read from a file."""

    def __init__(self, settings: SpeechSettings, net: SpeechNet, state: dict[str, np.ndarray]) -> None:
        self.settings, self.net, self._state = settings, net, state
        prior = {name.removeprefix(_PRIOR): value for name, value in state.items() if name.startswith(_PRIOR)}
        # Older models have none.
        self._prior = MouthPrior(prior) if prior else None

    @classmethod
    def fit(
        cls,
        features: AudioFeatures,
        curves: np.ndarray,
        times_s: np.ndarray,
        settings: SpeechSettings | None = None,
        report: Reporter | None = None,
        voice_of: AudioFeatures | None = None,
        names: tuple[str, ...] = SPEECH_CURVES,
    ) -> SpeechModel:
        """Learn from footage.

        features: of the footage's sound in sync with its picture; curves: (T, N) with the K curves `names` first,
        which are SPOKEN_CURVES or the first 27 of them, at `times_s` (T,) seconds. Hand in training frames only: what
        is held out must not be seen.
        voice_of: vectors of the sound from which the voice's statistics are taken, None: all of it.
        Sound counts as far as it predicts the curves of blocks that were not learned from (performance.read_out); the
        rest stays at the mean. Same seed, same model. Raises InputError for fewer than ten frames or silence.
        """
        settings = settings or SpeechSettings()
        if len(curves) < _MIN_FRAMES:
            raise InputError(f"{len(curves)} frames are too few to learn speech from.", "Use longer footage.")
        settings = replace(settings, steps=steps_for(len(curves), settings))
        speech = np.asarray(curves, np.float64)[:, : len(names)]
        style = speech.mean(axis=0)
        targets = net_targets(speech, settings.components)
        rest = rest_target(speech, targets)

        known = features if voice_of is None else voice_of
        voice = VoiceNormaliser.fit(known, settings.voice_prior_s)
        own_voice = Voice.of(known)
        normal = voice.apply(features, own_voice)
        silence = np.clip((np.log(FLOOR) - voice.mean) / voice.deviation, -4.0, 4.0).astype(np.float32)
        trained = train_net(
            lambda at: normal.windows(at + settings.lead_s, settings.half_width_s, settings.taps).astype(np.float32),
            np.asarray(times_s, np.float64), targets, rest, silence, settings, report or Reporter(),
        )  # fmt: skip
        seconds = len(speech) * float(np.median(np.diff(times_s)))
        prior = MouthPrior.shipped()
        shapes, quiet = prior.hear(features, times_s, own_voice)
        found = read_out(trained.out_of_fold, shapes, speech, trained.fold, seconds, settings)
        voiced = features.at(times_s).mean(axis=1) > loudness_of_voice(known)
        told = found.out_of_fold[voiced] if voiced.any() else found.out_of_fold
        state = {
            "style": style,
            "readout": found.matrix,
            "offset": found.offset,
            "prior_readout": found.prior_matrix,
            "prior_offset": found.prior_offset,
            "correlation": found.correlation,
            "told": found.told,
            "meant": found.meant,
            "pressed": usual_when(pressed(shapes), speech, seconds),
            "resting": usual_when(at_rest(quiet) * amid(times_s), speech, seconds),
            "told_mean": told.mean(axis=0),
            "told_deviation": found.spread,
            "low": np.minimum(speech.min(axis=0), style),
            "high": np.maximum(speech.max(axis=0), style),
            "lips_follow": lips_by_shapes(*np.split(speech, [len(SPEECH_CURVES)], axis=1)),
            "voice_mean": voice.mean,
            "voice_deviation": voice.deviation,
            "voice_prior_s": np.array([voice.prior_s]),
            "window": np.array([settings.half_width_s, settings.taps, settings.lead_s]),
        }
        state |= {f"{_PRIOR}{name}": value for name, value in prior.state.items()}
        model = cls(settings, trained.net, {name: value.astype(np.float32) for name, value in state.items()})
        model.heard = model._within_range(style + found.out_of_fold)
        return model

    @property
    def curve_names(self) -> tuple[str, ...]:
        """Names of the K curves that it tells; models of older versions know nothing of the lips' own."""
        return SPOKEN_CURVES[: len(self._state["style"])]

    @property
    def correlation(self) -> np.ndarray:
        """(K,) correlation of each curve with its prediction, on blocks that were not learned from."""
        return self._state["correlation"]

    def predict_array(
        self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None = None, strength: float = 0.0
    ) -> np.ndarray:
        """(T, K) float32 curves in [0, 1] at the exact times (T,) of a line, any voice.

        voice: to normalise the line by, with its reach where that is known; None: its own. strength: 0 gives the
        likeliest curves, which move less than a mouth does, the less the sound tells; 1 curves that move as far as the
        footage's, and lips that do for p, b and m, and in pauses, what the footage's do there. A frame's curves have
        the same bits whatever else is in the line, for any number of threads and on every machine.
        """
        s = self._state
        voice = voice or Voice.of(features)
        shapes = quiet = None
        if self._prior is not None:
            shapes, quiet = self._prior.hear(features, times_s, voice)
        moves = self._reached(self._moves(features, times_s, voice, shapes), voice)
        closing = self._may_close(moves)
        if strength:
            moves = moves + strength * (self._enlarged(moves) - moves)
        curves = s["style"] + moves
        if strength and shapes is not None and quiet is not None:
            # Models of older versions know one closed mouth for both.
            for share, mouth in ((at_rest(quiet), "resting"), (pressed(shapes) * closing, "pressed")):
                wanted = s[mouth] if mouth in s else s["closed"]
                curves = curves + min(strength, 1.0) * share[:, None] * (wanted - curves)
        return self._within_range(curves)

    def _may_close(self, moves: np.ndarray) -> np.ndarray:
        """(T,) in [0, 1]: how far lips may close where pressure is heard: not where the moves (T, K) open them wide, as
        they never do beside a true p, b or m. 1 for models of older versions."""
        s = self._state
        if "told" not in s or "told_mean" not in s:
            return np.ones(len(moves))
        mean, told = (lips_opening(np.atleast_2d(s[name].astype(np.float64))) for name in ("told_mean", "told"))
        return may_close(lips_opening(moves), float(mean[0]), told)

    def reach_of(self, features: AudioFeatures, voice: Voice) -> Reach | None:
        """How the mouth of a line in this voice is brought to where the speaker's own moves, and as far.

        Another voice, room or microphone moves the predicted mouth less, or about another middle, than the speaker's
        own voice did. The fewer seconds are heard, the less is put right. None where hardly anything is said, and for
        models of older versions, which do not know how far their own predictions went.
        """
        if "told_deviation" not in self._state:
            return None
        moments = features.start_s + np.arange(0.0, len(features.log_mel) / features.rate_hz, _REACH_STEP_S)
        voiced = features.at(moments).mean(axis=1) > loudness_of_voice(features)
        if voiced.sum() < _MIN_FRAMES:
            return None
        shapes = None if self._prior is None else self._prior.shapes(features, moments[voiced], voice)
        moves = self._moves(features, moments[voiced], voice, shapes)
        weight = voice.seconds / (voice.seconds + _REACH_S)
        spread = float(np.sqrt(moves.var(axis=0).sum()))
        own = float(np.sqrt(np.square(self._state["told_deviation"], dtype=np.float64).sum()))
        if spread < _SPEAKS * own:
            return None
        scale = float(np.clip(own / spread, 1.0 / _MOST_SCALE, _MOST_SCALE))
        return Reach(weight * (moves.mean(axis=0) - self._state["told_mean"]), 1.0 + weight * (scale - 1.0))

    def _reached(self, moves: np.ndarray, voice: Voice | None) -> np.ndarray:
        """Moves (T, K) brought to where the speaker's own go, where a voice's reach is known."""
        if voice is None or voice.reach is None or len(voice.reach.mean) != moves.shape[1]:
            return moves
        return (moves - voice.reach.mean) * voice.reach.scale

    def _enlarged(self, moves: np.ndarray) -> np.ndarray:
        """(T, K) the moves of a mouth that opens and closes as often as the footage's."""
        s = self._state
        if "meant" not in s:
            return moves * s.get("gain", 1.0)  # models of older versions know one factor, or none
        told, meant = s["told"].astype(np.float64), s["meant"].astype(np.float64)
        slopes = np.diff(meant, axis=0) / np.diff(told, axis=0)
        inside = np.clip(moves, told[0], told[-1])
        curve = np.arange(moves.shape[1])
        # Step by step, so that it rounds alike on every machine.
        knot = np.minimum((inside[:, None] >= told[1:]).sum(axis=1), len(slopes) - 1)
        return meant[knot, curve] + (inside - told[knot, curve]) * slopes[knot, curve] + (moves - inside)

    def _moves(
        self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None, shapes: np.ndarray | None
    ) -> np.ndarray:
        """(T, K) float64 what sound adds to the style; shapes: (T, 5) of the mouth prior, None without one."""
        moves = self._heard_by_nets(features, times_s, voice)
        if shapes is None:
            return moves
        return moves + small_product(shapes - self._state["prior_offset"], self._state["prior_readout"])

    def _heard_by_nets(self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None) -> np.ndarray:
        """(T, K) float64 what the speaker's own nets add to the style."""
        s = self._state
        half_width_s, taps = float(s["window"][0]), int(s["window"][1])
        # Older models, whose windows have no lead, hold two numbers.
        heard_s = np.asarray(times_s) + (float(s["window"][2]) if len(s["window"]) > 2 else 0.0)
        normaliser = VoiceNormaliser(s["voice_mean"], s["voice_deviation"], float(s["voice_prior_s"][0]))
        outputs = []
        for first in range(0, len(heard_s), _BLOCK_FRAMES):
            block_s = heard_s[first : first + _BLOCK_FRAMES]
            normal = normaliser.apply(features.near(block_s, half_width_s), voice)
            outputs.append(self.net.mean_output(normal.windows(block_s, half_width_s, taps)))
        return small_product(np.concatenate(outputs) - s["offset"], s["readout"])

    def _within_range(self, curves: np.ndarray) -> np.ndarray:
        """Curves (T, K) as float32, at most a tenth of their range beyond the footage's."""
        low, high = self._state["low"], self._state["high"]
        margin = 0.1 * (high - low)
        return np.clip(np.clip(curves, low - margin, high + margin), 0.0, 1.0).astype(np.float32)

    def closing(self, features: AudioFeatures, times_s: np.ndarray, voice: Voice | None = None) -> np.ndarray:
        """(T,) in [0, 1]: how far the sound closes the lips at times (T,) of a line, as for p, b and m; 0 for models of
        older versions. voice: as `predict_array` has it."""
        if self._prior is None:
            return np.zeros(len(times_s))
        voice = voice or Voice.of(features)
        shapes = self._prior.shapes(features, times_s, voice)
        moves = self._reached(self._moves(features, times_s, voice, shapes), voice)
        return pressed(shapes) * self._may_close(moves)

    @property
    def resting(self) -> np.ndarray | None:
        """(27,) speech curves of the mouth at rest; None for models of older versions, which do not know it."""
        mouth = self._state.get("resting", self._state.get("closed"))
        return None if mouth is None else mouth[: len(SPEECH_CURVES)]

    def lips_following(self, change: np.ndarray) -> np.ndarray:
        """(T, 5) how the lips' own curves go with a change (T, 27) that an artist made to the speech curves; (T, 0) for
        models that know nothing of them."""
        if "lips_follow" not in self._state:
            return np.zeros((len(change), 0))
        return small_product(change, self._state["lips_follow"])

    def predict(self, features: AudioFeatures, times_s: np.ndarray, fps: Fraction | None = None) -> Performance:
        """`predict_array` as named curves. fps: of the times, by default from their median distance."""
        if fps is None:
            step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
            fps = Fraction(1.0 / step).limit_denominator(1001)
        return Performance.from_array(fps, self.predict_array(features, times_s), self.curve_names)

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
            if not members or not all(value.isfinite().all() for value in weights.values()):
                raise ValueError("its net has no members, or weights that are no numbers")
            require_whole(values, weights["last.weight"].shape[2])
            return cls(settings, net.eval(), values)
        except (KeyError, ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
            raise InputError(f"The speech model is damaged ({error}).", "Train the model again.") from error

    def save(self, path: Path) -> None:
        """Write a safetensors file. Raises OSError."""
        save_weights(path, self.state())

    @classmethod
    def load(cls, path: Path) -> SpeechModel:
        """Read what `save` wrote. Raises InputError if it is missing or damaged."""
        return cls.from_state(load_weights(path, "Train the model again.")[0])
