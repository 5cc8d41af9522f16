"""A take in the scene's compositor: its group (take_group) between the scene's Render Layers and the output."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..blender_types import Node
from . import node_layout, tagged, take_group
from .placement import Placement
from .take_group import Background

_DEFAULT_NODES = (
    "CompositorNodeRLayers", "CompositorNodeComposite", "CompositorNodeViewer", "NodeGroupOutput", "NodeReroute",
)  # fmt: skip
_WIDTH_PX = 240


def bring(scene: bpy.types.Scene, placement: Placement, background: Background) -> bpy.types.Node:
    """The take's group node in the scene's compositor.

    It takes its place between the scene's render, or another take, and the compositor's output; in an artist's own
    nodes it stands by itself.
    """
    group = take_group.build(placement, background)
    for layer in scene.view_layers:
        layer.use_pass_z = True  # what of the scene is before the head, and what behind
    tree = compat.compositor_tree(scene) or compat.new_compositor_tree(scene, "Talker Compositor")
    is_plain = _is_plain(tree)
    if is_plain:
        tree = compat.own_compositor_tree(scene, tree)
    node = tagged.find(tree.nodes, placement.take_id, "group")
    if node is not None:
        node.node_tree = group
        return node
    node = tagged.mark(tree.nodes.new("CompositorNodeGroup"), placement.take_id, "group")
    node.node_tree = group
    node.width = _WIDTH_PX
    node.label = f"Talker {placement.take.name}"
    if is_plain:
        _insert(scene, tree, node)
    else:
        _stand_aside(scene, tree, node, placement.warnings)
    return node


def remove(scene: bpy.types.Scene, take_id: str) -> None:
    """Take a take's group node out of the compositor; what it was fed with goes where its picture went."""
    tree = compat.compositor_tree(scene)
    node = tagged.find(tree.nodes, take_id, "group") if tree is not None else None
    if tree is None or node is None:
        return
    for output, input_name in (("Image", "Background"), ("Image Depth", "Background Depth")):
        fed = node.inputs[input_name] if input_name in node.inputs else None
        for link in list(node.outputs[output].links if output in node.outputs else ()):
            target = link.to_socket
            tree.links.remove(link)
            if fed is not None and fed.is_linked:
                tree.links.new(fed.links[0].from_socket, target)
    tree.nodes.remove(node)


def _is_plain(tree: bpy.types.NodeTree) -> bool:
    """Whether a compositor holds nothing of the artist's own."""
    nodes: list[Node] = list(tree.nodes)
    return all(n.bl_idname in _DEFAULT_NODES or n.get(tagged.ROLE_KEY) == "group" for n in nodes)


def _insert(scene: bpy.types.Scene, tree: bpy.types.NodeTree, node: Node) -> None:
    output: Any = compat.compositor_output(tree)
    before = output.links[0].from_socket if output.is_linked else None
    if before is None:
        before = (_render_layers(tree) or _new_render_layers(scene, tree)).outputs["Image"]
    tree.links.new(before, node.inputs["Background"])
    depth = _depth_beside(before)
    if depth is not None:
        tree.links.new(depth, node.inputs["Background Depth"])
    tree.links.new(node.outputs["Image"], output)
    nodes: list[Node] = list(tree.nodes)
    viewer = next((n for n in nodes if n.bl_idname == "CompositorNodeViewer"), None)
    viewer = viewer or tree.nodes.new("CompositorNodeViewer")
    tree.links.new(node.outputs["Image"], viewer.inputs["Image"])
    node_layout.arrange(tree.nodes, tree.links)


def _stand_aside(scene: bpy.types.Scene, tree: bpy.types.NodeTree, node: Node, warnings: list[str]) -> None:
    """Below an artist's own nodes, fed with the scene's render; its picture goes where the artist wants it."""
    layers = _render_layers(tree)
    if layers is not None:
        tree.links.new(layers.outputs["Image"], node.inputs["Background"])
        tree.links.new(layers.outputs["Depth"], node.inputs["Background Depth"])
    others: list[Node] = [n for n in tree.nodes if n != node]
    node.location = (0.0, min(n.location.y - node_layout.height(n) for n in others) - node_layout.GAP_Y_PX)
    warnings.append("The scene has its own compositor nodes: connect the take's Image output where you want it.")


def _render_layers(tree: bpy.types.NodeTree) -> Node | None:
    nodes: list[Node] = list(tree.nodes)
    return next((n for n in nodes if n.bl_idname == "CompositorNodeRLayers"), None)


def _new_render_layers(scene: bpy.types.Scene, tree: bpy.types.NodeTree) -> Node:
    node: Node = tree.nodes.new("CompositorNodeRLayers")
    node.scene = scene
    return node


def _depth_beside(picture: Any) -> bpy.types.NodeSocket | None:
    """The depth that belongs to a picture: of the Render Layers, or of another take."""
    while picture.node.bl_idname == "NodeReroute" and picture.node.inputs[0].is_linked:
        picture = picture.node.inputs[0].links[0].from_socket
    if picture.node.bl_idname == "CompositorNodeRLayers":
        return picture.node.outputs["Depth"]
    return picture.node.outputs["Image Depth"] if "Image Depth" in picture.node.outputs else None
