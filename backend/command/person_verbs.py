"""The verbs that concern the person shown: consent, verify, identity."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from backend.settings import RenderSettings
from shared.errors import InputError


def add_person_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add them to the command line; verb: makes a verb's own parser of its name and a sentence."""
    sub = verb("consent", "What the person shown has agreed to: show it, or record it.")
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
    sub.add_argument("file", metavar="FILE", help="an EXR, MP4, PNG or WAV file, or a take's folder")
    sub.add_argument("--trust", metavar="PEM", help="certificates whose signatures you know")

    sub = verb("identity", "Who signs what is rendered here; or make an identity for trying.")
    sub.add_argument("--new", metavar="DIR", help="make one there: nobody but you vouches for it")
    sub.add_argument("--name", metavar="NAME", default="M2DAO-Talker user", help="whom the new one names")


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
