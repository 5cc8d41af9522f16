"""Try every odd input: `python -m tests.odd_inputs --presenter DIR [--only WORDS] [--page FILE]`.

DIR is what `python -m backend.command.presenter --out DIR` made. Ends with 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2

from backend.media.audio import SPEECH_RATE, read_audio, resample
from backend.media.decode import read_frames
from backend.subject.subject import Subject
from tests.odd_inputs.footage import FOOTAGE
from tests.odd_inputs.sounds import LINES, SOUND_OF_FOOTAGE
from tests.odd_inputs.trial import Outcome, preprocessed, try_footage, try_line
from tests.odd_inputs.writing import AUDIO_RATE, Clip, write

SECONDS = 3.6
SIZE = (320, 256)


def _plain(presenter: Path) -> Clip:
    sound, rate = read_audio(presenter)
    pictures = [
        cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA)
        for _, rgb in read_frames(presenter, end=round(SECONDS * 25))
    ]
    return Clip(pictures, resample(sound, rate, AUDIO_RATE)[: round(SECONDS * AUDIO_RATE)])


def main(arguments: list[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.odd_inputs", description=__doc__)
    parser.add_argument("--presenter", required=True, type=Path, metavar="DIR")
    parser.add_argument("--only", metavar="WORDS", help="only inputs whose name has these words in it")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table, as Markdown")
    asked = parser.parse_args(arguments)
    clip = _plain(asked.presenter / "presenter.mp4")
    outcomes: list[Outcome] = []

    def attempt(name: str, work: Callable[[Path], Outcome]) -> None:
        if asked.only and asked.only not in name:
            return
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(work(Path(folder)))
        last = outcomes[-1]
        print(
            f"{'WRONG' if last.wrong else 'right'}  {name}: {'; '.join(last.wrong or last.said) or 'nothing said'}",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        status, report = preprocessed(write(Path(folder) / "plain.mp4", clip), Path(folder) / "subject", ())
        if status:
            print(f"The plain clip itself fails: {report}", file=sys.stderr)
            return 1
        plain = Subject.open(Path(folder) / "subject")
        for case in (*FOOTAGE, *SOUND_OF_FOOTAGE):
            attempt(case.name, partial(try_footage, case, clip, plain))
    spoken = resample(clip.sound, AUDIO_RATE, SPEECH_RATE)
    for line in LINES:
        attempt(f"line: {line.name}", partial(try_line, line, clip.sound, spoken))
    wrong = [one for one in outcomes if one.wrong]
    print(
        f"{len(outcomes)} inputs, {len(outcomes) - len(wrong)} right; "
        f"{sum(one.status == 1 for one in outcomes)} ended with 1"
    )
    if asked.page is not None:
        asked.page.write_text(_table(outcomes), encoding="utf-8")
    return 1 if wrong else 0


def _table(outcomes: list[Outcome]) -> str:
    rows = ["| input | what comes of it | landmarks, px at 512 |", "| --- | --- | --- |"]
    for one in outcomes:
        said = (
            "; ".join(
                one.wrong or tuple(text for text in one.said if not text.startswith(("The clip shows", "The face is")))
            )
            or "nothing to say"
        )
        distance = "" if one.landmarks_px is None else f"{one.landmarks_px:.2f}"
        rows.append(f"| {one.name} | {'**wrong**: ' if one.wrong else ''}{said} | {distance} |".replace("\n", " "))
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
