"""What the compositor shows of a take that was brought back, pixel by pixel."""

import json

import numpy as np
import pytest

from tests.bpy.picture import render

FRAME_START = 11
HEAD_X, HEAD_Y, HEAD_SIZE = 36 + 8, 6 + 8, 16
"""The head's square in the footage's frame: the crop's corner plus a quarter of its size."""
SOFT_ROWS = 4


def linear(display):
    display = np.asarray(display, float)
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def display(linear_value):
    value = np.asarray(linear_value, float)
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 0) ** (1 / 2.4) - 0.055)


@pytest.fixture
def known(take):
    return json.loads((take / "known.json").read_text())


@pytest.fixture(scope="module")
def take(make_take):
    return make_take()


def test_the_head_lies_over_the_clean_plate_where_the_crop_is_in_the_footage(addon, scene, take, known, tmp_path):
    addon.headless.bring_back(take, FRAME_START, exact_colours=True)
    scene.frame_set(FRAME_START)
    picture = render(scene, tmp_path / "a.png", sequencer=False)
    assert picture.shape == (48, 80, 4)
    solid = picture[HEAD_Y : HEAD_Y + HEAD_SIZE - SOFT_ROWS, HEAD_X : HEAD_X + HEAD_SIZE, :3]
    np.testing.assert_allclose(solid, np.broadcast_to(known["head_display"], solid.shape), atol=0.004)
    soft = picture[HEAD_Y + HEAD_SIZE - SOFT_ROWS : HEAD_Y + HEAD_SIZE, HEAD_X : HEAD_X + HEAD_SIZE, :3]
    mixed = display(0.5 * linear(known["head_display"]) + 0.5 * linear(known["plate_display"]))
    np.testing.assert_allclose(soft, np.broadcast_to(mixed, soft.shape), atol=0.004)
    for row, column in ((HEAD_Y - 1, HEAD_X), (HEAD_Y, HEAD_X - 1), (HEAD_Y + HEAD_SIZE, HEAD_X), (6, 36), (37, 67)):
        np.testing.assert_allclose(picture[row, column, :3], known["plate_display"], atol=0.004)
    for row, column in ((5, 40), (38, 40), (20, 35), (20, 68)):
        np.testing.assert_allclose(picture[row, column, :3] * picture[row, column, 3], 0, atol=1e-3)


def test_every_frame_of_the_line_shows_its_own_picture(addon, scene, take, known, tmp_path):
    addon.headless.bring_back(take, FRAME_START, exact_colours=True)
    dark = known["head_display"][1]
    light = float(display(4 * linear(dark)))
    for frame, green in ((FRAME_START, dark), (FRAME_START + 1, light), (FRAME_START + 11, light)):
        scene.frame_set(frame)
        picture = render(scene, tmp_path / f"{frame}.png", sequencer=False)
        assert picture[HEAD_Y + 2, HEAD_X + 2, 1] == pytest.approx(green, abs=0.004)


@pytest.mark.parametrize("frame", [FRAME_START - 1, FRAME_START + 12])
def test_before_and_after_the_line_there_is_no_head(addon, scene, take, tmp_path, frame):
    addon.headless.bring_back(take, FRAME_START, exact_colours=True)
    scene.frame_set(frame)
    picture = render(scene, tmp_path / "a.png", sequencer=False)
    np.testing.assert_allclose(picture[..., :3] * picture[..., 3:], 0, atol=1e-3)


@pytest.mark.parametrize(
    ("footage", "crop", "size"),
    [
        ((80, 48), (36, 6, 32, 32), 32),
        ((81, 47), (36, 5, 32, 32), 32),
        ((80, 48), (24, 8, 32, 32), 64),
        ((81, 47), (24, 8, 32, 32), 16),
    ],
    ids=["even", "odd", "rendered twice as big", "rendered half as big"],
)
def test_depth_and_mattes_lie_where_the_head_is(addon, bpy, scene, make_take, tmp_path, footage, crop, size):
    options = ["--footage", *map(str, footage), "--crop", *map(str, crop), "--size", str(size)]
    take = make_take("other", *options)
    addon.headless.bring_back(take, 1, background="NONE")
    tree = addon.compat.compositor_tree(scene)
    node = next(n for n in tree.nodes if n.bl_idname == "CompositorNodeGroup")
    assert [socket.name for socket in node.outputs] == list(addon.bridge.take_group.OUTPUTS)
    inside = np.zeros((footage[1], footage[0]), bool)
    quarter = crop[2] // 4
    inside[crop[1] + quarter : crop[1] + 3 * quarter, crop[0] + quarter : crop[0] + 3 * quarter] = True
    alpha = inside.astype(float)
    alpha[crop[1] + 3 * quarter - quarter // 2 : crop[1] + 3 * quarter] *= 0.5
    soft_border = 1 if size != crop[2] else 0
    output = addon.compat.compositor_output(tree)
    scene.frame_set(1)
    shares = {"Alpha": 1.0, "Oral": 0.1, "Face": 0.4, "Hair": 0.2, "Torso": 0.3}
    for name, share in shares.items():
        tree.links.new(node.outputs[name], output)
        shown = render(scene, tmp_path / f"{name}.exr", sequencer=False, file_format="OPEN_EXR")[..., 0]
        if soft_border:
            assert shown.sum() == pytest.approx(share * alpha.sum(), rel=0.05)
            assert centre(shown) == pytest.approx(centre(alpha), abs=0.55)
        else:
            np.testing.assert_allclose(shown, alpha * share, atol=2e-3)
    tree.links.new(node.outputs["Depth"], output)
    depth = render(scene, tmp_path / "depth.exr", sequencer=False, file_format="OPEN_EXR")[..., 0]
    margin = binary_shrink(inside, 3) if soft_border else inside
    np.testing.assert_allclose(depth[margin], 0.7, rtol=1e-4)
    margin = binary_shrink(~inside, 3) if soft_border else ~inside
    assert (depth[margin] > 9e9).all()
    assert ((np.abs(depth - 0.7) < 1e-3) | (depth > 9e9)).all(), "depths of head and nothing are blended"


def centre(picture):
    """(x, y) of a picture's mass, px."""
    rows, columns = np.indices(picture.shape)
    return (picture * columns).sum() / picture.sum(), (picture * rows).sum() / picture.sum()


def binary_shrink(mask, pixels):
    """A mask without its outermost pixels."""
    for _ in range(pixels):
        grown = np.pad(mask, 1, mode="edge")
        shifted = [grown[y : y + mask.shape[0], x : x + mask.shape[1]] for y in range(3) for x in range(3)]
        mask = np.logical_and.reduce(shifted)
    return mask


def test_a_scene_of_another_size_gets_the_footage_fitted_in(addon, scene, take, known, tmp_path):
    scene.render.resolution_x, scene.render.resolution_y = 160, 96
    addon.headless.bring_back(take, FRAME_START, exact_colours=True, match_scene=False)
    scene.frame_set(FRAME_START)
    picture = render(scene, tmp_path / "a.png", sequencer=False)
    assert picture.shape == (96, 160, 4)
    np.testing.assert_allclose(picture[2 * HEAD_Y + 4, 2 * HEAD_X + 4, :3], known["head_display"], atol=0.004)
    head = picture[..., 0] * picture[..., 3] > 0.8
    rows, columns = np.where(head)
    assert abs(columns.min() - 2 * HEAD_X) <= 1 and abs(columns.max() + 1 - 2 * (HEAD_X + HEAD_SIZE)) <= 1
    assert abs(rows.min() - 2 * HEAD_Y) <= 1


def test_the_artists_own_compositor_is_left_as_it_is(addon, bpy, scene, take):
    tree = addon.compat.new_compositor_tree(scene, "Own")
    blur = tree.nodes.new("CompositorNodeBlur")
    output = addon.compat.compositor_output(tree)
    tree.links.new(blur.outputs[0], output)
    done = addon.headless.bring_back(take, FRAME_START)
    tree = addon.compat.compositor_tree(scene)
    assert addon.compat.compositor_output(tree).links[0].from_node.bl_idname == "CompositorNodeBlur"
    assert any("connect the take's Image" in warning for warning in done.warnings)


def test_two_lines_share_a_timeline(addon, scene, take, make_take, known, tmp_path):
    second = make_take("line_02")
    addon.headless.bring_back(take, FRAME_START, exact_colours=True)
    addon.headless.bring_back(second, FRAME_START + 20, exact_colours=True)
    for frame in (FRAME_START, FRAME_START + 20):
        scene.frame_set(frame)
        picture = render(scene, tmp_path / f"{frame}.png", sequencer=False)
        np.testing.assert_allclose(picture[HEAD_Y + 2, HEAD_X + 2, :3], known["head_display"], atol=0.004)
