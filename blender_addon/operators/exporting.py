"""Takes that were brought back, out to other programs: the timeline for editing, camera, head and curves for 3D."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import compat
from ..blender_types import window_manager
from ..bridge import editorial, interchange
from ..jobs import steps
from ..properties import settings_of
from ..shared.editorial import ENDING
from ..shared.errors import TalkerError


class _Exporter:
    """What both operators do: ask for a file, write it, say what is in it."""

    filepath: str
    ending: str

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if not self.filepath:
            self.filepath = bpy.path.abspath(f"//talker{self.ending}")
        window_manager(context).fileselect_add(self)  # type: ignore[arg-type] # it is an operator
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        report: Any = self.report  # type: ignore[attr-defined]
        try:
            told = self.write(compat.sequencer_scene(context), Path(bpy.path.abspath(self.filepath)).absolute())
        except TalkerError as error:
            report({"ERROR"}, str(error))
            return {"CANCELLED"}
        report({"INFO"}, told)
        return {"FINISHED"}

    def write(self, scene: bpy.types.Scene, path: Path) -> str:
        """Write the file; what to say of it."""
        raise NotImplementedError


class TALKER_OT_export_timeline(_Exporter, bpy.types.Operator):
    """Save the takes on the timeline as OpenTimelineIO, for editing programs"""

    bl_idname = "talker.export_timeline"
    bl_label = "Export Timeline"

    ending = ENDING
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=f"*{ENDING}", options={"HIDDEN"})

    def write(self, scene: bpy.types.Scene, path: Path) -> str:
        return f"Saved {path} ({editorial.write(scene, path)} clips)."


class TALKER_OT_export_camera(_Exporter, bpy.types.Operator):
    """Save the take's camera and head, and as USD its curves, for other 3D programs"""

    bl_idname = "talker.export_camera"
    bl_label = "Export Camera and Head"

    ending = ".usdc"
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{end}" for end in interchange.ENDINGS), options={"HIDDEN"})

    def write(self, scene: bpy.types.Scene, path: Path) -> str:
        take = steps.absolute(settings_of(scene).take, "Take")
        return f"Saved {path} ({', '.join(interchange.write(scene, take, path))})."


CLASSES = (TALKER_OT_export_timeline, TALKER_OT_export_camera)
