"""The list of a timeline's lines, each with how its take stands. Drawing never reads a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import Icon
from ..bridge import paths
from ..bridge.strips import editor_of
from ..jobs import lines
from ..jobs.lines import State, TakeFacts
from ..properties import settings_of
from . import reasons, scanning

ICONS: dict[State, Icon] = {State.NEW: "DOT", State.OUT_OF_DATE: "FILE_REFRESH", State.READY: "CHECKMARK"}


class TALKER_UL_lines(bpy.types.UIList):
    """The sound strips of a timeline but the takes' own."""

    bl_idname = "TALKER_UL_lines"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """One line: name, first frame, and how its take stands."""
        scene = compat.sequencer_scene(context)
        state = state_of(scene, item.name)
        row = layout.row(align=True)
        row.label(text=item.name, icon=ICONS[state])
        row.label(text=f"frame {compat.strip_range(item)[0]}: {state.value.lower()}")

    def filter_items(self, context: bpy.types.Context, data: Any, propname: str) -> Any:
        """(flags, places) of all strips: lines alone, in the order of their frames."""
        strips = list(getattr(data, propname))
        shown = [self.bitflag_filter_item if lines.is_line(strip) else 0 for strip in strips]
        order = sorted(range(len(strips)), key=lambda index: compat.strip_range(strips[index])[0])
        places = [0] * len(strips)
        for place, index in enumerate(order):
            places[index] = place
        return shown, places


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """The list, with the button for what is out of date, where there are any lines."""
    names = lines.names(scene)
    if not names:
        return
    editor = editor_of(scene)
    collection = compat.all_strips_name(editor)
    layout.template_list("TALKER_UL_lines", "", editor, collection, settings_of(scene), "line_index", rows=3)
    changed = sum(state_of(scene, line) is State.OUT_OF_DATE for line in names)
    if changed:
        text = f"Render What Is Out of Date ({changed})"
        row = layout.row()
        row.enabled = not reasons.render_changed(bpy.context, scene)
        row.operator("talker.render_changed", text=text, icon="FILE_REFRESH")


def state_of(scene: bpy.types.Scene, name: str) -> State:
    """How a line's take stands, as far as the disk is known."""
    settings = settings_of(scene)
    facts = _takes(settings.output).get(lines.id_of(scene, name))
    times = [_written_at(path) for path in (lines.sound_path(scene, name), lines.model_path(settings))]
    return lines.state(facts, lines.asked(scene, name), *times)


def _takes(output: str) -> dict[str, TakeFacts]:
    if output.startswith("//") and not bpy.data.is_saved:
        return {}
    folder = Path(paths.absolute(output))
    return scanning.known(("takes", str(folder)), lambda: lines.read_takes(folder)) or {}


def _written_at(path: Path) -> float | None:
    return scanning.known(("written", str(path)), lambda: path.stat().st_mtime)


CLASSES = (TALKER_UL_lines,)
