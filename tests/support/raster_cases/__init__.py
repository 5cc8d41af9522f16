"""Reference cases of the rasteriser: what to draw, and the picture that a slow, independent program draws of it."""
