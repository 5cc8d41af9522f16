"""A line under an artist's direction: what is keyed in a frame changes that frame, and nothing else."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk, join
from backend.deliver.directed import blended
from backend.deliver.line import plan_line
from backend.export.export import export
from backend.media import exr
from backend.performance.curves import Performance
from backend.settings import RenderSettings
from shared import layout
from shared.jobs import Reporter
from tests.support.disc_stage import SteadySpeech, make_stage

FRAMES = 26


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return make_stage(tmp_path, monkeypatch)


def direct(folder, **controls) -> str:
    path = folder / "artist.json"
    path.write_text(json.dumps({"fps": "25/1", "controls": controls}))
    return str(path)


def at(frame: int, value: float) -> list[float]:
    return [value if number == frame else 0.0 for number in range(1, FRAMES + 1)]


def render(stage, **options):
    """The numbers of the frames that are drawn."""
    subject, portrait, sound, out = stage
    portrait.drawn.clear()
    rendering.render(subject, sound, out, RenderSettings(**options), Reporter())
    return sorted(index + 1 for index in portrait.drawn)


def plan(stage, **options):
    subject, _, sound, _ = stage
    return plan_line(subject, SteadySpeech(), sound, RenderSettings(**options), Reporter())


@pytest.mark.parametrize("control", ["jaw", "smile", "brows", "blink", "gazeSide", "gazeUp", "strength", "turn", "nod"])
@pytest.mark.parametrize("pose", ["life", "recorded", "still"])
def test_a_control_keyed_in_a_frame_changes_that_frames_curves_or_pose_alone(stage, tmp_path, control, pose):
    """The footage's eyes, lids, brows and lips move as far as any, so that nothing is held back."""
    subject, _, _, _ = stage
    track = subject.track()
    track.curves[::2], track.curves[1::2] = 0.0, 0.9
    track.save(subject.root / layout.TRACK_FILE)
    plain = plan(stage, pose=pose)
    directed = plan(stage, pose=pose, direction=direct(tmp_path, **{control: at(9, 0.5)}))
    changed = (plain.driving.array() != directed.driving.array()).any(axis=1)
    changed |= (plain.poses != directed.poses).any(axis=(1, 2))
    assert np.flatnonzero(changed).tolist() == [8]
    assert (plain.performance.array() == directed.performance.array()).all(), "the performance below stays as it is"
    assert (directed.body_poses == plain.poses).all(), "the body stays with the head as it was"


def test_only_the_directed_frame_is_drawn_again_and_only_its_mouth_differs(stage, tmp_path):
    _, _, _, out = stage
    assert len(render(stage)) == FRAMES
    before = {path.name: path.read_bytes() for path in out.glob("head.*")}
    base = (out / layout.PERFORMANCE_FILE).read_bytes()
    plain = exr.read_layers(out / "head.000009.exr")[0]["Oral"]
    assert render(stage, direction=direct(tmp_path, jaw=at(9, 0.5))) == [9]
    after = {path.name: path.read_bytes() for path in out.glob("head.*")}
    assert {name for name in before if after[name] != before[name]} == {"head.000009.exr"}
    oral = exr.read_layers(out / "head.000009.exr")[0]["Oral"]
    assert (oral - plain)[:16].max() == 0 and (oral - plain)[17:].max() > 0.1
    assert (out / layout.PERFORMANCE_FILE).read_bytes() == base
    kept = json.loads((out / layout.DIRECTION_FILE).read_text())
    assert kept["controls"] == {"jaw": at(9, 0.5)} and set(kept["curves"]) == {"jawOpen"}
    assert json.loads((out / layout.MANIFEST_FILE).read_text())["settings"]["direction"] == "artist.json"
    assert render(stage, direction=str(out / layout.DIRECTION_FILE)) == [], "a take's own direction is that direction"
    assert render(stage) == [9] and not (out / layout.DIRECTION_FILE).exists()
    assert {path.name: path.read_bytes() for path in out.glob("head.*")} == before


def test_chunks_of_a_directed_line_are_those_of_one_render(stage, tmp_path):
    subject, portrait, sound, out = stage
    settings = RenderSettings(direction=direct(tmp_path, jaw=[0.3] * FRAMES, turn={"1": 0, "20": 10}))
    rendering.render(subject, sound, tmp_path / "whole", settings, Reporter())
    for frames in ("1:9", "10:26"):
        draw_chunk(subject, sound, out, RenderSettings(direction=settings.direction, frames=frames), Reporter())
    portrait.drawn.clear()
    join(out, {}, Reporter(), subject.root, sound)
    assert portrait.drawn == []
    names = [*(path.name for path in out.glob("head.*")), layout.DIRECTION_FILE, layout.CAMERA_FILE]
    assert len(names) == FRAMES + 2
    assert all((out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in names)


def test_edited_curves_are_a_base_like_any_other_and_an_export_has_what_is_seen(stage, tmp_path):
    _, _, _, out = stage
    render(stage)
    edited = Performance.load(out / layout.PERFORMANCE_FILE)
    edited.curves["jawOpen"][:] = 0.4
    edited.save(tmp_path / "edited.json")
    render(stage, performance=str(tmp_path / "edited.json"), direction=direct(tmp_path, jaw=at(9, 0.5)))
    assert set(Performance.load(out / layout.PERFORMANCE_FILE).curves["jawOpen"]) == {np.float32(0.4)}
    export(out, tmp_path / "phone.csv", Reporter())
    with open(tmp_path / "phone.csv", newline="") as file:
        jaw = [float(row["JawOpen"]) for row in csv.DictReader(file)]
    assert max(jaw) == pytest.approx(0.7, abs=0.01) and min(jaw) == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("pose", "control"), [("recorded", "still"), ("still", "recorded")])
def test_a_pose_is_blended_towards_still_and_towards_the_recorded_one(stage, tmp_path, pose, control):
    ends = {name: plan(stage, pose=name).poses for name in ("recorded", "still")}
    for share in (0.0, 0.5, 1.0):
        line = plan(stage, pose=pose, direction=direct(tmp_path, **{control: share, "smile": 0.1}))
        assert line.poses == pytest.approx(blended(ends[pose], ends[control], np.full(FRAMES, share)), abs=1e-12)
    assert line.poses == pytest.approx(ends[control], abs=1e-9)
    middle = blended(ends[pose], ends[control], np.full(FRAMES, 0.5))
    assert middle[:, :3, 3] == pytest.approx((ends[pose] + ends[control])[:, :3, 3] / 2)
    assert middle[:, :3, :3] @ middle[:, :3, :3].transpose(0, 2, 1) == pytest.approx(np.eye(3)[None].repeat(FRAMES, 0))


def test_the_head_turns_in_a_scene_of_its_own_lens_too(stage, tmp_path):
    """A head that follows an object: what is keyed is added to the pose that the object gives."""
    subject, _, _, _ = stage
    pose = tmp_path / "poses.json"
    about = np.eye(4)
    about[:3, 3] = (0, -0.5, 0)
    rows = [np.array([[1, 0, 0, 0], [0, 0, -1, -0.5], [0, 1, 0, 0], [0, 0, 0, 1.0]]).tolist()] * FRAMES
    lens = {"fx": 60, "fy": 60, "cx": 16, "cy": 16}
    values = {"fps": "25/1", "footage": {"width": 32, "height": 32}, "lens": lens}
    pose.write_text(json.dumps({**values, "camera_to_world": rows, "camera_to_body": rows}))
    rest = np.diag([1.0, -1.0, -1.0, 1.0])
    rest[2, 3] = 50

    def line(**options):
        settings = RenderSettings(pose=str(pose), **options)
        return plan_line(subject, SteadySpeech(), tmp_path / "line.wav", settings, Reporter(), rest=rest)

    plain, turned = line(), line(direction=direct(tmp_path, turn=at(9, 20.0)))
    moved = (plain.camera_poses != turned.camera_poses).any(axis=(1, 2))
    assert np.flatnonzero(moved).tolist() == [8] and (plain.views == turned.views).all()
    relative = plain.camera_poses[8, :3, :3].T @ turned.camera_poses[8, :3, :3]
    assert np.degrees(np.arccos((np.trace(relative) - 1) / 2)) == pytest.approx(20.0, abs=1e-6)
