"""Constants of the splatting model, the same in every engine (values of gsplat; the alpha cap is its newer one)."""

BLUR_PX2 = 0.3
"""Variance added to a splat on screen, px^2, where the caller says nothing else: no splat falls between pixels."""
ALPHA_CUTOFF = 1.0 / 255.0
"""A splat ends where its alpha falls below this."""
ALPHA_CAP = 0.999
"""No splat is more opaque than this, so that what lies behind keeps a gradient."""
TRANSMITTANCE_STOP = 1e-4
"""A pixel is finished before its transmittance would fall to this."""
NEAR = 0.01
"""Gaussians whose centre is not farther than this from the camera plane are not drawn, world units."""
FOV_MARGIN = 0.3
"""The perspective's slope is taken no farther outside the picture than this fraction of half its width or height."""
PIXEL_CENTRE = 0.5
"""Pixel (0, 0) is sampled at (0.5, 0.5)."""
