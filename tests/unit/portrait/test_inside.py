"""Gaussians that start inside the head, where no frame shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.portrait.gaussians import FACE, HAIR, ORAL, TORSO
from backend.portrait.inside import border_of, seed_inside
from backend.portrait.seeding import (
    HIDDEN_SHARE,
    SKULL_BEHIND_EARS_CM,
    Evidence,
    head_to_pixels,
    read_pixels,
    seed_face,
    seed_rest_of_head,
    seed_torso,
)
from backend.train.trainer import prepare
from tests.support.synthetic_subject import TINY, blob_face

WANTED = 60


@pytest.fixture
def evidence(subject) -> Evidence:
    run = prepare(subject, TINY)
    return run.data.evidence(run.portrait.rest_pose.numpy().astype(np.float64))


def seeds(evidence: Evidence):
    rng = np.random.default_rng(0)
    outer = seed_face(evidence, 100, rng).joined(seed_rest_of_head(evidence, 100, rng))
    return seed_inside(evidence, WANTED, outer, rng)


def test_they_are_as_many_as_asked_for_and_belong_to_face_and_hair(evidence):
    inside = seeds(evidence)
    assert len(inside.points) == len(inside.colours) == len(inside.spacing) == len(inside.mattes) == WANTED
    assert set(inside.mattes) == {FACE, HAIR}
    assert (inside.spacing > 0).all() and inside.colours.min() >= 0.0 and inside.colours.max() <= 1.0


def test_every_frame_but_an_odd_one_hides_them(evidence):
    everywhere = replace(evidence, regions=np.zeros_like(evidence.regions))
    everywhere.regions[..., FACE] = 255
    rows, columns = np.mgrid[0 : evidence.regions.shape[1], 0 : evidence.regions.shape[2]]
    narrow = (columns > 12) & (columns < 20) & (rows > 8) & (rows < 22)
    everywhere.regions[:2, ~narrow] = 0  # two frames show less of the head than the others
    everywhere.regions[2] = 0  # and one, in which it was not found, nothing
    inside = seeds(everywhere)
    hidden = []
    for region, pose in zip(everywhere.regions, everywhere.poses, strict=True):
        seen = read_pixels(region, head_to_pixels(inside.points, pose, everywhere.intrinsics))
        hidden.append(seen[:, [ORAL, FACE, HAIR]].sum(axis=1) / 255.0 > HIDDEN_SHARE)
    assert (np.sum(~np.array(hidden), axis=0) <= 1).all()


def test_where_nothing_is_hidden_they_are_not_all_in_one_place(evidence):
    nowhere = replace(evidence, regions=np.zeros_like(evidence.regions))
    wall = seeds(nowhere).points[seeds(nowhere).mattes == FACE]
    assert np.ptp(wall[:, 0]) > 6.0 and np.ptp(wall[:, 1]) > 6.0


def test_they_have_the_colours_of_what_lies_next_to_them(evidence):
    rng = np.random.default_rng(0)
    outer = seed_face(evidence, 100, rng).joined(seed_rest_of_head(evidence, 100, rng))
    outer.colours[:] = [0.2, 0.9, 0.4]
    inside = seed_inside(evidence, WANTED, outer, rng)
    assert np.allclose(inside.colours[inside.mattes == HAIR], [0.2, 0.9, 0.4])
    wall = inside.colours[inside.mattes == FACE]
    assert np.allclose(wall / wall[:, :1], [1.0, 4.5, 2.0])  # darker or not


def test_the_wall_reaches_back_from_the_border_of_the_face(evidence):
    inside = seeds(evidence)
    wall = inside.points[inside.mattes == FACE]
    border = evidence.vertices[border_of(evidence.triangles)]
    middle = evidence.vertices[list(evidence.ears), 2].mean() - SKULL_BEHIND_EARS_CM
    assert np.abs(wall[:, 2] - middle).mean() < 0.7 * np.abs(border[:, 2] - middle).mean()
    assert np.abs(wall[:, 0]).max() <= np.abs(border[:, 0]).max() + 1e-6


def test_the_border_of_a_mesh_is_its_longest_loop():
    mesh = blob_face()
    loop = border_of(mesh.triangles)
    rows, columns = 18, 26
    assert len(loop) == 2 * (rows + columns) - 4
    away = np.linalg.norm(np.diff(mesh.vertices[loop], axis=0), axis=1)
    assert len(set(loop.tolist())) == len(loop) and away.max() < 25.0
    holed = np.delete(mesh.triangles, 8 * (columns - 1) + 12, axis=0)
    assert len(border_of(holed)) == len(loop)


def test_they_are_a_share_of_the_same_number_of_gaussians(subject):
    many = replace(TINY.portrait, head_gaussians=400)
    with_them, without = (
        prepare(subject, replace(TINY, portrait=replace(many, inside_share=share))).portrait for share in (0.1, 0.0)
    )
    assert len(with_them.face) == len(without.face)
    count = round(0.1 * 400)
    depth = with_them.face.means[-count:, 2].mean()
    assert depth < with_them.face.means[:-count, 2].mean() - 2.0


def test_the_neck_goes_on_under_the_chin(evidence):
    chin = evidence.regions.copy()
    chin[...] = 0
    chin[:, :20, 8:24, FACE] = 255
    chin[:, 20:, 4:28, TORSO] = 255
    torso = seed_torso(replace(evidence, regions=chin), 4000, np.random.default_rng(0))
    rows = head_to_pixels(torso.points, evidence.rest_pose, evidence.intrinsics)
    above = rows[rows[:, 1] < 20]
    assert len(above) > 50 and above[:, 1].min() > 20 - 0.1 * 32 - 1
    assert above[:, 0].min() > 7 and above[:, 0].max() < 25  # beside the head nothing hides it
