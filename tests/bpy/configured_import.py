"""Brings a take back under the OpenColorIO configuration that OCIO names, and writes down what came of it.

Runs in a Blender module of its own, since Blender reads its configuration once; the extension is staged already
(BLENDER_USER_RESOURCES).
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from tests.bpy.picture import render

MODULE = "bl_ext.user_default.m2dao_talker"
READ = ("plate", "frames", "footage", "pictures", "camera_background")


def main() -> None:
    take, footage, found, background = sys.argv[1:]
    addon_utils = importlib.import_module("addon_utils")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(MODULE, default_set=True)
    addon: Any = sys.modules[MODULE]
    scene: Any = bpy.context.scene
    operators: Any = bpy.ops
    operators.talker.exact_colours()
    done = addon.headless.bring_back(take, 1, exact_colours=True, footage=footage, background=background)
    items = [*bpy.data.images, *addon.compat.strips(scene.sequence_editor)]
    scene.frame_set(2)
    picture = render(scene, Path(found).with_name("picture.png"), sequencer=False)
    np.savez(
        found,
        picture=picture,
        warnings=np.array(done.warnings),
        spaces=np.array([i.colorspace_settings.name for i in items if i.get("talker_role") in READ]),
        has_exact_view=addon.bridge.colour.make_exact(scene),
    )
    addon_utils.disable(MODULE, default_set=True)


if __name__ == "__main__":
    main()
