"""Performances as Live Link Face's CSV: what a phone's face capture writes, and what other programs play.

A row a frame: a time code, the number of values, ARKit's 52 blend shapes by name (EyeBlinkLeft, …), and nine turns of
head and eyes. The file does not tell how many frames its time code counts a second.
"""

from __future__ import annotations

import csv
import math
import os
import re
from fractions import Fraction
from io import StringIO
from pathlib import Path

import numpy as np

from backend.performance.curves import FACE_CURVES, Performance
from shared.errors import InputError
from shared.files import read_text_file, write_text

SUFFIX = ".csv"
_TURNS = tuple(f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye") for turn in ("Yaw", "Pitch", "Roll"))
_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
_MOUTH = (
    *("JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker", "MouthRight"),
    *("MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight", "MouthDimpleLeft"),
    *("MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower", "MouthRollUpper"),
    *("MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft"),
    *("MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight"),
)
_UPPER = (
    *("BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff"),
    *("CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut"),
)
COLUMNS = (*(f"Eye{what}{side}" for side in ("Left", "Right") for what in _EYE), *_MOUTH, *_UPPER, *_TURNS)
"""Names of the values, in Live Link Face's order."""
_HEADING = ("Timecode", "BlendShapeCount", *COLUMNS)
_LONGEST_BEGINNING = 1 << 14
"""Bytes in which the first two rows are."""
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3}(?:\.\d+)?)")
_COUNTED = (24, 25, 30, 48, 50, 60)
"""How many frames a second time codes count."""
_USUAL = 60
"""Live Link Face's own rate, where a take is too short to show another."""
_RATES = tuple(
    Fraction(*rate) for rate in ((12, 1), (15, 1), (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1))
) + tuple(Fraction(*rate) for rate in ((50, 1), (60000, 1001), (60, 1)))
_NEAR = 2e-3
"""So near to a usual rate, as a share of it, that one is meant."""
_DAY_S = 86400
_MOST_FPS = 1000
_BRIDGED, _BRIDGED_PER_ROW = 100_000, 10
"""Frames that may be made of any file, and of each row of a longer one."""
_MEND = "Export it from Live Link Face again."


def read_live_link(path: str | os.PathLike) -> Performance:
    """The blend shapes of a CSV at a steady rate, from its first row on; frames that the phone dropped are bridged.

    Blend shapes that it lacks are left out, those that move nothing here (the tongue, turns of head and eyes) too.
    Raises InputError that says what is wrong with it, and in which row.
    """
    text = read_text_file(path, _MEND).lstrip("\ufeff")
    try:
        rows = list(csv.reader(StringIO(text)))
    except csv.Error as error:
        raise InputError(f"{path} is no table of commas ({error}).", _MEND) from error
    names = [name.strip().lower() for name in rows[0]] if rows else []
    columns = {curve: names.index(curve.lower()) for curve in FACE_CURVES if curve.lower() in names}
    if "timecode" not in names or not columns:
        raise InputError(f"{path} is no Live Link Face take: its first row names no Timecode or blend shapes.", _MEND)
    at = names.index("timecode")
    told = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    if not told:
        raise InputError(f"{path} holds no frames.", _MEND)
    times_s = _times_s(path, [(number, row[at] if at < len(row) else "") for number, row in told])
    values = {curve: _column(path, told, column, curve) for curve, column in columns.items()}
    fps = _rate(times_s)
    lasts_s = float(times_s[-1] - times_s[0])
    if fps > _MOST_FPS or lasts_s >= _DAY_S:
        lasts = f"{lasts_s:.0f} s at {float(fps):.0f} frames a second"
        raise InputError(
            f"The time code of {path} tells of {lasts}; up to a day at up to {_MOST_FPS} can be read.", _MEND
        )
    count = round(lasts_s * float(fps)) + 1
    if count > max(_BRIDGED, _BRIDGED_PER_ROW * len(told)):
        raise InputError(f"{path} has {len(told)} rows for {count} frames: nearly all are missing.", _MEND)
    steady = times_s[0] + np.arange(count) / float(fps)
    curves = {curve: np.interp(steady, times_s, column).astype(np.float32) for curve, column in values.items()}
    return Performance(fps, curves)


def write_live_link(performance: Performance, path: str | os.PathLike) -> None:
    """Write a performance's blend shapes as a CSV, through a temporary name; the tongue and all turns are 0.

    Its time code starts at 0 and counts 60 frames a second and thousandths of them, as Live Link Face's own does unless
    it is told otherwise, whatever the performance's rate. Raises OSError.
    """
    curves = {name.lower(): np.asarray(values, np.float64) for name, values in performance.curves.items()}
    still = np.zeros(performance.frame_count)
    table = np.stack([curves.get(name.lower(), still) for name in COLUMNS], axis=1)
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADING)
    for frame, values in enumerate(table):
        seconds, within = divmod(round(frame * _USUAL * 1000 / performance.fps), _USUAL * 1000)
        counted = f"{within // 1000:02}.{within % 1000:03}"
        clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{counted}"
        rows.writerow((clock, len(COLUMNS), *(f"{value:.10f}" for value in values)))
    write_text(Path(path), text.getvalue())


def is_written_here(path: Path) -> bool:
    """Whether a file begins as `write_live_link` writes it: from time 0 and without turns, as no phone does."""
    with open(path, "rb") as file:
        lines = file.read(_LONGEST_BEGINNING).decode("utf-8", "replace").split("\n")
    first = lines[1].split(",") if len(lines) > 1 else []
    return (
        lines[0] == ",".join(_HEADING)
        and first[0] == "00:00:00:00.000"
        and len(first) == len(_HEADING)
        and all(value == "0.0000000000" for value in first[-len(_TURNS) :])
    )


def _times_s(path: str | os.PathLike, told: list[tuple[int, str]]) -> np.ndarray:
    """(T,) rising seconds of time codes, each with the number of its row."""
    clocks = []
    for number, text in told:
        found = _TIME.fullmatch(text.strip())
        if found is None:
            raise InputError(f"Row {number} of {path} has the time code {text!r}, not HH:MM:SS:FF.", _MEND)
        hours, minutes, seconds = (int(part) for part in found.groups()[:3])
        clocks.append((hours * 3600 + minutes * 60 + seconds, float(found[4])))
    whole, frames = (np.array(part, np.float64) for part in zip(*clocks, strict=True))
    most = frames.max() if np.ptp(whole) >= 1 else _USUAL - 1
    counted = next((rate for rate in _COUNTED if most < rate), float(math.floor(most) + 1))
    times_s = whole + frames / counted
    times_s[times_s < times_s[0]] += _DAY_S  # a take over midnight
    back = np.flatnonzero(np.diff(times_s) <= 0)
    if len(back):
        raise InputError(f"The time code of {path} does not go on in row {told[back[0] + 1][0]}.", _MEND)
    return times_s


def _column(path: str | os.PathLike, told: list[tuple[int, list[str]]], at: int, name: str) -> np.ndarray:
    """(T,) numbers of one column."""
    values = np.empty(len(told))
    for index, (number, row) in enumerate(told):
        try:
            values[index] = float(row[at])
        except (IndexError, ValueError):
            values[index] = np.nan
        if not math.isfinite(values[index]):
            raise InputError(f"Row {number} of {path} holds no number for {name}.", _MEND)
    return values


def _rate(times_s: np.ndarray) -> Fraction:
    """Frames a second of rising times (T,), some of which may lack: a usual rate where one is that near."""
    if len(times_s) < 2:
        return Fraction(_USUAL)
    span = float(times_s[-1] - times_s[0])
    rate = round(span / float(np.median(np.diff(times_s)))) / span
    usual = min(_RATES, key=lambda known: abs(float(known) / rate - 1))
    return usual if abs(float(usual) / rate - 1) < _NEAR else max(Fraction(1), Fraction(rate).limit_denominator(100))
