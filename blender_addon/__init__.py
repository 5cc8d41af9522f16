"""M2DAO Talker: a talking head from footage and a line of dialogue, in Blender's timeline."""

from typing import Any

import bpy

from . import operators, properties, ui
from .bridge import project_moves
from .jobs import connection, live, watch
from .operators import install_backend
from .scripting import command, headless
from .ui import auto_render, folders, keymap, languages, manual, pictures

__all__ = ["headless", "register", "unregister"]

_factory: Any = bpy.utils.register_classes_factory  # whose stubs say that it returns None
_register_classes, _unregister_classes = _factory((*properties.CLASSES, *operators.CLASSES, *ui.CLASSES))


def register() -> None:
    _register_classes()
    properties.attach()
    pictures.open_collection()
    project_moves.register()
    command.register()
    keymap.register()
    manual.register()
    languages.register()
    watch.start()
    auto_render.start()


def unregister() -> None:
    """Give everything back. Waits a short while for the end of what was begun (an installation, a socket)."""
    auto_render.stop()
    watch.stop()
    live.stop()
    languages.unregister()
    manual.unregister()
    keymap.unregister()
    command.unregister()
    project_moves.unregister()
    install_backend.end()
    connection.leave_for_good()
    folders.forget()
    pictures.close_collection()
    properties.detach()
    _unregister_classes()
