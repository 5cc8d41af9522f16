"""What each stage of preprocessing is made from, as a hash: a stage under the same key is not done again."""

from __future__ import annotations

import hashlib
import json

from backend.settings import PreprocessSettings
from backend.settings.tree import digest

CODE_VERSIONS = {
    "face": 1, "frames": 1, "camera": 5, "background": 4, "regions": 4, "body": 1, "audio": 1, "sync": 4,
    "plate": 1,
}  # fmt: skip
"""Raise a stage's number when its code writes something else for the same settings and inputs."""

READS: dict[str, tuple[str, ...]] = {
    "audio": (),
    "face": (),
    "frames": (),
    "camera": ("refine_poses", "bundle", "photometric"),
    "background": ("matting_size", "regions"),
    "plate": (),
    "regions": ("matting_size", "regions"),
    "body": ("body",),
    "sync": ("correct_audio_offset",),
}
"""The settings that a stage reads. Its other inputs come as hashes (the footage's, a sound file's, the keys of the
stages before it), those of the frames also as the crop and the size that `size` makes of it."""
WITHOUT_EFFECT = ("workers",)
"""Settings, anywhere in the tree, that change how long a stage takes and not what it writes."""


def stage_key(stage: str, settings: PreprocessSettings, *inputs: object) -> str:
    """Hash of a stage's code version, of the settings it reads, and of its inputs: anything whose text says what it is.

    How poses are refined counts only where they are.
    """
    read = {name: getattr(settings, name) for name in READS[stage]}
    if read.get("refine_poses") is False:
        del read["photometric"]
    parts = [stage, str(CODE_VERSIONS[stage]), digest(read, WITHOUT_EFFECT), *map(str, inputs)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
