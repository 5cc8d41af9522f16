"""What operators that save a file share: they ask where to, write it, and say what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..blender_types import window_manager
from ..shared.errors import TalkerError

if TYPE_CHECKING:
    Operator = bpy.types.Operator
else:
    Operator = object  # Blender wants its own base class last, so that each operator names it itself


class SavesFile(Operator):
    """Mixin; the operator has the properties `filepath` and `filter_glob`, which Blender's file browser goes by."""

    filepath: str
    default_name: str
    """Of the file, beside the .blend, where none is given."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if not self.filepath:
            self.filepath = bpy.path.abspath(f"//{self.default_name}")
        window_manager(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        try:
            inside = self.write(context, path)
        except (TalkerError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved {path} ({inside}).")
        return {"FINISHED"}

    def write(self, context: bpy.types.Context, path: Path) -> str:
        """Write the file; what is in it, in words. Raises TalkerError, OSError."""
        raise NotImplementedError
