"""A small net from log-mel windows to curve components, several members at once, each with its own held-out blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from backend import exact
from backend.settings import SpeechSettings
from shared.jobs import Reporter

_KERNEL, _STRIDE = 3, 2
MISSING_S = 0.2
"""Frames further apart than this have others missing between them, seconds."""


class _MemberLinear(nn.Module):
    """One linear layer for each of M members: (M, B, in) to (M, B, out)."""

    def __init__(self, members: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter((torch.rand(members, inputs, outputs, generator=generator) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)

    def exact(self, x: np.ndarray) -> np.ndarray:
        """`forward` for (M or 1, B, ..., in), as float64 (M, B, ..., out), by sums that round alike in any order."""
        weight, bias = (p.detach().cpu().numpy().astype(np.float64) for p in (self.weight, self.bias))
        rows = x.reshape(len(x), -1, x.shape[-1])
        return (exact.product(rows, weight) + bias).reshape(len(weight), *x.shape[1:-1], -1)


class SpeechNet(nn.Module):
    """M members of: two strided convolutions over time, one hidden layer, one output layer; GELU and dropout.

    The members are trained in one batch, since M little nets one after the other cost M times as long.
    """

    def __init__(
        self, members: int, taps: int, bands: int, hidden: int, outputs: int, dropout: float, seed: int
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        lengths = [taps]
        for _ in range(2):
            lengths.append((lengths[-1] - _KERNEL) // _STRIDE + 1)
        self.first = _MemberLinear(members, bands * _KERNEL, hidden, generator)
        self.second = _MemberLinear(members, hidden * _KERNEL, hidden, generator)
        self.third = _MemberLinear(members, hidden * lengths[-1], hidden, generator)
        self.last = _MemberLinear(members, hidden, outputs, generator)
        self.dropout = nn.Dropout(dropout)

    def forward(self, windows: Tensor) -> Tensor:
        """(M, B, taps, bands) to (M, B, outputs)."""
        x = self._convolve(self.first, windows)
        x = self._convolve(self.second, x)
        x = self._activate(self.third(x.flatten(2)))
        return self.last(x)

    def mean_output(self, windows: np.ndarray) -> np.ndarray:
        """(B, outputs) float64, the mean of the members' outputs for windows (B, taps, bands), without dropout.

        What `forward` gives, but with the same bits on every machine and whatever other windows are in the batch.
        """
        x = np.asarray(windows, np.float64)[None]
        for layer in (self.first, self.second):
            x = exact.gelu(layer.exact(_pieces(x)))
        x = exact.gelu(self.third.exact(x.reshape(*x.shape[:2], -1)))
        outputs = self.last.exact(x)
        total = outputs[0]
        for member in outputs[1:]:
            total = total + member
        return total / len(outputs)

    def _convolve(self, layer: _MemberLinear, x: Tensor) -> Tensor:
        pieces = x.unfold(2, _KERNEL, _STRIDE)
        members, batch, length = pieces.shape[:3]
        out = layer(pieces.reshape(members, batch * length, -1))
        return self._activate(out).view(members, batch, length, -1)

    def _activate(self, x: Tensor) -> Tensor:
        return self.dropout(nn.functional.gelu(x))


def _pieces(x: np.ndarray) -> np.ndarray:
    """(M, B, length, D * _KERNEL) what each step of a strided convolution over time sees of x (M, B, T, D)."""
    pieces = np.lib.stride_tricks.sliding_window_view(x, _KERNEL, axis=2)[:, :, ::_STRIDE]
    return pieces.reshape(*pieces.shape[:3], -1)


@dataclass
class TrainedNet:
    """What training gives."""

    net: SpeechNet
    out_of_fold: np.ndarray
    """(T, D) prediction of every frame by those members that never learned from it."""
    fold: np.ndarray
    """(T,) the member that never learned from each frame."""


def blocks_of(times_s: np.ndarray, folds: int, block_s: float) -> np.ndarray:
    """(T,) which fold each frame belongs to: blocks of `block_s` seconds assigned in turn.

    Neighbouring frames are nearly the same, so single frames drawn at random would make every test too easy. Time in
    which frames are missing, as those that a training keeps out, is passed over: a block would be empty there.
    """
    steps = np.diff(times_s)
    missing = np.where(steps > MISSING_S, steps - np.median(steps), 0.0)
    known_s = times_s - times_s[0] - np.concatenate([[0.0], np.cumsum(missing)])
    length = min(block_s, (known_s[-1] + 1e-6) / folds)
    return (known_s / max(length, 1e-6)).astype(np.int64) % folds


def train_net(
    windows_at: Callable[[np.ndarray], np.ndarray],
    times_s: np.ndarray,
    targets: np.ndarray,
    rest_target: np.ndarray,
    silence: np.ndarray,
    settings: SpeechSettings,
    report: Reporter,
) -> TrainedNet:
    """Train one member a fold on the other folds.

    windows_at: times (B,) s to windows (B, taps, bands). targets: (T, D) at `times_s`, of mean about 0 and deviation
    about 1. rest_target (D,) is taught for windows of `silence` (bands,).
    """
    settings_batch, members = settings.batch, settings.members
    fold = blocks_of(times_s, members, settings.block_s)
    gap_s = settings.half_width_s
    learn = [_clear_of(times_s, fold == m, gap_s) for m in range(members)]
    test_count = max(int((fold == m).sum()) for m in range(members))
    tests = np.stack([np.resize(np.flatnonzero(fold == m), test_count) for m in range(members)])
    test_x = torch.from_numpy(np.stack([windows_at(times_s[index]) for index in tests]))
    test_y = torch.from_numpy(targets[tests])

    taps, bands, outputs = test_x.shape[2], test_x.shape[3], targets.shape[1]
    net = SpeechNet(members, taps, bands, settings.hidden, outputs, settings.dropout, settings.seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=settings.steps)
    draw = np.random.default_rng(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    best_loss = torch.full((members,), np.inf)
    best = {name: value.clone() for name, value in net.state_dict().items()}
    report.phase("learning speech", settings.steps)
    state = torch.get_rng_state()
    torch.manual_seed(settings.seed)  # dropout draws from the global generator; it is put back below
    try:
        for step in range(settings.steps):
            net.train()
            index = np.stack([draw.choice(chosen, settings_batch) for chosen in learn])
            shift = draw.uniform(-settings.time_jitter_s, settings.time_jitter_s, index.shape)
            at = times_s[index] + shift
            x = torch.from_numpy(windows_at(at.ravel())).view(members, settings_batch, taps, bands)
            y = torch.from_numpy(_between(targets, times_s, at))
            x, y = _augment(x, y, torch.from_numpy(rest_target), torch.from_numpy(silence), settings, generator)
            loss = ((net(x) - y) ** 2).mean(dim=(1, 2)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if (step + 1) % settings.check_every == 0 or step + 1 == settings.steps:
                net.eval()
                with torch.no_grad():
                    test_loss = ((net(test_x) - test_y) ** 2).mean(dim=(1, 2))
                better = test_loss < best_loss
                best_loss = torch.where(better, test_loss, best_loss)
                for name, value in net.state_dict().items():
                    best[name][better] = value[better]
            report.step()
    finally:
        torch.set_rng_state(state)
    net.load_state_dict(best)
    net.eval()
    out = np.zeros_like(targets)
    with torch.no_grad():
        predicted = net(test_x).numpy()
    for m in range(members):
        out[tests[m]] = predicted[m]
    return TrainedNet(net, out, fold)


def _clear_of(times_s: np.ndarray, held: np.ndarray, gap_s: float) -> np.ndarray:
    """Indices of frames whose audio window does not reach into a held-out block (all not held, if none are left)."""
    held_times = times_s[held]
    place = np.searchsorted(held_times, times_s)
    after = held_times[np.minimum(place, len(held_times) - 1)]
    before = held_times[np.maximum(place - 1, 0)]
    far = np.minimum(np.abs(after - times_s), np.abs(times_s - before)) > gap_s
    chosen = np.flatnonzero(far & ~held)
    return chosen if len(chosen) else np.flatnonzero(~held)


def _between(values: np.ndarray, times_s: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(*at.shape, D) values at other times, linear between frames."""
    above = np.clip(np.searchsorted(times_s, at), 1, len(times_s) - 1)
    span = times_s[above] - times_s[above - 1]
    weight = np.clip((at - times_s[above - 1]) / span, 0, 1)[..., None].astype(np.float32)
    return values[above - 1] * (1 - weight) + values[above] * weight


def _augment(
    x: Tensor, y: Tensor, rest: Tensor, silence: Tensor, settings: SpeechSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Another loudness, another microphone, noise; and now and then silence, in which the mouth rests."""
    members, batch, _, bands = x.shape

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    x = x + settings.noise * normal(*x.shape)
    x = (
        x
        + settings.loudness_noise * normal(members, batch, 1, 1)
        + settings.tone_noise * normal(members, batch, 1, bands)
    )
    quiet = torch.rand(members, batch, generator=generator) < settings.silence_share
    hush = silence + 0.3 * normal(*x.shape) + settings.tone_noise * normal(members, batch, 1, 1)
    x = torch.where(quiet[..., None, None], hush, x)
    return x, torch.where(quiet[..., None], rest, y)
