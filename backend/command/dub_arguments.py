"""Arguments of a line that dubs the footage."""

from __future__ import annotations

import argparse

from shared import choices


def add_dub_arguments(parser: argparse.ArgumentParser) -> None:
    """--dub and --dub-part, of every verb that draws a line."""
    parser.add_argument(
        "--dub", metavar="A:B=F@S,…",
        help="dub the footage: under frames A to B of the line lies the footage from its frame F on, S frames each; "
        ":=1 is all of it",
    )  # fmt: skip
    parser.add_argument("--dub-part", choices=choices.DUB_PARTS, help=f"what is replaced (default {choices.DUB_PART})")
