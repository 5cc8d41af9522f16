"""A release: the zips for every platform, and the folder that a self-hosted extension repository serves."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from shared.errors import InputError
from shared.version import VERSION

from . import package
from .stage import PLATFORM_TAGS, stage
from .workspace import DIST, ROOT, prepare_backend, prepare_blender, say

REPOSITORY = DIST / "repository"
CHANGELOG = ROOT / "CHANGELOG.md"


def release() -> int:
    """Build every platform's zip into dist/ and the extension repository into dist/repository. 0 when all is there.

    Raises InputError where the changelog has no dated heading for this version, TalkerError for a platform that cannot
    be built.
    """
    require_heading(CHANGELOG.read_text(encoding="utf-8"), VERSION)
    prepare_backend()
    blender = prepare_blender()
    archives = [package.build(blender.python, stage(platform), platform) for platform in PLATFORM_TAGS]
    publish(archives, blender.python, REPOSITORY)
    say(f"Version {VERSION}: {len(archives)} zips in {DIST}; {REPOSITORY} is the extension repository.")
    return 0


def require_heading(changelog: str, version: str) -> None:
    """Raises InputError unless `changelog` has a heading of this version with its date."""
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.M):
        raise InputError(
            f"CHANGELOG.md has no heading for version {version} with its date.",
            f'Rename "Unreleased" to "## [{version}] - YEAR-MONTH-DAY", as docs/releasing.md says.',
        )


def publish(archives: list[Path], blender_python: Path, folder: Path) -> None:
    """Make `folder` anew: the zips, and what Blender's extension tool lists of them (index.json and index.html)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for archive in archives:
        shutil.copy2(archive, folder)
    package.call_tool(blender_python, "server-generate", "--repo-dir", str(folder), "--html")
