"""Settings of scoring a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from backend.settings.kinds import Engine, NotNegative, Whole
from shared import choices
from shared.checked import Limits, OneOf

DRIVEN_BY = ("audio", "track")
"""What moves the lips of the model that is scored."""


@dataclass(frozen=True)
class EvaluateSettings:
    """A model's scores on frames it has not seen."""

    driven_by: Annotated[str, OneOf(DRIVEN_BY)] = "audio"
    """audio: speech curves as the sound predicts them; track: the footage's own, the ceiling for audio."""
    strength: Annotated[float, Limits(0, choices.MOST_STRENGTH)] = 0.0
    """How far the mouth moves, as for `render`: 0, the likeliest curves, or 1, what is delivered where nothing else is
    asked."""
    size: Annotated[int, Limits(16, 8192)] | None = None
    """Width and height of the pictures compared, px; None: as delivered, which is the side of the subject's crop."""
    engine: Engine = "native"
    """Rasteriser: one of ENGINES."""
    threads: Whole = 0
    """Threads; 0: all cores."""
    models_dir: str | None = None
    """Folder with the model files, for machines without a network."""
    smooth_s: NotNegative = 0.5
    """What the head is given from the footage but blinks is smoothed by this deviation, seconds: what is fast in brows,
    gaze and cheeks moves with the lips, and would tell them. 0: as recorded."""
    footage: str | None = None
    """The clip that the subject was made from: read where the pictures compared are larger than the stored frames."""
