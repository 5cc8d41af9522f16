"""Adam over all parameters in one call of the compiled library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import overload

import torch
from torch import Tensor

from . import library, threads
from .arguments import structs
from .tensors import are_served, floats


class Adam(torch.optim.Adam):
    """torch.optim.Adam with its state and, to rounding, its values, for groups of equal betas and epsilon.

    The library takes contiguous float32 parameters on the CPU with dense gradients. Where there is none, or a parameter
    is of another kind, torch takes the step for all of them, and where `found_inf` is there: () float32 on the
    parameters' device, 1 for a step that changes nothing.
    """

    found_inf: Tensor | None = None

    def __init__(self, groups: list[dict], epsilon: float) -> None:
        super().__init__(groups, eps=epsilon, fused=True)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of all parameters that have a gradient; `closure` as in torch.optim.Adam."""
        learning: list[tuple[Tensor, Tensor, dict]] = [
            (parameter, parameter.grad, group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if closure is None and self.found_inf is not None:
            self._step_unless(self.found_inf, learning)
            return None
        if closure is not None or not serves([(parameter, gradient) for parameter, gradient, _ in learning]):
            return super().step(closure)
        if not learning:
            return None
        beta1, beta2 = self.defaults["betas"]
        tensors, alive = [], []
        for parameter, gradient, group in learning:
            state = self._state_of(parameter)
            state["step"] += 1
            step = float(state["step"])
            gradient = gradient.contiguous()
            alive.append(gradient)
            tensors.append(
                {
                    "count": parameter.numel(),
                    "parameter": floats(parameter),
                    "gradient": floats(gradient),
                    "mean": floats(state["exp_avg"]),
                    "square": floats(state["exp_avg_sq"]),
                    "step_size": group["lr"] / (1 - beta1**step),
                    "root_scale": 1 / math.sqrt(1 - beta2**step),
                }
            )
        values = structs("talker_adam_tensor", tensors)
        epsilon = self.defaults["eps"]
        status = library.require().talker_adam(values, len(tensors), beta1, beta2, epsilon, threads.count())
        library.check(status)
        # Caches of values computed from the parameters compare versions to see that these have changed.
        torch.autograd.graph.increment_version([parameter for parameter, *_ in learning])
        return None

    def _step_unless(self, wrong: Tensor, learning: list[tuple[Tensor, Tensor, dict]]) -> None:
        """A step of torch's fused kernel that changes nothing where `wrong` is 1. Rates may be tensors.

        As torch takes it, but the steps of all groups are counted at once: each by itself is two operations more.
        """
        if not learning:
            return
        states = [self._state_of(parameter) for parameter, _, _ in learning]
        counts = [state["step"] for state in states]
        torch._foreach_add_(counts, 1)
        beta1, beta2 = self.defaults["betas"]
        for group in self.param_groups:
            rows = [number for number, (_, _, own) in enumerate(learning) if own is group]
            if rows:
                torch._fused_adam_(
                    [learning[row][0] for row in rows], [learning[row][1] for row in rows],
                    [states[row]["exp_avg"] for row in rows], [states[row]["exp_avg_sq"] for row in rows],
                    [], [counts[row] for row in rows], lr=group["lr"], beta1=beta1, beta2=beta2, weight_decay=0.0,
                    eps=self.defaults["eps"], amsgrad=False, maximize=False, grad_scale=None, found_inf=wrong,
                )  # fmt: skip
        torch._foreach_sub_(counts, [wrong] * len(counts))

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:
            # Where the library takes the step it counts on the CPU; torch's fused kernel counts where it works.
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def serves(learning: list[tuple[Tensor, Tensor]]) -> bool:
    """Whether the compiled library is there and takes these parameters with their gradients."""
    return are_served(*(parameter for parameter, _ in learning)) and all(
        parameter.is_contiguous() and not gradient.is_sparse for parameter, gradient in learning
    )
