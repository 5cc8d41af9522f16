"""Pictures as the compiled library takes them: channel by channel, wherever each lies in memory."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .arguments import NULL, structs
from .tensors import strided

NO_PLANE = {"data": NULL, "row": 0, "column": 0}
"""A channel that is zero everywhere."""


def plane(channel: Tensor) -> dict[str, Any]:
    """The talker_plane of a float32 CPU channel (H, W) of any strides. The tensor must outlive it."""
    row, column = channel.stride()
    return {"data": strided(channel), "row": row, "column": column}


def planes(picture: Tensor) -> Any:
    """The channels of a float32 CPU picture (H, W, C) of any strides. The tensor must outlive them."""
    row, column, channel = picture.stride()
    start = strided(picture)
    return structs(
        "talker_plane",
        [{"data": start + channel * c, "row": row, "column": column} for c in range(picture.shape[2])],
    )
