"""A search for pictures like others, in files of any kind: `python -m tests.support.image_search --like DIR DIR …`.

Two pictures are alike where their difference hashes are: which of two neighbours is the lighter one, of a picture made
8 x 9 px small (Krawetz, "Kind of Like That", 2013). It survives scaling, re-encoding and other transfer curves.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import OpenEXR

from backend.media.container import opened

ROWS, COLUMNS = 8, 9
NEAR = 6
"""Bits of 64 in which the hashes of pictures that are alike differ at most."""
_LEAST = 4.0
"""Standard deviation of a small picture, of 255, from which its hash says anything."""
_MOST = 40
"""Pictures looked at of one file, evenly spread."""


@dataclass
class Searched:
    """What was looked at, and found."""

    files: int = 0
    pictures: int = 0
    same: list[Path] = field(default_factory=list)
    """Files with the very bytes."""
    alike: list[Path] = field(default_factory=list)
    """Files in which there is a picture like one of those that were looked for."""


def pictures_in(path: Path) -> Iterator[np.ndarray]:
    """(H, W) or (H, W, C) pictures of a file, known by its first bytes: PNG, JPEG, EXR, NumPy arrays, movies."""
    with open(path, "rb") as file:
        head = file.read(12)
    if head.startswith((b"\x89PNG", b"\xff\xd8")):
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        yield from [] if picture is None else [picture]
    elif head.startswith(b"\x76\x2f\x31\x01"):
        with OpenEXR.File(str(path), separate_channels=True) as exr:
            channels = exr.parts[0].channels
            yield np.stack([np.array(channels[name].pixels, np.float32) for name in "BGR"], axis=2)
    elif head.startswith(b"\x93NUMPY"):
        array = np.load(path, mmap_mode="r")
        yield from _some(array) if array.ndim == 4 else [array] if array.ndim == 3 else []
    elif head[4:8] == b"ftyp":
        try:
            with opened(path) as movie:
                yield from _some([frame.to_ndarray(format="bgr24") for frame in movie.decode(video=0)])
        except (av.FFmpegError, IndexError):  # half-written, or without pictures
            return


def _some(pictures: np.ndarray | list[np.ndarray]) -> Iterator[np.ndarray]:
    for index in np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), _MOST)).round().astype(int)):
        yield np.asarray(pictures[index])


def difference_hash(picture: np.ndarray) -> np.ndarray | None:
    """(64,) bool of a picture; None of one that is nearly even."""
    grey = np.nan_to_num(picture.astype(np.float32).reshape(*picture.shape[:2], -1)[..., :3].mean(axis=2))
    small = cv2.resize(grey, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    if small.std() * 255.0 / max(float(grey.max()), 1e-6) < _LEAST:
        return None
    return (small[:, 1:] > small[:, :-1]).ravel()


def hashes_of(folders: Iterable[Path]) -> tuple[set[str], np.ndarray]:
    """(SHA-256 of the files with pictures, (N, 64) bool hashes of the pictures) of all that is in folders."""
    files, hashes = set(), []
    for path in _files(folders):
        found = [found for picture in pictures_in(path) if (found := difference_hash(picture)) is not None]
        if found:
            files.add(hashlib.sha256(path.read_bytes()).hexdigest())
            hashes += found
    return files, np.unique(np.array(hashes), axis=0) if hashes else np.zeros((0, (COLUMNS - 1) * ROWS), bool)


def search(folders: Iterable[Path], like: tuple[set[str], np.ndarray]) -> Searched:
    """Look in every file of folders for the pictures of `hashes_of`."""
    found = Searched()
    for path in _files(folders):
        found.files += 1
        if hashlib.sha256(path.read_bytes()).hexdigest() in like[0]:
            found.same.append(path)
        hashes = [difference_hash(picture) for picture in pictures_in(path)]
        found.pictures += len(hashes)
        if any(own is not None and ((like[1] ^ own).sum(axis=1) <= NEAR).any() for own in hashes):
            found.alike.append(path)
    return found


def _files(folders: Iterable[Path]) -> list[Path]:
    return sorted(
        {path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    )


def main() -> int:
    """Search, and say what was found; ends with 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--like", type=Path, required=True, metavar="DIR", help="a copy of what is looked for")
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    asked = parser.parse_args()
    like = hashes_of([asked.like])
    found = search(asked.folders, like)
    print(
        f"{len(like[0])} files with {len(like[1])} different pictures, looked for in {found.files} files, "
        f"{found.pictures} pictures: {len(found.same)} files are the same, {len(found.alike)} hold one like them"
    )
    for path in found.same + found.alike:
        print(path)
    return 1 if found.same or found.alike else 0


if __name__ == "__main__":
    sys.exit(main())
