"""A Blender with a window, for tests/gui, on a machine without one: Debian's, in a root folder of its own.

Needs Debian (or one of its children) with debootstrap, and root. About 1.5 GB are fetched, once, into build/window/.
Nothing is installed on the machine itself. Xvfb and xdotool come along; build/window/bin/ holds a script for each that
runs it inside that root with this machine's other folders bound into it, so that paths mean the same on both sides.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from shared.errors import InputError, InternalError

from .workspace import BUILD, ROOT, say

RELEASE = "trixie"
"""Has Blender 4.3 with Python 3.13: another pair than the Blender modules of the other tests."""
PACKAGES = ("blender", "xvfb", "xauth", "xdotool", "libgl1-mesa-dri", "libglx-mesa0")
COMMANDS = ("blender", "Xvfb", "xdotool")
FOLDER = BUILD / "window"
DEBIANS_OWN = ("bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "usr", "var", "lost+found")
"""Top folders that the root has itself; all others are this machine's."""

_SCRIPT = """#!/bin/sh
# {command} of {root}, with this machine's other folders.
exec unshare --mount --propagation private sh -c '
root=$1; here=$2; shift 2
mount -t proc proc "$root/proc"
for folder in {bound}; do
    mkdir -p "$root/$folder" && mount --rbind "/$folder" "$root/$folder"
done
exec chroot "$root" sh -c "cd \\"\\$0\\" && exec \\"\\$@\\"" "$here" env PATH=/usr/bin:/bin {command} "$@"
' sh '{root}' "$PWD" "$@"
"""
_NO_SERVICES = "#!/bin/sh\nexit 101\n"
"""policy-rc.d: the packages' services are not to be started."""


def prepare_window() -> Path:
    """The script that runs the windowed Blender, made if it is not there. Raises InputError where it cannot be."""
    script = FOLDER / "bin" / COMMANDS[0]
    if script.is_file():
        return script
    _require_means()
    root = FOLDER / "root"
    say(f"Fetching a Blender with a window into {FOLDER} (about 1.5 GB, once)")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    _run(["debootstrap", "--variant=minbase", RELEASE, str(root)])
    policy = root / "usr" / "sbin" / "policy-rc.d"
    policy.write_text(_NO_SERVICES, encoding="utf-8")
    policy.chmod(0o755)
    (root / "etc" / "mtab").symlink_to("/proc/self/mounts")
    install = f"mount -t proc proc '{root}/proc' && exec chroot '{root}' apt-get install -y --no-install-recommends "
    _run(["unshare", "--mount", "--propagation", "private", "sh", "-c", install + " ".join(PACKAGES)])
    shutil.rmtree(root / "var" / "cache" / "apt" / "archives")
    bound = sorted(
        p.name for p in Path("/").iterdir() if p.is_dir() and not p.is_symlink() and p.name not in DEBIANS_OWN
    )
    for command in reversed(COMMANDS):  # Blender's script last: where it is, the others are
        _write_script(FOLDER / "bin" / command, script_text(command, root, bound))
    return script


def script_text(command: str, root: Path, bound: Sequence[str]) -> str:
    """A script that runs `command` inside `root`, with the machine's top folders `bound` as they are outside."""
    return _SCRIPT.format(command=command, root=root, bound=" ".join(bound))


def _require_means() -> None:
    missing = [name for name in ("debootstrap", "unshare", "chroot") if shutil.which(name) is None]
    if missing:
        raise InputError(
            f"A Blender with a window needs {', '.join(missing)} to be made.",
            "On Debian or Ubuntu: apt-get install debootstrap. Elsewhere install Blender, Xvfb and xdotool, and name "
            "Blender's executable in TALKER_BLENDER.",
        )
    if os.geteuid() != 0:
        raise InputError("A Blender with a window is made by root only (debootstrap, chroot).", "Run this as root.")
    if ROOT.parts[1] in DEBIANS_OWN:
        raise InputError(f"{ROOT} cannot be seen from inside the root.", "Put the repository into your home folder.")


def _run(command: list[str]) -> None:
    log_file = FOLDER / "setup.log"
    with log_file.open("ab") as log:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        status = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False).returncode
    if status != 0:
        raise InternalError(f"{command[0]} ended with status {status}.", f"See {log_file}.")


def _write_script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o755)
    temporary.replace(path)
