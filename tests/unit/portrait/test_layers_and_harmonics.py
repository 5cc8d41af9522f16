"""Face before mouth as two pictures, and colours that change with the direction of view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.portrait.gaussians import GaussianSet
from backend.portrait.harmonics import LOGIT_PER_COLOUR, shaded
from backend.portrait.saving import open_portrait, save_portrait
from backend.train.data import TrainingData
from backend.train.driving import true_drive
from backend.train.new_portrait import start_portrait
from tests.support.synthetic_subject import SIZE, TINY


def made(subject, **changes):
    data = TrainingData(subject, SIZE)
    portrait = start_portrait(data, replace(TINY.portrait, **changes), seed=1)
    return portrait, true_drive(portrait, data), data.intrinsics


def picture(portrait, drive, camera, **options):
    return portrait(drive, 0, camera, engine="reference", **options)[0]


def lit(gaussians: GaussianSet, change: torch.Tensor | None, pose: torch.Tensor) -> torch.Tensor:
    changed = shaded(gaussians, change, pose)
    assert changed is not None
    return changed


def test_layers_are_face_over_mouth_over_torso(subject):
    portrait, drive, camera = made(subject, layered=True)
    with torch.no_grad():
        whole = picture(portrait, drive, camera)
        face = picture(portrait, drive, camera, branch="face")
        mouth = picture(portrait, drive, camera, branch="oral")
        head = picture(portrait, drive, camera, torso=False)
    expected = face.rgb + (1 - face.alpha)[..., None] * mouth.rgb
    assert torch.allclose(head.rgb, expected) and mouth.alpha.max() > 0.1
    assert torch.allclose(head.alpha, 1 - (1 - face.alpha) * (1 - mouth.alpha), atol=1e-6)
    assert torch.allclose(whole.drawn_mattes.sum(-1), whole.alpha, atol=1e-5)
    depth = head.depth / head.alpha.clamp_min(1e-6)
    assert 30 < depth[head.alpha > 0.5].min() and depth[head.alpha > 0.5].max() < 70


def test_a_mouth_before_the_face_is_seen_when_sorted_by_depth_and_hidden_in_layers(subject):
    differences = []
    for layered in (False, True):
        portrait, drive, camera = made(subject, layered=layered, torso_gaussians=0)
        with torch.no_grad():
            portrait.face.opacity_logits.fill_(9.0)
            portrait.oral.opacity_logits.fill_(9.0)
            portrait.oral.means[:, 2] += 20.0
            face = picture(portrait, drive, camera, branch="face")
            whole = picture(portrait, drive, camera)
        covered = face.alpha > 0.99
        differences.append(float((whole.rgb - face.rgb).abs()[covered].max()))
    assert differences[0] > 0.1 > 0.01 > differences[1]


def test_a_branch_is_drawn_as_it_is_when_the_other_is_not_there(subject):
    portrait, drive, camera = made(subject, torso_gaussians=0)
    with torch.no_grad():
        portrait.oral.opacity_logits.fill_(-30.0)
        alone, whole = picture(portrait, drive, camera, branch="face"), picture(portrait, drive, camera)
    assert torch.allclose(alone.rgb, whole.rgb, atol=1e-6)


def test_harmonics_of_zero_change_nothing(subject):
    plain, drive, camera = made(subject)
    with_them, _, _ = made(subject, harmonics=2)
    with torch.no_grad():
        assert torch.allclose(picture(plain, drive, camera).rgb, picture(with_them, drive, camera).rgb, atol=1e-6)


def test_a_colour_follows_the_direction_from_the_camera_in_the_heads_frame(subject):
    portrait, drive, _ = made(subject, harmonics=1)
    with torch.no_grad():
        portrait.face.harmonics[:, 1, :] = 1.0  # the coefficient of z
    pose = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    pose[2, 3] = 50.0  # the camera stands 50 cm before the face, in +z of the head
    change = lit(portrait.face, None, pose)
    direction = torch.nn.functional.normalize(portrait.face.means.detach() - torch.tensor([0.0, 0.0, 50.0]), dim=1)
    expected = LOGIT_PER_COLOUR * 0.4886025119029199 * direction[:, 2]
    assert torch.allclose(change[:, 9], expected, atol=1e-5)
    assert not change[:, :9].any()
    turned = torch.eye(4)
    turned[:3, :3] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    # The camera turned about its own axis sees the head from the same place.
    assert torch.allclose(lit(portrait.face, None, turned @ pose), change, atol=1e-5)


@pytest.mark.parametrize("width", [3, 9, 12])
def test_what_a_field_changes_stays_beside_what_the_light_does(subject, width):
    portrait, drive, _ = made(subject, harmonics=2)
    field = torch.randn(len(portrait.face), width)
    with torch.no_grad():
        portrait.face.harmonics.normal_()
        light = lit(portrait.face, None, drive.poses[0])
        both = lit(portrait.face, field, drive.poses[0])
    assert torch.allclose(both - light, torch.nn.functional.pad(field, (0, 12 - width)), atol=1e-5)


def test_harmonics_learn_and_are_saved(subject):
    portrait, drive, camera = made(subject, harmonics=2)
    picture(portrait, drive, camera).rgb.sum().backward()
    assert portrait.face.harmonics.grad.abs().sum() > 0 and portrait.oral.harmonics.shape[1:] == (8, 3)
    with torch.no_grad():
        portrait.face.harmonics.normal_(0, 0.3)
    save_portrait(portrait.eval(), subject.model("lit"))
    before = portrait.render(drive, 0, SIZE, engine="reference")
    assert np.array_equal(
        open_portrait(subject.model("lit")).render(drive, 0, SIZE, engine="reference").rgb, before.rgb
    )
