"""One version everywhere."""

import tomllib
from pathlib import Path

from shared.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_project_manifest_and_code_say_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    manifest = tomllib.loads((ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == manifest["version"] == VERSION
