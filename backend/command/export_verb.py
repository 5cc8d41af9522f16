"""What `talker export` can be told."""

from __future__ import annotations

import argparse


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Take, file, and options of the kinds of files."""
    parser.add_argument("take", metavar="TAKE", help="folder of the take")
    parser.add_argument(
        "out", metavar="FILE",
        help=".mov: ProRes 4444 with alpha, and sound; head.####.png: pictures with alpha; .otio: a timeline; .csv: "
        "curves for Live Link Face",
    )  # fmt: skip
    parser.add_argument("--frames", metavar="A:B", help="of numbered files: only these, inclusive")
    parser.add_argument("--deep", action="store_const", const=True, help="PNG of 16 bits a channel, not 8")
