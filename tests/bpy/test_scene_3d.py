"""The scene's own 3D stays: behind and before the head by depth, outside of the line untouched, with its alpha."""

import json

import numpy as np
import pytest

from tests.bpy.picture import render

START, AFTER = 11, 23
HEAD = slice(14, 26), slice(44, 60)
"""The solid rows and the columns of the head's square in the footage's frame of 80 x 48 px (synthetic_take)."""
HEAD_DEPTH_M = 0.7


@pytest.fixture(scope="module")
def take(make_take):
    return make_take("shot", "--plate")


@pytest.fixture
def known(take):
    return json.loads((take / "known.json").read_text())


@pytest.fixture
def shot(scene, tmp_path):
    def make(frame=START, percentage=100):
        scene.render.resolution_percentage = percentage
        scene.frame_set(frame)
        return render(scene, tmp_path / "shot.exr", sequencer=False, file_format="OPEN_EXR")

    return make


def add_wall(bpy, scene, depth_m, left=-1.0, right=1.0, name="wall"):
    """A wall across the take's picture from `left` to `right` (-1 to 1), at a depth from its camera."""
    camera = scene.camera
    reach = depth_m * 0.5 * camera.data.sensor_width / camera.data.lens
    corners = [
        (left * reach, -reach, 0),
        (right * reach, -reach, 0),
        (right * reach, reach, 0),
        (left * reach, reach, 0),
    ]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(x, y, -depth_m) for x, y, _ in corners], [], [(0, 1, 2, 3)])
    item = bpy.data.objects.new(name, mesh)
    item.parent = camera
    scene.collection.objects.link(item)
    return item


def linear(display):
    display = np.asarray(display, float)
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def group_node(addon, scene):
    nodes = addon.compat.compositor_tree(scene).nodes
    return next(node for node in nodes if node.bl_idname == "CompositorNodeGroup")


def test_a_wall_behind_the_head_is_behind_it_and_one_before_it_hides_it(addon, bpy, scene, take, known, shot):
    addon.headless.bring_back(take, START, exact_colours=True)
    scene.render.film_transparent = True
    head = linear(known["head_display"])
    wall = add_wall(bpy, scene, 1.5)
    behind = shot()
    np.testing.assert_allclose(behind[HEAD][..., :3], np.broadcast_to(head, (12, 16, 3)), atol=2e-3)
    grey = behind[40, 10, :3]
    assert grey.std() < 0.02 and grey.mean() > 0.05, "the wall is seen beside the head"
    assert np.abs(behind[13, 10, :3] - linear(known["plate_display"])).max() > 0.1, "the plate is behind the wall"
    bpy.data.objects.remove(wall)
    add_wall(bpy, scene, 0.4, left=0.0)
    before = shot()
    # The picture's middle is near column 40: the wall hides all of the head.
    assert before[HEAD][..., :3].std(axis=(0, 1)).max() < 0.05
    np.testing.assert_allclose(before[20, 10, :3], linear(known["plate_display"]), atol=2e-3)


@pytest.mark.parametrize("percentage", [100, 50])
def test_frames_outside_of_the_line_show_the_scene(addon, bpy, scene, take, shot, percentage):
    scene.render.resolution_x, scene.render.resolution_y = 80, 48
    addon.headless.bring_back(take, START, exact_colours=True)
    add_wall(bpy, scene, 1.5, left=-0.5, right=0.5)
    with_take = [shot(frame, percentage) for frame in (START - 1, AFTER)]
    tree = addon.compat.compositor_tree(scene)
    layers = next(node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], addon.compat.compositor_output(tree))
    for frame, seen in zip((START - 1, AFTER), with_take, strict=True):
        np.testing.assert_allclose(seen, shot(frame, percentage), atol=2e-3)


def test_where_transparent_is_chosen_alpha_is_that_of_head_and_objects(addon, bpy, scene, take, shot):
    addon.headless.bring_back(take, START, exact_colours=True, background="NONE")
    scene.world = bpy.data.worlds.new("sky")
    alpha = shot()[..., 3]
    np.testing.assert_allclose(alpha[HEAD], 1, atol=1e-3)
    np.testing.assert_allclose(alpha[26:30, 44:60], 0.5, atol=1e-2)
    assert np.abs(alpha[:, :40]).max() < 1e-3, "beside the head there is nothing"
    add_wall(bpy, scene, 1.5, right=0.0)
    alpha = shot()[..., 3]
    np.testing.assert_allclose(alpha[4:44, 4:34], 1, atol=5e-3)
    assert np.abs(alpha[:, 64:]).max() < 1e-3


def test_with_the_scene_as_background_its_world_stays(addon, bpy, scene, take, known, shot):
    addon.headless.bring_back(take, START, exact_colours=True, background="SCENE")
    scene.world = bpy.data.worlds.new("sky")
    scene.world.color = (0.1, 0.2, 0.6)
    picture = shot()
    np.testing.assert_allclose(picture[..., 3], 1, atol=5e-3)
    np.testing.assert_allclose(picture[5, 5, :3], (0.1, 0.2, 0.6), atol=0.02)
    np.testing.assert_allclose(
        picture[HEAD][..., :3], np.broadcast_to(linear(known["head_display"]), (12, 16, 3)), atol=2e-3
    )


def test_edges_of_objects_before_a_transparent_film_stay_smooth(addon, bpy, scene, take, shot):
    addon.headless.bring_back(take, START, exact_colours=True, background="NONE")
    scene.render.film_transparent = True
    add_wall(bpy, scene, 1.5, left=-0.73, right=-0.41)
    seen = shot()
    tree = addon.compat.compositor_tree(scene)
    layers = next(node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], addon.compat.compositor_output(tree))
    np.testing.assert_allclose(seen[:, :36], shot()[:, :36], atol=2e-3)


def test_a_second_take_in_the_same_shot_stands_beside_the_first(addon, bpy, scene, take, make_take, known, shot):
    other = make_take("other", "--crop", "4", "6", "32", "32")
    addon.headless.bring_back(take, START, exact_colours=True)
    addon.headless.bring_back(other, START, exact_colours=True, background="NONE")
    picture, head = shot(), linear(known["head_display"])
    for columns in (slice(44, 60), slice(12, 28)):
        np.testing.assert_allclose(picture[14:26, columns, :3], np.broadcast_to(head, (12, 16, 3)), atol=2e-3)
    np.testing.assert_allclose(picture[3, 3, :3], linear(known["plate_display"]), atol=2e-3)


def test_light_wrap_and_black_level_do_what_they_say_and_nothing_at_zero(addon, scene, take, known, shot):
    addon.headless.bring_back(take, START, exact_colours=True)
    node, head = group_node(addon, scene), linear(known["head_display"])
    plain = shot()
    node.inputs["Black Level"].default_value = 0.2
    lifted = shot()
    np.testing.assert_allclose(lifted[18, 52, :3], 0.8 * head + 0.2, atol=3e-3)
    np.testing.assert_allclose(lifted[5, 5], plain[5, 5], atol=1e-4)
    node.inputs["Black Level"].default_value = 0.0
    node.inputs["Light Wrap"].default_value = 1.0
    wrapped = shot()
    green_of_plate, green_of_head = linear(known["plate_display"])[1], head[1]
    assert wrapped[14, 50, 1] > green_of_head + 0.01 * green_of_plate, "the plate's light lies on the head's rim"
    np.testing.assert_allclose(wrapped[20, 52], plain[20, 52], atol=5e-3)
    np.testing.assert_allclose(wrapped[5, 5], plain[5, 5], atol=1e-4)


# The artist's nodes ------------------------------------------------------------------------------------------------


def test_the_scenes_render_stays_connected(addon, bpy, scene, take):
    tree = addon.compat.new_compositor_tree(scene, "Own")
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], addon.compat.compositor_output(tree))
    addon.headless.bring_back(take, START)
    node = group_node(addon, scene)
    tree = addon.compat.compositor_tree(scene)
    assert node.inputs["Background"].links[0].from_node.bl_idname == "CompositorNodeRLayers"
    assert node.inputs["Background Depth"].links[0].from_socket.name == "Depth"
    assert addon.compat.compositor_output(tree).links[0].from_node == node
    assert scene.view_layers[0].use_pass_z
    viewer = next(n for n in tree.nodes if n.bl_idname == "CompositorNodeViewer")
    assert viewer.inputs["Image"].links[0].from_node == node


def test_taken_out_again_the_scenes_render_goes_where_the_take_went(addon, scene, take, make_take):
    other = make_take("other")
    addon.headless.bring_back(take, START)
    addon.headless.bring_back(other, START + 20)
    addon.headless.bring_back(take, START, compositor=False)
    tree = addon.compat.compositor_tree(scene)
    groups = [n for n in tree.nodes if n.bl_idname == "CompositorNodeGroup"]
    assert len(groups) == 1
    assert groups[0].inputs["Background"].links[0].from_node.bl_idname == "CompositorNodeRLayers"
    assert groups[0].inputs["Background Depth"].links[0].from_socket.name == "Depth"
    addon.headless.bring_back(other, START + 20, compositor=False)
    source = addon.compat.compositor_output(tree).links[0].from_node
    assert source.bl_idname == "CompositorNodeRLayers"


def test_nodes_lie_apart(addon, scene, take, make_take):
    addon.headless.bring_back(take, START)
    addon.headless.bring_back(make_take("other"), START + 20)
    tree, height = addon.compat.compositor_tree(scene), addon.bridge.node_layout.height
    for nodes in (
        list(tree.nodes),
        *(list(n.node_tree.nodes) for n in tree.nodes if n.bl_idname == "CompositorNodeGroup"),
    ):
        boxes = [(n.name, n.location.x, n.location.x + n.width, n.location.y - height(n), n.location.y) for n in nodes]
        for index, (name, left, right, low, high) in enumerate(boxes):
            for other, left_2, right_2, low_2, high_2 in boxes[index + 1 :]:
                apart = right <= left_2 or right_2 <= left or high <= low_2 or high_2 <= low
                assert apart, f"{name} lies on {other}"


def test_a_compositor_that_was_switched_off_keeps_its_nodes(addon, bpy, scene, take):
    if not hasattr(scene, "node_tree"):
        pytest.skip("this Blender's compositors are not switched off with their nodes kept")
    tree = addon.compat.new_compositor_tree(scene, "Own")
    tree.nodes.new("CompositorNodeBlur").name = "the artist's"
    scene.use_nodes = False
    addon.headless.bring_back(take, START)
    assert "the artist's" in scene.node_tree.nodes


def test_another_scenes_compositor_is_left_as_it_is(addon, bpy, scene, take):
    if not hasattr(scene, "compositing_node_group"):
        pytest.skip("this Blender's compositors belong to one scene each")
    shared = addon.compat.new_compositor_tree(scene, "Shared")
    addon.compat.compositor_output(shared)
    bpy.data.scenes.new("other").compositing_node_group = shared
    addon.headless.bring_back(take, START)
    assert scene.compositing_node_group != shared
    assert not [n for n in shared.nodes if n.bl_idname == "CompositorNodeGroup"]


def test_settings_of_the_takes_node_stay_when_it_is_brought_back_again(addon, scene, take):
    addon.headless.bring_back(take, START)
    group_node(addon, scene).inputs["Light Wrap"].default_value = 0.3
    addon.headless.bring_back(take, START + 5)
    assert group_node(addon, scene).inputs["Light Wrap"].default_value == pytest.approx(0.3)
