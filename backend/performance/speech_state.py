"""What the parts of a speech model's file have to be, so that it can be predicted with."""

from __future__ import annotations

import numpy as np

from backend.media.audio_features import MELS
from backend.performance.curves import SPEECH_CURVES, SPOKEN_CURVES
from backend.performance.mouth_prior import SHAPES


def require_whole(state: dict[str, np.ndarray], outputs: int) -> None:
    """Raises ValueError where what belongs to a net with so many outputs is not what `fit` makes; parts that older
    versions did not have may be missing."""
    count = len(state["style"])
    if count not in (len(SPEECH_CURVES), len(SPOKEN_CURVES)):
        raise ValueError(f"{count} curves")
    shapes = {
        "readout": (outputs, count), "offset": (outputs,), "prior_readout": (len(SHAPES), count),
        "prior_offset": (len(SHAPES),), "lips_follow": (len(SPEECH_CURVES), count - len(SPEECH_CURVES)),
        "voice_mean": (MELS,), "voice_deviation": (MELS,), "voice_prior_s": (1,),
    }  # fmt: skip
    of_curves = ("style", "correlation", "pressed", "resting", "closed", "told_mean", "told_deviation", "low", "high")
    for name, values in state.items():
        shape = (count,) if name in of_curves else shapes.get(name, values.shape)
        if values.shape != shape or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"{name} is {values.dtype} {values.shape}, or not finite; expected numbers {shape}")
    if "told" in state or "meant" in state:
        told, meant = state["told"], state["meant"]
        if (
            told.shape != meant.shape
            or told.ndim != 2
            or told.shape[1] != count
            or not (np.diff(told, axis=0) > 0).all()
        ):
            raise ValueError("told and meant do not rise together")
    if not (state["voice_deviation"] > 0.0).all() or not (state["low"] <= state["high"]).all():
        raise ValueError("voice_deviation is not above 0, or low above high")
