"""Every number an artist or researcher may want to change: one tree, a file for each stage, a sentence for each field.

Importing it needs neither torch nor numpy. `talker settings` prints the tree; `--set NAME=VALUE` and a job's `set`
change it (command/arguments.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.settings.evaluate import DRIVEN_BY, EvaluateSettings
from backend.settings.kinds import ENGINES
from backend.settings.portrait import POSES, PortraitSettings
from backend.settings.preprocess import (
    BodySettings,
    BundleSettings,
    MattingSettings,
    PhotometricSettings,
    PreprocessSettings,
    RegionSettings,
)
from backend.settings.presets import PRESETS, train_settings, train_settings_of_run
from backend.settings.render import LAYERS, RenderSettings
from backend.settings.serve import ServeSettings
from backend.settings.speech import SpeechSettings
from backend.settings.tracking import SelfTrackingSettings
from backend.settings.train import (
    DensifySettings,
    LearningRates,
    LossWeights,
    RelocationSettings,
    TrainSettings,
    ViewSettings,
)
from shared.choices import INPUT_COLOURS
from shared.training import Start

__all__ = [
    "DRIVEN_BY",
    "ENGINES",
    "INPUT_COLOURS",
    "LAYERS",
    "POSES",
    "PRESETS",
    "BodySettings",
    "BundleSettings",
    "DensifySettings",
    "EvaluateSettings",
    "LearningRates",
    "LossWeights",
    "MattingSettings",
    "PhotometricSettings",
    "PortraitSettings",
    "PreprocessSettings",
    "RegionSettings",
    "RelocationSettings",
    "RenderSettings",
    "RunSettings",
    "SelfTrackingSettings",
    "ServeSettings",
    "SpeechSettings",
    "TrainSettings",
    "ViewSettings",
    "train_settings",
    "train_settings_of_run",
]


@dataclass(frozen=True)
class RunSettings:
    """The whole chain: the settings of its four stages."""

    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    """Footage to subject folder."""
    train: TrainSettings = field(default_factory=lambda: TrainSettings(start=Start.AUTO))
    """Subject folder to model. An interrupted run is resumed."""
    render: RenderSettings = field(default_factory=RenderSettings)
    """A line of dialogue to frames."""
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)
    """A model's scores."""
