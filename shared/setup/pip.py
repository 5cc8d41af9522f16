"""Running pip: progress in few lines, the whole output in a log, and its failures in plain words."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, InternalError, TalkerError
from ..python_child import module_command

_PROGRESS = re.compile(r"^(?:Collecting|Processing) (?:\S*/)?([^\s;]+)")
_LARGE_DOWNLOAD = re.compile(r"^\s*Downloading (\S+)\s+\((\d+(?:\.\d+)? [GM]B)\)")
PACKAGE_LINE = re.compile(r"^\s*package (\d+) of (\d+): ")
"""The line that `install` logs for every package, for callers that draw a progress bar."""
_NETWORK_SIGNS = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "Connection refused",
    "Temporary failure in name resolution",
    "Name or service not known",
    "getaddrinfo failed",
    "nodename nor servname",
    "Network is unreachable",
    "ProxyError",
    "ReadTimeoutError",
    "(from versions: none)",
)


def child_environment() -> dict[str, str]:
    """This process's environment without variables that would mislead another Python."""
    astray = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in astray}
    return environment | {
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "PIP_USER": "0",
    }


def install(python: Path, arguments: list[str], total: int, log: Callable[[str], None], log_file: Path) -> None:
    """`pip install` with `arguments` in the environment of `python`.

    `total` is the number of packages expected, for the progress lines. Raises InputError for what the user can mend
    (network, disk), InternalError with the log's path otherwise. An exception from outside (Ctrl-C) ends pip too.
    """
    command = module_command(python, "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "2")
    command += ["--progress-bar", "off", "--no-warn-script-location", *arguments]
    output: list[str] = []
    with log_file.open("a", encoding="utf-8") as record:
        record.write(f"$ {' '.join(command)}\n")
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=child_environment(),
        )
        assert process.stdout is not None
        try:
            count = 0
            with process.stdout as lines:
                for line in lines:
                    record.write(line)
                    output.append(line)
                    collecting = _PROGRESS.match(line)
                    count += bool(collecting)
                    _tell(line, collecting, f"{count} of {total}" if count <= total else "one more", log)
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status != 0:
        raise explain("".join(output), python.parent.parent, log_file)


def _tell(line: str, collecting: re.Match[str] | None, counted: str, log: Callable[[str], None]) -> None:
    """The lines of pip's output that matter to a user."""
    large = _LARGE_DOWNLOAD.match(line)
    if collecting:
        name = collecting[1]  # a requirement, or the file name of a wheel that lies on this machine
        log(f"  package {counted}: {'=='.join(name.split('-')[:2]) if name.endswith('.whl') else name}")
    elif large:
        log(f"  downloading {large[1].rsplit('/', 1)[-1]} ({large[2]})")
    elif line.startswith("Installing collected packages"):
        log("  unpacking (this can take a minute)")


def explain(output: str, folder: Path, log_file: Path) -> TalkerError:
    """The error to raise for pip's `output`: the disk, the network, a changed package, or a fault of ours."""
    if "No space left on device" in output or "not enough space on the disk" in output:
        return InputError(f"The disk that holds {folder} is full.", "Free some space and run this again.")
    if "DO NOT MATCH THE HASHES" in output:
        return InputError(
            "A downloaded package is not the one this version was tested with (its hash differs).",
            f"Check your package mirror; which package it was stands in {log_file}.",
        )
    if any(sign in output for sign in _NETWORK_SIGNS):
        return InputError(
            "The package index cannot be reached, or lacks a package that is needed.",
            f"Connect to the network (or set pip's proxy or index) and run this again; details are in {log_file}.",
        )
    if "Permission denied" in output:
        return InputError(f"{folder} cannot be written.", "Choose a folder that you may write to.")
    last = next((line.strip() for line in reversed(output.splitlines()) if line.startswith("ERROR")), "no reason given")
    return InternalError(f"pip failed: {last}.", f"Its whole output is in {log_file}.")
