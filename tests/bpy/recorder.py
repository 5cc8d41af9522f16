"""Stands in for what the panel is drawn into, since background mode draws no windows."""

from __future__ import annotations

import time
import types
from typing import Any


class Recorder:
    """Stands in for a UILayout; checks each call against Blender's own description of its layouts.

    texts: what was drawn, in order: labels, <properties>, [operators]. off: operators in rows that are switched off.
    """

    def __init__(self, bpy: Any, texts: list[str] | None = None, off: set[str] | None = None, enabled: bool = True):
        begin = super().__setattr__
        begin("_bpy", bpy)
        begin("texts", [] if texts is None else texts)
        begin("off", set() if off is None else off)
        begin("_enabled", enabled)

    def __setattr__(self, name, value):
        assert name in self._bpy.types.UILayout.bl_rna.properties, name
        if name == "enabled":
            super().__setattr__("_enabled", self._enabled and bool(value))

    def __getattr__(self, name):
        functions = self._bpy.types.UILayout.bl_rna.functions
        assert name in functions, f"UILayout has no {name}"
        parameters = functions[name].parameters

        def call(*values, **options):
            for option in options:
                assert option in parameters, f"{name} has no {option}"
            icon = options.get("icon")
            if icon is not None:
                assert icon in parameters["icon"].enum_items, icon
            if options.get("text"):
                self.texts.append(options["text"])
            if name in ("prop", "prop_search"):
                assert hasattr(values[0], values[1]), values
                self.texts.append(f"<{values[1]}>")
            if name == "prop_search":
                assert hasattr(values[2], values[3]), values
            if name == "menu":
                assert hasattr(self._bpy.types, values[0]), values
            if name == "operator":
                return self._operator(values[0])
            if name == "panel":
                return self._below(), self._below()
            return self._below()

        return call

    def _operator(self, identifier: str) -> types.SimpleNamespace:
        category, verb = identifier.split(".")
        assert hasattr(getattr(self._bpy.ops, category), verb)
        kind = getattr(self._bpy.ops, category).__getattr__(verb).get_rna_type()
        self.texts.append(f"[{identifier}]")
        if not self._enabled:
            self.off.add(identifier)
        return types.SimpleNamespace(**dict.fromkeys(kind.properties.keys()))

    def _below(self) -> Recorder:
        """A part of it: switched off where this one is, as in Blender."""
        return Recorder(self._bpy, self.texts, self.off, self._enabled)


def settle(addon: Any) -> None:
    """Wait until all that was asked for on the disk is read."""
    deadline = time.monotonic() + 60
    while addon.ui.scanning.is_reading():
        assert time.monotonic() < deadline
        time.sleep(0.005)
