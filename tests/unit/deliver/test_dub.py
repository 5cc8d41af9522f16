"""A line that dubs the footage, from sound to frames, with a stand-in portrait that draws a disc."""

import json

import numpy as np
import pytest

from backend.command.cli import main
from backend.deliver import render as rendering
from backend.deliver.camera_file import read_poses
from backend.deliver.chunk import draw_chunk, join
from backend.deliver.frames import combined_over_plate
from backend.deliver.line import plan_line
from backend.media.exr import read_layers
from backend.media.png import read_png
from backend.performance.curves import UPPER_CURVES, Performance, ordered_curves
from backend.settings import RenderSettings
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.disc_stage import SIZE, SteadySpeech, make_stage

DUB = "3:8=2,11:14=10@1/2"
SHOWN = {**{n: n - 1 for n in range(3, 9)}, 11: 10, 12: 10, 13: 11, 14: 11}
"""Footage frame, from 1, by frame of the line."""


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return make_stage(tmp_path, monkeypatch)


def footage(subject, shown):
    return read_png(subject.root / "frames" / f"{shown:06d}.png", 3, "")


def layers_of(out, number):
    return read_layers(out / f"head.{number:06d}.exr")[0]


@pytest.mark.parametrize("part", ["lower", "head"])
def test_outside_of_the_matte_the_footage_is_untouched_to_the_bit(stage, part):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(dub=DUB, dub_part=part), Reporter())
    for number, shown in SHOWN.items():
        passes, recorded = layers_of(out, number), footage(subject, shown)
        matte = passes["Dub"].astype(np.float32)
        assert (passes["Dub"] == passes["Combined"][..., 3]).all()
        assert 0 < (matte > 0).sum() < matte.size and (passes["Combined"][matte == 0] == 0).all()
        dubbed = combined_over_plate(passes["Combined"], "srgb", recorded)
        assert (dubbed[matte == 0] == recorded[matte == 0]).all()
        assert (dubbed[matte > 0.5] != recorded[matte > 0.5]).any()


def test_frames_without_footage_are_empty_and_nothing_is_drawn_for_them(stage):
    subject, portrait, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(dub=DUB), Reporter())
    assert sorted(index + 1 for index in portrait.drawn) == sorted(SHOWN)
    for number in (1, 2, 9, 10, 15, 26):
        passes = layers_of(out, number)
        assert not passes["Combined"].any() and not passes["Dub"].any() and (passes["Depth"] > 9e9).all()


def test_pose_and_upper_face_are_those_of_exactly_the_footages_frames(stage, tmp_path):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(dub=DUB), Reporter())
    track = subject.track()
    _, poses = read_poses(out / "camera.json")
    curves, recorded = Performance.load(out / "performance.json"), ordered_curves(track, UPPER_CURVES)
    for number, shown in SHOWN.items():
        assert np.abs(poses[number - 1] - track.camera_from_head[shown - 1]).max() < 1e-6
        told = [curves.curves[name][number - 1] for name in UPPER_CURVES]
        assert np.allclose(told, recorded[shown - 1], atol=1e-6)
    assert curves.curves["jawOpen"][2] == 0.25, "jaw and lips are the sound's"
    edited = Performance(curves.fps, {name: np.full(26, 0.5, np.float32) for name in ("jawOpen", "browInnerUp")})
    edited.save(tmp_path / "edited.json")
    rendering.render(
        subject, sound, out, RenderSettings(dub=DUB, performance=str(tmp_path / "edited.json")), Reporter()
    )  # fmt: skip
    again = Performance.load(out / "performance.json").curves
    assert again["jawOpen"][2] == 0.5 and again["browInnerUp"][2] == curves.curves["browInnerUp"][2]
    assert again["browInnerUp"][0] == 0.5


def test_direction_moves_the_mouth_of_a_dub_and_neither_head_nor_brows(stage, tmp_path):
    subject, _, sound, _ = stage
    controls = {name: [1.0] * 26 for name in ("jaw", "brows", "turn", "nod", "blink")}
    (tmp_path / "artist.json").write_text(json.dumps({"fps": "25/1", "controls": controls}))
    settings = RenderSettings(dub="1:10=1", direction=str(tmp_path / "artist.json"))
    line = plan_line(subject, SteadySpeech(), sound, settings, Reporter())
    track = subject.track()
    assert (line.poses[:10] == track.camera_from_head[:10]).all()
    driving, recorded = line.driving, ordered_curves(track, UPPER_CURVES)
    assert np.allclose(driving.array(UPPER_CURVES)[:10], recorded[:10], atol=1e-6)
    assert (driving.curves["jawOpen"][:10] > 0.25).all(), "the jaw is directed"
    assert np.abs(line.poses[10:] - track.camera_from_head[0]).max() > 0 and line.poses.shape == (26, 4, 4)


def test_a_slipped_strip_redraws_its_own_frames_alone(stage):
    subject, portrait, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(dub="1:6=1,10:14=1"), Reporter())
    kept = {n: (out / f"head.{n:06d}.exr").read_bytes() for n in range(1, 27)}
    portrait.drawn.clear()
    result = rendering.render(subject, sound, out, RenderSettings(dub="1:6=1,10:14=2"), Reporter())
    assert (result.rendered, result.kept) == (5, 21) and sorted(portrait.drawn) == [9, 10, 11, 12, 13]
    assert all((out / f"head.{n:06d}.exr").read_bytes() == kept[n] for n in range(1, 27) if not 10 <= n <= 14)
    result = rendering.render(subject, sound, out, RenderSettings(dub="1:6=1,10:13=2"), Reporter())
    assert result.rendered == 1, "only the frame that lost its footage changes, and is made empty"
    result = rendering.render(subject, sound, out, RenderSettings(dub="1:6=1,10:13=2", dub_part="head"), Reporter())
    assert result.rendered == 10


def test_a_take_drawn_in_chunks_has_the_bits_of_one_drawn_at_once(stage, tmp_path):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(dub=DUB, take_id="a"), Reporter())
    apart = tmp_path / "apart"
    for frames in ("1:10", "11:26"):
        draw_chunk(subject, sound, apart, RenderSettings(dub=DUB, take_id="a", frames=frames), Reporter())
    join(apart, {}, Reporter())
    for number in range(1, 27):
        name = f"head.{number:06d}.exr"
        assert (apart / name).read_bytes() == (out / name).read_bytes()


def test_the_preview_and_png_frames_show_the_dub_too(stage):
    subject, _, sound, out = stage
    settings = RenderSettings(dub=DUB, layers="png")
    rendering.render(subject, sound, out, settings, Reporter())
    straight = read_png(out / "head.000003.png", 4, "")
    assert (straight[..., 3] == 0).any() and (straight[..., 3] == 255).any()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["settings"]["dub"] == DUB and manifest["frames"]["footage_count"] == subject.frame_count


def test_the_size_may_be_another_than_the_footages(stage):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(dub="1:2=1", size=2 * SIZE), Reporter())
    assert layers_of(out, 1)["Dub"].shape == (2 * SIZE, 2 * SIZE) and layers_of(out, 1)["Dub"].max() == 1


def test_frames_of_the_footage_count_from_its_own_first(stage):
    subject, _, sound, out = stage
    subject.info.footage_first = 100
    with pytest.raises(InputError, match=r"known are its frames 101 to 112"):
        rendering.render(subject, sound, out, RenderSettings(dub="1:2=1"), Reporter())
    rendering.render(subject, sound, out, RenderSettings(dub="1:2=103"), Reporter())
    dubbed, recorded = layers_of(out, 1), footage(subject, 3)
    outside = dubbed["Dub"] == 0
    assert (combined_over_plate(dubbed["Combined"], "srgb", recorded)[outside] == recorded[outside]).all()


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"dub": "1:5"}, "not of the form"),
        ({"dub": "1:99=1"}, "lie outside of the line"),
        ({"dub": "1:5=10"}, "known are its frames 1 to 12"),
        ({"dub": "1:5=1", "pose": "poses.json"}, "cannot follow other poses"),
        ({"dub": "1:5=1", "dub_part": "nose"}, "nose"),
    ],
)
def test_a_wrong_dub_is_refused_before_anything_is_written(stage, settings, what):
    subject, portrait, sound, out = stage
    with pytest.raises(InputError, match=what):
        rendering.render(subject, sound, out, RenderSettings(**settings), Reporter())
    assert not portrait.drawn and not list(out.glob("**/*.exr"))


def test_the_command_line_ends_with_status_2_and_words(stage, capsys):
    subject, _, sound, out = stage
    options = ["--subject", str(subject.root), "--audio", str(sound), "--out", str(out)]
    assert main(["render", *options, "--dub", "1:5=10"]) == 2
    assert "known are its frames 1 to 12" in capsys.readouterr().err
    assert main(["render", *options, "--dub", "1-5=10"]) == 2
    assert "1:100=26" in capsys.readouterr().err, "what to write instead"
