"""Command line of build_addon.py: arguments, and errors as one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from shared.errors import EXIT_CANCELLED, TalkerError

from .workspace import ROOT

WINDOW_VARIABLE = "TALKER_BLENDER"
"""Names the Blender that tests/gui drive; they are skipped without it."""


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments; argparse itself exits with 2 on bad ones."""
    parser = argparse.ArgumentParser(
        prog="build_addon.py", description="Build, demonstrate, check, test and release M2DAO-Talker."
    )
    commands = parser.add_subparsers(dest="command", metavar="demo | check | test | gpu | release | bundle")
    demo = commands.add_parser("demo", help="set up, then do the main job end to end in a real Blender module")
    demo.add_argument("--footage", type=Path, help="a clip of one person speaking (default: a drawn presenter)")
    demo.add_argument("--audio", type=Path, help="the new line of dialogue (default: made on the spot)")
    demo.add_argument("--out", type=Path, default=ROOT / "out" / "demo", help="folder for the results")
    check = commands.add_parser("check", help="lint, types, formatting, spelling and the rules of the house")
    check.add_argument("steps", nargs="*", metavar="STEP", help="the checks to run (default: all)")
    check.add_argument("--fix", action="store_true", help="mend what can be mended")
    test = commands.add_parser("test", help="check, then run the tests; further arguments go to pytest", add_help=False)
    test.add_argument("--window", action="store_true", help="make a Blender with a window first, for tests/gui")
    gpu = commands.add_parser("gpu", help="tests and figures of the engine cuda, in eight minutes, as one JSON file")
    gpu.add_argument("--python", type=Path, help="a Python that has torch (default: this one, or the backend's)")
    gpu.add_argument("--wheels", type=Path, help="a folder of wheels, for what that Python lacks")
    gpu.add_argument("--subject", type=Path, help="a prepared subject, to train on")
    gpu.add_argument("--out", type=Path, default=ROOT / "out" / "gpu.json", help="the file with the results")
    commands.add_parser("release", help="the zips for every platform, and the extension repository that serves them")
    commands.add_parser("bundle", help="everything for this platform in one zip, for machines without a network")
    options, rest = parser.parse_known_args(argv)
    if rest and options.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    return options


def main(argv: list[str]) -> int:
    """Exit status: 0 done, 1 failed checks or tests or a fault of ours, 2 what the caller can mend, 130 interrupted."""
    options = parse(argv)
    try:
        if options.command == "demo":
            from .demo import demo

            return demo(options.footage, options.audio, options.out)
        if options.command == "check":
            from .check import check

            return check(options.steps, options.fix)
        if options.command == "test":
            from .suite import test

            if options.window and WINDOW_VARIABLE not in os.environ:
                from .blender_window import prepare_window

                os.environ[WINDOW_VARIABLE] = str(prepare_window())
            return test(options.rest)
        if options.command == "gpu":
            from .gpu import gpu

            return gpu(options.python, options.wheels, options.subject, options.out)
        if options.command == "release":
            from .release import release

            return release()
        if options.command == "bundle":
            from .bundle import bundle

            return bundle()
        from .package import build_all

        return build_all()
    except TalkerError as error:
        print(f"build_addon.py: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("build_addon.py: interrupted.", file=sys.stderr)
        return EXIT_CANCELLED
