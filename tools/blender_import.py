"""Runs in Blender's Python: installs the extension's zip, brings a render into a new scene, saves the .blend.

    python blender_import.py ZIP OUT FOOTAGE SUMMARY

OUT holds render/ and subject/; OUT/demo.blend is written, and SUMMARY (JSON) says what it holds. The extension goes
into an empty user folder of its own, so that the user's Blender is left alone.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

MODULE = "bl_ext.user_default.m2dao_talker"


def main(archive: Path, out: Path, footage: Path, summary: Path) -> int:
    """Exit status."""
    home = Path(tempfile.mkdtemp(prefix="talker-demo-"))
    os.environ["BLENDER_USER_RESOURCES"] = str(home)
    import bpy

    addon_utils = importlib.import_module("addon_utils")  # can be found only after bpy is imported
    try:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
        result = bring_in(bpy, out, footage)
    finally:
        addon_utils.disable(MODULE, default_set=True)  # classes left registered keep the process from ending cleanly
        shutil.rmtree(home, ignore_errors=True)
    summary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def bring_in(bpy: ModuleType, out: Path, footage: Path) -> dict:
    """Import OUT/render, save OUT/demo.blend with relative paths, and say what it holds."""
    headless = importlib.import_module(f"{MODULE}.scripting.headless")
    bpy.context.preferences.filepaths.save_version = 0  # no demo.blend1 beside it
    target = out / "demo.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(target))
    brought = headless.bring_back(
        out / "render", 1, exact_colours=True, subject=out / "subject", footage=footage, background="PLATE"
    )
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = brought.frame_start, brought.frame_end  # a file of this line alone
    scene.frame_set(brought.frame_start)
    bpy.ops.wm.save_as_mainfile(filepath=str(target))
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_as_mainfile(filepath=str(target))
    for warning in brought.warnings:
        print(f"   {warning}", flush=True)
    return {
        "blender": bpy.app.version_string,
        "blend": str(target),
        "frame_range": [brought.frame_start, brought.frame_end],
        "camera": brought.camera,
        "head": brought.head,
        "performance": brought.performance,
        "strips": brought.strips,
        "warnings": brought.warnings,
    }


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:])))
