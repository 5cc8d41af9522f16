"""What `talker doctor` can be told beside where model files are."""

from __future__ import annotations

import argparse


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """A bundle for others, and whose jobs go into it."""
    parser.add_argument(
        "--bundle", metavar="FILE.zip", help="keep it with jobs and logs, without names, paths and media"
    )
    parser.add_argument(
        "--state-dir", action="append", metavar="DIR", help="of a backend (default: those of the add-on)"
    )
