"""A head in a scene is drawn as the scene's camera sees it: its lens, its place, the body where the scene has it."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.deliver import render as rendering
from backend.deliver.scene_view import as_filmed, read_scene_view, seen_at, views
from backend.media import exr
from backend.settings import PortraitSettings, RenderSettings
from backend.train.data import TrainingData
from backend.train.driving import true_drive
from backend.train.new_portrait import start_portrait
from shared import layout
from shared.camera import Intrinsics, camera_to_world
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage
from tests.support.synthetic_subject import SIZE

WIDTH, HEIGHT = 60, 34
SMALL = PortraitSettings(
    inside_share=0.0, head_gaussians=3000, torso_gaussians=500, facial_planes=(8,), oral_planes=(8,), torso_planes=(4,),
    hidden=16,
)  # fmt: skip


def turned(degrees: float, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """(4, 4) a turn about the vertical and a shift, cm."""
    angle, pose = np.radians(degrees), np.eye(4)
    pose[0, 0] = pose[2, 2] = np.cos(angle)
    pose[0, 2], pose[2, 0] = np.sin(angle), -np.sin(angle)
    pose[:3, 3] = shift
    return pose


def write_poses(path, of_head: np.ndarray, of_body: np.ndarray, **changes) -> str:
    values = {
        "fps": "25/1",
        "footage": {"width": WIDTH, "height": HEIGHT},
        "lens": {"fx": 70.0, "fy": 70.0, "cx": 31.0, "cy": 16.0},
        "camera_to_world": [camera_to_world(pose) for pose in of_head.tolist()],
        "camera_to_body": [camera_to_world(pose) for pose in of_body.tolist()],
    }
    path.write_text(json.dumps(values | changes))
    return str(path)


@pytest.fixture
def line(tmp_path, monkeypatch):
    """A stage, and a file of poses for its line of 26 frames: the camera goes by a head that stands still."""
    stage = make_stage(tmp_path, monkeypatch)
    rest = stage[1].rest_pose.double().numpy()
    poses = np.stack([turned(number) @ rest for number in range(26)])
    return stage, lambda **changes: write_poses(tmp_path / "poses.json", poses, poses, **changes)


def render(stage, pose):
    subject, portrait, sound, out = stage
    portrait.drawn.clear()
    return rendering.render(subject, sound, out, RenderSettings(pose=pose, face_life=0.0), Reporter())


def test_the_pictures_are_the_scenes_whole_picture_under_its_lens(line):
    stage, poses = line
    out = stage[3]
    render(stage, poses())
    camera = json.loads((out / layout.CAMERA_FILE).read_text())
    assert [camera[name] for name in ("width", "height", "fx", "fy", "cx", "cy")] == [60, 34, 70, 70, 31, 16]
    assert camera["crop"] == [0, 0, 60, 34] and camera["footage"] == {"width": 60, "height": 34}
    assert camera["given_lens"] is True
    given = json.loads(Path(poses()).read_text())["camera_to_world"]
    np.testing.assert_allclose(camera["camera_to_world"], given, atol=1e-9)
    frame = exr.read_layers(out / layout.EXR_NAME.format(frame=1))[0]
    assert frame["Combined"].shape == (34, 60, 4)
    assert not (out / layout.PLATE_FILE).exists(), "the footage's background does not belong behind it"


def test_another_lens_draws_every_frame_again_and_none_at_all_with_the_same(line):
    stage, poses = line
    assert render(stage, poses()).rendered == 26
    assert render(stage, poses()).rendered == 0
    assert render(stage, poses(lens={"fx": 71.0, "fy": 70.0, "cx": 31.0, "cy": 16.0})).rendered == 26


def test_back_in_the_footage_the_take_has_its_plate_again(line):
    stage, poses = line
    render(stage, poses())
    render(stage, "still")
    camera = json.loads((stage[3] / layout.CAMERA_FILE).read_text())
    assert "given_lens" not in camera and camera["width"] == camera["height"]
    assert (stage[3] / layout.PLATE_FILE).is_file()


@pytest.mark.parametrize(
    "changes",
    [
        {"lens": {"fx": 0.0, "fy": 70.0, "cx": 31.0, "cy": 16.0}},
        {"lens": {"fx": "wide"}},
        {"footage": {"width": 0, "height": 34}},
        {"footage": {"width": 9000, "height": 34}},
        {"footage": {"width": float("inf"), "height": 34}},
        {"footage": {"width": float("nan"), "height": 34}},
        *({"lens": {"fx": 70.0, "fy": 70.0, "cx": 31.0, "cy": 16.0} | wrong} for wrong in (
            {"fx": 10**400}, {"fx": 1e300}, {"fx": 1e-300}, {"fy": float("nan")}, {"cx": -1e300}, {"cy": float("inf")},
        )),
        {"camera_to_body": []},
        {"camera_to_body": [[1.0]]},
        *({name: [camera_to_world(turned(n).tolist()) for n in range(25)] + [last]}
          for name in ("camera_to_body", "camera_to_world") for last in (
            np.zeros((4, 4)).tolist(), np.full((4, 4), np.nan).tolist(), np.diag([2.0, 2.0, 2.0, 1.0]).tolist(),
            np.diag([-1.0, 1.0, 1.0, 1.0]).tolist(), np.diag([1.0, 1.0, 1.0, 2.0]).tolist(),
            turned(3, (1e300, 0, 0)).tolist(), turned(3, (2e4, 0, 0)).tolist(), np.full((4, 4), 10**400).tolist(),
        )),
    ],
)  # fmt: skip
def test_a_damaged_camera_of_a_scene_is_refused_in_words(line, changes):
    with pytest.raises(InputError, match="holds no camera of a scene.*from the scene"):
        read_scene_view(line[1](**changes))


def test_head_and_body_are_posed_as_the_footages_camera_would_see_them():
    rest = turned(3.0, (1.0, 2.0, 60.0))
    of_body = np.stack([turned(20.0 * n, (n, 0.0, 80.0)) for n in range(3)])
    nod = np.stack([turned(5.0 * n, (0.0, 0.3 * n, 0.0)) for n in range(3)])
    of_head = of_body @ nod
    filmed = as_filmed(of_head, of_body, rest)
    np.testing.assert_allclose(filmed[0], rest, atol=1e-9)
    np.testing.assert_allclose(filmed, rest @ nod, atol=1e-9)
    np.testing.assert_allclose(views(of_body, rest) @ filmed, of_head, atol=1e-9)


def test_poses_at_another_rate_are_those_of_their_time_and_the_last_one_is_held():
    poses = np.arange(4.0)[:, None, None] * np.ones((1, 4, 4))
    shown = seen_at(poses, Fraction(25), Fraction(50), 10)[:, 0, 0]
    np.testing.assert_array_equal(shown, [0, 1, 1, 2, 2, 3, 3, 3, 3, 3])


@pytest.mark.parametrize(
    ("degrees", "shift"), [(0.0, (0.0, 0.0, 0.0)), (10.0, (-8.0, -3.0, 20.0)), (-8.0, (9.0, 2.0, 5.0))]
)
def test_a_known_point_lies_where_the_scenes_camera_has_it(subject, degrees, shift):
    """One Gaussian of the face is left to be seen."""
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, SMALL, seed=1).eval()
    with torch.no_grad():
        for part in (portrait.face, portrait.oral, portrait.torso):
            part.opacity_logits.fill_(-30.0)
        portrait.face.opacity_logits[7] = 4.0
        portrait.face.log_scales[7] = np.log(0.4)
    rest, view = portrait.rest_pose.double().numpy(), turned(degrees, shift)
    camera = Intrinsics(150.0, 150.0, 80.0, 44.0, 160, 90)
    drive = portrait.drive(true_drive(portrait, data).curves[:1].numpy(), rest[None], views=view[None])
    alpha = portrait.render(drive, 0, SIZE, intrinsics=camera).alpha.astype(float)
    assert alpha.shape == (90, 160) and alpha.sum() > 1.0
    x, y, z, _ = view @ rest @ np.append(portrait.face.means[7].detach().numpy(), 1.0)
    rows, columns = np.indices(alpha.shape)
    seen = (alpha * (columns + 0.5)).sum() / alpha.sum(), (alpha * (rows + 0.5)).sum() / alpha.sum()
    assert seen == pytest.approx((camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy), abs=0.1)


def test_the_same_camera_as_the_footages_gives_the_same_picture(subject):
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, SMALL, seed=1).eval()
    plain = true_drive(portrait, data)
    rest, nod = portrait.rest_pose.double().numpy(), turned(4.0, (0.2, 0.1, 0.0))
    total = rest @ nod
    curves = plain.curves[:1].numpy()
    one = portrait.render(portrait.drive(curves, total[None]), 0, SIZE)
    of_body = turned(25.0, (5.0, 0.0, 30.0)) @ rest
    filmed = as_filmed((of_body @ nod)[None], of_body[None], rest)
    back = np.linalg.inv(views(of_body[None], rest))
    drive = portrait.drive(curves, filmed, views=back @ views(of_body[None], rest))
    two = portrait.render(drive, 0, SIZE, intrinsics=portrait.intrinsics(SIZE))
    inside = np.s_[4:-4, 4:-4]  # at the rim, what was never filmed shines in
    np.testing.assert_allclose(one.rgb[inside], two.rgb[inside], atol=2e-3)
    np.testing.assert_allclose(one.alpha[inside], two.alpha[inside], atol=2e-3)


def test_what_of_the_body_the_footage_never_showed_is_not_drawn_from_elsewhere(subject):
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, SMALL, seed=1).eval()
    rest = portrait.rest_pose.double().numpy()
    curves = true_drive(portrait, data).curves[:1].numpy()
    with torch.no_grad():
        portrait.torso.means.add_(torch.tensor([0.0, -200.0, 0.0]))
    wide = Intrinsics(20.0, 20.0, 80.0, 20.0, 160, 160)
    plain = portrait.render(portrait.drive(curves, rest[None]), 0, SIZE, intrinsics=wide)
    elsewhere = portrait.render(portrait.drive(curves, rest[None], views=np.eye(4)[None]), 0, SIZE, intrinsics=wide)
    assert plain.alpha[60:].sum() > 1.0
    assert elsewhere.alpha[60:].sum() == 0.0
    np.testing.assert_array_equal(elsewhere.alpha[:40], plain.alpha[:40])
