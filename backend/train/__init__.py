"""Fits a portrait to a subject: stages, losses, sampling, checkpoints."""
