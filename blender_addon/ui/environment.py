"""How the backend's environment stands, with the button that installs it: for the preferences and the panel."""

from __future__ import annotations

import bpy

from ..blender_types import preferences
from ..operators import install_backend
from . import folders, reasons, wrapped_text


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The running installation with its bar, or what is installed, with the button that goes with it."""
    running = install_backend.running()
    column = layout.column(align=True)
    if running is not None:
        begun, total = running.packages
        if total:
            column.progress(factor=begun / total, type="BAR", text=f"{begun} of {total} packages")
        wrapped_text.draw(column, running.last_line, "IMPORT")
        column.operator("talker.cancel_install", icon="CANCEL")
        return
    backend = folders.backend(context)
    if backend is not None:
        wrapped_text.draw(column, backend.words, "CHECKMARK" if backend.is_installed else "INFO")
    text = "Install Backend"
    if backend is not None and backend.is_installed:
        text = "Repair Backend" if backend.is_current else "Update Backend"
    reason = reasons.install()
    row = column.row()
    row.enabled = not reason
    row.operator("talker.install_backend", text=text, icon="IMPORT")
    if reason:
        wrapped_text.draw(column, reason, "INTERNET_OFFLINE")
        column.prop(preferences(context).system, "use_online_access")
    if install_backend.last_error():
        wrapped_text.draw(column, install_backend.last_error(), "INFO" if install_backend.was_cancelled() else "ERROR")
