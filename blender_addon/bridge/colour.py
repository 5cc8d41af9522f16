"""How Blender reads and shows delivered colours: the colour space of what is imported, and the scene's view.

Spaces have other names in every OpenColorIO configuration; they are looked up among those that there are. The view is
changed only when asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import bpy

EXACT_VIEW = "Standard"

LINEAR = "linear"
"""Scene-linear with Rec.709's primaries, as the delivered EXR files are."""
_SPACES = {
    LINEAR: (
        *("Linear Rec.709", "Linear Rec.709 (sRGB)", "lin_rec709", "lin_srgb", "Linear sRGB", "Linear BT.709"),
        *("Utility - Linear - Rec.709", "Utility - Linear - sRGB"),
    ),
    "srgb": (
        *("sRGB", "sRGB - Texture", "sRGB Encoded Rec.709 (sRGB)", "srgb_tx", "srgb_rec709", "sRGB EOTF"),
        *("Utility - sRGB - Texture", "Input - Generic - sRGB - Texture"),
    ),
    "rec709": ("Camera Rec.709", "Rec.709 - Camera", "Utility - Rec.709 - Camera"),
    "bt1886": (
        *("Rec.1886", "Gamma 2.4 Encoded Rec.709", "Gamma 2.4 Rec.709 - Texture", "g24_rec709"),
        "Utility - Gamma 2.4 - Rec.709 - Texture",
    ),
    "gamma22": (
        *("Gamma 2.2 Encoded Rec.709", "Gamma 2.2 Rec.709 - Texture", "g22_rec709"),
        "Utility - Gamma 2.2 - Rec.709 - Texture",
    ),
    "srgb-p3": ("Display P3", "Display P3 - Display", "sRGB Encoded P3-D65", "displayp3_display", "srgb_p3d65_display"),
    "hlg-rec2020": ("Rec.2100-HLG", "Rec.2100-HLG - Display", "rec2100_hlg_display", "hlg_rec2020_display"),
    "pq-rec2020": ("Rec.2100-PQ", "Rec.2100-PQ - Display", "rec2100_pq_display", "pq_rec2020_display"),
    "pq-p3": ("ST2084-P3-D65", "ST2084-P3-D65 - Display", "st2084_p3d65_display", "pq_p3d65_display"),
}
"""Transfer curve (`input_colour` of a subject) to what its space with Rec.709's primaries is called in Blender's own
configuration and in those of ACES; case and punctuation do not matter. Footage may also be in other spaces: curve and
primaries (`footage_colour`)."""
_HDR_CURVES = ("hlg", "pq")
_WHITE_STOPS = math.log2(100 / 203)
"""In these configurations HDR light is 1 at 100 cd/m². The delivered pictures are 1 at reference white, 203 cd/m²."""


def space_among(names: Iterable[str], space: str) -> str | None:
    """The first of a configuration's spaces `names` that is this one (a key of _SPACES); None where none is known."""
    there = {_letters(name): name for name in names}
    return next((there[_letters(name)] for name in _SPACES.get(space, ()) if _letters(name) in there), None)


def read_as(item: Any, space: str, warnings: list[str]) -> float:
    """Have an image or strip read by a colour space (a key of _SPACES).

    Returns the exposure, in stops, that it then needs to be as bright as the delivered pictures. Where the
    configuration has no such space, the item keeps the one that Blender gave it, and `warnings` says so, once for each.
    """
    settings = item.colorspace_settings
    if settings is None:
        return 0.0
    found = space_among(settings.bl_rna.properties["name"].enum_items.keys(), space)
    if found is not None:
        settings.name = found
        return _WHITE_STOPS if space.partition("-")[0] in _HDR_CURVES else 0.0
    if "-" in space:
        known = f"the colours {space}"
        warning = (
            f"The colour configuration has no space known for {known}: footage that has them looks flat or too bright "
            "beside the head. Convert it to Rec.709 for the background, or choose its colour space by hand."
        )
    else:
        known = "linear Rec.709" if space == LINEAR else f"the curve {space}"
        warning = (
            f"The colour configuration has no space known for {known}: pictures that have it are read as Blender takes "
            "them. Head and background may differ in brightness or colour; if they do, choose the colour space by hand."
        )
    if not any(known in other for other in warnings):
        warnings.append(warning)
    return 0.0


def warning(scene: bpy.types.Scene) -> str:
    """Plain words where the scene's view transform changes the footage's colours; else ""."""
    view: Any = scene.view_settings
    if view.view_transform != EXACT_VIEW:
        return (
            f"The view transform {view.view_transform} changes the footage's colours (bright and saturated ones most). "
            f"{EXACT_VIEW} shows them as filmed, where the colour configuration has it."
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


def make_exact(scene: bpy.types.Scene) -> bool:
    """Show the footage's colours as filmed: Standard view, no look, exposure, gamma or curves.

    Returns whether the colour configuration has that view; where it has not, the scene's own stays.
    """
    view: Any = scene.view_settings
    try:
        view.view_transform = EXACT_VIEW
    except TypeError:  # a studio's own configuration
        return False
    view.look = "None"
    view.exposure = 0.0
    view.gamma = 1.0
    view.use_curve_mapping = False
    return True


def _letters(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
