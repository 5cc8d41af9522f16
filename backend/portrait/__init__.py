"""The model: Gaussians, the fields that move them, and the composite of head, torso and background."""
