"""The verbs' table beside the command line, and what asking for help costs."""

import argparse
import subprocess
import sys

from backend.command import cli, verbs
from tests.support.places import ROOT

NO_JOBS = {"bench", "serve", "settings", "keys", "identity", "forget"}
"""Verbs of the command line that do no job."""


def test_the_command_line_and_the_jobs_have_the_same_verbs():
    (choices,) = (action for action in cli.build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert set(choices.choices) == set(verbs.VERBS) | NO_JOBS


def test_help_waits_for_no_library_that_is_slow_to_load():
    slow = ("torch", "mediapipe", "librosa", "scipy", "av")
    code = (
        "import sys; from backend.command import cli, verbs; cli.build_parser().format_help();"
        f"print([name for name in {slow!r} if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "[]"
