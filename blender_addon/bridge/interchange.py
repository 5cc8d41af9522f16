"""A take's camera, head and performance as USD or Alembic, by Blender's own exporters.

They are exported from a scene of their own that lives as long as the export: nothing of the artist's is selected, moved
or keyed. USD has the curves as blend shapes of a triangle, with animated weights; Alembic has no place for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ..shared.errors import InputError
from ..shared.files import explaining, replacing
from . import curves, keys, tagged

USD, ALEMBIC = (".usd", ".usda", ".usdc"), (".abc",)
ENDINGS = (*USD, *ALEMBIC)
CONTROLS_NAME = "Talker Controls"
_SIDE_M = 0.01
"""Of the triangle, and how far a blend shape moves a corner of it."""


def write(scene: bpy.types.Scene, take_folder: Path, out: Path) -> list[str]:
    """Write what a take was brought back as, over the scene's frame range; the names of what is in the file.

    Raises InputError for a name that ends otherwise, a take that was not brought back, and a file that cannot be
    written.
    """
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"Nothing is known of files that end with {out.suffix or 'nothing'!r}.",
            f"Use {', '.join(ENDINGS)}; .otio for the timeline.",
        )
    objects = _objects(take_folder)
    if not objects:
        raise InputError(f"Nothing of {take_folder} is in this file.", "Bring the take back first.")
    controller = curves.find_controller(take_folder)
    with explaining(out), _only(scene, objects) as stage:
        out.parent.mkdir(parents=True, exist_ok=True)
        if ending in ALEMBIC:
            span = {"start": scene.frame_start, "end": scene.frame_end}
            _export(stage, bpy.ops.wm.alembic_export, out, _ALEMBIC_OPTIONS | span)
            return sorted(item.name for item in stage.objects)
        with _controls(stage, scene, controller):
            _export(stage, bpy.ops.wm.usd_export, out, _USD_OPTIONS)
            return sorted(item.name for item in stage.objects)


_USD_OPTIONS = {
    "export_animation": True,
    "export_shapekeys": True,
    "export_materials": False,
    "export_custom_properties": False,  # only those of the first frame would be written
    "xform_op_mode": "MAT",  # by angles, a pose is rounded
}
_ALEMBIC_OPTIONS = {"evaluation_mode": "RENDER", "as_background_job": False}


def _objects(take_folder: Path) -> list[bpy.types.Object]:
    """Camera and head of a take."""
    wanted = {str(take_folder.absolute()), str(take_folder.resolve())}
    ours = (item for item in bpy.data.objects if tagged.folder_of(item) in wanted)
    return [item for item in ours if item.get(tagged.ROLE_KEY) in ("camera", "head")]


@contextlib.contextmanager
def _only(scene: bpy.types.Scene, objects: list[bpy.types.Object]) -> Iterator[bpy.types.Scene]:
    """A scene with nothing but these objects, at the rate and in the range of another one."""
    stage = bpy.data.scenes.new(f"{scene.name} export")
    try:
        stage.frame_start, stage.frame_end = scene.frame_start, scene.frame_end
        for name in ("fps", "fps_base", "resolution_x", "resolution_y", "pixel_aspect_x", "pixel_aspect_y"):
            setattr(stage.render, name, getattr(scene.render, name))
        stage.unit_settings.scale_length = scene.unit_settings.scale_length
        for item in objects:
            stage.collection.objects.link(item)
        yield stage
    finally:
        bpy.data.scenes.remove(stage)


@contextlib.contextmanager
def _controls(stage: bpy.types.Scene, scene: bpy.types.Scene, controller: bpy.types.Object | None) -> Iterator[None]:
    """The performance as a triangle's shape keys, keyed at the take's frames, as long as it is needed."""
    if controller is None:
        yield
        return
    fps, values = curves.read(scene, controller)
    rate = keys.scene_fps(scene) / fps
    count = len(next(iter(values.values()), []))
    frames = [float(controller[curves.START_KEY] + n * rate) for n in range(count)]
    mesh = bpy.data.meshes.new(CONTROLS_NAME)
    mesh.from_pydata([(0, 0, 0), (_SIDE_M, 0, 0), (0, 0, _SIDE_M)], [], [(0, 1, 2)])
    triangle = bpy.data.objects.new(CONTROLS_NAME, mesh)
    action = bpy.data.actions.new(CONTROLS_NAME)
    try:
        stage.collection.objects.link(triangle)
        triangle.shape_key_add(name="Basis", from_mix=False)
        shapes: Any = mesh.shape_keys
        for name, curve in values.items():
            block: Any = triangle.shape_key_add(name=name, from_mix=False)
            block.data[2].co.z += _SIDE_M
            keys.write(shapes, action, f'key_blocks["{bpy.utils.escape_identifier(name)}"].value', 0, frames, curve)
        yield
    finally:
        bpy.data.objects.remove(triangle)
        bpy.data.meshes.remove(mesh)
        bpy.data.actions.remove(action)


def _export(stage: bpy.types.Scene, operator: Any, out: Path, options: dict[str, Any]) -> None:
    """Run an exporter over a whole scene. Raises InputError with its own words where it does not finish."""
    try:
        with replacing(out, ending=out.suffix, durable=False) as temporary:
            with bpy.context.temp_override(scene=stage, view_layer=stage.view_layers[0]):
                operator("EXEC_DEFAULT", filepath=str(temporary), **options)
    except (RuntimeError, FileNotFoundError) as error:  # an exporter that fails may write nothing, and say so or not
        raise InputError(f"{out} cannot be written ({error}).", "Choose another place.") from error
