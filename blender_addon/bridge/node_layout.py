"""Nodes laid out from left to right, none upon another. Blender knows their sizes only once they are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

GAP_X_PX, GAP_Y_PX = 60.0, 30.0
_HEADER_PX, _SOCKET_PX, _LARGEST_WIDTH_PX = 40.0, 24.0, 260.0
_OPTIONS_PX = {
    "CompositorNodeImage": 200.0,
    "CompositorNodeRLayers": 260.0,
    "CompositorNodeBlur": 190.0,
    "CompositorNodeScale": 90.0,
    "CompositorNodeTranslate": 90.0,
    "CompositorNodeAlphaOver": 80.0,
    "CompositorNodeGroup": 40.0,
    "CompositorNodeMath": 60.0,
    "ShaderNodeMath": 60.0,
}
"""Room that a node's options take beside its sockets, as drawn; others have few."""
_FEW_OPTIONS_PX = 40.0


def arrange(nodes: Iterable[bpy.types.Node], links: Iterable[bpy.types.NodeLink]) -> None:
    """Lay nodes out: each right of all that it is fed by, those of a column below each other."""
    nodes = list(nodes)
    columns = _columns(nodes, list(links))
    x = 0.0
    for column in range(max(columns.values(), default=-1) + 1):
        members = [node for node in nodes if columns[node.name] == column]
        y = 0.0
        for node in members:
            node.location = (x, y)
            y -= height(node) + GAP_Y_PX
        x += max((node.width for node in members), default=0.0) + GAP_X_PX


def height(node: Any) -> float:
    """About how high a node is when it is drawn, px; rather more than less."""
    sockets = sum(1 for socket in (*node.inputs, *node.outputs) if socket.enabled and not socket.hide)
    return _HEADER_PX + _SOCKET_PX * sockets + _OPTIONS_PX.get(node.bl_idname, _FEW_OPTIONS_PX)


def _columns(nodes: list[Any], links: list[bpy.types.NodeLink]) -> dict[str, int]:
    """Column of each node, by its name: as far left as what it feeds allows, behind all that feeds it."""
    feeds: dict[str, set[str]] = {node.name: set() for node in nodes}
    fed_by: dict[str, set[str]] = {node.name: set() for node in nodes}
    for link in links:
        before: Any = link.from_node
        after: Any = link.to_node
        if before.name in feeds and after.name in feeds:
            feeds[before.name].add(after.name)
            fed_by[after.name].add(before.name)
    columns = dict.fromkeys(feeds, 0)
    for _ in nodes:  # a path has no more steps than there are nodes
        moved = {
            name: max((columns[before] + 1 for before in fed_by[name]), default=0)
            for name in columns
        }  # fmt: skip
        if moved == columns:
            break
        columns = moved
    for name in sorted(columns, key=lambda name: -columns[name]):
        if feeds[name]:
            columns[name] = min(columns[after] for after in feeds[name]) - 1
    return columns
