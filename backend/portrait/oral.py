"""Oral motion: teeth, tongue and the dark behind the lips, driven by speech and by the jaw."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.portrait.facial import JawMotion


def oral_drive(speech: Tensor, jaw: JawMotion | None, facial_change: Tensor | None) -> Tensor:
    """(D,) what drives the oral field: the speech components (S,), and the jaw's motion where there is a link."""
    if jaw is None or facial_change is None:
        return speech
    return torch.cat((speech, jaw(facial_change)))
