"""From what nets hear to the curves of one speaker's mouth: two experts, weighed by how they did on unheard sound.

One expert is the speaker's own: nets that learned from the footage, which need some seconds of it. The other is the
mouth prior, which knows every voice and no mouth (performance.mouth_prior): how far this mouth goes for a shape is
regressed from the footage, starting from what is usual. The shorter the footage, the more the prior counts; nothing is
switched by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.performance.curves import SPOKEN_CURVES
from backend.performance.mouth_prior import SHAPES
from backend.settings import SpeechSettings

_MEMORY_S = 0.3
"""Mouths this far apart in time count as independent of each other."""
_USUAL_CORRELATION = 0.45
"""Of a curve with what the prior tells of it, on voices of which nothing is known."""
_USUAL_WEIGHTS = np.array([0.4, 0.7])
"""Of the two experts (the speaker's own nets, the prior), before anything is known."""
_AGREEMENT = 0.45
"""Share of what one of the speaker's nets says wrongly of sound that none has heard which the others say as well. With
about as much, thirds of a clip of 20 s that nothing was learned from had the least error (0.54 of the curves' variance,
against 0.58 for 1.0); on clips of 5 and 8 s it makes no difference."""
_FIRM = 4.0
"""Independent mouths for which that counts as much as what was seen."""
_TOLD = 0.2
"""Correlation from which a curve counts as told by the sound; noise is not enlarged."""
_LEAST_SPREAD = 0.1
"""A shape that hardly moves is not scaled up to unit deviation, in its own unit."""
_MOST_GAIN = 3.0
"""Curves are never enlarged by more than this, to move as the footage's do."""
_QUANTILES = np.array([0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])
"""Knots of that enlargement, as shares of the frames; the footage's median stays what it is."""

_USUAL: dict[str, dict[str, float]] = {
    "jawOpen": {"jaw": 1.0, "press": -0.3},
    "mouthFunnel": {"pucker": 0.7, "jaw": 0.4},
    "mouthPucker": {"pucker": 1.0, "wide": -0.3},
    "mouthPressLeft": {"press": 1.0},
    "mouthPressRight": {"press": 1.0},
    "mouthRollLower": {"press": 0.8, "tuck": 0.5},
    "mouthRollUpper": {"press": 1.0},
    "mouthLowerDownLeft": {"jaw": 0.7, "wide": 0.4, "press": -0.5},
    "mouthLowerDownRight": {"jaw": 0.7, "wide": 0.4, "press": -0.5},
    "mouthUpperUpLeft": {"wide": 0.7, "jaw": 0.4, "press": -0.4},
    "mouthUpperUpRight": {"wide": 0.7, "jaw": 0.4, "press": -0.4},
    "mouthStretchLeft": {"wide": 0.7},
    "mouthStretchRight": {"wide": 0.7},
    "lipsApart": {"jaw": 1.0, "press": -0.4},
    "lipsWidth": {"wide": 0.6, "pucker": -0.8},
    "lipUpperThickness": {"press": -0.7, "wide": -0.3},
    "lipLowerThickness": {"press": -0.7, "tuck": -0.5},
}
"""What a curve usually does with the shapes of a mouth, all in deviations; the other curves nothing in particular."""


@dataclass(frozen=True)
class ReadOut:
    """Curves' deviations from their mean: (outputs - offset) @ matrix + (shapes - prior_offset) @ prior_matrix."""

    offset: np.ndarray
    """(D,) mean of the nets' outputs."""
    matrix: np.ndarray
    """(D, K)"""
    prior_offset: np.ndarray
    """(5,) mean of the prior's shapes."""
    prior_matrix: np.ndarray
    """(5, K)"""
    correlation: np.ndarray
    """(K,) of each curve with its prediction, on blocks that were not learned from."""
    spread: np.ndarray
    """(K,) how far predictions of the mean of the nets are likely to deviate on sound that was not learned from."""
    told: np.ndarray
    """(Q, K) quantiles of the predicted deviations, rising, on sound that was not learned from."""
    meant: np.ndarray
    """(Q, K) the footage's own deviations at those quantiles: what a prediction is to be enlarged to, so that a mouth
    opens and closes as often as the footage's. The same as `told` where the sound tells next to nothing."""
    out_of_fold: np.ndarray
    """(T, K) the deviations of every frame, predicted by nets and regressions that never learned from it."""


def read_out(
    outputs: np.ndarray,
    shapes: np.ndarray,
    speech: np.ndarray,
    fold: np.ndarray,
    seconds: float,
    settings: SpeechSettings,
) -> ReadOut:
    """Fit to `seconds` of footage with the curves `speech` (T, K), the first K of SPOKEN_CURVES.

    outputs: (T, D) of the speaker's nets, each frame's by a net that never learned from its block; shapes: (T, 5) of
    the mouth prior; fold: (T,) the blocks. Each expert is a ridge regression with that ridge of the settings which
    predicts the blocks best under the regression of the others; the prior's is drawn to what is usual instead of to
    nothing. Their weights, never negative, are fitted to those same predictions, curve by curve, and drawn to what they
    are for all curves together, and these to what is usual: the more, the fewer independent mouths the footage has.
    """
    own, prior = _Expert.of(outputs, None, speech, fold, settings), _Expert.of(shapes, _usual, speech, fold, settings)
    truth = speech - speech.mean(axis=0)
    independent = max(seconds / _MEMORY_S, 1.0)
    told = np.stack([own.out_of_fold, prior.out_of_fold])
    of_one = _weights(*_moments(told, truth, 1.0), independent)
    # A frame's block is unheard by one net alone, but a line is heard by the mean of all.
    grams, products = _moments(told, truth, _of_mean(own.out_of_fold, truth, settings.members))
    weights = _weights(grams, products, independent)
    deviation = truth.std(axis=0)
    spread = np.sqrt(np.einsum("ik,kij,jk->k", weights, grams, weights))
    correlation = np.einsum("ik,ki->k", weights, products) / (deviation * spread + 1e-8)
    usual = np.array([_USUAL_CORRELATION if name in _USUAL else 0.0 for name in SPOKEN_CURVES[: speech.shape[1]]])
    likely = (independent * correlation + _FIRM * usual) / (independent + _FIRM)
    out_of_fold = (of_one[:, None] * told).sum(axis=0)
    return ReadOut(
        own.offset,
        own.matrix * weights[0],
        prior.offset,
        prior.matrix * weights[1],
        correlation,
        spread,
        *_quantiles(out_of_fold * spread / np.maximum(out_of_fold.std(axis=0), 1e-8), truth, likely > _TOLD),
        out_of_fold,
    )


def _quantiles(told: np.ndarray, truth: np.ndarray, enlarged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`told` and `meant` of a ReadOut, of deviations (T, K) and those that they are predictions of; enlarged: (K,)
    bool, the curves that are."""
    given, wanted = np.quantile(told, _QUANTILES, axis=0), np.quantile(truth, _QUANTILES, axis=0)
    steps = np.maximum(np.diff(given, axis=0), 1e-6)
    # Never less than what is told: short footage has not seen all that a mouth does.
    rise = np.clip(np.diff(wanted, axis=0), steps, _MOST_GAIN * steps)
    middle = len(_QUANTILES) // 2
    given = _from_steps(steps, middle, given[middle])
    return given, np.where(enlarged, _from_steps(rise, middle, wanted[middle]), given)


def _from_steps(steps: np.ndarray, number: int, value: np.ndarray) -> np.ndarray:
    """(Q, K) knots from the steps (Q - 1, K) between them, of which the one of that number has a value (K,)."""
    knots = np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(steps, axis=0)])
    return knots - knots[number] + value


def _usual(inputs: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """(5, K) the regression of curves (T, K) on shapes (T, 5) to expect where nothing else is known: how far the
    curves move is taken from them, what moves them from _USUAL."""
    spread = np.maximum(inputs.std(axis=0), _LEAST_SPREAD)
    matrix = np.zeros((len(SHAPES), speech.shape[1]))
    for name, parts in _USUAL.items():
        if name not in SPOKEN_CURVES[: speech.shape[1]]:
            continue
        direction = np.array([parts.get(shape, 0.0) for shape in SHAPES])
        curve = SPOKEN_CURVES.index(name)
        moves = _USUAL_CORRELATION * speech[:, curve].std() / np.linalg.norm(direction)
        matrix[:, curve] = moves * direction / spread
    return matrix


@dataclass(frozen=True)
class _Expert:
    """A ridge regression of curves' deviations, and what it predicts of blocks that it was not fitted to."""

    offset: np.ndarray
    matrix: np.ndarray
    out_of_fold: np.ndarray

    @classmethod
    def of(
        cls,
        inputs: np.ndarray,
        usual: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
        speech: np.ndarray,
        fold: np.ndarray,
        settings: SpeechSettings,
    ) -> _Expert:
        """usual: the regression to be drawn to, by inputs and outputs; None: none."""
        offset = inputs.mean(axis=0)
        x, y = inputs - offset, speech - speech.mean(axis=0)

        def fitted(rows: np.ndarray, ridge: float) -> np.ndarray:
            start = np.zeros((x.shape[1], y.shape[1])) if usual is None else usual(x[rows], y[rows])
            return start + _ridge(x[rows], y[rows] - x[rows] @ start, ridge)

        def out_of_fold(ridge: float) -> np.ndarray:
            predicted = np.zeros_like(y)
            for held in np.unique(fold):
                tested = fold == held
                predicted[tested] = x[tested] @ fitted(~tested, ridge)
            return predicted

        tried = {ridge: out_of_fold(ridge) for ridge in settings.ridges}
        ridge = min(tried, key=lambda ridge: np.square(y - tried[ridge]).sum())
        return cls(offset, fitted(np.ones(len(x), bool), ridge), tried[ridge])


def _of_mean(told: np.ndarray, truth: np.ndarray, members: int) -> np.ndarray:
    """(K,) power of the mean of so many nets on unheard sound, as a share of one net's (T, K): what they differ in
    cancels out. What one net says right, the others say as well."""
    right = np.square((told * truth).mean(axis=0)) / (
        np.square(told).mean(axis=0) * np.square(truth).mean(axis=0) + 1e-12
    )
    agreed = _AGREEMENT + (1.0 - _AGREEMENT) * np.minimum(right, 1.0)
    return agreed + (1.0 - agreed) / members


def _moments(told: np.ndarray, truth: np.ndarray, power: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Mean products (K, E, E) of what experts told (E, T, K) with each other, and (K, E) with truth (T, K).

    power: (K,) of what the speaker's nets, the first expert, will tell, as a share of that of what they told here.
    """
    grams = np.einsum("itk,jtk->kij", told, told) / len(truth)
    grams[:, 0, 0] *= power
    return grams, np.einsum("itk,tk->ki", told, truth) / len(truth)


def _weights(grams: np.ndarray, products: np.ndarray, independent: float) -> np.ndarray:
    """(E, K) weights of experts, by their `_moments`."""
    shared = _not_negative(grams.sum(axis=0), products.sum(axis=0), _USUAL_WEIGHTS, _FIRM / independent)
    each = [_not_negative(g, p, shared, _FIRM / independent) for g, p in zip(grams, products, strict=True)]
    return np.array(each).T


def _not_negative(gram: np.ndarray, product: np.ndarray, start: np.ndarray, firm: float) -> np.ndarray:
    """(E,) weights that fit best and are not negative, drawn to `start`; an expert who does harm has none."""
    power = firm * max(float(np.trace(gram)) / len(gram), 1e-12)
    left = np.ones(len(start), bool)
    weights = np.zeros(len(start))
    while left.any():
        a = gram[np.ix_(left, left)] + power * np.eye(int(left.sum()))
        weights[:] = 0.0
        weights[left] = np.linalg.solve(a, product[left] + power * start[left])
        if (weights[left] >= 0.0).all():
            break
        left &= weights > 0.0
    return np.maximum(weights, 0.0)


def _ridge(inputs: np.ndarray, outputs: np.ndarray, share: float) -> np.ndarray:
    """(D, K) ridge regression of outputs (T, K) on inputs (T, D); `share` of the inputs' mean variance is added."""
    gram = inputs.T @ inputs
    return np.linalg.solve(gram + share * np.trace(gram) / len(gram) * np.eye(len(gram)), inputs.T @ outputs)
