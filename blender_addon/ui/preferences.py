"""The add-on's page in Blender's preferences."""

import bpy
from bpy.props import StringProperty

from .. import backend_place
from . import backend_box, environment, keymap


class TalkerPreferences(bpy.types.AddonPreferences):
    """Preferences > Add-ons > M2DAO Talker."""

    bl_idname = backend_place.EXTENSION

    python: StringProperty(
        name="Own Environment",
        description="Python of an environment that already holds the backend's packages; empty for the installed one",
        subtype="FILE_PATH",
    )
    models_dir: StringProperty(
        name="Model Files",
        description="Folder with the model files, for machines without a network; empty to fetch them",
        subtype="DIR_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        environment.draw(layout, context)
        layout.prop(self, "python")
        layout.prop(self, "models_dir")
        backend_box.draw(layout.box(), context)
        keymap.draw(layout.box(), context)


CLASSES = (TalkerPreferences,)
