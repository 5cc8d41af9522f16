"""Takes that were brought back, out to other programs: the timeline for editing, camera, head and curves for 3D."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from .. import compat
from ..bridge import editorial, interchange
from ..jobs import steps
from ..properties import settings_of
from ..shared.editorial import ENDING
from .saving import SavesFile


class TALKER_OT_export_timeline(SavesFile, bpy.types.Operator):
    """Save the takes on the timeline as OpenTimelineIO, for editing programs"""

    bl_idname = "talker.export_timeline"
    bl_label = "Export Timeline"

    default_name = f"talker{ENDING}"
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=f"*{ENDING}", options={"HIDDEN"})

    def write(self, context: bpy.types.Context, path: Path) -> str:
        return f"{editorial.write(compat.sequencer_scene(context), path)} clips"


class TALKER_OT_export_camera(SavesFile, bpy.types.Operator):
    """Save the take's camera and head, and as USD its curves, for other 3D programs"""

    bl_idname = "talker.export_camera"
    bl_label = "Export Camera and Head"

    default_name = "talker.usdc"
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{end}" for end in interchange.ENDINGS), options={"HIDDEN"})

    def write(self, context: bpy.types.Context, path: Path) -> str:
        scene = compat.sequencer_scene(context)
        take = steps.absolute(settings_of(scene).take, "Take")
        return ", ".join(interchange.write(scene, take, path))


CLASSES = (TALKER_OT_export_timeline, TALKER_OT_export_camera)
