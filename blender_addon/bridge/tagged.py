"""Which of Blender's data belong to a take.

Everything that an import makes carries the take's folder and a role. Importing the take again finds it and brings it up
to date in place, so that nothing doubles and the artist's links to it (drivers, constraints, effects) stay whole.
"""

from __future__ import annotations

from typing import Any

import bpy

TAKE_KEY = "talker_take"
ROLE_KEY = "talker_role"


def find(collection: Any, take_id: str, role: str) -> Any | None:
    """The member of a collection of datablocks, nodes or strips that has this role in the take."""
    return next((item for item in collection if item.get(TAKE_KEY) == take_id and item.get(ROLE_KEY) == role), None)


def mark(item: Any, take_id: str, role: str) -> Any:
    """Note on a datablock, node or strip that it has this role in the take; returns it."""
    item[TAKE_KEY] = take_id
    item[ROLE_KEY] = role
    return item


def image(path: str, take_id: str, role: str, source: str = "FILE") -> bpy.types.Image:
    """The take's image of this role, read again from `path`. `source` is FILE, SEQUENCE or MOVIE."""
    found = find(bpy.data.images, take_id, role)
    if found is None:
        found = mark(bpy.data.images.load(path, check_existing=False), take_id, role)
    found.filepath = path
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
