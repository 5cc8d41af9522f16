"""Pictures as the compiled library takes them: channel by channel, wherever each lies in memory."""

from __future__ import annotations

import ctypes

from torch import Tensor


class Plane(ctypes.Structure):
    """talker_plane of api.h: one channel of a picture."""

    _fields_ = (("data", ctypes.c_void_p), ("row", ctypes.c_int64), ("column", ctypes.c_int64))


def plane(channel: Tensor) -> Plane:
    """A float32 CPU channel (H, W) of any strides. The tensor must outlive it."""
    return Plane(channel.data_ptr(), *channel.stride())


def planes(picture: Tensor) -> ctypes.Array:
    """The channels of a float32 CPU picture (H, W, C) of any strides. The tensor must outlive them."""
    channels = picture.shape[2]
    row, column, channel = picture.stride()
    start, size = picture.data_ptr(), picture.element_size()
    return (Plane * channels)(*(Plane(start + size * channel * c, row, column) for c in range(channels)))
