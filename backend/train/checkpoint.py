"""Checkpoints: everything a run needs to continue with the same bits, as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from backend.subject.weights import load_weights, save_weights
from shared.errors import InputError

_ANEW = "Train anew."
STATE_KEYS = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    names: dict[Tensor, str],
    state: dict,
    more: Mapping[str, Tensor] | None = None,
) -> None:
    """Write model, Adam's state by parameter name, `state` (plain values), and `more` tensors, through a temporary
    name.

    Sampling has no state (train.sampling), so there is no random generator to store.
    """
    tensors = {f"model/{name}": value.contiguous() for name, value in model.state_dict().items()}
    for parameter, moments in optimizer.state.items():
        for key in STATE_KEYS:
            tensors[f"adam/{names[parameter]}/{key}"] = moments[key].clone()
    tensors |= {f"more/{name}": value.contiguous() for name, value in (more or {}).items()}
    save_weights(path, tensors, {"state": json.dumps(state)})


def load_checkpoint(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, names: dict[Tensor, str], settings_key: str
) -> tuple[dict, dict[str, Tensor]]:
    """Read what `save_checkpoint` wrote into model and optimizer; returns its `state` and its `more`.

    Tensors of the model take the lengths that they had: training may change the number of Gaussians. Raises InputError
    if the file is missing, damaged, or of a run with other settings.
    """
    if not path.is_file():
        raise InputError(f"There is no checkpoint {path}.", _ANEW)
    tensors, texts = load_weights(path, _ANEW)
    try:
        state = json.loads(texts["state"])
        if state["settings"] != settings_key:
            raise InputError(
                "The checkpoint belongs to a training with other settings or other footage.", "Train anew."
            )
        saved = {key[6:]: value for key, value in tensors.items() if key.startswith("model/")}
        for name, value in model.state_dict(keep_vars=True).items():
            if name in saved and value.shape[1:] == saved[name].shape[1:]:
                value.data = value.data.new_empty(saved[name].shape)
        model.load_state_dict(saved)
        for parameter, name in names.items():
            if f"adam/{name}/step" in tensors:
                optimizer.state[parameter] = {
                    key: tensors[f"adam/{name}/{key}"].to(parameter.device) for key in STATE_KEYS
                }
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"The checkpoint {path} cannot be read ({error}).", _ANEW) from error
    return state, {key[5:]: value for key, value in tensors.items() if key.startswith("more/")}
