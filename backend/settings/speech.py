"""Settings of learning how a voice sounds: sound to speech curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from backend.settings.kinds import Count, NotNegative, Positive, Share
from shared.checked import Limits


@dataclass(frozen=True)
class SpeechSettings:
    """Sound to speech curves."""

    half_width_s: Positive = 0.2
    """Sound from this long before the window's centre to this long after it is heard, seconds."""
    lead_s: float = 0.1
    """The window's centre lies this long after the frame: lips move before the sound that they shape is heard."""
    taps: Annotated[int, Limits(2)] = 17
    """Feature vectors in that window."""
    components: Count = 8
    """Principal components of the speech curves that are predicted; six hold 97 % of them."""
    members: Count = 5
    """Nets whose mean is taken; each is stopped by its own held-out blocks."""
    block_s: Positive = 2.0
    """Length of those blocks, seconds."""
    hidden: Count = 48
    """Width of the nets."""
    dropout: Annotated[float, Limits(0, 0.99)] = 0.35
    """Share of activations dropped while learning."""
    steps: Count = 400
    """Learning steps for 18 s of footage; they grow with the root of its length, at most threefold."""
    check_every: Count = 20
    """Steps between tests on the held-out blocks."""
    batch: Count = 64
    """Windows in a step."""
    rate: Positive = 3e-3
    """Highest learning rate (AdamW, one cycle)."""
    weight_decay: NotNegative = 1e-2
    """AdamW's weight decay."""
    time_jitter_s: NotNegative = 0.02
    """Windows are drawn this far off the frames' times, with the curves interpolated, seconds."""
    noise: NotNegative = 0.25
    """Noise on every feature, in deviations."""
    loudness_noise: NotNegative = 0.3
    """Random loudness of a window, in deviations."""
    tone_noise: NotNegative = 0.2
    """Random tone colour of a window, in deviations."""
    silence_share: Share = 0.04
    """Share of windows that are silence, in which the mouth is taught to rest."""
    voice_prior_s: Positive = 3.0
    """A line's own loudness and tone count as much as the training voice's after this many seconds of voice."""
    ridges: tuple[Positive, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    """Strengths of the ridge regression from the nets' outputs to curves, as shares of the outputs' variance; the one
    that predicts held-out blocks best is taken."""
    seed: int = 0
    """Seed of everything random; within a training it is added to the training's own."""
