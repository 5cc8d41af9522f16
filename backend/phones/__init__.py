"""Invented speech with known phones, and the net that learns from it what a mouth does for a sound."""
