"""Starting another Python that runs our code and nobody else's: never what lies in the current folder.

A Python that is started with -m or -c looks for modules in its current folder first, and with a relative entry in
PYTHONPATH in that. -P forbids the first, PYTHONSAFEPATH does so for the children of the child, and entries are made
absolute, as this process sees them.
"""

from __future__ import annotations

import os
from pathlib import Path


def module_command(python: str | os.PathLike, module: str, *arguments: str) -> list[str]:
    """The command `python -m module`, without the current folder on its path."""
    return [str(python), "-P", "-m", module, *arguments]


def source_environment(source: Path) -> dict[str, str]:
    """This process's environment for a child that runs a package of the folder `source`."""
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    path = os.pathsep.join([str(source), *(os.path.abspath(entry) for entry in entries)])
    return os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
