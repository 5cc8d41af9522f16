"""`python -m backend.command.life --subject DIR … --audio WAV …`: the table of docs/life.md, clip beside life."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.evaluate.life import life_figures
from backend.subject.subject import Subject
from shared.errors import EXIT_DONE, TalkerError

_ROWS = {
    "turn's deviation, pitch / yaw / roll, °": ("pitch_deviation", "yaw_deviation", "roll_deviation"),
    "turn's range, °": ("pitch_range", "yaw_range", "roll_range"),
    "speed, median / 95 % / highest, °/s": ("speed_50", "speed_95", "speed_100"),
    "acceleration, °/s²": ("acceleration_50", "acceleration_95", "acceleration_100"),
    "blinks a minute": ("blinks_a_minute",),
    "lids, closed": ("lids_closed",),
    "brows' deviation": ("brows_deviation",),
    "gaze sideways, deviation / share of frames at rest": ("gaze_deviation", "gaze_resting"),
}
_DIGITS = {"acceleration": 0, "speed": 0, "blinks": 0, "pitch": 1, "yaw": 1, "roll": 1}


def main(argv: list[str] | None = None) -> int:
    """Exit status, as the command line's: 2 with one line when the caller can mend it."""
    parser = argparse.ArgumentParser(prog="python -m backend.command.life")
    parser.add_argument("--subject", type=Path, required=True, nargs="+", metavar="DIR")
    parser.add_argument("--audio", type=Path, required=True, nargs="+", metavar="WAV")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="every line so often (default 5)")
    arguments = parser.parse_args(argv)
    try:
        found = [life_figures(Subject.open(path), arguments.audio, arguments.seeds) for path in arguments.subject]
    except TalkerError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    heads = [f"{path.name}, {of}" for path in arguments.subject for of in ("clip", "life")]
    print("| " + " | ".join(["", *heads]) + " |")
    print("|" + " --- |" * (len(heads) + 1))
    for label, names in _ROWS.items():
        cells = [" / ".join(_cell(name, one[of][name]) for name in names) for one in found for of in ("clip", "life")]
        print(f"| {label} | " + " | ".join(cells) + " |")
    for path, one in zip(arguments.subject, found, strict=True):
        links = ", ".join(f"{name} {value:.2f}" for name, value in one["link"].items())
        print(f"\n{path.name} goes with stress: {links}")
    return EXIT_DONE


def _cell(name: str, value: float) -> str:
    return f"{value:.{_DIGITS.get(name.split('_')[0], 2)}f}"


if __name__ == "__main__":
    sys.exit(main())
