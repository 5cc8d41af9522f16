"""One version everywhere."""

import tomllib

from shared.version import VERSION
from tests.support.places import ROOT


def test_project_manifest_and_code_say_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    manifest = tomllib.loads((ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == manifest["version"] == VERSION
