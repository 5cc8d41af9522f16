"""Every difference between Blenders, against the one that runs."""

from fractions import Fraction

import pytest


@pytest.fixture
def compat(addon):
    return addon.compat


def is_from(bpy, *version):
    return bpy.app.version >= version


def test_strips_are_in_the_collection_that_this_blender_has(bpy, compat, scene):
    name = "strips" if is_from(bpy, 4, 4) else "sequences"
    editor = scene.sequence_editor_create()
    assert compat.strips(editor) == getattr(editor, name)
    assert compat.all_strips_name(editor) == f"{name}_all"
    assert compat.all_strips(editor) == getattr(editor, f"{name}_all")


def test_a_new_compositor_is_where_this_blender_keeps_it(bpy, compat, scene):
    tree = compat.new_compositor_tree(scene, "Own")
    kept = scene.compositing_node_group if is_from(bpy, 5, 0) else scene.node_tree
    assert compat.compositor_tree(scene) == tree == kept


def test_the_compositors_output_is_made_once_and_only_when_asked(bpy, compat, scene):
    tree = compat.new_compositor_tree(scene, "Own")
    assert compat.compositor_output(tree, create=False) is None
    socket = compat.compositor_output(tree)
    assert socket.node.bl_idname == ("NodeGroupOutput" if is_from(bpy, 5, 0) else "CompositorNodeComposite")
    assert compat.compositor_output(tree) == socket
    assert len(tree.nodes) == 1


def test_a_math_node_is_of_the_kind_that_this_blender_has(bpy, compat):
    node = compat.new_math_node(bpy.data.node_groups.new("g", "CompositorNodeTree"), "MAXIMUM")
    assert node.bl_idname == ("ShaderNodeMath" if is_from(bpy, 5, 0) else "CompositorNodeMath")
    assert node.operation == "MAXIMUM"


def test_alpha_over_lays_its_foreground_over_its_background(bpy, compat, scene):
    node = bpy.data.node_groups.new("g", "CompositorNodeTree").nodes.new("CompositorNodeAlphaOver")
    background, foreground = compat.alpha_over_sockets(node)
    assert background != foreground and {background.type, foreground.type} == {"RGBA"}
    factor = node.inputs[compat.alpha_over_factor_index(node)]
    assert factor.type == "VALUE" and factor.default_value == 1.0


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("CompositorNodeScale", "space", "RENDER_SIZE"),
        ("CompositorNodeScale", "space", "RELATIVE"),
        ("CompositorNodeScale", "frame_method", "FIT"),
        ("CompositorNodeScale", "interpolation", "NEAREST"),
        ("CompositorNodeTranslate", "interpolation", "NEAREST"),
        ("CompositorNodeTranslate", "interpolation", "BILINEAR"),
    ],
)
def test_node_options_are_set_wherever_this_blender_keeps_them(bpy, compat, kind, option, value):
    node = bpy.data.node_groups.new("g", "CompositorNodeTree").nodes.new(kind)
    done = compat.set_node_option(node, option, value)
    assert done or (kind == "CompositorNodeScale" and option == "interpolation" and not is_from(bpy, 4, 5))
    if done:
        name, socket, values = compat._NODE_OPTIONS[kind, option]
        held = node.inputs[socket].default_value if socket in node.inputs else getattr(node, name)
        assert held in (value, values[value], value.title())


def test_keys_are_written_read_and_removed_in_this_blenders_kind_of_action(addon, bpy, compat, scene):
    item = bpy.data.objects.new("item", None)
    action = bpy.data.actions.new("action")
    curve = addon.bridge.keys.write(item, action, "location", 2, [1, 2.5, 4], [0, 1, 3])
    assert item.animation_data.action == action
    assert [tuple(point.co) for point in curve.keyframe_points] == [(1, 0), (2.5, 1), (4, 3)]
    assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}
    assert curve.evaluate(3.25) == pytest.approx(2.0)
    addon.bridge.keys.write(item, action, "location", 2, [1], [5], "CONSTANT")
    curves = list(compat.fcurves(item))
    assert len(curves) == 1 and [tuple(point.co) for point in curves[0].keyframe_points] == [(1, 5)]
    assert curves[0].keyframe_points[0].interpolation == "CONSTANT"
    addon.bridge.keys.erase(item, ["location"])
    assert list(compat.fcurves(item)) == []


def test_an_object_without_animation_has_no_f_curves(bpy, compat):
    assert list(compat.fcurves(bpy.data.objects.new("item", None))) == []


@pytest.mark.parametrize(
    "text", ["24000/1001", "24", "25", "30000/1001", "30", "48", "60000/1001", "60", "120", "25/2"]
)
def test_scene_frame_rates_are_exact_both_ways(addon, scene, text):
    addon.bridge.keys.set_scene_fps(scene, Fraction(text))
    assert addon.bridge.keys.scene_fps(scene) == Fraction(text)


@pytest.mark.parametrize(
    ("fps", "base", "exact"),
    [
        (24, 1.001, "24000/1001"),
        (30, 1.001, "30000/1001"),
        (2997, 100.0, "30000/1001"),
        (30, 1.2, "25"),
        (50, 2.0, "25"),
    ],
)
def test_rounded_frame_rates_of_files_mean_the_exact_ones(addon, scene, fps, base, exact):
    scene.render.fps, scene.render.fps_base = fps, base
    assert addon.bridge.keys.scene_fps(scene) == Fraction(exact)
