"""Writes a movie whose every frame shows its own number, from 1, as eight bars; runs in the backend's environment."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.media.encode import MovieWriter

SIDE, BITS = 64, 8


def picture(number: int) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8: bar b, from the left, is white where bit b of the number is set."""
    shown = np.zeros((SIDE, SIDE, 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            shown[:, bit * SIDE // BITS : (bit + 1) * SIDE // BITS] = 255
    return shown


if __name__ == "__main__":
    path, count, fps = sys.argv[1:]
    with MovieWriter(Path(path), SIDE, SIDE, Fraction(fps)) as movie:
        for number in range(1, int(count) + 1):
            movie.write(picture(number))
