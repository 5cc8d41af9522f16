"""Where a render came from: the manifest, and the texts in the headers of its files."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

STATEMENT = "Synthetic media: a computer-generated talking head; the person shown did not say this."
"""Stands in every manifest, EXR header and movie."""
_PACKAGES = ("torch", "numpy", "mediapipe", "librosa", "av", "OpenEXR", "opencv-python")


def versions() -> dict[str, str]:
    """Versions of Python, platform and packages that drew the pictures."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in ("m2dao-talker", *_PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def exr_attributes(values: Mapping[str, str]) -> dict[str, str]:
    """Header text of a frame: the statement where every viewer shows it, details under the project's own names."""
    return {"comments": STATEMENT, "software": "M2DAO-Talker"} | {
        f"m2dao_talker.{name}": str(value) for name, value in values.items()
    }


def movie_metadata(title: str, values: Mapping[str, str]) -> dict[str, str]:
    """Metadata of a movie: the keys that .mp4 has."""
    details = ", ".join(f"{name} {value}" for name, value in values.items())
    return {"title": title, "comment": f"{STATEMENT} {details}".strip(), "encoder": "M2DAO-Talker"}


def manifest(
    *,
    take: str,
    take_id: str,
    subject: Path,
    inputs: dict,
    settings: dict,
    frames: dict,
    preview: dict | None,
    timings_s: dict,
    complete: bool,
) -> dict:
    """What manifest.json holds. complete: whether all frames, and the movie, are those of these inputs."""
    return {
        "schema": 2,
        "synthetic_media": True,
        "statement": STATEMENT,
        "take": take,
        "take_id": take_id,
        "complete": complete,
        "subject": str(Path(subject).resolve()),
        "inputs": inputs,
        "settings": settings,
        "seed": settings.get("seed"),
        "frames": frames,
        "preview": preview,
        "versions": versions(),
        "timings_s": timings_s,
    }
