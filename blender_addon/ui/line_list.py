"""The list of a timeline's lines, each with how its take stands. Drawing never reads a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import Icon
from ..bridge import paths
from ..bridge.strips import editor_of
from ..jobs import connection, lines, versions
from ..jobs.lines import State, TakeFacts
from ..jobs.versions import Version
from ..properties import settings_of
from ..shared.take_ids import public_id
from . import closed_part, reasons, scanning, wrapped_text
from .wrapped_text import translated

ICONS: dict[State, Icon] = {
    State.NEW: "DOT",
    State.OUT_OF_DATE: "FILE_REFRESH",
    State.RENDERING: "RENDER_ANIMATION",
    State.MOVED: "ARROW_LEFTRIGHT",
    State.READY: "CHECKMARK",
    State.MUTED: "MUTE_IPO_ON",
}


SHORT = {
    State.NEW: "new",
    State.OUT_OF_DATE: "out of date",
    State.RENDERING: "rendering",
    State.MOVED: "moved",
    State.READY: "ready",
    State.MUTED: "muted",
}
"""The states in the list; the chosen line's is said in a sentence below it."""


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
        """One line: name, and how its take stands, as short as a sidebar is narrow."""
        state = state_of(compat.sequencer_scene(context), item.name)
        row = layout.row(align=True)
        row.active = state is not State.MUTED
        row.label(text=item.name, icon=ICONS[state])
        short = row.row()
        short.alignment = "RIGHT"
        short.label(text=SHORT[state])

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
    """The lines, where there are any, the chosen one, and the buttons for what is to be done."""
    names = lines.names(scene)
    if not names:
        return
    settings, editor = settings_of(scene), editor_of(scene)
    collection = compat.all_strips_name(editor)
    layout.template_list("TALKER_UL_lines", "", editor, collection, settings, "line_index", rows=3)
    held = [state_of(scene, line) for line in names]
    if settings.line_strip in names:
        start, after = lines.landing(scene, settings.line_strip)
        state = held[names.index(settings.line_strip)]
        text = translated("{}: frames {} to {} ({}).").format(settings.line_strip, start, after - 1, after - start)
        text += f" {translated(state.value)}."
        wrapped_text.draw(layout, text, ICONS[state])
    column = layout.column(align=True)
    column.enabled = not reasons.render_changed(bpy.context, scene)
    new = "Render New Lines Too" if State.OUT_OF_DATE in held else "Render New Lines"
    for state, text, also_new in ((State.OUT_OF_DATE, "Render What Is Out of Date", False), (State.NEW, new, True)):
        count = held.count(state)
        if count:
            button = column.operator(
                "talker.render_changed", text=f"{translated(text, 'Operator')} ({count})", icon=ICONS[state]
            )
            button.also_new = also_new
    if State.MOVED in held:
        text = f"{translated('Take Pictures Along', 'Operator')} ({held.count(State.MOVED)})"
        layout.operator("talker.place_lines", text=text, icon=ICONS[State.MOVED])
    if settings.line_strip in names:
        _draw_chosen(layout, scene, settings.line_strip)


def _draw_chosen(layout: bpy.types.UILayout, scene: bpy.types.Scene, name: str) -> None:
    """Who speaks a line, and its earlier takes."""
    body = closed_part.draw(layout, "line_own", "Speaker and Versions", settings_of(scene), ())
    if body is None:
        return
    own = compat.all_strips(editor_of(scene))[name].talker
    for choice in ("subject", "model", "channel"):
        body.prop(own, choice)
    for version in _versions(scene, name):
        row = body.row()
        at = datetime.fromtimestamp(version.rendered_at)
        row.label(text=f"Version {version.number}: {at:%Y-%m-%d %H:%M}", icon="RECOVER_LAST")
        button = row.operator("talker.bring_version_back", text="Bring Back")
        button.strip, button.number = name, version.number


def states(scene: bpy.types.Scene) -> dict[str, State]:
    """How the takes of all lines stand, by name, as far as the disk is known."""
    return {name: state_of(scene, name) for name in lines.names(scene)}


def state_of(scene: bpy.types.Scene, name: str) -> State:
    """How a line's take stands, as far as the disk is known."""
    facts = _facts(scene, name)
    times = [_written_at(path) for path in lines.written_files(scene, name)]
    return lines.state(scene, name, facts, times, connection.rendered_line())


def _facts(scene: bpy.types.Scene, name: str) -> TakeFacts | None:
    return _takes(settings_of(scene).output).get(public_id(lines.id_of(scene, name)))


def _versions(scene: bpy.types.Scene, name: str) -> list[Version]:
    facts = _facts(scene, name)
    if facts is None:
        return []
    return scanning.known(("versions", str(facts.folder)), lambda: versions.listed(facts.folder)) or []


def _takes(output: str) -> dict[str, TakeFacts]:
    if output.startswith("//") and not bpy.data.is_saved:
        return {}
    folder = Path(paths.absolute(output))
    return scanning.known(("takes", str(folder)), lambda: lines.read_takes(folder)) or {}


def _written_at(path: Path) -> float | None:
    return scanning.known(("written", str(path)), lambda: path.stat().st_mtime)


CLASSES = (TALKER_UL_lines,)
