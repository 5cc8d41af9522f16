"""Every difference between Blender 4.2, 4.5, 5.0 and 5.2 that this add-on meets, decided by what is there.

The rest of the add-on calls these functions and never asks for a version.

| topic                | 4.2                    | 4.5                | 5.0 and later                        |
| -------------------- | ---------------------- | ------------------ | ------------------------------------ |
| strips of a timeline | `sequences`            | both               | `strips`                             |
| class of strips      | `Sequence`             | `Strip`            | same                                 |
| ends of a strip      | `frame_final_start …`  | same               | 5.2: `left_handle`, `right_handle`   |
| sequencer's scene    | `context.scene`        | same               | `context.sequencer_scene`            |
| F-curves of an action| `fcurves`              | both               | channelbags of layers                |
| compositor           | `scene.node_tree`      | same               | `scene.compositing_node_group`       |
| its output           | Composite node         | same               | group output                         |
| node options         | properties             | properties         | input sockets                        |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import bpy

from .blender_types import Node, PictureStrip
from .blender_types import scene as scene_of


def blend_relative_path_options() -> set[str]:
    """Options of a path property that may begin with "//"; newer Blenders want to be told."""
    option = "PATH_SUPPORTS_BLEND_RELATIVE"
    return {option} if "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties else set()


# Timeline ----------------------------------------------------------------------------------------------------------


def strips(editor: bpy.types.SequenceEditor | PictureStrip) -> Any:
    """The collection of top-level strips, to read, add to and remove from."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips(editor: bpy.types.SequenceEditor) -> Any:
    """Every strip, those inside meta strips too."""
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def all_strips_name(editor: bpy.types.SequenceEditor) -> str:
    """Name of the property that `all_strips` reads, for a search field."""
    return "strips_all" if hasattr(editor, "strips_all") else "sequences_all"


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose timeline the user works on."""
    return getattr(context, "sequencer_scene", None) or scene_of(context)


def strip_class() -> Any:
    """The class of all strips, to which an add-on's own settings of a strip are attached."""
    return getattr(bpy.types, "Strip", None) or bpy.types.Sequence  # type: ignore[attr-defined] # 4.2


def strip_range(strip: Any) -> tuple[int, int]:
    """First frame of a strip as it is trimmed, and the frame after its last."""
    if hasattr(strip, "left_handle"):
        return round(strip.left_handle), round(strip.right_handle)
    return round(strip.frame_final_start), round(strip.frame_final_end)


def strip_content_start(strip: Any) -> float:
    """Frame at which the first frame of the strip's file lies, trimmed away or not."""
    return strip.content_start if hasattr(strip, "content_start") else strip.frame_start


def strip_content_trim_start(strip: Any) -> float:
    """Frames cut off the file's start for good (a strip that was split "hard")."""
    if hasattr(strip, "content_trim_start"):
        return strip.content_trim_start
    return strip.animation_offset_start


def strip_content_trim_end(strip: Any) -> float:
    """Frames cut off the file's end for good."""
    if hasattr(strip, "content_trim_end"):
        return strip.content_trim_end
    return strip.animation_offset_end


def strip_content_range(strip: Any) -> tuple[float, float]:
    """Frame at which the first frame of the strip's content lies, and the one after its last, shown or not."""
    if hasattr(strip, "content_end"):
        return strip.content_start, strip.content_end
    return strip.frame_start, strip.frame_final_end + strip.frame_offset_end


def set_strip_content_start(strip: Any, frame: int) -> None:
    """Move a strip so that the first frame of its file lies at `frame`."""
    if hasattr(strip, "content_start"):
        strip.content_start = frame
    else:
        strip.frame_start = frame


def set_strip_length(strip: Any, frames: int) -> None:
    """Let a strip last `frames` frames from its first one."""
    if hasattr(strip, "duration"):
        strip.duration = frames
    else:
        strip.frame_final_duration = frames


def strip_is_retimed(strip: Any) -> bool:
    """Whether a strip plays at another speed than its file's."""
    if getattr(strip, "speed_factor", 1.0) != 1.0 or getattr(strip, "pitch", 1.0) != 1.0:
        return True
    return len(getattr(strip, "retiming_keys", ())) > 0


def tells_retiming(strip: Any) -> bool:
    """Whether this Blender tells scripts how such a strip is retimed; up to 4.3 it does so of movies alone."""
    return "retiming_keys" in strip.bl_rna.properties


def has_sound() -> bool:
    """Whether this Blender can read and mix sound (4.2 as a Python module cannot)."""
    return bool(getattr(bpy.app.build_options, "audaspace", False))


def mixes_retimed_sound() -> bool:
    """Whether Blender mixes a retimed strip at the speed at which it plays it. 4.3 mixes the file's own speed, cut
    where the strip ends; 4.5 and later are right."""
    return "strips" in bpy.types.SequenceEditor.bl_rna.properties


def mix_sound(scene: bpy.types.Scene, path: str, rate: int, is_stereo: bool = False) -> set[str]:
    """Mix what is heard in a scene's range to a 16-bit WAV, mono or stereo; the operator's answer. It may write a
    tail."""
    with bpy.context.temp_override(scene=scene):
        outcome: Any = bpy.ops.sound.mixdown(
            filepath=path,
            container="WAV",
            codec="PCM",
            format="S16",
            channels="STEREO" if is_stereo else "MONO",
            mixrate=rate,
            check_existing=False,
        )
    return outcome


# Animation ---------------------------------------------------------------------------------------------------------


def _fcurve_collections(datablock: bpy.types.ID) -> Iterator:
    animation = getattr(datablock, "animation_data", None)
    action = animation.action if animation else None
    if action is None:
        return
    slot = getattr(animation, "action_slot", None)
    if hasattr(action, "layers"):
        bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips] if slot else []
        yield from (bag.fcurves for bag in bags if bag is not None)
    else:
        yield action.fcurves


def fcurves(datablock: bpy.types.ID) -> Iterator[bpy.types.FCurve]:
    """The F-curves that move this datablock, without its drivers."""
    for collection in _fcurve_collections(datablock):
        yield from collection


def remove_fcurve(datablock: bpy.types.ID, curve: bpy.types.FCurve) -> None:
    """Take one of `fcurves(datablock)` away."""
    for collection in _fcurve_collections(datablock):
        if curve in collection.values():
            collection.remove(curve)
            return


def new_fcurve(
    datablock: bpy.types.ID, action: bpy.types.Action, data_path: str, index: int = 0, group: str = ""
) -> bpy.types.FCurve:
    """An empty F-curve in `action`, which becomes (or is) the datablock's own action; in a channel group, if one is
    named."""
    animation = datablock.animation_data_create()
    if animation.action != action:
        animation.action = action
    if hasattr(action, "fcurve_ensure_for_datablock"):
        ensure: Any = action.fcurve_ensure_for_datablock
        description: Any = bpy.types.Action.bl_rna
        if "group_name" in description.functions["fcurve_ensure_for_datablock"].parameters:
            return ensure(datablock, data_path, index=index, group_name=group)
        curve = ensure(datablock, data_path, index=index)
        if group:
            curve.group = action.groups.get(group) or action.groups.new(group)
        return curve
    return action.fcurves.new(data_path, index=index, action_group=group)


# Compositor --------------------------------------------------------------------------------------------------------


def compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's compositor nodes, None where it has none or does not use them."""
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def new_compositor_tree(scene: bpy.types.Scene, name: str) -> bpy.types.NodeTree:
    """The compositor of a scene that uses none: an empty one, or in 4.x one that was switched off, as it was."""
    if hasattr(scene, "compositing_node_group"):
        scene.compositing_node_group = bpy.data.node_groups.new(name, "CompositorNodeTree")
        return scene.compositing_node_group
    had_nodes = scene.node_tree is not None and len(scene.node_tree.nodes) > 0
    scene.use_nodes = True
    tree = cast(bpy.types.NodeTree, scene.node_tree)
    if not had_nodes:
        tree.nodes.clear()  # Blender's own beginning
    return tree


def compositor_output(tree: bpy.types.NodeTree, create: bool = True) -> bpy.types.NodeSocket | None:
    """The socket that takes the finished picture; its node is made where it is missing and `create` is set."""
    if hasattr(bpy.types, "CompositorNodeComposite"):
        node = next((n for n in tree.nodes if n.bl_idname == "CompositorNodeComposite"), None)
        if node is None and create:
            node = tree.nodes.new("CompositorNodeComposite")
        return node.inputs["Image"] if node else None
    nodes: list[Node] = list(tree.nodes)
    node = next((n for n in nodes if n.bl_idname == "NodeGroupOutput" and n.is_active_output), None)
    if create:
        interface: Any = tree.interface
        if not any(item.item_type == "SOCKET" and item.in_out == "OUTPUT" for item in interface.items_tree):
            interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        node = node or tree.nodes.new("NodeGroupOutput")
    return node.inputs[0] if node and len(node.inputs) else None


def alpha_over_sockets(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """(background, foreground) of an Alpha Over node."""
    if "Background" in node.inputs:
        return node.inputs["Background"], node.inputs["Foreground"]
    return node.inputs[1], node.inputs[2]


def alpha_over_factor_index(node: bpy.types.Node) -> int:
    """Place of an Alpha Over node's factor among its inputs."""
    return node.inputs.keys().index("Factor" if "Factor" in node.inputs else "Fac")


def own_compositor_tree(scene: Any, tree: bpy.types.NodeTree) -> bpy.types.NodeTree:
    """The scene's compositor as its own alone: where it may serve other scenes too, a copy of it takes its place."""
    if tree.is_embedded_data or tree.users == 1:
        return tree
    scene.compositing_node_group = tree.copy()
    return scene.compositing_node_group


def drift_of_scaled(
    canvas: tuple[int, int], picture: tuple[int, int], scale: tuple[float, float]
) -> tuple[float, float]:
    """How far (right, up; canvas px) the compositor misses with a scaled, smoothly sampled picture in a canvas.

    Where the difference of their sizes is odd, 4.5 and later move the picture by half of its own pixels; 4.2 misses
    with every scaled picture. Unscaled ones, moved by whole pixels and sampled by the nearest, lie the same in every
    Blender.
    """
    scale_node = bpy.types.CompositorNodeScale.bl_rna.properties
    if "space" in scale_node and "interpolation" not in scale_node:  # 4.2 scales about the middle of a pixel
        return -0.5 * (scale[0] - 1.0), -0.5 * (scale[1] - 1.0)
    odd_x, odd_y = ((c - p) % 2 for c, p in zip(canvas, picture, strict=True))
    return -0.5 * scale[0] * odd_x, -0.5 * scale[1] * odd_y


_NODE_OPTIONS = {
    # (node type, option): (property of 4.x, input socket of 5.x, value of 4.x to value of 5.x)
    ("CompositorNodeScale", "space"): ("space", "Type", {"RELATIVE": "Relative", "RENDER_SIZE": "Render Size"}),
    ("CompositorNodeScale", "frame_method"): ("frame_method", "Frame Type", {"FIT": "Fit", "STRETCH": "Stretch"}),
    ("CompositorNodeScale", "interpolation"): (
        "interpolation",
        "Interpolation",
        {"NEAREST": "Nearest", "BILINEAR": "Bilinear", "BICUBIC": "Bicubic"},
    ),
    ("CompositorNodeTranslate", "interpolation"): (
        "interpolation",
        "Interpolation",
        {"NEAREST": "Nearest", "BILINEAR": "Bilinear", "BICUBIC": "Bicubic"},
    ),
}


def set_node_option(node: Node, option: str, value: str) -> bool:
    """Set a node's option: a property in 4.x, an input socket in 5.x. False where this Blender has no such option."""
    property_name, socket_name, values = _NODE_OPTIONS[node.bl_idname, option]
    if socket_name in node.inputs:
        node.inputs[socket_name].default_value = values[value]
    elif hasattr(node, property_name):
        known = node.bl_rna.properties[property_name].enum_items.keys()  # 4.2 says "Nearest", 4.5 "NEAREST"
        setattr(node, property_name, next(item for item in known if item.upper() == value))
    else:
        return False
    return True


def new_value_node(tree: bpy.types.NodeTree) -> Node:
    """A node that holds one number."""
    return tree.nodes.new("CompositorNodeValue" if hasattr(bpy.types, "CompositorNodeValue") else "ShaderNodeValue")


def set_blur_size(node: Node, size_px: int) -> None:
    """How far a Blur node reaches: a size socket in pixels, in 4.2 properties that its socket scales."""
    size = node.inputs["Size"]
    if size.type == "VECTOR":
        size.default_value = [size_px] * len(size.default_value)
    else:
        node.size_x = node.size_y = size_px


def new_math_node(tree: bpy.types.NodeTree, operation: str) -> Node:
    """A node that computes with numbers."""
    node: Node = tree.nodes.new("CompositorNodeMath" if hasattr(bpy.types, "CompositorNodeMath") else "ShaderNodeMath")
    node.operation = operation
    return node


def pose_bone_flag(bone: Any, name: str) -> bool:
    """`select` or `hide` of a bone that is posed: the pose's own from Blender 5.0 on, the armature's before."""
    return bool(getattr(bone if hasattr(bone, name) else bone.bone, name))
