"""Nodes by which pictures are placed, mixed and computed with in a compositor group."""

from __future__ import annotations

import math

import bpy

from .. import compat
from ..blender_types import Node
from .fit import Fit, Part

Socket = bpy.types.NodeSocket
Number = bpy.types.NodeSocket | float
"""What a node that computes takes: another node's output, or a constant."""
_JUST_LESS = 1.0 - 1e-6
"""Scales are less by this, so that no whole size is rounded up to one pixel more, which 4.2 would then centre."""


class GroupNodes:
    """Adds nodes to a group that works in a canvas of the scene's size."""

    def __init__(self, group: bpy.types.NodeTree, fit: Fit) -> None:
        self.group, self.fit = group, fit

    def image_node(self, image: bpy.types.Image, label: str) -> Node:
        """A node that shows an image."""
        node: Node = self.group.nodes.new("CompositorNodeImage")
        node.image = image
        node.label = label
        return node

    def exposed(self, socket: Socket, stops: float) -> Socket:
        """A picture made brighter by so many stops."""
        node: Node = self.group.nodes.new("CompositorNodeExposure")
        node.inputs["Exposure"].default_value = stops
        self.group.links.new(socket, node.inputs["Image"])
        return node.outputs["Image"]

    def placed(self, socket: Socket, size: tuple[int, int], part: Part, sampling: str = "BILINEAR") -> Socket:
        """A picture of `size` px scaled to the canvas's pixels and moved to where its part of the footage lies."""
        (scale_x, scale_y), canvas = self.fit.scale, self.fit.scene
        factors = part.width * scale_x / size[0], part.height * scale_y / size[1]
        right, up = self.fit.offset(part)
        unscaled = all(math.isclose(factor, 1.0, abs_tol=1e-9) for factor in factors)
        corner = (canvas[0] - size[0]) / 2 + right, (canvas[1] - size[1]) / 2 + up
        if unscaled and all(math.isclose(at, round(at), abs_tol=1e-6) for at in corner):
            # Pixel for pixel: Blender centres a picture half a pixel right and up where it cannot halve the rest.
            sampling = "NEAREST"
            right, up = math.floor(right), math.floor(up)
        else:
            scale: Node = self.group.nodes.new("CompositorNodeScale")
            compat.set_node_option(scale, "space", "RELATIVE")
            compat.set_node_option(scale, "interpolation", sampling)
            for name, factor in zip("XY", factors, strict=True):
                scale.inputs[name].default_value = factor * _JUST_LESS
            self.group.links.new(socket, scale.inputs["Image"])
            socket = scale.outputs["Image"]
            if sampling != "NEAREST":
                drift_right, drift_up = compat.drift_of_scaled(canvas, size, factors)
                right, up = right - drift_right, up - drift_up
        move: Node = self.group.nodes.new("CompositorNodeTranslate")
        compat.set_node_option(move, "interpolation", sampling)
        move.inputs["X"].default_value, move.inputs["Y"].default_value = right, up
        self.group.links.new(socket, move.inputs["Image"])
        return move.outputs["Image"]

    def fitted(self, socket: Socket, sampling: str = "BILINEAR") -> Socket:
        """The canvas in the size that is rendered, a percentage of the scene's."""
        node = self.group.nodes.new("CompositorNodeScale")
        compat.set_node_option(node, "space", "RENDER_SIZE")
        compat.set_node_option(node, "frame_method", "STRETCH")
        compat.set_node_option(node, "interpolation", sampling)
        self.group.links.new(socket, node.inputs["Image"])
        return node.outputs["Image"]

    def over(self, behind: Socket, front: Socket, factor: Number = 1.0) -> Socket:
        """A premultiplied picture, as far as `factor` says, over another one."""
        node = self.group.nodes.new("CompositorNodeAlphaOver")
        background, foreground = compat.alpha_over_sockets(node)
        self.group.links.new(behind, background)
        self.group.links.new(front, foreground)
        self._set(node.inputs[compat.alpha_over_factor_index(node)], factor)
        return node.outputs["Image"]

    def math(self, operation: str, a: Number, b: Number, c: Number | None = None) -> Socket:
        """A number or a picture of numbers, computed."""
        node = compat.new_math_node(self.group, operation)
        for index, value in enumerate(v for v in (a, b, c) if v is not None):
            self._set(node.inputs[index], value)
        return node.outputs[0]

    def _set(self, socket: Socket, value: Number) -> None:
        if isinstance(value, float):
            socket.default_value = value  # type: ignore[attr-defined] # a number's socket
        else:
            self.group.links.new(value, socket)
