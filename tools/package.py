"""From a staged folder to dist/m2dao_talker-VERSION-PLATFORM.zip, by Blender's own extension tool."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shared.errors import InternalError, TalkerError
from shared.version import VERSION

from .stage import PLATFORM_TAGS, stage
from .workspace import DIST, EXTENSION_ID, prepare_backend, prepare_blender, say, this_platform

_FIND_TOOL = "import importlib.util as u; print(u.find_spec('bpy').submodule_search_locations[0])"


def zip_path(platform: str) -> Path:
    """Where the zip for `platform` goes."""
    return DIST / f"{EXTENSION_ID}-{VERSION}-{platform}.zip"


def build(blender_python: Path, staged: Path, platform: str) -> Path:
    """Zip a staged extension and have Blender validate it. Returns the zip's path.

    Raises InternalError with the validator's own words when it is refused.
    """
    target = zip_path(platform)
    DIST.mkdir(exist_ok=True)
    unchecked = target.with_name(f".{target.name.removesuffix('.zip')}.partial.zip")
    call_tool(blender_python, "validate", str(staged))
    call_tool(blender_python, "build", "--source-dir", str(staged), "--output-filepath", str(unchecked))
    call_tool(blender_python, "validate", str(unchecked))
    unchecked.replace(target)
    return target


def extension_tool(blender_python: Path) -> Path:
    """Blender's command line tool for extensions, as it lies within its Python module."""
    found = subprocess.run([blender_python, "-P", "-c", _FIND_TOOL], capture_output=True, text=True, check=False)
    tools = sorted(Path(found.stdout.strip() or ".").glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        raise InternalError("Blender's extension tool is not in its module.", "Delete .venv/blender and try again.")
    return tools[-1]


def call_tool(blender_python: Path, *arguments: str) -> None:
    """Run Blender's extension tool. Raises InternalError with its own words when it refuses."""
    command: list[str | Path] = [blender_python, extension_tool(blender_python), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise InternalError(f"Blender's extension tool refuses to {arguments[0]}:", (run.stdout + run.stderr).strip())


def build_all() -> int:
    """The zip for this machine, and those for the other platforms as far as their wheels can be had."""
    prepare_backend()
    blender = prepare_blender()
    here = this_platform()
    if here not in PLATFORM_TAGS:
        say(f"No Blender module and mediapipe exist for {here}; building for {', '.join(PLATFORM_TAGS)}.")
    for platform in sorted(PLATFORM_TAGS, key=lambda name: name != here):
        try:
            target = build(blender.python, stage(platform), platform)
        except TalkerError as error:
            if platform == here:
                raise
            say(f"Left out {platform}: {error}")
        else:
            say(f"Built {target} ({target.stat().st_size / 1e6:.1f} MB), validated by Blender.")
    return 0
