"""Gaussians and a camera to colour, alpha and depth, with gradients."""
