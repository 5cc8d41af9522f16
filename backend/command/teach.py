"""`python -m backend.command.teach`: make the mouth prior that is shipped with the program anew.

Writes performance/mouth_prior.safetensors: about half an hour on one core. The same packages on the same kind
of processor give the same file, bit for bit.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safetensors.numpy import save

from backend.command.terminal import ProgressBar
from backend.performance.mouth_prior import WEIGHTS
from backend.phones.corpus import RATE_HZ, human_lessons, lessons
from backend.phones.teach import teach
from shared.errors import EXIT_DONE
from shared.files import file_sha256, write_bytes
from shared.jobs import Reporter

LINES, HUMAN_LINES, STEPS = 4000, 70, 12000


def main(argv: list[str] | None = None) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m backend.command.teach")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE")
    parser.add_argument("--lines", type=int, default=LINES, metavar="N", help=f"lines spoken (default {LINES})")
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N", help=f"training steps (default {STEPS})")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--human-lines", type=int, default=HUMAN_LINES, metavar="N",
        help=f"lines in each voice of Flite and Festival, 0: none (default {HUMAN_LINES})",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    with ProgressBar() as bar:
        report = Reporter(bar.show)
        report.phase("speak", arguments.lines)
        taught = []
        for lesson in lessons(arguments.lines, arguments.seed):
            taught.append(lesson)
            report.step()
        if arguments.human_lines:
            report.phase("speak in people's voices")
            taught.extend(human_lessons(arguments.human_lines, arguments.seed))
        state = teach(taught, arguments.steps, arguments.seed, report)
    write_bytes(arguments.out, save(state))
    print(f"{sum(len(lesson.sounds) for lesson in taught) / RATE_HZ / 3600:.1f} hours of speech")
    print(f"{file_sha256(arguments.out)}  {arguments.out}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
