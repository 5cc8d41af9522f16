"""What settings' fields hold: numbers with bounds, and names to choose from."""

from __future__ import annotations

from typing import Annotated

from shared import choices
from shared.checked import Limits, OneOf

ENGINES = ("native", "cuda", "reference")
"""Rasterisers by name: C++ on the CPU, an NVIDIA GPU, plain torch."""

Count = Annotated[int, Limits(1)]
Whole = Annotated[int, Limits(0)]
Port = Annotated[int, Limits(0, 65535)]
Positive = Annotated[float, Limits(above=0)]
NotNegative = Annotated[float, Limits(0)]
Share = Annotated[float, Limits(0, 1)]
Engine = Annotated[str, OneOf(ENGINES)]
Recipe = Annotated[str, OneOf(choices.RECIPES)]
Preset = Annotated[str, OneOf(choices.PRESETS)]
