"""A training run between two steps: everything it is made of, and what of that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch

from backend.kernels.adam import Adam
from backend.portrait.portrait import Drive, Portrait
from backend.settings import TrainSettings
from backend.train.backdrops import Backdrops
from backend.train.data import TrainingData
from backend.train.densify import Densifier
from backend.train.driving import PredictedSpeech
from backend.train.graphed import GraphedSteps
from backend.train.relocation import Relocation
from backend.train.sampling import FrameSampler
from backend.train.stages import Position
from backend.train.views import ViewSampler
from shared.training import Length, TrainingState


@dataclass
class Run:
    """A training run between two steps. The settings are those of its present round."""

    data: TrainingData
    settings: TrainSettings
    portrait: Portrait
    optimiser: Adam
    sampler: FrameSampler
    views: ViewSampler
    backdrops: Backdrops
    drive: Drive
    """The footage's own performance, all frames."""
    position: Position
    step: int = 0
    elapsed_s: float = 0.0
    loss: float = float("nan")
    """Running mean of the loss."""
    predicted_speech: PredictedSpeech | None = None
    """Speech curves as predicted from sound; None: all steps see the footage's own."""
    rounds: tuple[Length, ...] = ()
    """Lengths of all rounds of the model, the present one last."""
    before_step: int = 0
    """Steps of the rounds before this one."""
    before_s: float = 0.0
    """Time spent on them."""
    speech_s: float = 0.0
    """Time spent on learning the voice, where the portrait is driven by what it tells; not part of `elapsed_s`."""
    densifier: Densifier | None = None
    """Changes the number of Gaussians; None: it is fixed."""
    relocation: Relocation | None = None
    """Moves Gaussians; None: they stay where they learn to be."""
    graphed: GraphedSteps | None = None
    """Takes the steps on a GPU, while they are taken."""

    def settle(self) -> None:
        """Wait until the steps so far are done: what is asked of the run is true then."""
        if self.graphed is not None:
            self.graphed.settle()
            self.loss = self.graphed.mean_loss

    @property
    def round_step(self) -> int:
        """Done steps of the present round."""
        return self.step - self.before_step

    @property
    def watchers(self) -> list[Densifier | Relocation]:
        """What has seen more of the run than its parameters tell."""
        return [watcher for watcher in (self.densifier, self.relocation) if watcher is not None]

    @property
    def progress(self) -> float:
        """Done share of the present round, in [0, 1]."""
        if self.settings.minutes is None:
            return self.round_step / self.settings.steps
        return min(1.0, (self.elapsed_s - self.before_s) / self._seconds_for_steps(60.0 * self.settings.minutes))

    def _seconds_for_steps(self, asked_s: float) -> float:
        """What is left of the time asked for: learning the voice counts, up to half of it, in the first round."""
        return asked_s - min(self.speech_s, 0.5 * asked_s) if len(self.rounds) == 1 else asked_s

    def is_coarse(self, progress: float) -> bool:
        """Whether a step at `progress` sees a whole, small frame. A further round begins where the first one ended."""
        return len(self.rounds) == 1 and progress < self.settings.views.coarse_share

    def state(self, key: str) -> dict:
        """What a checkpoint holds beside the tensors, for a run whose settings have the hash `key`."""
        told = TrainingState(
            key, self.settings.portrait.recipe, self.settings.preset, self.rounds, self.progress, self.step,
            self.elapsed_s,
        )  # fmt: skip
        own = {
            "loss": self.loss, "position": asdict(self.position), "before_step": self.before_step,
            "before_s": self.before_s, "speech_s": self.speech_s,
        }  # fmt: skip
        return {**told.to_dict(), **own}

    def restore(self, state: dict, more: Mapping[str, torch.Tensor]) -> None:
        """Continue from the `state` of a checkpoint and its other tensors."""
        for watcher in self.watchers:
            watcher.restore(more)
        told = TrainingState.from_dict(state)
        self.step, self.elapsed_s, self.rounds = told.step, told.elapsed_s, told.rounds
        self.loss, self.position = state["loss"], Position(**state["position"])
        self.before_step, self.before_s = state["before_step"], state["before_s"]
        self.speech_s = state.get("speech_s", 0.0)  # not in checkpoints from before it counted
        self._set_round(told.rounds[-1])

    def begin_round(self, length: Length) -> None:
        """Begin another round of a finished model: the schedule without the static stage, from the present weights.

        Learning rates start high again and fall along the same cosine: a warm restart (Loshchilov and Hutter 2017,
        "SGDR").
        """
        self.rounds = (*self.rounds, length)
        self.before_step, self.before_s, self.position = self.step, self.elapsed_s, Position()
        self._set_round(length)

    def _set_round(self, length: Length) -> None:
        still = self.settings.static_share if len(self.rounds) == 1 else 0.0
        steps = self.settings.steps if length.steps is None else length.steps
        self.settings = replace(self.settings, steps=steps, minutes=length.minutes, static_share=still)
