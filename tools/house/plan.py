"""The plan of the house: which rooms there are, on which floor, and what may be imported where. Change it here.

A room is a package or a module, by its dotted name; it owns every module below that name. Floors are listed bottom to
top. A room may import rooms on lower floors. It may not import rooms above it, nor rooms beside it unless
`BESIDE` says so. `docs/architecture.md` shows this plan: `python3 build_addon.py check house --fix` writes it there.
"""

from __future__ import annotations

Floors = list[list[str]]

BACKEND: Floors = [
    ["backend.__init__", "backend.exact", "backend.parallel", "shared"],
    [
        "backend.disk",
        "backend.kernels",
        "backend.media",
        "backend.model_files",
        "backend.rotations",
        "backend.settings",
    ],
    ["backend.face", "backend.provenance", "backend.raster", "backend.subject"],
    ["backend.performance", "backend.portrait"],
    ["backend.deliver", "backend.preprocess", "backend.presenter", "backend.train"],
    [
        "backend.evaluate",
        "backend.export",
        "backend.farm",
        "backend.forgetting",
        "backend.phones",
        "backend.serve",
        "backend.tracking",
    ],
    ["backend.__main__", "backend.command"],
]
"""The backend's process."""

ADDON: Floors = [
    ["blender_addon.blender_types", "shared"],
    [
        "blender_addon.client",
        "blender_addon.compat",
        "blender_addon.footage_settings",
        "blender_addon.properties",
        "blender_addon.window",
    ],
    ["blender_addon.backend_place", "blender_addon.bridge"],
    ["blender_addon.jobs"],
    ["blender_addon.operators", "blender_addon.scripting"],
    ["blender_addon.ui"],
    ["blender_addon.__init__"],
]
"""Blender's process."""

TOOLS: Floors = [["tools"], ["build_addon"]]
"""What builds and tests the two; not part of the extension."""

HOUSES: dict[str, Floors] = {"The backend": BACKEND, "The add-on": ADDON, "The tools": TOOLS}

BESIDE: set[tuple[str, str]] = {
    ("backend.__main__", "backend.command"),
    ("backend.exact", "backend.parallel"),
    ("blender_addon.footage_settings", "blender_addon.compat"),
    ("blender_addon.properties", "blender_addon.compat"),
    ("blender_addon.properties", "blender_addon.footage_settings"),
}
"""(importer, imported): rooms on one floor where the first may import the second."""

SIDES: dict[str, set[str]] = {
    "backend": {"backend", "shared"},
    "blender_addon": {"blender_addon", "shared"},
    "shared": {"shared"},
    "tools": {"backend", "shared", "tools"},
    "build_addon": {"tools"},
}
"""Top-level package to the project's packages that it may import: the two processes never import each other."""

BUNDLED: dict[str, str] = {"blender_addon.shared": "shared", "blender_addon.backend": "backend"}
"""Names inside the built extension, where shared/ and backend/ lie in the add-on's own folder, to the repository's."""

BLENDERS: set[str] = {
    "addon_utils",
    "aud",
    "bl_operators",
    "bl_ui",
    "blf",
    "bmesh",
    "bpy",
    "bpy_extras",
    "gpu",
    "gpu_extras",
    "idprop",
    "imbuf",
    "mathutils",
    "rna_keymap_ui",
}
"""Modules that exist in Blender's Python only."""

ONLY_LIBRARIES: dict[str, set[str]] = {
    "blender_addon": BLENDERS | {"msgpack", "zmq"},
    "blender_addon.client": {"msgpack", "zmq"},
    "shared": {"msgpack"},
    "tools": set(),
    "tools.blender_import": {"addon_utils", "bpy"},  # runs in Blender's Python
    "tools.inspect_library": {"lief"},  # runs in the environment that has it
    "build_addon": set(),
}
"""What a package or module may import besides the standard library and the project; the longest name counts."""

NO_LIBRARIES: dict[str, set[str]] = {"backend": BLENDERS}
"""What a package that may import anything else may not import."""

LONGEST_FILE = 400
"""Lines of a source file, Python or C++, outside tests/."""

CPP_SOURCES = "backend/kernels/src"
"""The C++ sources, whose includes have no circles either."""
