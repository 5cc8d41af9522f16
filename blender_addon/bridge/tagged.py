"""Which of Blender's data belong to a take.

Everything that an import makes carries the take's folder, the id that the take has wherever it lies, and a role.
Importing the take again finds it and brings it up to date in place, so that nothing doubles and the artist's links to
it (drivers, constraints, effects) stay whole. A project that was moved or copied finds its own data again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import Node
from . import paths

TAKE_KEY = "talker_take"
ROLE_KEY = "talker_role"
ID_KEY = "talker_take_id"
_COLLECTIONS = ("objects", "cameras", "actions", "node_groups", "images", "collections")


def everything() -> Iterator[Any]:
    """All that belongs to a take: datablocks, strips and nodes."""
    for name in _COLLECTIONS:
        yield from (item for item in getattr(bpy.data, name) if TAKE_KEY in item)
    for scene in bpy.data.scenes:
        tree = compat.compositor_tree(scene)
        if tree is not None:
            nodes: list[Node] = list(tree.nodes)
            yield from (node for node in nodes if TAKE_KEY in node)
        if scene.sequence_editor is not None:
            yield from (strip for strip in compat.all_strips(scene.sequence_editor) if TAKE_KEY in strip)


def folder_of(item: Any) -> str:
    """The folder of the take that an item belongs to, by an absolute path; "" where it belongs to none."""
    text = item.get(TAKE_KEY)
    return paths.absolute(text) if isinstance(text, str) and text else ""


def identity(folder: Path, manifest_id: str) -> str:
    """What the take in `folder` is tagged with from now on; data of it from before are found and tagged anew.

    Those are the ones that name this folder. If there are none, those with the take's own id and folder name whose
    folder is gone, or does not belong to this project while `folder` does: the project was moved or copied. (Variants
    of one line have one id and folders of other names: one is not written over the other, whose disk may be away.)
    """
    wanted = paths.stored(folder)
    here = [item for item in everything() if folder_of(item) == str(folder)]
    if not here and manifest_id:
        here = [item for item in everything() if item.get(ID_KEY) == manifest_id and _has_moved(item, folder)]
    for item in here:
        item[TAKE_KEY] = wanted
    return wanted


def note_id(take_id: str, manifest_id: str) -> None:
    """Note on all of a take's data the id that it has wherever it lies."""
    if manifest_id:
        for item in everything():
            if item[TAKE_KEY] == take_id:
                item[ID_KEY] = manifest_id


def _has_moved(item: Any, folder: Path) -> bool:
    """Whether an item's take has become the one in `folder`."""
    before = folder_of(item)
    if os.path.basename(before) != folder.name:
        return False
    if not os.path.isdir(before):
        return True
    project = paths.project_folder()
    return project is not None and project in folder.parents and project not in Path(before).parents


def find(collection: Any, take_id: str, role: str) -> Any | None:
    """The member of a collection of datablocks, nodes or strips that has this role in the take."""
    return next((item for item in collection if item.get(TAKE_KEY) == take_id and item.get(ROLE_KEY) == role), None)


def object_of(take_folder: Path, role: str) -> bpy.types.Object | None:
    """The object of this role of a take that was brought back; the disk is asked only where names do not decide."""
    candidates = [item for item in bpy.data.objects if item.get(ROLE_KEY) == role]
    for wanted in (lambda: os.path.abspath(take_folder), lambda: str(take_folder.resolve())):
        found = next((item for item in candidates if folder_of(item) == wanted()), None)
        if found is not None or not candidates:
            return found
    return None


def mark(item: Any, take_id: str, role: str) -> Any:
    """Note on a datablock, node or strip that it has this role in the take; returns it."""
    item[TAKE_KEY] = take_id
    item[ROLE_KEY] = role
    return item


def image(path: Path, take_id: str, role: str, source: str = "FILE") -> bpy.types.Image:
    """The take's image of this role, read again from `path`. `source` is FILE, SEQUENCE or MOVIE."""
    found = find(bpy.data.images, take_id, role)
    if found is None:
        found = mark(bpy.data.images.load(str(path), check_existing=False), take_id, role)
    found.filepath = paths.stored(path)
    found.source = source
    found.reload()
    return found


def collection(scene: bpy.types.Scene, take_id: str, name: str) -> bpy.types.Collection:
    """The take's collection of objects, linked to the scene."""
    found = find(bpy.data.collections, take_id, "objects")
    if found is None:
        found = mark(bpy.data.collections.new(name), take_id, "objects")
    if found.name not in scene.collection.children:
        scene.collection.children.link(found)
    return found


def scene_object(
    group: bpy.types.Collection, take_id: str, role: str, name: str, data: bpy.types.ID | None
) -> bpy.types.Object:
    """The take's object of this role, linked to `group`; made with `data` where it is missing (None: an empty)."""
    found = find(bpy.data.objects, take_id, role)
    if found is None:
        found = mark(bpy.data.objects.new(name, data), take_id, role)
    if found.name not in group.objects:
        group.objects.link(found)
    return found


def action(datablock: bpy.types.ID, take_id: str, role: str, name: str) -> bpy.types.Action:
    """The take's action of this role, for a datablock that is about to get keys."""
    found = find(bpy.data.actions, take_id, role)
    if found is None:
        found = mark(bpy.data.actions.new(name), take_id, role)
    animation = datablock.animation_data_create()
    if animation.action != found:
        animation.action = found
    return found
