"""Every difference between Blenders, against the one that runs."""

from fractions import Fraction

import pytest


@pytest.fixture
def compat(addon):
    return addon.compat


def is_from(bpy, *version):
    return bpy.app.version >= version


@pytest.mark.parametrize(
    ("topic", "since", "new", "old"),
    [
        ("strips", (4, 4), "strips", "sequences"),
        ("compositor", (5, 0), "compositing_node_group", "node_tree"),
        ("engine", (5, 0), "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"),
        ("output node", (5, 0), "NodeGroupOutput", "CompositorNodeComposite"),
        ("math node", (5, 0), "ShaderNodeMath", "CompositorNodeMath"),
    ],
)
def test_each_difference_is_met_as_this_blender_has_it(bpy, compat, scene, topic, since, new, old):
    expected = new if is_from(bpy, *since) else old
    editor = scene.sequence_editor_create()
    if topic == "strips":
        assert compat.strips(editor) == getattr(editor, expected)
        assert compat.all_strips(editor) == getattr(editor, compat.all_strips_name(editor))
        assert compat.all_strips_name(editor) == f"{expected}_all"
    elif topic == "compositor":
        tree = compat.new_compositor_tree(scene, "Own")
        assert compat.compositor_tree(scene) == tree == getattr(scene, expected)
    elif topic == "engine":
        assert compat.eevee_engine() == expected
        scene.render.engine = compat.eevee_engine()
    elif topic == "output node":
        tree = compat.new_compositor_tree(scene, "Own")
        assert compat.compositor_output(tree, create=False) is None
        socket = compat.compositor_output(tree)
        assert socket.node.bl_idname == expected
        assert compat.compositor_output(tree) == socket
        assert len(tree.nodes) == 1
    elif topic == "math node":
        tree = bpy.data.node_groups.new("g", "CompositorNodeTree")
        assert compat.new_math_node(tree, "MAXIMUM").bl_idname == expected


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


@pytest.mark.parametrize("file_format", ["PNG", "OPEN_EXR", "OPEN_EXR_MULTILAYER", "FFMPEG", "PNG"])
def test_file_formats_can_be_chosen_in_any_order(compat, scene, file_format):
    settings = scene.render.image_settings
    try:
        compat.set_file_format(settings, file_format)
    except TypeError:
        assert file_format == "FFMPEG", "only movies may be missing from a build"
        pytest.skip("this Blender is built without movies")
    assert settings.file_format == file_format


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


def test_the_compositor_can_be_taken_off_a_scene(compat, scene):
    compat.new_compositor_tree(scene, "Own")
    compat.drop_compositor_tree(scene)
    assert compat.compositor_tree(scene) is None
