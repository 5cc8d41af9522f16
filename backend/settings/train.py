"""Settings of subject folder to model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from backend.settings.kinds import Count, Engine, NotNegative, Positive, Preset, Share, Whole
from backend.settings.portrait import PortraitSettings
from backend.settings.speech import SpeechSettings
from shared import choices
from shared.checked import Limits, OneOf
from shared.training import Start

LARGEST_PX = 4096
"""Largest side of a training frame."""


@dataclass(frozen=True)
class LearningRates:
    """Adam's rates at the start; how they fall says TrainSettings.annealing."""

    position: NotNegative = 0.01
    """Positions of Gaussians, cm."""
    rotation: NotNegative = 2e-3
    """Rotations of Gaussians."""
    scale: NotNegative = 6e-3
    """Log scales of Gaussians."""
    opacity: NotNegative = 0.03
    """Opacity logits."""
    colour: NotNegative = 0.02
    """Colour logits."""
    planes: NotNegative = 5e-3
    """Tri-planes."""
    nets: NotNegative = 2e-3
    """Nets of the fields."""
    audio: NotNegative = 1e-3
    """The baseline's audio nets."""
    attention: NotNegative = 1e-3
    """Their attention over the windows of sound."""
    harmonics: NotNegative = 1e-3
    """Spherical harmonics of colour."""
    final_share: Share = 0.05
    """Share of every rate that is left at the end."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the training loss. Pictures are display-referred RGB in [0, 1]."""

    l1: NotNegative = 1.0
    """Mean absolute difference of the composited portrait."""
    ssim: NotNegative = 0.2
    """One minus structural similarity of the composited portrait."""
    mouth: NotNegative = 2.0
    """Extra weight of pixels in the mouth's box."""
    mattes: NotNegative = 0.05
    """Mean absolute difference of rendered mattes and region maps."""
    other_backgrounds: Share = 0.25
    """Share of the steps that see the person before a random colour in place of the recorded background."""
    deformation: NotNegative = 1e-4
    """Mean size of the deformations, cm."""
    attention: NotNegative = 0.0
    """Mean gate of the expression on the lips, and of both drives on the hair; for fields of the form channels, in the
    training by branches."""


@dataclass(frozen=True)
class DensifySettings:
    """How the number of the head's Gaussians changes while they learn."""

    every: Whole = 0
    """Steps of a set's own learning between two changes of its number; 0: the number is fixed."""
    first: Whole = 500
    """Steps of a set's own learning before the first change."""
    until: Share = 0.9
    """Share of a set's own learning after which its number stays."""
    face_gradient: NotNegative = 5e-4
    """Gaussians of the face multiply where the loss's mean gradient by their place on screen is above this; half the
    picture's width is 1."""
    oral_gradient: NotNegative = 2e-4
    """The same for those of the mouth."""
    split_share: NotNegative = 0.005
    """Wider ones, as a share of the distance that the camera covers about the head, are split; others are cloned."""
    opacity_first: Share = 0.05
    """Gaussians less opaque than this vanish, at first."""
    opacity_last: Share = 0.30
    """The same at the end of the changes; it rises evenly."""
    most: Count = 60000
    """A set does not grow beyond this number."""


@dataclass(frozen=True)
class ViewSettings:
    """What a training step sees of a frame: a whole small one at first, then a crop of one at full size."""

    coarse_size: Annotated[int, Limits(16, LARGEST_PX)] = 128
    """Width and height of the whole frames that a training begins with, px."""
    coarse_share: Share = 0.3
    """Share of the training that sees whole frames of that size."""
    crop: Annotated[int, Limits(16, LARGEST_PX)] = 256
    """Width and height of the crops that follow, px."""
    mouth: Share = 0.2
    """Share of these that show the mouth."""
    eyes: Share = 0.1
    """Share of these that show an eye."""


@dataclass(frozen=True)
class RelocationSettings:
    """Gaussians that show nothing are moved to where the picture is wrong."""

    every: Whole = 100
    """Steps between moves; 0: none is ever moved. Nor is one where `densify` changes their number."""
    share: Share = 0.03
    """Share of a part's Gaussians that are moved at a time, at most."""
    begin: Share = 0.1
    """Progress of the training at which moving begins."""
    end: Share = 0.8
    """Progress at which it ends."""
    faint: Share = 0.02
    """Opacity below which a Gaussian shows nothing."""


@dataclass(frozen=True)
class TrainSettings:
    """Subject folder to model."""

    portrait: PortraitSettings = field(default_factory=PortraitSettings)
    """What is trained."""
    preset: Preset = choices.COMMAND_PRESET
    """Name of the preset these settings came from."""
    model: str | None = None
    """Name of the model's folder; None: the recipe's name."""
    size: Annotated[int, Limits(16, LARGEST_PX)] = 128
    """Width and height of the training frames at their finest, px; no larger than the subject's stored ones."""
    views: ViewSettings = field(default_factory=ViewSettings)
    """What a step sees of a frame."""
    steps: Count = 3000
    """Training steps; ignored where `minutes` is given."""
    more_for_long: bool = True
    """Footage of more than 20 s is trained on for more steps: by the square root of its length."""
    minutes: Positive | None = None
    """Training time instead of a number of steps. Learning the voice counts as well, up to half of it."""
    holdout: Whole = 11
    """One of this many equal parts of the frames is kept out of training; 0: train on all of them."""
    holdout_fold: Count | None = None
    """Which part is kept out, from 1; None: the last."""
    holdout_gap_s: NotNegative = 0.3
    """Frames this near to the part that is kept out are not trained on either, and not scored, seconds."""
    seed: int = 0
    """Seed of everything random."""
    start: Start = Start.ANEW
    """How to begin."""
    static_share: Share = 0.08
    """Share of the training that fits the still head first."""
    joint_share: Share = 0.10
    """Share of the training, at its end, that fits colour and opacity alone."""
    block: Count = 25
    """Steps one field trains while the other is frozen."""
    alternate: bool = True
    """Train the two fields in alternating blocks; False: one after the other (the baseline)."""
    heard_share: Share = 0.5
    """Share of the steps whose speech curves are moved part of the way to those predicted from the voice."""
    relocation: RelocationSettings = field(default_factory=RelocationSettings)
    """How Gaussians are moved to where the error is."""
    masks: Annotated[str, OneOf(("soft", "hard"))] = "soft"
    """Region maps to learn from: soft mattes as they are stored, or hard: every pixel is of one region."""
    annealing: Annotated[str, OneOf(("run", "branch", "published"))] = "run"
    """Rates fall along a cosine over the whole run (run), for every part over the stages in which that part learns
    (branch), or over those as the published baseline's do (published)."""
    supervision: Annotated[str, OneOf(("portrait", "branches"))] = "portrait"
    """What is compared with the frames: the composite of the whole portrait, or face and mouth each by itself on its
    own region, fused at the end."""
    densify: DensifySettings = field(default_factory=DensifySettings)
    """How the number of the head's Gaussians changes."""
    rates: LearningRates = field(default_factory=LearningRates)
    """Learning rates."""
    losses: LossWeights = field(default_factory=LossWeights)
    """Weights of the losses."""
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    """How the voice is learnt."""
    checkpoint_s: Positive = 30.0
    """Seconds between checkpoints."""
    preview_s: Positive = 20.0
    """Seconds between preview pictures."""
    engine: Engine = "native"
    """Rasteriser: one of ENGINES."""
    threads: Whole = 0
    """Threads; 0: all cores."""
