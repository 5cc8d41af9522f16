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
        if (
            closure is not None
            or self.found_inf is not None
            or not serves([(parameter, gradient) for parameter, gradient, _ in learning])
        ):
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

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def serves(learning: list[tuple[Tensor, Tensor]]) -> bool:
    """Whether the compiled library is there and takes these parameters with their gradients."""
    return are_served(*(parameter for parameter, _ in learning)) and all(
        parameter.is_contiguous() and not gradient.is_sparse for parameter, gradient in learning
    )
