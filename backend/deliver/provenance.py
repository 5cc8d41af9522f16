"""Where a render came from: the manifest, and the texts in the headers of its files."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from backend.provenance.marks import Marks
from backend.settings import RenderSettings
from shared import choices
from shared.take_ids import public_id

SCHEMA = 3
"""Up to 2, `subject` was the absolute path of the subject's folder, and paths stood in `inputs` and `settings`."""
_PACKAGES = ("torch", "numpy", "mediapipe", "librosa", "av", "OpenEXR", "opencv-python")
OWN_PLACES = ("certificates", "signing_key", "time_stamp_server")
"""Settings that concern this machine alone: neither a manifest nor a job has them."""


def versions() -> dict[str, str]:
    """Versions of Python, platform and packages that drew the pictures."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in ("m2dao-talker", *_PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def exr_attributes(marks: Marks, values: Mapping[str, str]) -> dict[str, str]:
    """Header text of a frame: the marks, and details under the project's own names."""
    return marks.texts() | {f"m2dao_talker.{name}": str(value) for name, value in values.items()}


def movie_metadata(title: str, marks: Marks, values: Mapping[str, str]) -> dict[str, str]:
    """Metadata of a movie: the keys that .mp4 has."""
    texts = marks.movie_texts()
    details = ", ".join(f"{name} {value}" for name, value in values.items())
    return {"title": title, **texts, "comment": f"{texts['comment']} {details}".strip()}


def manifest(
    *,
    take: str,
    marks: Marks,
    subject_folder: str | None,
    inputs: dict,
    settings: RenderSettings,
    frames: dict,
    preview: dict | None,
    timings_s: dict,
    complete: bool,
    signed_by: str | None,
) -> dict:
    """What manifest.json holds. complete: whether all frames, and the movie, are those of these inputs;
    signed_by: fingerprint of the certificate that signed its files."""
    return {
        "schema": SCHEMA,
        "synthetic_media": True,
        "statement": marks.statement,
        "program": marks.program,
        "source_type": marks.source_type,
        "consent": marks.consent,
        "subject": marks.subject,
        "take": take,
        "take_id": marks.take,
        "complete": complete,
        "signed_by": signed_by,
        "subject_folder": subject_folder,
        "inputs": inputs,
        "settings": public_settings(settings),
        "seed": settings.seed,
        "frames": frames,
        "preview": preview,
        "versions": versions(),
        "timings_s": timings_s,
    }


def public_settings(settings: RenderSettings) -> dict:
    """The settings as a manifest may have them: files by their names alone, and nothing of this machine."""
    values = {name: value for name, value in asdict(settings).items() if name not in OWN_PLACES}
    if settings.pose not in choices.POSES:
        values["pose"] = Path(settings.pose).name
    for name in ("performance", "direction"):
        if values[name] is not None:
            values[name] = Path(values[name]).name
    values["take_id"] = None if settings.take_id is None else public_id(settings.take_id)
    return values


def subject_beside(out: Path, subject: Path) -> str | None:
    """Where a subject's folder is as seen from a take's, where it lies beside that or beside the folder around it;
    None elsewhere: a longer way there would tell of this machine's folders."""
    above = os.path.realpath(out)
    real = os.path.realpath(subject)
    for way in ("..", "../.."):
        above = os.path.dirname(above)
        if os.path.dirname(real) == above:
            return f"{way}/{os.path.basename(real)}"
    return None
