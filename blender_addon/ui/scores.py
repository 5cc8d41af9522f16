"""What a trained head scored when it was evaluated last, in a few words. Reads files: for the threads of ui.scanning."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..shared import layout

_SHOWN = (("head", "synthesised/psnr_head"), ("mouth", "synthesised/psnr_mouth"))
"""What of a picture, and the row of scores.npz with its PSNR, dB, a frame each."""


def in_words(model: Path) -> str:
    """ "head 31.6 dB, mouth 27.1 dB"; "" for a model that was never scored, or whose scores cannot be read."""
    path = model / layout.EVALUATION_FOLDER / layout.SCORES_FILE
    if not path.is_file():
        return ""
    import numpy as np  # Blender's own, and large: only where there is a score

    try:
        with np.load(path, allow_pickle=False) as rows:
            found = [(name, rows[row]) for name, row in _SHOWN if row in rows.files]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return ""
    return ", ".join(f"{name} {np.nanmean(values):.1f} dB" for name, values in found if np.isfinite(values).any())
