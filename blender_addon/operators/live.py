"""The operator that switches the live head on and off."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..jobs import live
from ..shared.errors import TalkerError


class TALKER_OT_live_head(bpy.types.Operator):
    """Show the take's head in the 3D view as it is drawn from its curves now, while scrubbing, editing and playing"""

    bl_idname = "talker.live_head"
    bl_label = "Live Head"

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if live.is_on():
            live.stop()
            return {"FINISHED"}
        try:
            live.start(compat.sequencer_scene(context))
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (TALKER_OT_live_head,)
