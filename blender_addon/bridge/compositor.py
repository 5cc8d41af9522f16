"""A take in the compositor: one node group that places the head over its background, with depth and mattes.

The group works in the footage's frame and hands out pictures in the scene's render size:

    canvas ← footage ← clean plate (at the crop) ← head (at the crop) → fit to render size → over Background while the
    line lasts → Image
    head, alpha, depth, mattes (at the crop) → canvas → fit to render size → outputs of their names
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import Node
from ..shared import layout
from . import colour, keys, tagged
from .placement import Placement

OUTPUTS = ("Image", "Head", "Alpha", "Depth", "Oral", "Face", "Hair", "Torso")
_COLOURS = ("Image", "Head")
_COLUMN_PX, _ROW_PX = 220, 160
_NO_DEPTH_M, _FARTHEST_M = 1e-6, 1e4
"""Depths outside of these are no head's, metres."""


@dataclass(frozen=True)
class Background:
    """What lies behind the head."""

    footage: Path | None = None
    """The footage, shown from the line's first frame."""
    plate: Path | None = None
    """The clean plate of the crop."""


def bring(scene: bpy.types.Scene, placement: Placement, background: Background) -> bpy.types.Node:
    """The take's group node in the scene's compositor.

    It becomes the compositor's picture where there was none or another take's; an artist's own nodes stay as they are.
    """
    take_id = placement.take_id
    group = _build(placement, background)
    tree = compat.compositor_tree(scene)
    fresh = tree is None or not any(n.bl_idname not in _DEFAULT_NODES for n in tree.nodes)
    if tree is None or (fresh and not compat.is_shared_group(tree)):
        tree = compat.new_compositor_tree(scene, "Talker Compositor")
    node = tagged.find(tree.nodes, take_id, "group")
    if node is None:
        node = tagged.mark(tree.nodes.new("CompositorNodeGroup"), take_id, "group")
        node.node_tree = group
        node.width = 240
        node.label = f"Talker {placement.take.name}"
        _connect(tree, node, fresh, placement.warnings)
    else:
        node.node_tree = group
    return node


_DEFAULT_NODES = ("CompositorNodeRLayers", "CompositorNodeComposite", "CompositorNodeViewer", "NodeGroupOutput")


def _connect(tree: bpy.types.NodeTree, node: Node, fresh: bool, warnings: list[str]) -> None:
    output: Any = compat.compositor_output(tree, create=fresh)
    before = output.links[0].from_socket if output is not None and output.is_linked else None
    if before is not None and before.node.get(tagged.ROLE_KEY) == "group":
        node.location = (before.node.location.x + 300, before.node.location.y)
        tree.links.new(before, node.inputs["Background"])
        output.node.location.x = node.location.x + 300
    elif not fresh:
        node.location = (0, -400)
        warnings.append("The scene has its own compositor nodes: connect the take's Image output where you want it.")
        return
    else:
        output.node.location = (300, 0)
    tree.links.new(node.outputs["Image"], output)


def _build(placement: Placement, background: Background) -> bpy.types.NodeTree:
    """The take's node group, its inside made anew."""
    take, take_id = placement.take, placement.take_id
    group = tagged.find(bpy.data.node_groups, take_id, "group")
    if group is None:
        group = tagged.mark(bpy.data.node_groups.new(f"Talker {take.name}", "CompositorNodeTree"), take_id, "group")
        group.interface.new_socket("Background", in_out="INPUT", socket_type="NodeSocketColor")
        for name in OUTPUTS:
            kind = "NodeSocketColor" if name in _COLOURS else "NodeSocketFloat"
            group.interface.new_socket(name, in_out="OUTPUT", socket_type=kind)
    group.nodes.clear()
    _GroupMaker(placement, group).make(background)
    return group


_Number = bpy.types.NodeSocket | float
"""What a node that computes takes: another node's output, or a constant."""


class _GroupMaker:
    """Builds the inside of one group."""

    def __init__(self, placement: Placement, group: bpy.types.NodeTree) -> None:
        self.placement, self.group = placement, group
        self.take, self.take_id, self.warnings = placement.take, placement.take_id, placement.warnings
        self.inputs = group.nodes.new("NodeGroupInput")
        self.outputs = group.nodes.new("NodeGroupOutput")
        self._at(self.inputs, 5, -1)
        self._at(self.outputs, 8, 0)

    def make(self, background: Background) -> None:
        canvas = self._canvas()
        head = self._head()
        behind = canvas.outputs["Image"]
        if background.footage is not None:
            footage = self._footage(background.footage)
            if footage is not None:
                behind = self._over(behind, footage, 2, -2)
        if background.plate is not None:
            image = tagged.image(str(background.plate), self.take_id, "plate")
            colour.read_as(image, self.take.transfer, self.warnings)
            plate = self._image_node(image, "Clean Plate", 0, -3)
            width, height = image.size
            size = (width, height) if width else (self.take.picture.width, self.take.picture.height)
            behind = self._over(behind, self._placed(plate.outputs["Image"], size, 1, -3), 3, -2)
        if head is not None:
            self._passes(canvas, head)
            size = (self.take.picture.width, self.take.picture.height)
            picture = head.outputs["Combined"] if "Combined" in head.outputs else head.outputs["Image"]
            placed = self._placed(picture, size, 1, -1)
            self._emit("Head", self._over(canvas.outputs["Image"], placed, 3, 1), 1)
            behind = self._over(behind, placed, 4, -1)
        last = self._over(self.inputs.outputs["Background"], self._fitted(behind, "BILINEAR", 5, -2), 6, -1)
        self._show_while_the_line_lasts(last)
        self.group.links.new(last, self.outputs.inputs["Image"])

    def _passes(self, canvas: bpy.types.Node, head: bpy.types.Node) -> None:
        size = (self.take.picture.width, self.take.picture.height)
        for row, name in enumerate(("Alpha", "Depth", *(region.title() for region in layout.REGION_NAMES)), start=2):
            if name not in head.outputs:
                continue
            placed = self._placed(head.outputs[name], size, 1, row, "NEAREST" if name == "Depth" else "BILINEAR")
            whole = self._math("ADD", canvas.outputs["Alpha"], placed, 3, row)
            if name == "Depth":
                fitted = self._fitted(whole, "NEAREST", 4, row)
                self.group.links.new(self._empty_is_far(fitted, row), self.outputs.inputs[name])
            else:
                self._emit(name, whole, row)

    def _empty_is_far(self, depth: bpy.types.NodeSocket, row: int) -> bpy.types.NodeSocket:
        """Outside of the crop, and where scaling mixed the head's depth with none, there is nothing: as far away as
        the delivered frames say."""
        outside = self._math("LESS_THAN", depth, _NO_DEPTH_M, 5, row)
        beyond = self._math("GREATER_THAN", depth, _FARTHEST_M, 5, row + 0.5)
        nothing = self._math("ADD", outside, beyond, 6, row)
        far = self._math("MULTIPLY_ADD", nothing, layout.DEPTH_EMPTY, 6, row + 0.5, depth)
        return self._math("MINIMUM", far, layout.DEPTH_EMPTY, 7, row)

    def _emit(self, name: str, socket: bpy.types.NodeSocket, row: int) -> None:
        self.group.links.new(self._fitted(socket, "BILINEAR", 6, row), self.outputs.inputs[name])

    def _canvas(self) -> bpy.types.Node:
        """An empty picture of the footage's size, on which all others are placed."""
        image = tagged.find(bpy.data.images, self.take_id, "canvas")
        width, height = self.take.footage_size
        if image is None:
            image = bpy.data.images.new(f"Talker Canvas {self.take.name}", width, height, alpha=True)
            tagged.mark(image, self.take_id, "canvas")
        image.generated_width, image.generated_height = width, height
        image.generated_color = (0.0, 0.0, 0.0, 0.0)
        return self._image_node(image, "Canvas", 0, -1)

    def _head(self) -> Node | None:
        take = self.take
        if not take.frame_files:
            self.warnings.append("The take has no frames, only a movie: the compositor shows the background alone.")
            return None
        path = take.folder / take.frame_files[take.first_frame]
        image = tagged.image(str(path), self.take_id, "frames", "SEQUENCE")
        colour.read_as(image, take.frames_transfer, self.warnings)
        node = self._image_node(image, "Head", 0, 1)
        lead, shown = self.placement.shown_frames()
        node.frame_start = self.placement.frame_start + lead
        node.frame_duration = len(take.frame_files)
        node.frame_offset = take.first_frame - 1
        if len(shown) != len(take.frame_files):
            self._retime(node, lead, shown)
        return node

    def _retime(self, node: Node, lead: int, shown: list[int]) -> None:
        """Where the timeline runs at another rate, keys say which frame of the take is shown when."""
        first = self.take.first_frame
        node.frame_duration = max(len(shown), len(self.take.frame_files))
        action = tagged.action(self.group, self.take_id, "compositor", f"Talker Compositor {self.take.name}")
        path = f'nodes["{bpy.utils.escape_identifier(node.name)}"].frame_offset'
        start = self.placement.frame_start + lead
        offsets = [first - 1 + frame - first - index for index, frame in enumerate(shown)]
        keys.write(self.group, action, path, 0, [start + i for i in range(len(shown))], offsets, "CONSTANT")

    def _footage(self, path: Path) -> bpy.types.NodeSocket | None:
        image = tagged.image(str(path), self.take_id, "footage", "MOVIE")
        stops = colour.read_as(image, self.take.footage_space, self.warnings)
        if self.take.footage_turns or tuple(image.size) not in ((0, 0), self.take.footage_size):
            self.warnings.append(f"Blender shows {path.name} turned or resized; it is left out of the background.")
            return None
        node = self._image_node(image, "Footage", 0, -2)
        node.frame_start = self.placement.frame_start
        node.frame_duration = max(1, image.frame_duration - self.take.footage_first)
        node.frame_offset = self.take.footage_first
        node.use_cyclic = True
        return self._exposed(node.outputs["Image"], stops, 1, -2) if stops else node.outputs["Image"]

    def _exposed(self, socket: bpy.types.NodeSocket, stops: float, column: int, row: int) -> bpy.types.NodeSocket:
        node: Node = self.group.nodes.new("CompositorNodeExposure")
        node.inputs["Exposure"].default_value = stops
        self._at(node, column, row)
        self.group.links.new(socket, node.inputs["Image"])
        return node.outputs["Image"]

    def _image_node(self, image: bpy.types.Image, label: str, column: int, row: int) -> Node:
        node: Node = self.group.nodes.new("CompositorNodeImage")
        node.image = image
        node.label = label
        self._at(node, column, row)
        return node

    def _placed(
        self,
        socket: bpy.types.NodeSocket,
        size: tuple[int, int],
        column: int,
        row: int,
        interpolation: str = "BILINEAR",
    ) -> bpy.types.NodeSocket:
        """A picture of the crop, `size` px, scaled to footage px and moved to where the crop lies."""
        crop, (width, height) = self.take.crop, self.take.footage_size
        right = crop.x + crop.width / 2 - width / 2
        up = height / 2 - crop.y - crop.height / 2
        if size == (crop.width, crop.height):
            # Pixel for pixel: Blender centres a picture half a pixel right and up where it cannot halve the rest.
            interpolation = "NEAREST"
            right, up = math.floor(right), math.floor(up)
        else:
            factors = crop.width / size[0], crop.height / size[1]
            scale: Node = self.group.nodes.new("CompositorNodeScale")
            compat.set_node_option(scale, "space", "RELATIVE")
            compat.set_node_option(scale, "interpolation", interpolation)
            scale.inputs["X"].default_value, scale.inputs["Y"].default_value = factors
            self._at(scale, column, row)
            self.group.links.new(socket, scale.inputs["Image"])
            socket = scale.outputs["Image"]
            if interpolation != "NEAREST":
                drift_right, drift_up = compat.drift_of_scaled((width, height), size, factors)
                right, up = right - drift_right, up - drift_up
        move: Node = self.group.nodes.new("CompositorNodeTranslate")
        compat.set_node_option(move, "interpolation", interpolation)
        move.inputs["X"].default_value, move.inputs["Y"].default_value = right, up
        self._at(move, column + 1, row)
        self.group.links.new(socket, move.inputs["Image"])
        return move.outputs["Image"]

    def _fitted(self, socket: bpy.types.NodeSocket, interpolation: str, column: int, row: int) -> bpy.types.NodeSocket:
        """The footage's frame fitted into the scene's render size."""
        node = self.group.nodes.new("CompositorNodeScale")
        compat.set_node_option(node, "space", "RENDER_SIZE")
        compat.set_node_option(node, "frame_method", "FIT")
        compat.set_node_option(node, "interpolation", interpolation)
        self._at(node, column, row)
        self.group.links.new(socket, node.inputs["Image"])
        return node.outputs["Image"]

    def _over(
        self, behind: bpy.types.NodeSocket, front: bpy.types.NodeSocket, column: int, row: int
    ) -> bpy.types.NodeSocket:
        node = self.group.nodes.new("CompositorNodeAlphaOver")
        background, foreground = compat.alpha_over_sockets(node)
        self.group.links.new(behind, background)
        self.group.links.new(front, foreground)
        self._at(node, column, row)
        return node.outputs["Image"]

    def _math(
        self, operation: str, a: _Number, b: _Number, column: int, row: float, c: _Number | None = None
    ) -> bpy.types.NodeSocket:
        node = compat.new_math_node(self.group, operation)
        for index, value in enumerate(v for v in (a, b, c) if v is not None):
            if isinstance(value, float):
                node.inputs[index].default_value = value
            else:
                self.group.links.new(value, node.inputs[index])
        self._at(node, column, row)
        return node.outputs[0]

    def _show_while_the_line_lasts(self, last: bpy.types.NodeSocket) -> None:
        """The head is there during its line only, so that several lines share a timeline."""
        over: Node = last.node
        action = tagged.action(self.group, self.take_id, "compositor", f"Talker Compositor {self.take.name}")
        index = compat.alpha_over_factor_index(over)
        path = f'nodes["{bpy.utils.escape_identifier(over.name)}"].inputs[{index}].default_value'
        start, end = self.placement.frame_start, self.placement.frame_after
        frames = [start - 1, start, end]
        keys.write(self.group, action, path, 0, frames, [0.0, 1.0, 0.0], "CONSTANT")

    @staticmethod
    def _at(node: bpy.types.Node, column: float, row: float) -> None:
        node.location = (column * _COLUMN_PX, -row * _ROW_PX)
