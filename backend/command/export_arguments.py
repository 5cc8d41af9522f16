"""What `talker export` can be told."""

from __future__ import annotations

import argparse

from backend.export.options import SPACES


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Take, file, and options of the kinds of files."""
    parser.add_argument("take", metavar="TAKE", help="folder of the take")
    parser.add_argument(
        "out", metavar="FILE",
        help=".mov: ProRes 4444 with alpha, and sound; head.####.png: pictures with alpha; .ply, .spz: Gaussians; "
        ".otio: a timeline; .csv: curves for Live Link Face",
    )  # fmt: skip
    parser.add_argument("--frames", metavar="A:B", help="of numbered files: only these, inclusive")
    parser.add_argument("--deep", action="store_const", const=True, help="PNG of 16 bits a channel, not 8")
    parser.add_argument("--space", choices=SPACES, help=f"frame of reference of Gaussians (default {SPACES[0]})")
    for name, what in (
        ("subject", "folder of the subject, where the take does not tell"),
        ("audio", "the line's sound, where the take's own does not give its motion"),
        ("pose", "the file of poses that the line was rendered with, where the take's own do not"),
    ):
        parser.add_argument(f"--{name}", metavar="DIR" if name == "subject" else "FILE", help=f"for Gaussians: {what}")
