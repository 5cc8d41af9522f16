"""Whether the scene shows delivered colours as they were filmed, in words; changed only when asked."""

from __future__ import annotations

from typing import Any

import bpy

EXACT_VIEW = "Standard"


def warning(scene: bpy.types.Scene) -> str:
    """Plain words where the scene's view transform changes the footage's colours; else ""."""
    view: Any = scene.view_settings
    if view.view_transform != EXACT_VIEW:
        return (
            f"The view transform {view.view_transform} changes the footage's colours (bright and saturated ones most). "
            f"{EXACT_VIEW} shows them as filmed."
        )
    changed = []
    if view.look not in ("", "None"):
        changed.append(f"look {view.look}")
    if abs(view.exposure) > 1e-6:
        changed.append("exposure")
    if abs(view.gamma - 1.0) > 1e-6:
        changed.append("gamma")
    if view.use_curve_mapping:
        changed.append("curves")
    return f"The scene's {' and '.join(changed)} change the footage's colours." if changed else ""


def make_exact(scene: bpy.types.Scene) -> None:
    """Show the footage's colours as filmed: Standard view, no look, exposure, gamma or curves."""
    view: Any = scene.view_settings
    view.view_transform = EXACT_VIEW
    view.look = "None"
    view.exposure = 0.0
    view.gamma = 1.0
    view.use_curve_mapping = False
