"""Trains the mouth prior that is shipped, from nothing but invented speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from backend.media.audio_features import MELS, AudioFeatures
from backend.parallel import single_threaded_torch
from backend.performance.mouth_prior import HALF_WIDTH_S, SHAPES, TAPS, VOICE_PRIOR_S
from backend.performance.speech_net import SpeechNet
from backend.performance.voice import Voice, VoiceNormaliser
from backend.phones.corpus import RATE_HZ, Lesson
from backend.phones.sounds import SOUNDS
from shared.jobs import Reporter

HIDDEN, BATCH, RATE, WEIGHT_DECAY, DROPOUT = 96, 512, 3e-3, 1e-2, 0.1
SHAPE_WEIGHT = 8.0
"""Of the shapes' squared error against the cross entropy of the sounds."""
LEAD_S = 0.00625
"""People's mouths are taken to lead those of the lessons by so much. By the net, the sound of clips in sync, from three
makers, is late by 20 to 28 ms; with all of that, open vowels of lines with known phones are opened too early to be
seen, and a quarter of it serves filmed lips as well."""
_NOISE, _LOUDNESS, _TONE = 0.2, 0.3, 0.3
"""Largest noise on a feature, and of a window's loudness and tone, in deviations."""


def teach(taught: Sequence[Lesson], steps: int, seed: int, report: Reporter) -> dict[str, np.ndarray]:
    """What mouth_prior.MouthPrior is made of, learned from lessons.

    The net names sounds beside shapes: a mouth's shape is easier to find for one that knows what is said.
    """
    voices = [Voice.of(AudioFeatures(lesson.log_mel, RATE_HZ)) for lesson in taught]
    known = [voice for voice in voices if voice is not None]
    everybody = VoiceNormaliser(
        np.mean([voice.mean for voice in known], axis=0).astype(np.float32),
        np.mean([voice.deviation for voice in known], axis=0).astype(np.float32),
        VOICE_PRIOR_S,
    )
    reach = round(HALF_WIDTH_S * RATE_HZ)
    offsets = np.linspace(-reach, reach, TAPS).round().astype(np.int64)
    heard, places, at = [], [], 0
    for lesson, voice in zip(taught, voices, strict=True):
        normal = everybody.apply(AudioFeatures(lesson.log_mel, RATE_HZ), voice).log_mel
        # The end vectors are held beyond the ends, as AudioFeatures.windows does it.
        heard.append(np.pad(normal, ((reach, reach), (0, 0)), mode="edge"))
        places.append(at + reach + np.arange(len(normal)))
        at += len(heard[-1])
    mel, place = torch.from_numpy(np.concatenate(heard)), np.concatenate(places)
    sounds = torch.from_numpy(np.concatenate([lesson.sounds for lesson in taught]))
    shapes = torch.from_numpy(np.concatenate([lesson.shapes for lesson in taught]))
    rare = torch.bincount(sounds, minlength=len(SOUNDS)).float().clamp(min=100.0).rsqrt()

    net = SpeechNet(1, TAPS, MELS, HIDDEN, len(SOUNDS) + len(SHAPES), DROPOUT, seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    draw = np.random.default_rng(seed)
    report.phase("teach", steps)
    with single_threaded_torch(), torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(steps):
            chosen = draw.choice(len(place), BATCH)
            windows = mel[torch.from_numpy(place[chosen, None] + offsets)][None]
            answers = net(_disturbed(windows))[0]
            loss = nn.functional.cross_entropy(
                answers[:, : len(SOUNDS)], sounds[chosen], weight=rare / rare.mean(), label_smoothing=0.05
            ) + SHAPE_WEIGHT * nn.functional.mse_loss(answers[:, len(SOUNDS) :], shapes[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            report.step()
    weights = {f"net.{name}": value.numpy().copy() for name, value in net.state_dict().items()}
    lead = {"lead_s": np.array([LEAD_S], np.float32)}
    return weights | {"voice_mean": everybody.mean, "voice_deviation": everybody.deviation} | lead


def _disturbed(windows: torch.Tensor) -> torch.Tensor:
    """Windows (1, B, taps, bands) with noise, another loudness and another tone."""
    _, batch, _, bands = windows.shape
    return (
        windows
        + _NOISE * torch.randn_like(windows) * torch.rand(1, batch, 1, 1)
        + _LOUDNESS * torch.randn(1, batch, 1, 1)
        + _TONE * torch.randn(1, batch, 1, bands) * torch.rand(1, batch, 1, 1)
    )
