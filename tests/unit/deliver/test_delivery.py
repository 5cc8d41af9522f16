"""A line of dialogue from sound to the take's folder, with a stand-in portrait that draws a disc."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import soundfile

from backend.deliver import render as rendering
from backend.deliver.camera_file import read_poses, write_camera
from backend.deliver.frames import frame_passes
from backend.deliver.line import plan_line
from backend.media.audio import load_audio, save_wav
from backend.media.exr import read_layers
from backend.performance.curves import Performance
from backend.provenance.verify import verify
from backend.settings import PortraitSettings, RenderSettings
from shared.camera import Crop, Intrinsics
from shared.errors import Cancelled, InputError
from shared.jobs import Progress, Reporter
from shared.timing import frame_times
from tests.support.disc_stage import SIZE, SteadySpeech, disc, make_stage
from tests.support.exported_files import time_reference


@pytest.fixture
def stage(tmp_path, monkeypatch):
    return make_stage(tmp_path, monkeypatch)


def test_a_render_leaves_everything_at_the_lines_exact_length(stage):
    subject, _, sound, out = stage
    result = rendering.render(subject, sound, out, RenderSettings(), Reporter())
    assert (result.frames, result.first, result.last, result.rendered) == (26, 1, 26, 26)  # ceil(1.02 s x 25)
    assert sorted(p.name for p in out.glob("head.*")) == [f"head.{n:06d}.exr" for n in range(1, 27)]
    assert soundfile.info(str(out / "audio.wav")).frames == 26 * 640
    assert np.abs(load_audio(out / "audio.wav")[:16320] - load_audio(sound)).max() < 1e-4
    assert Performance.load(out / "performance.json").frame_count == 26
    camera = json.loads((out / "camera.json").read_text())
    assert len(camera["camera_to_world"]) == 26 and camera["crop"] == [0, 0, SIZE, SIZE] and camera["fps"] == "25/1"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["synthetic_media"] is True and manifest["complete"] is True
    assert len(manifest["inputs"]["audio"]["sha256"]) == 64
    with av.open(str(out / "preview.mp4")) as movie:
        assert len(list(movie.decode(video=0))) == 26
        assert movie.streams.audio and "Synthetic media" in movie.metadata["comment"]
    _, header = read_layers(out / "head.000001.exr")
    assert "Synthetic media" in header["comments"] and header["m2dao_talker.crop"] == f"0 0 {SIZE} {SIZE}"
    assert (out / "contact_sheet.png").is_file() and not list(out.glob("*.partial"))


def test_a_line_with_a_time_code_tells_it_in_frames_sound_and_manifest(stage):
    subject, _, sound, out = stage
    settings = RenderSettings(frames="3:4", timecode="01:00:00:10")
    rendering.render(subject, sound, out, settings, Reporter())
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["frames"]["timecode"] == "01:00:00:10"
    clock = read_layers(out / "head.000003.exr")[1]["timeCode"]
    assert (clock.hours, clock.minutes, clock.seconds, clock.frame) == (1, 0, 0, 12)
    assert time_reference(out / "audio.wav")[0] == (3600 * 25 + 10) * 640
    verify(out, None, Reporter())
    assert rendering.render(subject, sound, out, settings, Reporter()).kept == 2
    again = rendering.render(subject, sound, out, replace(settings, timecode="00:00:00:00"), Reporter())
    assert again.rendered == 2, "frames that tell another time are others"
    with pytest.raises(InputError, match="--timecode"):
        rendering.render(subject, sound, out, replace(settings, timecode="01:00:00:25"), Reporter())


def test_passes_are_metres_linear_light_and_mattes_that_sum_to_alpha():
    passes = {name: values.astype(np.float32) for name, values in frame_passes(disc(0.3), "srgb").items()}
    alpha = passes["Combined"][..., 3]
    assert abs(passes["Depth"][16, 16] - 0.5) < 1e-6 and passes["Depth"][0, 0] == np.float32(1e10)
    assert ((passes["Depth"] > 1e9) == (alpha < 1 / 255)).all()
    assert alpha[0, 0] == 0.0 and 0.0 < alpha[16, 7] < 1.0
    assert np.allclose(passes["Combined"][16, 7, :3] / alpha[16, 7], [0.603827, 0.132868, 0.033105], atol=1e-4)
    halves = [passes[name].astype(np.float16).astype(np.float32) for name in ("Oral", "Face", "Hair", "Torso")]
    # Four mattes and alpha, each rounded to half precision.
    assert np.abs(sum(halves) - alpha.astype(np.float16).astype(np.float32)).max() < 2e-3


@pytest.mark.parametrize("fps", ["24000/1001", "25", "30", "60000/1001"])
def test_frames_asked_are_frames_got_at_any_rate_however_long_the_line(stage, fps, tmp_path):
    subject, _, _, _ = stage
    save_wav(tmp_path / "long.wav", np.random.default_rng(1).standard_normal(16000 * 7 + 1).astype(np.float32), 16000)
    line = plan_line(subject, SteadySpeech(), tmp_path / "long.wav", RenderSettings(fps=fps), Reporter())
    expected = -(-(16000 * 7 + 1) * line.fps.numerator // (16000 * line.fps.denominator))
    assert line.frame_count == expected == line.performance.frame_count == len(line.poses)
    assert np.abs(np.linalg.det(line.poses[:, :3, :3]) - 1).max() < 1e-6


def test_a_model_that_learned_from_poses_by_landmarks_is_shown_under_those(stage):
    subject, portrait, sound, out = stage
    portrait.settings = PortraitSettings(poses="landmarks")
    rendering.render(subject, sound, out, RenderSettings(pose="recorded", frames="1:1", layers="png"), Reporter())
    _, poses = read_poses(out / "camera.json")
    track = subject.track()
    assert np.allclose(poses[0], track.landmark_poses[0], atol=1e-6)
    assert not np.allclose(poses[0], track.camera_from_head[0], atol=1e-2)


def test_a_ten_minute_line_does_not_drift():
    for fps in (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)):
        count = int(600 * fps)
        assert abs(frame_times(count, fps)[-1] - (count - 1) / fps) < 1e-9


def test_a_range_of_frames_leaves_those_and_the_movie_of_those(stage):
    subject, portrait, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(frames="5:9", layers="png"), Reporter())
    assert sorted(portrait.drawn) == [4, 5, 6, 7, 8]
    assert sorted(p.name for p in out.glob("head.*")) == [f"head.{n:06d}.png" for n in range(5, 10)]
    with av.open(str(out / "preview.mp4")) as movie:
        assert len(list(movie.decode(video=0))) == 5
    assert Performance.load(out / "performance.json").frame_count == 26


def test_a_cancelled_render_is_gone_on_with(stage):
    subject, portrait, sound, out = stage
    steps: list[Progress] = []
    report = Reporter(sink=steps.append, is_cancelled=lambda: len(portrait.drawn) > 12, min_interval_s=0)
    with pytest.raises(Cancelled):
        rendering.render(subject, sound, out, RenderSettings(), report)
    assert [path.name for path in out.iterdir()] == ["unfinished"], "the take itself is not there yet"
    kept = len(list((out / "unfinished").glob("head.*.exr")))
    assert 0 < kept < 26 and not (out / "unfinished" / "preview.mp4").exists()
    assert json.loads((out / "unfinished" / "manifest.json").read_text())["complete"] is False
    portrait.drawn.clear()
    result = rendering.render(subject, sound, out, RenderSettings(), Reporter())
    assert result.rendered == len(portrait.drawn) == 26 - kept
    assert len(list(out.glob("head.*.exr"))) == 26


def test_frames_read_back_look_as_those_just_drawn(stage):
    subject, _, sound, out = stage
    for layers in ("exr", "png"):
        settings = RenderSettings(layers=layers)
        rendering.render(subject, sound, out / layers, settings, Reporter())
        first = (out / layers / "contact_sheet.png").read_bytes()
        again = rendering.render(subject, sound, out / layers, settings, Reporter())
        assert again.rendered == 0
        before, after = (
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            for data in (first, (out / layers / "contact_sheet.png").read_bytes())
        )
        assert before is not None and after is not None
        assert np.abs(before.astype(int) - after).max() <= 2


def test_an_edited_performance_replaces_what_audio_says_and_redraws(stage):
    subject, portrait, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(), Reporter())
    edited = Performance(Fraction(25), {"jawOpen": np.linspace(0, 1, 26, dtype=np.float32)})
    edited.save(out.parent / "edited.json")
    portrait.drawn.clear()
    settings = RenderSettings(performance=str(out.parent / "edited.json"))
    rendering.render(subject, sound, out, settings, Reporter())
    assert len(portrait.drawn) == 26
    delivered = Performance.load(out / "performance.json").curves["jawOpen"]
    assert np.abs(delivered - edited.curves["jawOpen"]).max() < 1e-5


def test_the_folder_of_another_take_is_refused_and_left_alone(stage):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, RenderSettings(), Reporter())
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    save_wav(out.parent / "other.wav", np.full(8000, 0.1, np.float32), 16000)
    with pytest.raises(InputError, match="another take"):
        rendering.render(subject, out.parent / "other.wav", out, RenderSettings(), Reporter())
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before


@pytest.mark.parametrize(
    "wrong",
    [{"fps": "fast"}, {"fps": "0"}, {"frames": "9:3"}, {"frames": "1:99"}, {"layers": "tiff"}, {"size": 1},
     {"pose": "nowhere.json"}, {"performance": "nowhere.json"}, {"model": "nobody"}],
)  # fmt: skip
def test_options_that_make_no_sense_are_the_callers_error_and_leave_nothing(stage, wrong, monkeypatch):
    subject, _, sound, out = stage
    if "model" in wrong:
        monkeypatch.undo()
    with pytest.raises(InputError):
        rendering.render(subject, sound, out, replace(RenderSettings(), **wrong), Reporter())
    assert not out.exists()


def test_camera_poses_come_back_and_a_scaled_camera_is_refused(tmp_path):
    angle = 0.3
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, -np.cos(angle), np.sin(angle)], [0, -np.sin(angle), -np.cos(angle)]]
    pose[:3, 3] = [1.0, -2.0, 55.0]
    poses = np.stack([pose, pose])
    path = tmp_path / "camera.json"
    write_camera(
        path, Fraction(24000, 1001), Intrinsics(600, 600, 256, 256, 512, 512), Crop(0, 0, 512, 512), (640, 512), poses
    )
    fps, again = read_poses(path)
    assert fps == Fraction(24000, 1001) and np.abs(again - poses).max() < 1e-9
    values = json.loads(path.read_text())
    values["camera_to_world"][0][0][0] *= 2
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="scale"):
        read_poses(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="camera.json"):
        read_poses(path)
