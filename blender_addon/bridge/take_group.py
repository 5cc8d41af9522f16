"""The inside of a take's compositor group: the head in the scene's picture, before its background, among its 3D.

    plate, footage, head, passes → scaled and moved to their places in a canvas of the scene's size → render size

    canvas ← background (while the line lasts) ← the scene, where it is behind the head ← head ← light of the
    background over the head's rim ← the scene, where it is before the head → Image

Outside of the line, nothing but the scene is seen. Where the scene shows its world alone, the take's own background
takes its place, unless the scene itself was chosen as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..blender_types import Node
from ..shared import layout
from . import colour, keys, node_layout, tagged
from .fit import FILL, Part
from .group_nodes import GroupNodes, Number, Socket
from .placement import Placement
from .plate import Plate

INPUTS = ("Background", "Background Depth", "Light Wrap", "Black Level", "Black Colour")
"""The scene's picture and depth; how far the background's light goes over the head's rim; how far blacks are lifted to
a colour, 0 to 1 each."""
OUTPUTS = ("Image", "Head", "Plate", "Alpha", "Depth", "Oral", "Face", "Hair", "Torso", layout.DUB_LAYER, "Image Depth")
COLOURS = ("Image", "Head", "Plate", "Background", "Black Colour")
_NO_DEPTH_M, _FARTHEST_M = 1e-6, 1e4
"""Depths outside of these are no head's, metres."""
_EMPTY_FROM_M, _BACKDROP_M = 5e9, 1e9
"""Depth from which on a renderer shows nothing, and that of a take's own background for the next take, metres."""
_OPAQUE = 0.99
_WRAP_SHARE = 0.012
"""Reach of the light wrap, as a share of the picture's width."""
LINE_NODE = "While the Line Lasts"


@dataclass(frozen=True)
class Background:
    """What lies behind the head."""

    footage: Path | None = None
    """The footage, shown from the line's first frame."""
    plate: Plate | None = None
    """The clean plate."""
    is_scene: bool = False
    """Whether the scene's world stays."""
    dubbed: list[int | None] | None = None
    """Of a take that dubs the footage: its frame, from 1, at every timeline frame of the line, None where there is
    none. None: a take that does not."""


def build(placement: Placement, background: Background) -> bpy.types.NodeTree:
    """The take's node group, its inside made anew; sockets that the artist uses stay as they are."""
    take, take_id = placement.take, placement.take_id
    group = tagged.find(bpy.data.node_groups, take_id, "group")
    if group is None:
        group = tagged.mark(bpy.data.node_groups.new(f"Talker {take.name}", "CompositorNodeTree"), take_id, "group")
    for direction, names in (("INPUT", INPUTS), ("OUTPUT", OUTPUTS)):
        there = [item.name for item in group.interface.items_tree if item.in_out == direction]
        for name in names:
            if name not in there:
                _new_socket(group, name, direction)
    for item in group.interface.items_tree:  # also of a group from before, whose background was black
        if item.in_out == "INPUT" and item.name == "Background":
            item.default_value = (0.0, 0.0, 0.0, 0.0)
    group.nodes.clear()
    _GroupMaker(placement, group, background).make(background)
    node_layout.arrange(group.nodes, group.links)
    return group


def _new_socket(group: bpy.types.NodeTree, name: str, direction: str) -> None:
    kind = "NodeSocketColor" if name in COLOURS else "NodeSocketFloat"
    interface: Any = group.interface
    socket = interface.new_socket(name, in_out=direction, socket_type=kind)
    if name == "Background Depth":
        socket.default_value = layout.DEPTH_EMPTY
    elif name in ("Light Wrap", "Black Level"):
        socket.min_value, socket.max_value = 0.0, 1.0
    elif name == "Black Colour":
        socket.default_value = (1.0, 1.0, 1.0, 1.0)


class _GroupMaker(GroupNodes):
    """Builds the inside of one group."""

    def __init__(self, placement: Placement, group: bpy.types.NodeTree, background: Background) -> None:
        super().__init__(group, placement.fit)
        self.placement, self.dubbed = placement, background.dubbed
        self.take, self.take_id, self.warnings = placement.take, placement.take_id, placement.warnings
        inputs = group.nodes.new("NodeGroupInput")
        self.given = {name: inputs.outputs[name] for name in INPUTS}
        self.outputs = group.nodes.new("NodeGroupOutput")
        self.canvas = self._canvas()
        self.shown = self._line_lasts()

    def make(self, background: Background) -> None:
        nothing = self.canvas.outputs["Image"]
        head = self._head()
        plate = self._plate(background)
        self._emit("Plate", plate or nothing)
        if head is None:
            self._compose(plate, None, None, background)
            return
        depth = self._passes(head)
        picture = head.outputs["Combined"] if "Combined" in head.outputs else head.outputs["Image"]
        placed = self.over(nothing, self.placed(picture, self._picture_size, self._crop))
        fitted = self.fitted(placed)
        self.group.links.new(fitted, self.outputs.inputs["Head"])
        self._compose(plate, fitted, depth, background)

    def _compose(self, plate: Socket | None, head: Socket | None, depth: Socket | None, chosen: Background) -> None:
        """The picture, and its depth."""
        scene, scene_depth = self.given["Background"], self.given["Background Depth"]
        nothing = self.fitted(self.canvas.outputs["Image"])
        behind = nothing if plate is None else self.over(nothing, self.fitted(plate), self.shown)
        stays: Number = 1.0
        if not chosen.is_scene:
            stays = self.math("SUBTRACT", 1.0, self.math("MULTIPLY", self._is_world(), self.shown))
        picture, in_front = behind, None
        if head is None or depth is None:
            picture = self.over(behind, scene, stays)
        else:
            in_front = self.math("LESS_THAN", scene_depth, depth)
            is_behind = self.math("MULTIPLY", self.math("SUBTRACT", 1.0, in_front), stays)
            picture = self.over(behind, scene, is_behind)
        if head is not None:
            around = picture
            picture = self.over(around, self._matched(head), self.shown)
            picture = self._wrapped(picture, head, around)
        if in_front is not None:
            picture = self.over(picture, scene, in_front)
        self.group.links.new(picture, self.outputs.inputs["Image"])
        self.group.links.new(self._image_depth(scene_depth, depth, plate), self.outputs.inputs["Image Depth"])

    def _is_world(self) -> Socket:
        """1 where the scene shows nothing but its world, opaque; a transparent one is in nobody's way."""
        separate: Node = self.group.nodes.new("CompositorNodeSeparateColor")
        self.group.links.new(self.given["Background"], separate.inputs[0])
        opaque = self.math("GREATER_THAN", separate.outputs["Alpha"], _OPAQUE)
        return self.math("MULTIPLY", self.math("GREATER_THAN", self.given["Background Depth"], _EMPTY_FROM_M), opaque)

    def _image_depth(self, scene: Socket, head: Socket | None, plate: Socket | None) -> Socket:
        """Depth of the whole picture, for the next take: a take's own background is behind all, but there."""
        nearest = scene
        if head is not None:
            absent = self.math("MULTIPLY", self.math("SUBTRACT", 1.0, self.shown), layout.DEPTH_EMPTY)
            nearest = self.math("MINIMUM", nearest, self.math("ADD", head, absent))
        if plate is not None:
            backdrop = self.math("MULTIPLY", self.shown, _BACKDROP_M - layout.DEPTH_EMPTY)
            nearest = self.math("MINIMUM", nearest, self.math("ADD", backdrop, layout.DEPTH_EMPTY))
        return nearest

    def _matched(self, head: Socket) -> Socket:
        """The head with its blacks lifted as far as the artist says."""
        amount = self.math("MULTIPLY", self._alpha_of(head), self.given["Black Level"])
        return self.over(head, self.given["Black Colour"], amount)

    def _wrapped(self, picture: Socket, head: Socket, around: Socket) -> Socket:
        """Light of what is around the head, over its rim, as far as the artist says."""
        alpha = self._alpha_of(head)
        rim = self.math("MULTIPLY", alpha, self.math("SUBTRACT", alpha, self._blurred(alpha)))
        amount = self.math("MULTIPLY", self.math("MULTIPLY", rim, self.given["Light Wrap"]), self.shown)
        return self.over(picture, self._blurred(around), amount)

    def _alpha_of(self, picture: Socket) -> Socket:
        separate: Node = self.group.nodes.new("CompositorNodeSeparateColor")
        self.group.links.new(picture, separate.inputs[0])
        return separate.outputs["Alpha"]

    def _blurred(self, socket: Socket) -> Socket:
        node = self.group.nodes.new("CompositorNodeBlur")
        compat.set_blur_size(node, max(1, round(_WRAP_SHARE * self.fit.scene[0])))
        self.group.links.new(socket, node.inputs["Image"])
        return node.outputs["Image"]

    # Pictures

    @property
    def _picture_size(self) -> tuple[int, int]:
        return self.take.picture.width, self.take.picture.height

    @property
    def _crop(self) -> Part:
        return Part.of(self.take.crop, self._picture_size, self._picture_size)

    def _passes(self, head: bpy.types.Node) -> Socket | None:
        """Alpha, depth and mattes to their outputs; the depth, where the frames have one."""
        depth = None
        for name in ("Alpha", "Depth", *(region.title() for region in layout.REGION_NAMES), layout.DUB_LAYER):
            if name not in head.outputs:
                continue
            sampling = "NEAREST" if name == "Depth" else "BILINEAR"
            placed = self.placed(head.outputs[name], self._picture_size, self._crop, sampling)
            whole = self.math("ADD", self.canvas.outputs["Alpha"], placed)
            if name == "Depth":
                depth = self._empty_is_far(self.fitted(whole, "NEAREST"))
                self.group.links.new(depth, self.outputs.inputs[name])
            else:
                self._emit(name, whole)
        return depth

    def _empty_is_far(self, depth: Socket) -> Socket:
        """Outside of the crop, and where scaling mixed the head's depth with none, there is nothing: as far away as
        the delivered frames say."""
        outside = self.math("LESS_THAN", depth, _NO_DEPTH_M)
        beyond = self.math("GREATER_THAN", depth, _FARTHEST_M)
        nothing = self.math("ADD", outside, beyond)
        far = self.math("MULTIPLY_ADD", nothing, layout.DEPTH_EMPTY, depth)
        return self.math("MINIMUM", far, layout.DEPTH_EMPTY)

    def _emit(self, name: str, socket: Socket) -> None:
        self.group.links.new(self.fitted(socket), self.outputs.inputs[name])

    def _canvas(self) -> Node:
        """An empty picture of the scene's size at 100 %, on which all others are placed."""
        image = tagged.find(bpy.data.images, self.take_id, "canvas")
        width, height = self.fit.scene
        if image is None:
            image = bpy.data.images.new(f"Talker Canvas {self.take.name}", width, height, alpha=True)
            tagged.mark(image, self.take_id, "canvas")
        image.generated_width, image.generated_height = width, height
        image.generated_color = (0.0, 0.0, 0.0, 0.0)
        return self.image_node(image, "Canvas")

    def _plate(self, background: Background) -> Socket | None:
        """Footage and clean plate in the canvas; None without either."""
        found = None
        if background.footage is not None:
            found = self._footage(background.footage)
        if background.plate is not None:
            image = tagged.image(background.plate.path, self.take_id, "plate")
            colour.read_as(image, self.take.transfer, self.warnings)
            node = self.image_node(image, "Clean Plate")
            width, height = image.size
            size = (width, height) if width else self._picture_size
            found = self._laid(found, node.outputs["Image"], size, background.plate.part)
        return found

    def _footage(self, path: Path) -> Socket | None:
        image = tagged.image(path, self.take_id, "footage", "MOVIE")
        stops = colour.read_as(image, self.take.footage_space, self.warnings)
        size = image.size[0], image.size[1]
        if self.take.footage_turns or size not in ((0, 0), self.take.footage_size):
            self.warnings.append(f"Blender shows {path.name} turned or resized; it is left out of the background.")
            return None
        node = self.image_node(image, "Footage")
        node.frame_start = self.placement.frame_start
        if self.dubbed is None:
            node.frame_duration = max(1, image.frame_duration - self.take.footage_first)
            node.frame_offset = self.take.footage_first
            node.use_cyclic = True
        else:
            self._show_dubbed(node, self.dubbed)
        socket = self.exposed(node.outputs["Image"], stops) if stops else node.outputs["Image"]
        return self._laid(None, socket, self.take.footage_size, self.fit.whole)

    def _laid(self, behind: Socket | None, picture: Socket, size: tuple[int, int], part: Part) -> Socket:
        """A background of `size` px over another one, or over nothing; right to the rims of a picture that it fills."""
        behind = behind or self.canvas.outputs["Image"]
        if self.fit.rule == FILL and part == self.fit.whole:
            # Blender lets the outermost pixels of a scaled picture fade: the same, a little larger, is behind them.
            larger = Part(part.x - 1, part.y - 1, part.width + 2, part.height + 2)
            behind = self.over(behind, self.placed(picture, size, larger))
        return self.over(behind, self.placed(picture, size, part))

    def _head(self) -> Node | None:
        take = self.take
        if not take.frame_files:
            self.warnings.append("The take has no frames, only a movie: the compositor shows the background alone.")
            return None
        path = take.folder / take.frame_files[take.first_frame]
        image = tagged.image(path, self.take_id, "frames", "SEQUENCE")
        colour.read_as(image, take.frames_transfer, self.warnings)
        node = self.image_node(image, "Head")
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
        path = f'nodes["{bpy.utils.escape_identifier(node.name)}"].frame_offset'
        start = self.placement.frame_start + lead
        offsets = [first - 1 + frame - first - index for index, frame in enumerate(shown)]
        self._key(path, [start + i for i in range(len(shown))], offsets)

    def _show_dubbed(self, node: Node, frames: list[int | None]) -> None:
        """Keys say which frame of the footage is shown when."""
        node.frame_duration = len(frames)
        path = f'nodes["{bpy.utils.escape_identifier(node.name)}"].frame_offset'
        shown = [(index, frame) for index, frame in enumerate(frames) if frame is not None]
        start = self.placement.frame_start
        self._key(path, [start + index for index, _ in shown], [frame - 1 - index for index, frame in shown])

    def _line_lasts(self) -> Socket:
        """1 while the line lasts (a dub: where footage is under it), else 0: so several lines share a timeline."""
        node = compat.new_value_node(self.group)
        node.name = node.label = LINE_NODE
        start, end = self.placement.frame_start, self.placement.frame_after
        frames, values = [start - 1, start, end], [0.0, 1.0, 0.0]
        if self.dubbed is not None:
            frames = [start - 1, *range(start, start + len(self.dubbed)), end]
            values = [0.0, *(float(frame is not None) for frame in self.dubbed), 0.0]
        self._key(f'nodes["{LINE_NODE}"].outputs[0].default_value', frames, values)
        return node.outputs[0]

    def _key(self, path: str, frames: list[int], values: list) -> None:
        action = tagged.action(self.group, self.take_id, "compositor", f"Talker Compositor {self.take.name}")
        keys.write(self.group, action, path, 0, frames, values, "CONSTANT")
