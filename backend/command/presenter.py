"""`python -m backend.command.presenter --out FOLDER`: draw the demo's footage, speak its line; prints where."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from backend.command.terminal import ProgressBar
from backend.presenter.make import make_demo_material
from shared.errors import EXIT_DONE, TalkerError
from shared.files import explained
from shared.jobs import Reporter


def main(argv: list[str] | None = None) -> int:
    """Exit status, as the command line's: 2 with one line when the caller can mend it."""
    parser = argparse.ArgumentParser(prog="python -m backend.command.presenter")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    try:
        with ProgressBar() as bar:
            made = asdict(make_demo_material(arguments.out, Reporter(bar.show)))
    except TalkerError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except OSError as error:
        in_words = explained(error, arguments.out)
        print(in_words, file=sys.stderr)
        return in_words.exit_status
    print(json.dumps({name: str(path) for name, path in made.items()}))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
