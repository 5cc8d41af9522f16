"""`build_addon.py release`: what it asks of the changelog, and what it publishes."""

from pathlib import Path

import pytest

from shared.errors import InputError
from tools import package, release


@pytest.mark.parametrize(
    "changelog",
    [
        "## [Unreleased]\n",
        "## [1.2.3]\n",
        "## 1.2.3 - 2026-01-31\n",
        "## [1.2.30] - 2026-01-31\n",
        "## [1x2.3] - 2026-01-31\n",
    ],
)
def test_a_changelog_without_the_version_s_dated_heading_is_refused(changelog):
    with pytest.raises(InputError, match=r"no heading for version 1\.2\.3 .*\[1\.2\.3\] - YEAR"):
        release.require_heading(changelog, "1.2.3")


def test_a_dated_heading_is_enough():
    release.require_heading("# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n", "1.2.3")


def test_the_repository_holds_this_release_s_zips_alone_and_is_listed_by_blender_s_tool(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(package, "call_tool", lambda python, *arguments: calls.append((python, arguments)))
    archives = [tmp_path / f"talker-{platform}.zip" for platform in ("linux", "windows")]
    for archive in archives:
        archive.write_bytes(archive.name.encode())
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "talker-older.zip").write_bytes(b"older")
    release.publish(archives, Path("blender-python"), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "talker-linux.zip": b"talker-linux.zip",
        "talker-windows.zip": b"talker-windows.zip",
    }
    assert calls == [(Path("blender-python"), ("server-generate", "--repo-dir", str(folder), "--html"))]
