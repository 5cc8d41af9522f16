"""What the program makes of an odd input, beside what is right."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.command import cli
from backend.media.audio import SPEECH_RATE, load_audio
from backend.subject.subject import Subject
from shared.errors import InputError
from tests.odd_inputs.footage import Footage
from tests.odd_inputs.sounds import Line
from tests.odd_inputs.writing import Clip

QUICK = ("--size", "192", "--set", "refine_poses=false", "--json")
"""Options with which footage is preprocessed: small, and without what the input has no bearing on."""
LAG_S = 0.03
"""How far apart sounds may lie."""


@dataclass(frozen=True)
class Outcome:
    """What came of one input."""

    name: str
    status: int
    wrong: tuple[str, ...]
    """What is wrong, in words; none: all is right."""
    said: tuple[str, ...]
    landmarks_px: float | None = None
    """Median distance from the plain clip's landmarks, at 512 px."""


def preprocessed(footage: Path, subject: Path, options: tuple[str, ...]) -> tuple[int, dict]:
    """Exit status and report of `talker preprocess`."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            status = cli.main(["preprocess", "--subject", str(subject), *QUICK, *options, "--", str(footage)])
        except SystemExit as ended:
            status = int(ended.code or 0)
    try:
        return status, json.loads(printed.getvalue())
    except ValueError:
        return status, {"error": printed.getvalue()}


def try_footage(case: Footage, clip: Clip, plain: Subject, folder: Path) -> Outcome:
    """Make a clip, preprocess it, and compare the subject with that of the plain clip."""
    footage = case.make(clip, folder)
    status, report = preprocessed(footage, folder / "subject", case.options)
    if status:
        said: tuple[str, ...] = (report.get("error", ""), report.get("do", ""))
    else:
        said = tuple(report["quality"]["warnings"])
    wrong = [] if status == case.status else [f"ends with {status}: {said}"]
    wrong += [f"does not say {text!r}" for text in case.says if text not in " ".join(said)]
    wrong += [f"says {text!r}" for text in case.never if text in " ".join(said)]
    distance = None
    if status == 0 and not wrong:
        subject = Subject.open(folder / "subject")
        frames = len(clip.pictures) if case.frames is None else case.frames
        if frames >= 0 and subject.frame_count != frames:
            wrong.append(f"{subject.frame_count} frames in place of {frames}")
        if case.first is not None:
            distance = landmark_distance(subject, plain, case.first, case.place)
            if distance > case.within_px:
                wrong.append(f"landmarks {distance:.2f} px off")
        if case.sound:
            heard, ours = load_audio(plain.audio_path), load_audio(subject.audio_path)
            heard = heard[round((case.first or 0) / clip.fps * SPEECH_RATE) :]
            found = alikeness(ours, heard)
            if found < case.sound:
                wrong.append(f"sound alike by {found:.2f} only")
    return Outcome(case.name, status, tuple(wrong), said, distance)


def landmark_distance(
    subject: Subject, plain: Subject, first: int, place: tuple[float, float, float] = (1.0, 0.0, 0.0)
) -> float:
    """Median over frames of the mean distance, at 512 px, between landmarks and the plain clip's.

    first: the plain clip's picture that the subject's first one shows; place: its size and place in the footage's.
    """
    sets = []
    for one in (subject, plain):
        scale = one.crop.width / one.info.size
        sets.append(one.track().landmarks[..., :2] * scale + [one.crop.x, one.crop.y])
    size, left, top = place
    ours, theirs = (sets[0] - [left, top]) / size, sets[1][first:]
    count = min(len(ours), len(theirs))
    apart = np.linalg.norm(ours[:count] - theirs[:count], axis=-1).mean(axis=1)
    return float(np.median(apart) * 512 / plain.crop.width)


def alikeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two sounds at SPEECH_RATE at the best lag within LAG_S; their sign counts for nothing."""
    count = min(len(one), len(other))
    a, b = one[:count], other[:count]
    size = 2 * count
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    near = np.r_[0 : round(LAG_S * SPEECH_RATE), size - round(LAG_S * SPEECH_RATE) : size]
    return float(np.abs(products[near]).max() / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def try_line(case: Line, line: np.ndarray, spoken: np.ndarray, folder: Path) -> Outcome:
    """Make a sound file and read it as `render` does. line: at AUDIO_RATE; spoken: the same at SPEECH_RATE."""
    path = case.make(line, folder)
    said: list[str] = []
    try:
        samples = load_audio(path, SPEECH_RATE, say=said.append)
    except InputError as error:
        said.append(f"{error}")
        wrong = [] if case.refused else [f"refused: {error}"]
        wrong += [f"does not say {text!r}" for text in case.says if text not in " ".join(said)]
        return Outcome(f"line: {case.name}", 2, tuple(wrong), tuple(said))
    wrong = ["not refused"] if case.refused else []
    wrong += [f"does not say {text!r}" for text in case.says if text not in " ".join(said)]
    length = len(samples) / len(spoken)
    if abs(length - case.length) > 0.02:
        wrong.append(f"{length:.2f} of the line's length")
    if case.alike and (found := alikeness(samples, spoken)) < case.alike:
        wrong.append(f"alike by {found:.2f} only")
    return Outcome(f"line: {case.name}", 0, tuple(wrong), tuple(said))
