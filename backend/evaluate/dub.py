"""How a dub lies in its footage: what it leaves untouched, and whether its matte's border can be seen.

A border is seen as a step. So the steps of brightness across it are measured, and beside them those of the footage
itself: at the same places, and in all directions anywhere in the face. What the border adds from frame to frame is
measured the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from backend.deliver.dub_matte import face_height
from backend.deliver.frames import combined_over_plate
from backend.face.points import FACE_OVAL
from backend.media import exr
from backend.media.colour import to_bytes
from backend.media.decode import probe, read_frames
from backend.subject.subject import Subject
from shared import layout
from shared.dubbing import footage_frames, parse_dub
from shared.errors import InputError
from shared.files import read_json_object

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_REACH = 0.02
"""A step is the difference of two places this far to either side of the border, as a share of the face's height."""
_SMOOTH_PX, _SLOW_PX = 1.5, 2.0
"""Grain is taken out by Gaussians of these deviations, of steps and of changes from frame to frame."""
_EDGE = (0.02, 0.98)
"""Where the matte is between these, its border is."""
_INNER = 0.9
"""The face, as a share of its oval."""


@dataclass(frozen=True)
class _Frame:
    footage: np.ndarray
    """(H, W, 3) uint8."""
    dubbed: np.ndarray
    """(H, W, 3) uint8, before it is coded."""
    coded: np.ndarray
    """(H, W, 3) uint8, of the preview movie."""
    matte: np.ndarray
    landmarks: np.ndarray
    """(478, 3) px."""


def dub_figures(take: Path, subject: Subject) -> dict[str, float]:
    """Figures of a finished take that dubs `subject`'s footage; brightness in levels of 255.

    Raises InputError for a folder that is none, or whose frames are not EXR.
    """
    worst, lists = 0, defaultdict[str, list[Any]](list)
    before: tuple[np.ndarray, np.ndarray] | None = None
    part, frames = _frames(take, subject)
    count = 0
    for frame in frames:
        count += 1
        if frame is None:
            before = None
            continue
        outside, border = frame.matte == 0.0, (frame.matte > _EDGE[0]) & (frame.matte < _EDGE[1])
        apart = np.abs(frame.dubbed.astype(np.int16) - frame.footage)[outside]
        worst = max(worst, int(apart.max(initial=0)))
        lists["coded"].append(float(np.abs(frame.coded.astype(np.int16) - frame.footage)[outside].mean()))
        face_px = face_height(frame.landmarks)
        face = np.ones(frame.matte.shape, bool) if part == "head" else _face(frame.landmarks, frame.matte.shape)
        dubbed, footage = (_brightness(picture, _SMOOTH_PX) for picture in (frame.dubbed, frame.footage))
        places, normals = _border(frame.matte, border & face)
        reach = max(2.0, _REACH * face_px)
        lists["seam"].append(_steps(dubbed, places, normals, reach))
        lists["seam_footage"].append(_steps(footage, places, normals, reach))
        anywhere = np.argwhere(_face(frame.landmarks, frame.matte.shape)).astype(np.float64)
        turns = np.random.default_rng(count).uniform(0.0, 2.0 * np.pi, len(anywhere))
        lists["face"].append(_steps(footage, anywhere, np.stack([np.sin(turns), np.cos(turns)], axis=1), reach))
        now = _brightness(frame.dubbed, _SLOW_PX), _brightness(frame.footage, _SLOW_PX)
        if before is not None:
            lists["change"].append(float(np.abs(now[0] - before[0])[border].mean()))
            lists["change_footage"].append(float(np.abs(now[1] - before[1])[border].mean()))
        before = now
    if not lists["coded"]:
        raise InputError(f"The take in {take} dubs no frame that is rendered.", "Render some of its dubbed frames.")
    figures = {"frames": float(len(lists["coded"])), "outside_largest": float(worst)}
    for name in ("coded", "change", "change_footage"):
        figures[name] = float(np.mean(lists[name])) if lists[name] else 0.0
    for name in ("seam", "seam_footage", "face"):
        steps = np.concatenate(lists[name])
        figures |= {name: float(steps.mean()), f"{name}_95": float(np.percentile(steps, 95))}
    return figures


def _frames(take: Path, subject: Subject) -> tuple[str, Iterator[_Frame | None]]:
    """Which part a take dubs, and its rendered frames, None where one is not dubbed."""
    manifest = read_json_object(take / layout.MANIFEST_FILE, "Render the line again.")
    try:
        settings, told = manifest["settings"], manifest["frames"]
        first, last, size = int(told["first"]), int(told["last"]), int(told["size"])
        before = subject.info.footage_first
        known = before + 1, before + subject.frame_count
        shown = footage_frames(parse_dub(settings["dub"]), int(told["count"]), *known)
        part, colour_name = str(settings["dub_part"]), str(told["colour"])
        is_exr = told["layers"] == "exr"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{take} holds no take that dubs this footage ({error}).", "Name one with --dub.") from error
    if not is_exr:
        raise InputError(f"The frames of {take} have no matte.", "Render the line with --layers exr.")
    landmarks = subject.track().landmarks * (size / subject.info.size)

    def read() -> Iterator[_Frame | None]:
        movie = read_frames(take / layout.PREVIEW_FILE, probe(take / layout.PREVIEW_FILE))
        for number, (_, coded) in zip(range(first, last + 1), movie, strict=False):
            at = shown[number - 1]
            if at is None:
                yield None
                continue
            passes, _ = exr.read_layers(take / layout.EXR_NAME.format(frame=number))
            footage = to_bytes(subject.frame(at - before - 1, size))
            dubbed = combined_over_plate(passes["Combined"], colour_name, footage)
            matte = passes[layout.DUB_LAYER].astype(np.float32)
            yield _Frame(footage, dubbed, to_bytes(coded)[:size, :size], matte, landmarks[at - before - 1])

    return part, read()


def _brightness(picture: np.ndarray, deviation_px: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32) @ _LUMA, (0, 0), deviation_px))


def _face(landmarks: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: within the face."""
    oval = landmarks[list(FACE_OVAL), :2]
    centre = oval.mean(axis=0)
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(centre + _INNER * (oval - centre)).astype(np.int32)], 1)
    return mask > 0


def _border(matte: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) places (row, column) of a matte's border, and the directions (N, 2) across it."""
    soft = cv2.GaussianBlur(matte, (0, 0), 2.0)
    slope = np.stack([cv2.Sobel(soft, cv2.CV_32F, 0, 1), cv2.Sobel(soft, cv2.CV_32F, 1, 0)], axis=2)[where]
    return np.argwhere(where).astype(np.float64), slope / np.maximum(np.linalg.norm(slope, axis=1)[:, None], 1e-9)


def _steps(picture: np.ndarray, places: np.ndarray, directions: np.ndarray, reach: float) -> np.ndarray:
    """(N,) by how much a picture (H, W) differs on both sides of places."""
    return np.abs(_at(picture, places + reach * directions) - _at(picture, places - reach * directions))


def _at(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N,) values of a picture between its pixels, bilinear; (row, column), its rims beyond."""
    limit = np.array(picture.shape) - 1
    low = np.clip(np.floor(places), 0, np.maximum(limit - 1, 0)).astype(int)
    share = np.clip(places - low, 0.0, 1.0)
    high = np.minimum(low + 1, limit)
    above = picture[low[:, 0], low[:, 1]] * (1 - share[:, 1]) + picture[low[:, 0], high[:, 1]] * share[:, 1]
    below = picture[high[:, 0], low[:, 1]] * (1 - share[:, 1]) + picture[high[:, 0], high[:, 1]] * share[:, 1]
    return np.asarray(above * (1 - share[:, 0]) + below * share[:, 0])
