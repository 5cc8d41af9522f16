"""Training steps on a GPU as captured graphs: nothing in a step waits for the GPU, and all of it is sent at once.

A step of a kind that is new is taken operation by operation, the second one is captured, the others replay it; what
differs from step to step (frame, drive, camera, rates) is copied to where the graph reads it. Whether a step was right
is only known later: where a list of the rasteriser was too short, the step changes nothing, nor do those after it, and
they are taken again with longer lists when that is seen (`settle`, and every few steps).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from backend.kernels.adam import Adam
from backend.portrait.portrait import Drive, Portrait
from backend.raster.capture import Captured, GraphPool, agree
from backend.raster.cuda_lists import Watch
from backend.raster.lens import LENS, Lens, lens_numbers
from backend.train.data import Sample
from backend.train.optimiser import freeze_all_but
from backend.train.planned import Planned
from backend.train.relocation import Relocation

log = logging.getLogger(__name__)

LOOK_EVERY = 32
"""Steps between two looks at what the GPU tells of those before the last look."""
_SLOTS = 2 * LOOK_EVERY
_FOLLOWS = 0.02
"""How much of a step's loss goes into its running mean."""


class GraphedSteps:
    """Takes steps of a run whose number of Gaussians stays."""

    def __init__(
        self,
        portrait: Portrait,
        optimiser: Adam,
        relocation: Relocation | None,
        see: Callable[[Planned], tuple[Sample, Drive]],
        loss: Callable[[Sample, Drive, Planned], Tensor],
        set_rates: Callable[[float], None],
        mean_loss: float,
    ) -> None:
        """see: frame and drive (T of 1) of a step; loss: of these, a scalar; set_rates: sets the optimiser's rates for
        a progress; mean_loss: of the steps so far, NaN where there are none."""
        self._portrait, self._optimiser, self._relocation = portrait, optimiser, relocation
        self._see, self._loss_of, self._set_rates = see, loss, set_rates
        self.device = portrait.rest_pose.device
        self.mean_loss = mean_loss
        """As far as the GPU was asked for it: `settle` asks."""
        self._pool, self._watch = GraphPool(self.device), Watch.on(self.device)
        self._captures = True
        self._cases: dict[tuple, Captured | None] = {}
        self._samples: dict[tuple[int, int], Sample] = {}
        self._drive: Drive | None = None
        groups = len(optimiser.param_groups)
        self._numbers = torch.zeros(LENS + groups, dtype=torch.float64, device=self.device)
        """The camera (raster.lens), then the rates of the optimiser's groups."""
        self._rates = torch.zeros(groups, device=self.device)
        self._told = torch.tensor([0.0, 0.0, mean_loss], dtype=torch.float64).to(self.device)
        """Whether a list was too short; right steps since the last settling; the running mean of the loss."""
        self._slots = self._reachable(_SLOTS, LENS + groups)
        self._looks = [self._reachable(1, 3)[0], self._reachable(1, 3)[0]]
        self._asked: list[tuple[torch.cuda.Event | None, Tensor, int]] = []
        self._taken = self._known = 0
        self._pending: list[Planned] = []
        """Steps that are not known to be right, after the first `_known` since the last settling."""

    def take(self, planned: Planned) -> None:
        """Take a step; it is queued, or done, when this returns."""
        if planned.kind not in self._cases or not self._captures:
            self.settle()
            self._fill(planned)
            with self._pool.aside():
                self._body(planned)
            self._watch.prepare(self.device, planned.view.height, planned.view.width)
            self._cases[planned.kind] = None
        else:
            case = self._cases[planned.kind] or self._capture(planned)
            if case is None:
                self.take(planned)
                return
            self._fill(planned)
            case.replay()
        self._pending.append(planned)
        self._taken += 1
        if self._taken % LOOK_EVERY == 0:
            self._look()

    def settle(self) -> None:
        """Wait until all steps so far are done, and right."""
        while self._pending:
            too_short, done, self.mean_loss = self._told.tolist()
            if too_short:
                self._take_again(int(done))
            else:
                self._forget()

    def _forget(self) -> None:
        self._pending.clear()
        self._asked.clear()
        self._known = 0
        self._told[:2].zero_()

    def _take_again(self, done: int) -> None:
        """Take the steps that were lost again: all but the first `done` since the last settling."""
        lost = self._pending[done - self._known :]
        log.info("%d steps are taken again: the splats of one covered more tiles than there was room for.", len(lost))
        self._watch.grow()
        self._cases.clear()
        self._forget()
        for planned in lost:
            self.take(planned)

    def _look(self) -> None:
        """Ask the GPU how it is, and read what it answered when it was asked last: that does not make it wait."""
        report = self._looks[self._taken // LOOK_EVERY % 2]
        report.copy_(self._told, non_blocking=True)
        event = None
        if self.device.type == "cuda":
            event = torch.cuda.Event()
            event.record()
        self._asked.append((event, report, len(self._pending) + self._known))
        if len(self._asked) < 2:
            return
        event, report, count = self._asked.pop(0)
        if event is not None:
            event.synchronize()
        too_short, _, self.mean_loss = report.tolist()
        if too_short:
            self.settle()
        else:
            del self._pending[: count - self._known]
            self._known = count

    def _capture(self, planned: Planned) -> Captured | None:
        """A graph of steps of this kind; None where that cannot be: all steps are sent one by one from then on."""
        self.settle()
        self._fill(planned)
        try:
            case = self._agreeing(planned)
            why = "a replayed step has other gradients"
        except RuntimeError as error:
            case, why = None, str(error).splitlines()[0]
        self._optimiser.zero_grad(set_to_none=True)
        self._portrait.forget_reads()
        if case is None:
            log.warning("Training steps cannot be captured here (%s): they are sent one by one, slowly.", why)
            self._captures = False
            self._watch.overflow.zero_()
            return None
        self._cases[planned.kind] = case
        return case

    def _agreeing(self, planned: Planned) -> Captured | None:
        """A graph with the gradients of the step that is filled in; None where it has others. Nothing is learned."""
        while True:
            case = Captured(lambda: self._body(planned), self._watch, self._pool)
            self._watch.overflow.fill_(1.0)
            case.replay()
            replayed = {p: p.grad.clone() for p in self._parameters() if p.grad is not None}
            too_short = self._watch.is_short()
            self._watch.grow()
            if not too_short:
                break
        self._told[0] = 0.0
        with self._pool.aside():
            self._gradients(planned)
        expected = {p: p.grad for p in self._parameters() if p.grad is not None}
        same = set(replayed) == set(expected)
        return case if same and agree([replayed[p] for p in expected], list(expected.values())) else None

    def _parameters(self) -> Iterator[Tensor]:
        return (parameter for group in self._optimiser.param_groups for parameter in group["params"])

    def _gradients(self, planned: Planned) -> Tensor:
        """The loss of what was filled in; its gradients are the parameters' then."""
        freeze_all_but(self._optimiser, planned.learns)
        # What was read of fields that do not learn now belongs to the step in which it was read.
        self._portrait.forget_reads()
        assert self._drive is not None
        loss = self._loss_of(self._samples[planned.view.height, planned.view.width], self._drive, planned)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._portrait.forget_reads()
        return loss.detach()

    def _body(self, planned: Planned) -> None:
        """A step of what was filled in."""
        loss = self._gradients(planned)
        self._rates.copy_(self._numbers[LENS:])
        too_short = self._watch.overflow[0]
        with self._rates_on_device():
            self._optimiser.found_inf = too_short
            self._optimiser.step()
            self._optimiser.found_inf = None
        right = 1 - too_short
        if self._relocation is not None:
            self._relocation.watch(right)
        self._note(loss, too_short, right)

    def _note(self, loss: Tensor, too_short: Tensor, right: Tensor) -> None:
        mean = self._told[2]
        followed = torch.where(mean.isfinite(), torch.lerp(mean, loss.double(), _FOLLOWS), loss.double())
        self._told.copy_(
            torch.stack((too_short.double(), self._told[1] + right, torch.where(right > 0, followed, mean)))
        )

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        """Adam reads its rates where a graph finds those of the step."""
        groups = self._optimiser.param_groups
        before = [group["lr"] for group in groups]
        for group, rate in zip(groups, self._rates.unbind(), strict=True):
            group["lr"] = rate
        try:
            yield
        finally:
            for group, rate in zip(groups, before, strict=True):
                group["lr"] = rate

    def _fill(self, planned: Planned) -> None:
        """Put what differs from step to step where the steps of its kind read it."""
        self._set_rates(planned.progress)
        self._portrait.trained_size = planned.view.size
        sample, drive = self._see(planned)
        kept = self._sample_like(sample)
        for to, source in (
            (kept.rgb, sample.rgb),
            (kept.regions, sample.regions),
            (kept.background, sample.background),
        ):
            to.copy_(source)
        assert kept.in_mouth is not None
        kept.in_mouth.zero_()
        kept.in_mouth[sample.mouth] = 1.0
        if self._drive is None:
            named = {name: value.clone() for name, value in vars(drive).items() if value is not None}
            self._drive = Drive(**named | {"distances": None})
        for name, value in vars(self._drive).items():
            if value is not None:
                value.copy_(getattr(drive, name))
        distance = None if drive.distances is None else float(drive.distances[0])
        numbers = lens_numbers(sample.intrinsics, self._portrait.blur(sample.intrinsics, distance))
        numbers += [group["lr"] for group in self._optimiser.param_groups]
        slot = self._slots[self._taken % _SLOTS]
        slot.copy_(torch.tensor(numbers, dtype=torch.float64))
        self._numbers.copy_(slot, non_blocking=True)

    def _sample_like(self, sample: Sample) -> Sample:
        """Where the steps that see a picture of this size read it."""
        size = sample.intrinsics.height, sample.intrinsics.width
        if size not in self._samples:
            camera = Lens(**vars(sample.intrinsics), on_device=self._numbers[:LENS])
            self._samples[size] = replace(
                sample, rgb=sample.rgb.clone(), regions=sample.regions.clone(), background=sample.background.clone(),
                intrinsics=camera, in_mouth=torch.zeros(size, device=self.device),
            )  # fmt: skip
        return self._samples[size]

    def _reachable(self, rows: int, columns: int) -> Tensor:
        """(rows, columns) float64 on the CPU, where a GPU can reach them."""
        return torch.zeros(rows, columns, dtype=torch.float64, pin_memory=self.device.type == "cuda")
