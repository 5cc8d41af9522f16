"""A short hash of everything that a frame depends on: a stored frame with the same key is not drawn again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields

import numpy as np

from backend.portrait.portrait import Drive
from backend.portrait.saving import trained_size
from backend.raster.constants import BLUR_PX2
from backend.subject.model_folder import ModelFolder
from shared.version import VERSION

_DRAWING_CONFIG = ("settings", "sizes", "curve_names", "camera", "fps", "distances_cm")
"""Entries of a model's config.json that change its pictures; the others describe its training."""


def digest(*parts: bytes | str) -> str:
    """Short hash of several things."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()[:24]


def model_key(model: ModelFolder, weights_sha256: str) -> str:
    """Hash of all of a model that its pictures depend on. Raises InputError as ModelFolder.config does."""
    config = model.config()
    drawing = [*(config.get(name) for name in _DRAWING_CONFIG), trained_size(config), BLUR_PX2]
    return digest(weights_sha256, json.dumps(drawing, sort_keys=True))


def shared_key(common: Mapping[str, object]) -> str:
    """Hash of what all frames of a line have in common, and of this program's version."""
    return digest(VERSION, json.dumps(common, sort_keys=True, default=str))


def frame_keys(drive: Drive, common: Mapping[str, object], indices: Iterable[int] | None = None) -> list[str]:
    """The keys of some frames of a drive, from 0, in order; None: of all.

    A frame depends on its own rows of the drive's arrays (curves, pose, the body's motion, sound where it drives the
    portrait), to the bit; on what all frames have in common; and on the version of this program.
    """
    shared = shared_key(common)
    values = {field.name: getattr(drive, field.name) for field in fields(drive)}
    arrays = [(name, np.ascontiguousarray(value.cpu())) for name, value in values.items() if value is not None]
    return [
        digest(shared, *(part for name, array in arrays for part in (name, array[index].tobytes())))
        for index in (range(len(drive)) if indices is None else indices)
    ]
