"""The verbs that concern the person shown: consent, verify, identity, forget."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from backend.settings import RenderSettings
from shared.errors import Cancelled, InputError
from shared.places import addon_state_folders


def add_person_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add them to the command line; verb: makes a verb's own parser of its name and a sentence."""
    sub = verb("consent", "What the person shown has agreed to: show it, or record it; an empty text takes it away.")
    sub.add_argument("subject", metavar="SUBJECT")
    sub.add_argument("--given-by", metavar="NAME", help="who agreed: a name, or a number in files of your own")
    sub.add_argument("--for", metavar="TEXT", dest="uses", help="the uses that were agreed to")
    sub.add_argument("--on", metavar="DATE", help="the first day on which it holds, YYYY-MM-DD")
    sub.add_argument("--until", metavar="DATE", help="the last day on which it holds")
    sub.add_argument("--note", metavar="TEXT", help="anything else")
    sub.add_argument(
        "--withdrawn", metavar="DATE", nargs="?", const=date.today().isoformat(),
        help="the consent is withdrawn, from that day on (default: today)",
    )  # fmt: skip

    sub = verb("verify", "What marks a delivered file or a take carries, and whether they are whole.")
    sub.add_argument("file", metavar="FILE", help="an EXR, MP4, MOV, PNG, WAV, PLY or SPZ file, or a take's folder")
    sub.add_argument("--trust", metavar="PEM", help="certificates whose signatures you know")

    sub = verb("forget", "Remove all that is there of a person: subject, models, takes, jobs, logs.")
    sub.add_argument("subject", metavar="SUBJECT")
    sub.add_argument("--takes", metavar="DIR", action="append", default=[], help="look there, and below, for takes too")
    sub.add_argument(
        "--state-dir", metavar="DIR", action="append", default=[],
        help="state folder of a backend (default: those of the add-on)",
    )  # fmt: skip
    sub.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    sub.add_argument("--yes", action="store_true", help="do not ask")

    sub = verb("identity", "Who signs what is rendered here; or make an identity for trying.")
    sub.add_argument("--new", metavar="DIR", help="make one there: nobody but you vouches for it")
    sub.add_argument("--name", metavar="NAME", default="M2DAO-Talker user", help="whom the new one names")


def forget(arguments: argparse.Namespace) -> dict[str, Any]:
    """Say what is there of a person, ask, and remove it. Raises InputError; Cancelled where the answer is not yes."""
    from backend.forgetting import forget as forgetting

    states = [Path(folder).absolute() for folder in arguments.state_dir] or addon_state_folders()
    found = forgetting.plan(Path(arguments.subject), [Path(folder) for folder in arguments.takes], states)
    if arguments.dry_run:
        return found.to_dict(removed=False)
    if not arguments.yes:
        _ask(found.to_dict(removed=False))
    told = found.to_dict(removed=True)
    left = forgetting.forget(found)
    told["stays"] += [f"{folder} is left, with what else is in it." for folder in left]
    return told


def lines_of(plan: dict[str, Any]) -> list[str]:
    """What `forget` returns, for a person."""
    heading = "removed" if "removed" in plan else "would be removed"
    parts = plan.get("removed", plan.get("would_remove", []))
    return [
        f"{heading}:",
        *(f"  {part['what']}: {part['files']} files, {part['mb']} MB, {part['place']}" for part in parts),
        *(f"  lines out of {log}" for log in plan["lines_out_of"]),
        *plan["stays"],
    ]


def _ask(plan: dict[str, Any]) -> None:
    """Show a plan on standard error and wait for a yes. Raises InputError where nobody can answer."""
    if not sys.stdin.isatty():
        raise InputError("Nothing was removed: nobody is here to be asked.", "Look with --dry-run, then say --yes.")
    print(*lines_of(plan), sep="\n", file=sys.stderr)
    print("All of this is removed for good. Write yes to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise Cancelled()


def identity(arguments: argparse.Namespace) -> dict[str, Any]:
    """Show the identity that the environment names, or make a new one. Raises InputError."""
    from backend.provenance import identity as identities

    if arguments.new is not None:
        folder = Path(arguments.new).absolute()
        made = identities.new_identity(folder, arguments.name)
        return {
            **made.to_dict(),
            "notice": "Nobody else vouches for this identity: others see a signature that holds, by an unknown hand.",
            "use": [
                f"{identities.CERTIFICATES_VARIABLE}={folder / identities.CERTIFICATES_FILE}",
                f"{identities.KEY_VARIABLE}={folder / identities.KEY_FILE}",
            ],
        }
    found = identities.configured_identity(RenderSettings())
    if found is None:
        variables = f"{identities.CERTIFICATES_VARIABLE} and {identities.KEY_VARIABLE}"
        raise InputError(
            "No identity is configured: nothing is signed.", f"Set {variables}, or make one with --new DIR."
        )
    return found.to_dict()
