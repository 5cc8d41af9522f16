"""The predicted curves below a direction: locked while a rig lies over them, few keys once an artist works on them."""

import json

import pytest

FRAMES = 60


@pytest.fixture
def take(make_take):
    return make_take("line", "--frames", str(FRAMES), "--pictures", "1:1", "--id", "scene-line")


@pytest.fixture
def curves(addon):
    return addon.bridge.curves


@pytest.fixture
def controller(addon, bpy, scene, take):
    addon.headless.bring_back(take, 11, scene=scene)
    return curves_object(addon, bpy)


def curves_object(addon, bpy):
    return next(item for item in bpy.data.objects if addon.bridge.curves.CURVES_KEY in item)


def key_counts(curves, controller):
    return {name: len(curve.keyframe_points) for name, curve in curves.by_name(controller).items()}


def told(take):
    return json.loads((take / "performance.json").read_text())["curves"]


@pytest.mark.parametrize("error", [0.002, 0.01, 0.05])
def test_base_curves_become_few_keys_and_no_frame_is_further_off_than_asked(
    bpy, scene, curves, controller, take, error
):
    assert set(key_counts(curves, controller).values()) == {FRAMES}
    assert bpy.ops.talker.edit_base_curves(error=error) == {"FINISHED"}
    counts, (_, now) = key_counts(curves, controller), curves.read(scene, controller)
    assert counts["mouthClose"] == 2, "a straight line has two ends"
    assert counts["jawOpen"] < FRAMES and sum(counts.values()) < 2.5 * FRAMES
    for name, values in told(take).items():
        assert max(abs(a - b) for a, b in zip(now[name], values, strict=True)) <= error + 1e-6, name
    points = curves.by_name(controller)["jawOpen"].keyframe_points
    assert {point.handle_left_type for point in points[1:-1]} == {"AUTO_CLAMPED"}
    assert all(point.co.x == int(point.co.x) for point in points), "keys lie on frames"
    assert scene.talker.use_performance, "what is edited is rendered"


def test_a_line_that_is_directed_has_its_base_locked_and_hidden_until_that_is_to_be_edited(
    addon, bpy, scene, curves, controller, take
):
    def kept():
        return {(curve.lock, curve.hide) for curve in curves.by_name(controller).values()}

    assert kept() == {(False, False)}
    curves.set_locked(controller, True)
    assert kept() == {(True, True)}
    addon.headless.bring_back(take, 11, scene=scene)
    assert kept() == {(True, True)}, "brought back again, it stays below"
    assert bpy.ops.talker.edit_base_curves(error=0.0) == {"FINISHED"}
    assert kept() == {(False, False)} and set(key_counts(curves, controller).values()) == {FRAMES}


def test_few_keys_stay_when_the_line_that_was_rendered_with_them_is_brought_back(
    addon, bpy, scene, curves, controller, take
):
    bpy.ops.talker.edit_base_curves(error=0.01)
    counts = key_counts(curves, controller)
    rendered = curves.performance(scene, controller)
    written = {name: [round(value, 6) for value in values] for name, values in rendered["curves"].items()}
    (take / "performance.json").write_text(json.dumps({**rendered, "curves": written}))
    addon.headless.bring_back(take, 11, scene=scene)
    assert key_counts(curves, controller) == counts
    addon.headless.bring_back(take, 31, scene=scene)
    assert key_counts(curves, controller) == counts, "nor are they lost where it lies elsewhere now"
    assert curves.by_name(controller)["jawOpen"].keyframe_points[0].co.x == 31
    _, moved = curves.read(scene, controller)
    assert all(moved[name] == pytest.approx(values, abs=2e-6) for name, values in written.items())
    written["jawOpen"][30] = 0.5
    (take / "performance.json").write_text(json.dumps({**rendered, "curves": written}))
    addon.headless.bring_back(take, 31, scene=scene)
    assert key_counts(curves, controller) == {**counts, "jawOpen": FRAMES}, (
        "what was rendered otherwise is told in full"
    )
