"""Every number an artist or researcher may want to change: a dataclass a room, a sentence a field, and the presets."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from shared.errors import InputError

ENGINES = ("native", "cuda", "reference")
"""Rasterisers by name: C++ on the CPU, an NVIDIA GPU, plain torch."""


class Start(StrEnum):
    """How a training is asked to begin."""

    ANEW = "anew"
    """From the footage alone, whatever is there."""
    RESUME = "resume"
    """From the model's checkpoint; a finished model stays as it is."""
    MORE = "more"
    """A finished model is trained on for so many steps or minutes; an unfinished one is resumed."""
    AUTO = "auto"
    """From a checkpoint of the same settings where there is one, else anew."""


@dataclass(frozen=True)
class PreprocessSettings:
    """Footage to subject folder."""

    size: int = 512
    """Width and height of the stored frames, px; never larger than the crop itself."""
    audio: str | None = None
    """A sound file that replaces the footage's own."""
    correct_audio_offset: bool = True
    """Shift the sound by the measured offset between voice and lips."""
    input_colour: str = "auto"
    """How to read the footage's colours: auto (from its tags), rec709, srgb, …"""
    matting_size: int = 256
    """Resolution at which hair and neck edges are matted, px."""
    photometric: bool = True
    """Refine every frame's head pose on the pixels of the upper face."""
    consent: str = ""
    """A note on the consent of the person shown, kept in subject.json."""
    models_dir: str | None = None
    """Folder with the model files, for machines without a network."""


@dataclass(frozen=True)
class RenderSettings:
    """A line of dialogue to frames."""

    model: str | None = None
    """Name of the trained model; None: the newest."""
    fps: str | None = None
    """Frame rate as "num/den"; None: the footage's."""
    frames: str | None = None
    """Frames to render as "A:B", inclusive, from 1; None: all."""
    pose: str = "recorded"
    """Head poses: recorded (the footage's, extended past its end), still, or the path of a camera.json."""
    performance: str | None = None
    """Path of a performance.json that replaces what audio predicts."""
    layers: str = "exr"
    """exr (multilayer), png (straight alpha), or mp4 (preview movie only)."""
    size: int | None = None
    """Width and height of the rendered crop, px; None: the footage crop's own size."""
    engine: str = "native"
    """Rasteriser: one of ENGINES."""
    threads: int = 0
    """Threads; 0: all cores."""
    seed: int = 0
    """Seed of what is made up: the blinks of a still head."""
    take: str | None = None
    """What the line is called; None: the sound file's name. A render folder takes edits of its own line only."""


@dataclass(frozen=True)
class SpeechSettings:
    """Sound to speech curves."""

    half_width_s: float = 0.2
    """Sound from this long before the window's centre to this long after it is heard, seconds."""
    lead_s: float = 0.1
    """The window's centre lies this long after the frame: lips move before the sound that they shape is heard."""
    taps: int = 17
    """Feature vectors in that window."""
    components: int = 8
    """Principal components of the speech curves that are predicted; six hold 97 % of them."""
    members: int = 5
    """Nets whose mean is taken; each is stopped by its own held-out blocks."""
    block_s: float = 2.0
    """Length of those blocks, seconds."""
    hidden: int = 48
    """Width of the nets."""
    dropout: float = 0.35
    """Share of activations dropped while learning."""
    steps: int = 400
    """Learning steps for 18 s of footage; they grow with the root of its length, at most threefold."""
    check_every: int = 20
    """Steps between looks at the held-out blocks."""
    batch: int = 64
    """Windows in a step."""
    rate: float = 3e-3
    """Highest learning rate (AdamW, one cycle)."""
    weight_decay: float = 1e-2
    """AdamW's weight decay."""
    time_jitter_s: float = 0.02
    """Windows are drawn this far off the frames' times, with the curves interpolated, seconds."""
    noise: float = 0.25
    """Noise on every feature, in deviations."""
    loudness_noise: float = 0.3
    """Random loudness of a window, in deviations."""
    tone_noise: float = 0.2
    """Random tone colour of a window, in deviations."""
    silence_share: float = 0.04
    """Share of windows that are silence, in which the mouth is taught to rest."""
    voice_prior_s: float = 3.0
    """A line's own loudness and tone count as much as the training voice's after this many seconds of voice."""
    ridges: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    """Cautions of the map from the nets' outputs to curves, as shares of the outputs' variance; the one that predicts
    blocks not learned from best is taken."""
    expressiveness: float = 0.6
    """0: the likeliest curves, which move too little; 1: curves that move as much as the footage's."""
    seed: int = 0
    """Seed of everything random."""


@dataclass(frozen=True)
class EvaluateSettings:
    """A model's scores on frames it has not seen."""

    driven_by: str = "audio"
    """audio: speech curves as the sound predicts them; track: the footage's own, the ceiling for audio."""
    size: int | None = None
    """Width and height of the pictures compared, px; None: those of the training."""
    engine: str = "native"
    """Rasteriser: one of ENGINES."""
    threads: int = 0
    """Threads; 0: all cores."""
    models_dir: str | None = None
    """Folder with the model files, for machines without a network."""


@dataclass(frozen=True)
class ServeSettings:
    """The backend process and its jobs."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but the loopback lets other machines try the token."""
    idle_timeout_s: float = 600.0
    """The backend ends itself after this long without a client and without a job; 0: never."""
    cancel_grace_s: float = 0.7
    """A cancelled job that has not noticed by then is ended by force, seconds."""
    settle_s: float = 5.0
    """A cancelled job that has noticed gets this long to write its checkpoint, seconds."""
    start_timeout_s: float = 180.0
    """A job's process must have started its work by then, seconds."""
    silence_timeout_s: float = 900.0
    """A job's process that gives no sign of life for this long is ended, seconds."""
    attempts: int = 5
    """A job that was started this often and never ended (a crashing backend, a power cut) is given up."""
    keep_jobs: int = 100
    """Ended jobs that stay in the list; older ones are forgotten with their logs."""


@dataclass(frozen=True)
class PortraitSettings:
    """The shape of a portrait: what is in its config.json."""

    recipe: str = "m2dao"
    """m2dao, or talkinggaussian (the baseline every claim is measured against)."""
    head_gaussians: int = 5000
    """Gaussians of the head, its mouth included."""
    torso_gaussians: int = 2500
    """Gaussians of neck and shoulders; 0: the torso is not synthesised."""
    mesh_share: float = 0.60
    """Share of the head's Gaussians that start on the face mesh."""
    oral_share: float = 0.08
    """Share of the head's Gaussians that start behind the lips; the others start over the rest of the head."""
    drive: str = "curves"
    """What drives the fields: curves (named performance curves) or audio (a learned code, end to end)."""
    jaw_link: bool = True
    """The oral field sees how the facial field moves the lips."""
    field: str = "modes"
    """Form of the deformation fields: modes (learned blend shapes) or net (one gated net)."""
    facial_modes: int = 16
    """Deformation modes of the facial field."""
    oral_modes: int = 8
    """Deformation modes of the oral field."""
    torso_modes: int = 8
    """Deformation modes of the torso field."""
    facial_planes: tuple[int, ...] = (16, 24, 40)
    """Resolutions of the facial field's tri-planes."""
    facial_features: int = 4
    """Features of each of them."""
    oral_planes: tuple[int, ...] = (24,)
    """Resolutions of the oral field's tri-planes."""
    oral_features: int = 12
    """Features of each of them."""
    torso_planes: tuple[int, ...] = (8, 16)
    """Resolutions of the torso field's tri-planes."""
    torso_features: int = 4
    """Features of each of them."""
    hidden: int = 64
    """Width of the fields' nets."""
    face_colour_moves: bool = True
    """The fields also change colour: creases, blushes, teeth that come into the light."""
    speech_components: int = 10
    """Principal components of the speech curves that drive the fields, at most."""
    upper_components: int = 10
    """Principal components of the upper-face curves, at most."""
    component_variance: float = 0.99
    """Variance of the curves that the components must explain."""
    motion_windows_s: tuple[float, ...] = (0.0,)
    """Low-pass windows through which the torso sees the head's motion, seconds (standard deviations;
    0: as it is)."""
    audio_windows: int = 8
    """Audio windows that the baseline's code attends over."""
    audio_taps: int = 16
    """Log-mel frames of each of them."""
    audio_code: int = 32
    """Width of the baseline's audio code."""


@dataclass(frozen=True)
class LearningRates:
    """Adam's rates at the start; all fall along a cosine to `final_share` of themselves."""

    position: float = 0.01
    """Positions of Gaussians, cm."""
    rotation: float = 2e-3
    """Rotations of Gaussians."""
    scale: float = 6e-3
    """Log scales of Gaussians."""
    opacity: float = 0.03
    """Opacity logits."""
    colour: float = 0.02
    """Colour logits."""
    planes: float = 5e-3
    """Tri-planes."""
    nets: float = 2e-3
    """Nets of the fields."""
    audio: float = 1e-3
    """The baseline's audio net."""
    final_share: float = 0.05
    """Share of every rate that is left at the end."""


@dataclass(frozen=True)
class LossWeights:
    """What training pulls at. Pictures are display-referred RGB in [0, 1]."""

    l1: float = 1.0
    """Mean absolute difference of the composited portrait."""
    ssim: float = 0.2
    """One minus structural similarity of the composited portrait."""
    mouth: float = 2.0
    """Extra weight of pixels in the mouth's box."""
    mattes: float = 0.05
    """Mean absolute difference of rendered mattes and region maps."""
    deformation: float = 1e-4
    """Mean size of the deformations, cm."""


@dataclass(frozen=True)
class TrainSettings:
    """Subject folder to model."""

    portrait: PortraitSettings = field(default_factory=PortraitSettings)
    """What is trained."""
    preset: str = "draft"
    """Name of the preset these settings came from."""
    model: str | None = None
    """Name of the model's folder; None: the recipe's name."""
    size: int = 128
    """Width and height of the training frames, px."""
    steps: int = 3000
    """Training steps; ignored where `minutes` is given."""
    minutes: float | None = None
    """Training time instead of a number of steps."""
    holdout: int = 11
    """The last one of so many parts of the frames is kept out of training; 0: train on everything."""
    seed: int = 0
    """Seed of everything random."""
    start: Start = Start.ANEW
    """How to begin."""
    static_share: float = 0.08
    """Share of the training that fits the still head first."""
    joint_share: float = 0.10
    """Share of the training, at its end, that fits colour and opacity alone."""
    block: int = 25
    """Steps one field trains while the other is frozen."""
    alternate: bool = True
    """Train the two fields in alternating blocks; False: one after the other (the baseline)."""
    heard_share: float = 0.5
    """Share of the steps whose speech curves go part of the way to what the voice alone would have told of them."""
    rates: LearningRates = field(default_factory=LearningRates)
    """Learning rates."""
    losses: LossWeights = field(default_factory=LossWeights)
    """Weights of the losses."""
    checkpoint_s: float = 30.0
    """Seconds between checkpoints."""
    preview_s: float = 20.0
    """Seconds between preview pictures."""
    engine: str = "native"
    """Rasteriser: one of ENGINES."""
    threads: int = 0
    """Threads; 0: all cores."""


PRESETS: dict[str, TrainSettings] = {
    "draft": TrainSettings(preset="draft"),
    "standard": TrainSettings(
        preset="standard",
        size=256,
        steps=12000,
        portrait=PortraitSettings(head_gaussians=10000, torso_gaussians=4000, facial_planes=(16, 32, 64)),
    ),
    "film": TrainSettings(
        preset="film",
        size=512,
        steps=30000,
        holdout=0,
        portrait=PortraitSettings(head_gaussians=20000, torso_gaussians=8000, facial_planes=(16, 32, 64, 128)),
    ),
}
"""Presets by name: draft to see whether it works, standard for work, film for the final (it trains on all frames)."""


def train_settings(
    preset: str = "draft",
    recipe: str = "m2dao",
    steps: int | None = None,
    minutes: float | None = None,
    **overrides: Any,
) -> TrainSettings:
    """A preset with a recipe applied and single fields of TrainSettings replaced.

    Raises InputError for an unknown preset or recipe, or when a number lies outside its range.
    """
    if preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}.", f"Choose one of {', '.join(PRESETS)}.")
    settings = PRESETS[preset]
    if recipe == "talkinggaussian":
        portrait = replace(
            settings.portrait, recipe=recipe, drive="audio", field="net", jaw_link=False, torso_gaussians=0,
            face_colour_moves=False,
        )  # fmt: skip
        settings = replace(settings, portrait=portrait, alternate=False)
    elif recipe != "m2dao":
        raise InputError(f"There is no recipe {recipe!r}.", "Choose m2dao or talkinggaussian.")
    known = {f.name for f in fields(TrainSettings)}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise InputError(f"Training has no setting {unknown[0]!r}.", f"It has {', '.join(sorted(known))}.")
    settings = replace(settings, **overrides)
    if steps is not None:
        settings = replace(settings, steps=steps, minutes=None)
    if minutes is not None:
        settings = replace(settings, minutes=minutes)
    if settings.steps < 1 or (settings.minutes is not None and not settings.minutes > 0):
        raise InputError("Training needs at least one step and some time.", "Raise --steps or --minutes.")
    if settings.holdout < 0 or settings.holdout == 1:
        raise InputError(f"A holdout of {settings.holdout} leaves nothing to train on.", "Use 11, or 0 for none.")
    return settings
