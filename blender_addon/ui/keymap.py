"""Shortcuts in the 3D view and the sequencer, listed in the add-on's preferences, where they can be changed."""

from __future__ import annotations

from typing import Any

import bpy
import rna_keymap_ui

from ..blender_types import window_manager

SHORTCUTS = (("talker.render_and_bring_back", "R"), ("talker.bring_back", "B"))
"""An operator, and its key together with Ctrl, Alt and Shift, which Blender's own keymap leaves free."""
_EDITORS = (("3D View", "VIEW_3D"), ("Sequencer", "SEQUENCE_EDITOR"))


class _State:
    items: list[tuple[str, int]] = []
    """(keymap, id of the item) of what was added."""


def register() -> None:
    """Add the shortcuts, where this Blender has a keymap for add-ons."""
    configuration = window_manager(bpy.context).keyconfigs.addon
    if configuration is None:
        return
    for name, space in _EDITORS:
        keymap = configuration.keymaps.new(name=name, space_type=space)  # type: ignore[arg-type] # names of spaces
        for operator, key in SHORTCUTS:
            item: Any = keymap.keymap_items.new(operator, key, "PRESS", ctrl=True, alt=True, shift=True)  # type: ignore[arg-type]
            _State.items.append((name, item.id))


def unregister() -> None:
    """Take them away again."""
    configuration = window_manager(bpy.context).keyconfigs.addon
    for name, number in _State.items:
        keymap: Any = configuration.keymaps.get(name) if configuration is not None else None
        item = keymap.keymap_items.from_id(number) if keymap is not None else None
        if item is not None:
            keymap.keymap_items.remove(item)
    _State.items = []


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The shortcuts as Blender's own preferences draw them: each can be changed, switched off and removed."""
    configuration = window_manager(context).keyconfigs.user
    if configuration is None:
        return
    layout.label(text="Shortcuts")
    for name, _ in _EDITORS:
        keymap: Any = configuration.keymaps.get(name)
        for operator, _ in SHORTCUTS:
            item = keymap.keymap_items.find_from_operator(operator) if keymap is not None else None
            if item is not None:
                rna_keymap_ui.draw_kmi([], configuration, keymap, item, layout, 0)
