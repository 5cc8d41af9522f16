"""Adam over all parameters in one call of the compiled library."""

from __future__ import annotations

import ctypes
import math

import torch
from torch import Tensor

from . import library, threads


class _Tensor(ctypes.Structure):
    """talker_adam_tensor of api.h."""

    _fields_ = (
        ("count", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("parameter", "gradient", "mean", "square")),
        ("step_size", ctypes.c_float),
        ("root_scale", ctypes.c_float),
    )


class Adam(torch.optim.Adam):
    """torch.optim.Adam with its state and, to rounding, its values, for groups of equal betas and epsilon.

    Parameters of other kinds than the library takes (float32 on the CPU, contiguous) are torch's own business, as is
    everything where there is no library.
    """

    def __init__(self, groups: list[dict], epsilon: float) -> None:
        super().__init__(groups, eps=epsilon, fused=True)

    @torch.no_grad()
    def step(self, closure=None):
        """One step of all parameters that have a gradient; `closure` as torch's own has it."""
        learning: list[tuple[Tensor, Tensor, dict]] = [
            (parameter, parameter.grad, group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        served = all(_is_served(parameter, gradient) for parameter, gradient, _ in learning)
        if closure is not None or library.load() is None or not served:
            return super().step(closure)
        if not learning:
            return None
        beta1, beta2 = self.defaults["betas"]
        tensors, alive = (_Tensor * len(learning))(), []
        for place, (parameter, gradient, group) in enumerate(learning):
            state = self._state_of(parameter)
            state["step"] += 1
            step = float(state["step"])
            gradient = gradient.contiguous()
            alive.append(gradient)
            tensors[place] = _Tensor(
                parameter.numel(),
                *(t.data_ptr() for t in (parameter, gradient, state["exp_avg"], state["exp_avg_sq"])),
                group["lr"] / (1 - beta1**step),
                1 / math.sqrt(1 - beta2**step),
            )
        status = library.require().talker_adam(
            tensors,
            len(tensors),
            *(ctypes.c_double(value) for value in (beta1, beta2, self.defaults["eps"])),
            threads.count(),
        )
        library.check(status)
        # Whoever keeps something that was made of the parameters must see that they have changed.
        torch.autograd.graph.increment_version([parameter for parameter, *_ in learning])
        return None

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def _is_served(parameter: Tensor, gradient: Tensor) -> bool:
    return (
        parameter.dtype == torch.float32
        and parameter.device.type == "cpu"
        and parameter.is_contiguous()
        and not gradient.is_sparse
    )
