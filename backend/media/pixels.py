"""Decoded frames to RGB in the working space (media.colour), as they are stored."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from backend.media.colour import FootageColour, to_bytes, to_working_space
from backend.media.colour_tags import MATRICES, RGB, rgb_of_ycbcr

RGB_CONVERSION = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""swscale's flags for YUV to RGB: exact rounding, chroma interpolated at full width."""


def to_rgb(frame: av.VideoFrame, colour: FootageColour) -> np.ndarray:
    """(H, W, 3) RGB in the working space of a decoded frame as stored (not turned).

    uint16 where the file has more than 8 bits (65535 is one), else uint8.
    """
    if not colour.is_converted and colour.stored_bits == 8:
        return _bytes_of(frame, colour)
    rgb = to_working_space(_words_of(frame, colour), colour)
    return rgb if colour.stored_bits == 16 else to_bytes(rgb)


def _bytes_of(frame: av.VideoFrame, colour: FootageColour) -> np.ndarray:
    """(H, W, 3) uint8 RGB through the matrix and the range, under the frame's own curve."""
    if colour.matrix == RGB:
        return frame.to_ndarray(format="rgb24")
    return frame.to_ndarray(
        format="rgb24",
        src_colorspace=MATRICES[colour.matrix].swscale,
        src_color_range=ColorRange.JPEG if colour.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=RGB_CONVERSION,
    )


def _words_of(frame: av.VideoFrame, colour: FootageColour) -> np.ndarray:
    """The same as uint16. swscale only interpolates chroma: its own RGB in 16 bits is dark by a part in 260."""
    if colour.matrix == RGB or frame.format.name.startswith("gray"):
        return frame.to_ndarray(format="rgb48le")
    ycbcr = frame.to_ndarray(
        format="yuv444p16le",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=RGB_CONVERSION,
    )
    return cv2.transform(ycbcr, rgb_of_ycbcr(colour))
