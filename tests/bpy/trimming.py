"""Cutting a strip shorter, as Blenders of different versions want it."""


def trim(strip, start, end):
    """Cut so many frames off a strip's start and end."""
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = strip.left_handle + start, strip.right_handle - end
    else:
        strip.frame_offset_start, strip.frame_offset_end = start, end
