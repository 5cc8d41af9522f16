"""A known point lies at the same place in plate, timeline, compositor, camera view, and seen through the take's camera.

Scenes and footage have the shapes of real ones, at a tenth of their size.
"""

import json

import numpy as np
import pytest

from tests.bpy.picture import render

SHAPES = {"1920x1080": (192, 108), "1080x1920": (108, 192), "2048x858": (204, 86), "square": (120, 120)}
FOOTAGE = {"640x512": (80, 64), "450x450": (56, 56), "portrait": (54, 96)}
CLOSE_PX = 0.2
NEAR_PX = 45
"""More than the largest square reaches."""
SQUARE_CENTRE = 16.0, (12 * 14 + 4 * 0.5 * 22) / (12 + 4 * 0.5)
"""Of the head's square in its crop of 32 px, as far as it covers, px (synthetic_take)."""
CROP_FROM_CENTRE = -14, -19


@pytest.fixture(scope="module")
def takes(make_take):
    made = {}

    def take(footage):
        if footage not in made:
            width, height = FOOTAGE[footage]
            made[footage] = make_take(
                f"of_{footage}", "--footage", str(width), str(height), "--plate",
                "--crop", str(width // 2 + CROP_FROM_CENTRE[0]), str(height // 2 + CROP_FROM_CENTRE[1]), "32", "32",
            )  # fmt: skip
        return made[footage]

    return take


def centre(picture, where, near=NEAR_PX):
    """(x, y) of a picture's mass near a point, px from the top left corner."""
    rows, columns = np.indices(picture.shape)
    picture = picture * (np.abs(columns - where[0]) < near) * (np.abs(rows - where[1]) < near)
    return (picture * (columns + 0.5)).sum() / picture.sum(), (picture * (rows + 0.5)).sum() / picture.sum()


def expected(shape, footage, rule, point):
    """Where a point of the footage must lie in the scene's picture, px."""
    factors = [s / f for s, f in zip(shape, footage, strict=True)]
    scale = max(factors) if rule == "FILL" else min(factors)
    return tuple(s / 2 + scale * (p - f / 2) for s, f, p in zip(shape, footage, point, strict=True))


@pytest.mark.parametrize("rule", ["FILL", "WHOLE"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("footage", FOOTAGE)
def test_all_viewers_agree(addon, bpy, scene, takes, tmp_path, footage, shape, rule):
    scene.render.resolution_x, scene.render.resolution_y = SHAPES[shape]
    take = takes(footage)
    done = addon.headless.bring_back(take, 1, match_scene=False, fit=rule, exact_colours=True)
    crop_x, crop_y = (f // 2 + c for f, c in zip(FOOTAGE[footage], CROP_FROM_CENTRE, strict=True))

    def wanted(x, y):
        return expected(SHAPES[shape], FOOTAGE[footage], rule, (crop_x + x, crop_y + y))

    head, square = wanted(*SQUARE_CENTRE), wanted(16, 16)
    tree = addon.compat.compositor_tree(scene)
    node = next(n for n in tree.nodes if n.bl_idname == "CompositorNodeGroup")
    output = addon.compat.compositor_output(tree)
    scene.frame_set(1)
    found = {}
    tree.links.new(node.outputs["Alpha"], output)
    found["compositor"] = centre(shot(scene, tmp_path)[..., 0], head), head
    tree.links.new(node.outputs["Plate"], output)
    plate = shot(scene, tmp_path)
    found["plate in the compositor"] = centre(whiteness(plate), square), square
    strips = {strip.name.split()[-1]: strip for strip in addon.compat.strips(scene.sequence_editor)}
    strips["pictures"].mute = True
    timeline = shot(scene, tmp_path, sequencer=True)
    found["plate in the timeline"] = centre(whiteness(timeline), square), square
    if strips["pictures"].type == "IMAGE":
        strips["pictures"].mute, strips["plate"].mute = False, True
        found["timeline"] = centre(shot(scene, tmp_path, sequencer=True)[..., 0], head), head
    tree.links.new(next(n for n in tree.nodes if n.bl_idname == "CompositorNodeRLayers").outputs["Alpha"], output)
    add_square(bpy, scene, scene.objects[done.camera], json.loads((take / "camera.json").read_text()))
    scene.render.resolution_percentage = 200  # Workbench's samples are no finer than a tenth of a pixel
    seen = np.clip(shot(scene, tmp_path)[..., 0] - 0.01, 0, None)  # 4.2 has some alpha everywhere
    found["through the take's camera"] = np.divide(centre(seen, np.multiply(square, 2), 2 * NEAR_PX), 2), square
    found["camera's background"] = seen_behind(scene, scene.objects[done.camera].data, 32, 32, 16, 16), square
    # Before 4.5, the compositor leaves pixels at the rims of a picture that is larger than its canvas to chance.
    has_firm_rims = rule != "FILL" or bpy.app.version >= (4, 5)
    for viewer, (at, where) in found.items():
        if "compositor" in viewer and not has_firm_rims:
            continue
        assert np.abs(np.subtract(at, where)).max() < CLOSE_PX, (viewer, at, where)
    if rule == "FILL" and has_firm_rims:
        for name, picture in (("compositor", plate), ("timeline", timeline)):
            edges = np.concatenate([picture[[0, -1], :, 1].ravel(), picture[:, [0, -1], 1].ravel()])
            assert edges.min() > 0.59, f"the clean plate leaves rims in the {name}"


def shot(scene, tmp_path, sequencer=False):
    return render(scene, tmp_path / "shot.exr", sequencer=sequencer, file_format="OPEN_EXR")


def whiteness(picture):
    """How far a plate's picture is of the white square: its colour has little red."""
    red = picture[..., 0]
    return np.clip(red - np.median(red[picture[..., 1] > 0.4]) - 0.02, 0, None)


def add_square(bpy, scene, camera, description):
    """A square of the scene's own, 50 cm before the camera, that covers the head's square in the footage."""
    fx, fy, cx, cy = (description[name] for name in ("fx", "fy", "cx", "cy"))
    corners = [((x - cx) / fx * 0.5, -(y - cy) / fy * 0.5, -0.5) for x, y in ((8, 8), (24, 8), (24, 24), (8, 24))]
    mesh = bpy.data.meshes.new("square")
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    item = bpy.data.objects.new("square", mesh)
    item.matrix_world = camera.matrix_world
    scene.collection.objects.link(item)
    scene.render.film_transparent = True
    scene.display.render_aa = "32"


def seen_behind(scene, camera, width, height, x, y):
    """Where a point of the camera's background picture is drawn, px of the scene's picture.

    As Blender's overlay engine places it: framed by FIT, scaled about the centre of the camera's frame, whose fitted
    side counts as 1, and moved by an offset that is scaled by the shapes of frame and picture. (Checked in a real
    window for two shapes: test_bring_back.)
    """
    background = camera.background_images[0]
    assert background.frame_method == "FIT"
    if tuple(background.image.size) != (width, height):
        pytest.skip("this Blender cannot read movies")
    wide, high = scene.render.resolution_x, scene.render.resolution_y
    frame_shape, picture_shape = wide / high, width / height
    frame_width, frame_height = (1.0, 1 / frame_shape) if camera.sensor_fit == "HORIZONTAL" else (frame_shape, 1.0)
    if picture_shape > frame_shape:
        drawn_width, drawn_height = frame_width, frame_width / picture_shape
    else:
        drawn_width, drawn_height = frame_height * picture_shape, frame_height
    move_x = background.offset[0] * min(1.0, frame_shape)
    move_y = background.offset[1] / (max(1.0, frame_shape) * picture_shape / frame_shape)
    right = (x / width - 0.5) * drawn_width * background.scale + move_x
    up = (0.5 - y / height) * drawn_height * background.scale + move_y
    return wide / 2 + right / frame_width * wide, high / 2 - up / frame_height * high


def test_the_fit_is_the_same_for_pixels_that_are_not_square(addon, scene):
    scene.render.resolution_x, scene.render.resolution_y = 1440, 1080
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = 4.0, 3.0
    fit = addon.bridge.fit.Fit.of(scene, (640, 360))
    assert fit.same_shape
    assert fit.scale == pytest.approx((1440 / 640, 1080 / 360))
    assert fit.point(640, 360) == pytest.approx((1440, 1080))


def test_what_the_picture_cuts_off_is_said(addon, scene, takes):
    scene.render.resolution_x, scene.render.resolution_y = 192, 40
    done = addon.headless.bring_back(takes("portrait"), 1, match_scene=False)
    assert any("lies outside of the picture" in warning for warning in done.warnings)
    done = addon.headless.bring_back(takes("portrait"), 1, match_scene=False, fit="WHOLE")
    assert not any("outside of the picture" in warning for warning in done.warnings)
    assert any("another shape, so the picture has rims" in warning for warning in done.warnings)


# A head that follows an object of the scene ------------------------------------------------------------------------


@pytest.fixture
def follower(bpy, scene):
    """An object that the head follows, before the scene's camera."""
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    head = bpy.data.objects.new("follower", None)
    for item in (camera, head):
        scene.collection.objects.link(item)
    camera.location, camera.rotation_euler = (0.3, -2.0, 1.7), (1.4, 0.05, 0.1)
    head.location, head.rotation_euler, head.scale = (0.1, 0.1, 1.6), (0.05, 0.1, -0.2), (2.0, 2.0, 2.0)
    scene.camera = camera
    return head


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize(("shape", "pixels"), [((192, 108), (1, 1)), ((108, 192), (1, 1)), ((144, 108), (4, 3))])
@pytest.mark.parametrize("lens_mm", [18.0, 35.0, 85.0])
def test_the_lens_of_the_scenes_camera_is_the_heads(addon, bpy, scene, follower, fit, shape, pixels, lens_mm):
    from bpy_extras.object_utils import world_to_camera_view

    camera = scene.camera.data
    camera.lens, camera.shift_x, camera.shift_y, camera.sensor_fit = lens_mm, 0.06, -0.04, fit
    scene.render.resolution_x, scene.render.resolution_y = shape
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = pixels
    written = addon.bridge.scene_camera.poses(scene, follower, scene.camera, 1, 2)
    assert written["footage"] == {"width": shape[0], "height": shape[1]}
    lens = written["lens"]
    for point in ((0, 0, 0), (0.08, 0.05, 0.1), (-0.09, 0.02, -0.12)):
        # As the backend sees a point of the head: from Blender's camera, whose y is up and which looks along -z.
        x, y, z = (np.linalg.inv(written["camera_to_world"][0]) @ (*point, 1))[:3]
        seen = lens["cx"] + lens["fx"] * x / -z, lens["cy"] + lens["fy"] * y / z
        world = follower.matrix_world.normalized() @ type(follower.location)(point)
        wanted = world_to_camera_view(scene, scene.camera, world)
        assert seen == pytest.approx((wanted.x * shape[0], (1 - wanted.y) * shape[1]), abs=2e-3)


def test_the_body_stays_where_the_head_was_when_the_line_began(addon, scene, follower):
    follower.keyframe_insert("rotation_euler", frame=1)
    follower.rotation_euler.z += 0.5
    follower.keyframe_insert("rotation_euler", frame=10)
    written = addon.bridge.scene_camera.poses(scene, follower, scene.camera, 1, 10)
    assert written["camera_to_body"][0] == written["camera_to_world"][0]
    np.testing.assert_allclose(written["camera_to_body"], [written["camera_to_body"][0]] * 10, atol=1e-6)
    assert np.abs(np.subtract(written["camera_to_world"][9], written["camera_to_world"][0])).max() > 0.1


def test_a_camera_that_zooms_or_sees_without_perspective_is_refused_in_words(addon, scene, follower):
    camera, errors = scene.camera.data, addon.bridge.strips.InputError
    camera.keyframe_insert("lens", frame=1)
    camera.lens = 70
    camera.keyframe_insert("lens", frame=10)
    with pytest.raises(errors, match="lens of camera changes.*Take the keys off"):
        addon.bridge.scene_camera.poses(scene, follower, scene.camera, 1, 10)
    camera.type = "ORTHO"
    with pytest.raises(errors, match="not in perspective"):
        addon.bridge.scene_camera.poses(scene, follower, scene.camera, 1, 10)


def test_a_take_under_the_scenes_lens_fills_the_picture_and_leaves_the_camera_alone(
    addon, bpy, scene, follower, make_take, tmp_path
):
    scene.render.resolution_x, scene.render.resolution_y = 96, 54
    take = make_take("in_scene", "--footage", "96", "54", "--crop", "0", "0", "96", "96")
    (take / "camera.json").write_text(json.dumps(json.loads((take / "camera.json").read_text()) | {"given_lens": True}))
    own = scene.camera
    done = addon.headless.bring_back(take, 1, match_scene=False)
    assert scene.camera == own
    assert any("drawn under the scene's camera" in warning for warning in done.warnings)
    assert not [strip for strip in addon.compat.strips(scene.sequence_editor) if strip.name.endswith("plate")]
