"""A finished take as numbered PNG files with straight alpha."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.disk import require_space
from backend.export.finished import FinishedTake
from backend.media.png import SRGB, png_bytes, with_chunks, with_text
from backend.provenance.credentials import configured_credentials
from backend.provenance.marks import DRAWN, STATEMENT
from backend.settings import RenderSettings
from shared.files import explaining, write_bytes
from shared.jobs import Reporter
from shared.numbered import Numbered


def write_pictures(take: FinishedTake, files: Numbered, numbers: range, deep: bool, report: Reporter) -> None:
    """Write frames as PNG: sRGB, and tagged so, straight alpha, 8 bits a channel or, `deep`, 16. Raises InputError."""
    take.require_frames()
    height, width = take.picture(numbers.start).shape[:2]
    bits = 16 if deep else 8
    needed = len(numbers) * height * width * 4 * bits / 8  # compressed at least by what the marks add
    require_space(files.folder.absolute(), needed, files.pattern.name, "Make space, or choose another disk.")
    credentials = configured_credentials(RenderSettings())
    texts, marks = take.marks(credentials)
    said = {"comments": texts.get("comment", STATEMENT)}
    if marks is not None:
        marks = replace(marks, source_type=DRAWN)
        said = marks.texts()
    report.phase("write", len(numbers))
    for number in numbers:
        levels = take.picture(number, (height, width), "srgb") * (2**bits - 1)
        data = with_chunks(png_bytes(np.rint(levels).astype(np.uint16 if deep else np.uint8)), SRGB)
        data = with_text(data, said)
        if credentials is not None and marks is not None:
            data = credentials.signed(data, ".png", marks)
        path = files.path(number)
        with explaining(path):
            write_bytes(path, data, durable=False)
        report.step()
