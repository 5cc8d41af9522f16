"""Whether the disk has room for what preprocessing writes, and for what training will."""

from __future__ import annotations

from backend.disk import GB, free_bytes, require_space
from backend.preprocess.stage_run import StageRun
from backend.settings import PRESETS
from shared import layout

STORED_BYTES_PER_PIXEL = {8: 1.3, 16: 5.3}
"""Frame and region map together, as PNG, by the bits of the frame; grainy footage takes half as much again."""


def require_room(run: StageRun, count: int) -> None:
    """Raises InputError where the disk will not hold so many pictures."""
    needed = count * run.size**2 * STORED_BYTES_PER_PIXEL[run.info.colour.stored_bits]
    do = "Make room, name a folder on another disk, or store smaller frames with --size."
    require_space(run.folder.path, needed, "the subject", do)


def warn_of_little_room(run: StageRun, count: int) -> None:
    """Training at another size than the stored one keeps the clip's pictures at that size, uncompressed."""
    size = PRESETS["standard"].size
    needed, free = count * size**2 * (3 + len(layout.REGION_NAMES)), free_bytes(run.folder.path)
    if size != run.size and free < needed:
        run.warn(
            f"Only {free / GB:.1f} GB are free on the disk; training with the standard preset keeps "
            f"{needed / GB:.1f} GB of pictures there. Make room, or move the subject."
        )
