"""What a speech model learns of a clip's curves: targets for its net, and how a mouth rests and closes.

Curves are (T, K) float64 in the order of SPOKEN_CURVES, or the first 27 of them.
"""

from __future__ import annotations

import numpy as np

from backend.performance.curves import SPEECH_CURVES, SPOKEN_CURVES
from backend.performance.speech_net import MISSING_S
from backend.settings import SpeechSettings

_NAMED = ("jawOpen", "mouthClose", "mouthLowerDownLeft", "mouthUpperUpLeft")
_SPREAD_FLOOR = 0.02
"""Curves that move less than this are not scaled up to unit deviation."""
_KNOWN_S = 5.0
"""What lips do for pressure, and in pauses, is half the footage's own after so many seconds of either: with none, they
are closed. Less makes lips follow those of other voices a little better (0.44 instead of 0.43 over 30 pairs) and leaves
a mouth open in pauses that its speaker closes at times (the lowest twentieth of openings comes down to the footage's
in 37 per cent of the pairs instead of 60)."""
_EDGE_S = 0.15
"""Frames this near to missing ones tell nothing of pauses."""


def amid(times_s: np.ndarray) -> np.ndarray:
    """(T,) whether frames at these times are not next to others that are missing: whether it is a pause is heard over a
    longer time than anything else, which reaches into the sound of what is held out."""
    starts = np.flatnonzero(np.diff(times_s, prepend=-np.inf) > MISSING_S)
    ends = np.append(starts[1:] - 1, len(times_s) - 1)
    edges = times_s[np.concatenate([starts, ends])]
    return np.abs(times_s[:, None] - edges).min(axis=1) > _EDGE_S


def usual_when(share: np.ndarray, speech: np.ndarray, seconds: float) -> np.ndarray:
    """(K,) mean of the curves (T, K) of so many seconds of footage, in the shares (T,) of its frames; drawn to a
    closed mouth."""
    known = _KNOWN_S * len(speech) / seconds
    return (share @ speech + known * _closed(speech)) / (share.sum() + known)


def steps_for(frames: int, settings: SpeechSettings) -> int:
    """Optimiser steps by the clip's length: longer footage takes more of them before it is overfitted."""
    return max(20, int(settings.steps * np.clip((frames / 450) ** 0.5, 0.0, 3.0)))


def lips_opening(speech: np.ndarray) -> np.ndarray:
    """(T,) how far the lips are apart: the jaw's opening less what the lips close of it."""
    return speech[:, SPEECH_CURVES.index("jawOpen")] - speech[:, SPEECH_CURVES.index("mouthClose")]


def net_targets(speech: np.ndarray, components: int) -> np.ndarray:
    """(T, D) float32 what the net learns, each of mean 0 and deviation 1: the opening and the curves it is made of by
    name, since sound predicts them best and they are seen most, and the principal components of all curves."""
    named = np.stack([lips_opening(speech), *(speech[:, SPEECH_CURVES.index(name)] for name in _NAMED)], axis=1)
    centred = speech - speech.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = max(1, min(components, int((sizes > 1e-2 * sizes[0]).sum())))
    named = (named - named.mean(axis=0)) / np.maximum(named.std(axis=0), _SPREAD_FLOOR)
    return np.concatenate([named, left[:, :kept] * np.sqrt(len(speech))], axis=1).astype(np.float32)


def rest_target(speech: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(D,) the mouth at rest: the mean of the tenth of frames in which it is most closed."""
    return targets[_most_closed(speech)].mean(axis=0).astype(np.float32)


def _closed(speech: np.ndarray) -> np.ndarray:
    """(K,) the curves of a closed mouth: their mean over the tenth of frames in which it is most closed."""
    return speech[_most_closed(speech)].mean(axis=0)


def _most_closed(speech: np.ndarray) -> np.ndarray:
    """(T,) bool: the tenth of frames in which the mouth is most closed."""
    measured = speech.shape[1] > len(SPEECH_CURVES)
    opening = speech[:, SPOKEN_CURVES.index("lipsApart")] if measured else lips_opening(speech)
    return opening <= np.percentile(opening, 10)
