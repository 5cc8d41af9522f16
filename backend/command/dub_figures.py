"""`python -m backend.command.dub_figures --take DIR … --subject DIR …`: the table of docs/benchmarks.md, "Dubs"."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.evaluate.dub import dub_figures
from backend.subject.subject import Subject
from shared.errors import EXIT_DONE, TalkerError

_ROWS = {
    "frames": ("frames",),
    "outside the matte: largest difference": ("outside_largest",),
    "the same in the coded movie, mean": ("coded",),
    "steps across the border, mean / 95 %": ("seam", "seam_95"),
    "footage, same places": ("seam_footage", "seam_footage_95"),
    "footage, anywhere in the face": ("face", "face_95"),
    "change from frame to frame along the border": ("change",),
    "footage, same places ": ("change_footage",),
}
_WHOLE = ("frames", "outside_largest")


def main(argv: list[str] | None = None) -> int:
    """Exit status, as the command line's: 2 with one line when the caller can mend it."""
    parser = argparse.ArgumentParser(prog="python -m backend.command.dub_figures")
    parser.add_argument("--take", type=Path, required=True, nargs="+", metavar="DIR")
    parser.add_argument("--subject", type=Path, required=True, nargs="+", metavar="DIR", help="of each take")
    arguments = parser.parse_args(argv)
    if len(arguments.take) != len(arguments.subject):
        parser.error("name a subject for each take")
    try:
        pairs = zip(arguments.take, arguments.subject, strict=True)
        found = [dub_figures(take, Subject.open(subject)) for take, subject in pairs]
    except TalkerError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print("| " + " | ".join(["", *(take.name for take in arguments.take)]) + " |")
    print("|" + " --- |" * (len(found) + 1))
    for label, names in _ROWS.items():
        cells = [" / ".join(f"{one[name]:.{0 if name in _WHOLE else 2}f}" for name in names) for one in found]
        print(f"| {label.strip()} | " + " | ".join(cells) + " |")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
