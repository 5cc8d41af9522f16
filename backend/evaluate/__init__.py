"""Scores on held-out frames, beside a static head and the baseline recipe."""
