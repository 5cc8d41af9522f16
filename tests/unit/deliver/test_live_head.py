"""A live head shows what a render delivers for the same curves and pose, and notices when what it is of changes."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backend.deliver import render as rendering
from backend.deliver.camera_file import camera_poses
from backend.deliver.frames import combined_over_plate
from backend.deliver.live_head import open_live_head
from backend.media import colour
from backend.media.audio import save_wav
from backend.media.exr import read_layers
from backend.media.png import read_png
from backend.performance.curves import CURVE_NAMES, FACE_CURVES, SPEECH_CURVES, Performance
from backend.performance.lips import LIP_CURVES
from backend.performance.speech import SpeechModel
from backend.portrait.saving import open_portrait, save_portrait
from backend.settings import RenderSettings
from backend.subject.consent import change_consent
from backend.subject.model_folder import ModelFolder
from backend.train.trainer import prepare, steps
from shared.camera import camera_to_world
from shared.errors import InputError
from shared.files import write_json
from shared.jobs import Reporter
from shared.live_picture import VIEW_GAMMA
from tests.support.disc_stage import SteadySpeech
from tests.support.synthetic_subject import FRAMES, SIZE, TINY

LOOKED_AT = (1, 2, 7, FRAMES)
SETTINGS = RenderSettings(engine="reference", threads=1, size=SIZE, take_id="a line")


class LeadingSpeech(SteadySpeech):
    """A voice whose lips go along with the jaw."""

    @property
    def curve_names(self):
        return (*SPEECH_CURVES, *LIP_CURVES)

    def lips_following(self, change):
        return 0.5 * change[:, :1] * np.ones((1, len(LIP_CURVES)))

    def predict_array(self, features, times_s, voice=None, strength=0.0):
        return np.concatenate(
            [super().predict_array(features, times_s), np.full((len(times_s), len(LIP_CURVES)), 0.3, np.float32)],
            axis=1,
        )


@pytest.fixture
def stage(subject, tmp_path, monkeypatch):
    """(subject, model folder, sound, take folder) with a portrait that was trained for a moment."""
    run = prepare(subject, replace(TINY, steps=6))
    list(steps(run))
    model = ModelFolder.of(subject.root, "m2dao")
    save_portrait(run.portrait.eval(), model)
    model.speech_file.write_bytes(b"speech")
    monkeypatch.setattr(SpeechModel, "load", classmethod(lambda cls, path: LeadingSpeech()))
    sound = np.random.default_rng(0).standard_normal(FRAMES * 640).astype(np.float32)
    save_wav(tmp_path / "take.line.wav", 0.1 * sound, 16000)
    return subject, model, tmp_path / "take.line.wav", tmp_path / "take"


def rendered(stage, **changes):
    subject, _, sound, out = stage
    rendering.render(subject, sound, out, replace(SETTINGS, **changes), Reporter())
    return {name: values.tolist() for name, values in Performance.load(out / "performance.json").curves.items()}


def shown_by_render(stage, number):
    """What the preview shows of a delivered frame."""
    subject, _, _, out = stage
    combined = read_layers(out / f"head.{number:06d}.exr")[0]["Combined"]
    return combined_over_plate(combined, subject.info.input_colour, subject.background(SIZE)).astype(int)


def opened(stage, size=SIZE, transparent=False):
    subject, _, _, out = stage
    return open_live_head(subject.root, "", out, size, transparent, Reporter())


def assert_shows(head, stage, curves):
    for number in LOOKED_AT:
        live = head.draw(number, {name: values[number - 1] for name, values in curves.items()})
        assert live.shape == (SIZE, SIZE, 4) and (live[..., 3] == 255).all()
        assert np.abs(live[..., :3].astype(int) - shown_by_render(stage, number)).max() <= 1


@pytest.mark.parametrize("pose", ["life", "recorded", "still"])
def test_the_pictures_are_those_of_the_take(stage, pose):
    curves = rendered(stage, pose=pose)
    head = opened(stage)
    assert head.facts()["frames"] == FRAMES and head.facts()["is_opaque"] is True
    assert_shows(head, stage, curves)
    assert_shows(head, stage, {})


@pytest.mark.parametrize("has_line_sound", [True, False])
def test_edited_curves_show_what_a_render_of_them_delivers(stage, tmp_path, has_line_sound):
    curves = rendered(stage, pose="recorded")
    curves["jawOpen"] = [value + 0.4 for value in curves["jawOpen"]]
    curves["eyeBlinkLeft"] = [1.5] * FRAMES
    head = opened(stage)
    before = head.draw(3, {})
    Performance(Fraction(25), {name: np.array(values, np.float32) for name, values in curves.items()}).save(
        tmp_path / "edited.json"
    )
    rendered(stage, pose="recorded", performance=str(tmp_path / "edited.json"))
    assert np.abs(before[..., :3].astype(int) - shown_by_render(stage, 3)).max() > 1, "the edit shows"
    assert_shows(head, stage, curves)
    if not has_line_sound:
        stage[2].unlink()
    assert_shows(opened(stage), stage, curves if has_line_sound else {**curves})


def test_a_transparent_picture_is_the_pngs(stage):
    curves = rendered(stage, pose="recorded", layers="png")
    head = opened(stage, transparent=True)
    live = head.draw(5, {name: values[4] for name, values in curves.items()})
    stored = read_png(stage[3] / "head.000005.png", 4, "")
    assert np.abs(live.astype(int) - stored.astype(int)).max() <= 1
    assert head.facts()["is_opaque"] is False


@pytest.mark.parametrize("transfer", ["srgb", "bt1886"])
def test_in_blenders_views_it_has_the_values_that_it_has_on_an_srgb_screen(stage, transfer):
    stage[0].info.input_colour = transfer
    stage[0].save_info()
    rendered(stage, pose="still", layers="png")
    head = opened(stage, transparent=True)
    picture = head.draw(2, {})
    floats = head.for_view(picture)
    to_linear, _ = colour.transfer(transfer)
    shown = colour.linear_to_srgb(to_linear(picture[..., :3] / 255.0))
    assert floats.dtype == np.float32 and np.allclose(floats[..., :3] ** (1 / VIEW_GAMMA), shown, atol=1e-5)
    assert np.allclose(floats[..., 3], picture[..., 3] / 255.0, atol=1e-6)


def test_a_pose_of_ones_own_takes_the_place_of_the_lines(stage):
    rendered(stage, pose="still")
    camera = json.loads((stage[3] / "camera.json").read_text())
    head = opened(stage)
    same = head.draw(4, {}, camera["camera_to_world"][3])
    assert np.abs(same.astype(int) - head.draw(4, {}).astype(int)).max() <= 1
    moved = [list(row) for row in camera["camera_to_world"][3]]
    moved[0][3] += 0.03
    assert np.abs(head.draw(4, {}, moved).astype(int) - same.astype(int)).max() > 8
    assert camera_poses([moved]).shape == (1, 4, 4)
    for wrong in ([[1.0]], [[2.0 * value for value in row] for row in moved], [["a"] * 4] * 4):
        with pytest.raises(InputError, match="pose"):
            head.draw(4, {}, wrong)


def test_without_a_take_the_head_moves_as_in_its_footage(stage):
    subject = stage[0]
    head = open_live_head(subject.root, "", None, SIZE, False, Reporter())
    assert head.facts()["frames"] == FRAMES
    assert np.abs(head.draw(1, {}).astype(int) - head.draw(FRAMES, {}).astype(int)).max() > 1


def test_what_cannot_be_drawn_is_refused_in_words(stage):
    rendered(stage, pose="still")
    head = opened(stage)
    for frame in (0, -1, FRAMES + 1):
        with pytest.raises(InputError, match=f"no frame {frame}"):
            head.draw(frame, {})
    for value in ("open", True, None, [1.0]):
        with pytest.raises(InputError, match="jawOpen"):
            head.draw(1, {"jawOpen": value})
    assert head.draw(1, {"nobody": 1.0}).shape == (SIZE, SIZE, 4)
    for size in (0, 15, 4096):
        with pytest.raises(InputError, match="cannot be drawn"):
            opened(stage, size=size)
    with pytest.raises(InputError, match="not a rendered line"):
        open_live_head(stage[0].root, "", stage[0].root, SIZE, False, Reporter())


def test_a_take_of_another_person_is_refused(stage):
    rendered(stage, pose="still")
    subject = stage[0]
    subject.info.source_sha256 = "another"
    subject.save_info()
    with pytest.raises(InputError, match="another person"):
        opened(stage)


def test_a_consent_that_is_withdrawn_ends_it(stage):
    rendered(stage, pose="still")
    head = opened(stage)
    assert head.sources.look() is None
    change_consent(stage[0].root, {"withdrawn": "2026-01-31"}, Reporter())
    change = head.sources.look()
    assert change is not None and "withdrawn" in change.what and not change.reopen
    with pytest.raises(InputError, match="withdrawn"):
        opened(stage)


def test_a_model_that_is_trained_or_removed_is_noticed(stage):
    rendered(stage, pose="still")
    head = opened(stage)
    weights = stage[1].weights_file
    kept = weights.read_bytes()
    weights.unlink()
    assert head.sources.look() is None, "a file that is just being replaced"
    change = head.sources.look()
    assert change is not None and "m2dao is gone" in change.what and not change.reopen
    weights.write_bytes(kept + b" ")
    change = head.sources.look()
    assert change is not None and "was trained" in change.what and change.reopen


def test_a_line_that_is_rendered_again_is_noticed(stage):
    rendered(stage, pose="still")
    head = opened(stage)
    rendered(stage, pose="recorded")
    change = head.sources.look()
    assert change is not None and "rendered again" in change.what and change.reopen


def test_every_curve_may_be_sent(stage):
    rendered(stage, pose="still")
    assert opened(stage).draw(1, dict.fromkeys(CURVE_NAMES, 0.5)).shape == (SIZE, SIZE, 4)


def test_seen_by_a_scenes_camera_it_is_what_a_render_for_that_camera_delivers(stage, tmp_path):
    subject, model, _, out = stage
    rest = open_portrait(model).rest_pose.double().numpy()
    poses = np.repeat(rest[None], FRAMES, axis=0)
    poses[:, 0, 3] += np.linspace(0, 3, FRAMES)
    lens = {"fx": 70.0, "fy": 70.0, "cx": 24.0, "cy": 18.0}
    values: dict[str, Any] = {
        "fps": "25/1", "footage": {"width": 48, "height": 36}, "lens": lens,
        "camera_to_world": [camera_to_world(pose) for pose in poses.tolist()],
        "camera_to_body": [camera_to_world(rest.tolist())] * FRAMES,
    }  # fmt: skip
    write_json(tmp_path / "take.poses.json", values)
    rendered(stage, pose=str(tmp_path / "take.poses.json"), layers="png")
    head = opened(stage, size=48)
    assert (head.facts()["width"], head.facts()["height"], head.facts()["is_crop"]) == (48, 36, False)
    for number in LOOKED_AT:
        stored = read_png(out / f"head.{number:06d}.png", 4, "").astype(int)
        assert stored.shape == (36, 48, 4)
        given = (values["camera_to_world"][number - 1], values["camera_to_body"][number - 1])
        asked = head.draw(number, {}, *given, [*lens.values(), 48, 36])
        assert np.abs(head.draw(number, {}).astype(int) - stored).max() <= 1
        assert np.abs(asked.astype(int) - stored).max() <= 1
    wide = head.draw(1, {}, *given, [*lens.values(), 96, 36])
    assert wide.shape == (18, 48, 4)
    odd = ([1e-300, 1e-300, 24.0, 18.0, 48, 36], [1e300, 70.0, 24.0, 18.0, 48, 36], [70.0, 70.0, 24.0, 18.0, 48, 0.5])
    for wrong in (
        [1.0], [0.0, 70.0, 24.0, 18.0, 48, 36], ["a"] * 6, [70.0, 70.0, 24.0, 18.0, 1e9, 36], *odd,
        [70.0, 70.0, 1e300, 18.0, 48, 36],
    ):  # fmt: skip
        with pytest.raises(InputError, match="lens"):
            head.draw(1, {}, *given, wrong)


@pytest.mark.parametrize(
    ("pose", "controls"),
    [
        ("life", {"turn": 20.0, "nod": -10.0}),
        ("recorded", {"still": 1.0}),
        ("recorded", {"still": 0.6, "tilt": 5.0}),
        ("still", {"recorded": 1.0}),
    ],
)
def test_directed_it_shows_what_a_render_of_that_direction_delivers(stage, tmp_path, pose, controls):
    write_json(tmp_path / "direction.json", {"fps": "25/1", "controls": controls})
    rendered(stage, pose=pose, direction=str(tmp_path / "direction.json"))
    head = opened(stage)
    moved = 0
    for number in LOOKED_AT:
        shown = shown_by_render(stage, number)
        assert np.abs(head.draw(number, {}, controls=controls)[..., :3].astype(int) - shown).max() <= 1
        moved = max(moved, np.abs(head.draw(number, {})[..., :3].astype(int) - shown).max())
    assert moved > 1, "without its controls it is another picture"


@pytest.mark.parametrize("controls", [{"smile": 0.8, "jaw": 0.5}, {"strength": -0.7}, {"blink": 1.0}])
def test_directed_curves_are_those_that_a_take_tells_of(stage, tmp_path, controls):
    write_json(tmp_path / "direction.json", {"fps": "25/1", "controls": controls})
    before = rendered(stage, pose="life", direction=str(tmp_path / "direction.json"))
    told = json.loads((stage[3] / "direction.json").read_text())["curves"]
    assert told
    head = opened(stage)
    direction = head._plan.direction.of(controls)
    for number in LOOKED_AT:
        driving = dict(zip(head._names, head._driving(number - 1, {}, direction)[0], strict=True))
        for name in FACE_CURVES:
            assert abs(driving[name] - told.get(name, before[name])[number - 1]) < 2e-6
        shown = shown_by_render(stage, number)
        assert np.abs(head.draw(number, {}, controls=controls)[..., :3].astype(int) - shown).max() <= 1


def test_controls_that_nobody_knows_do_nothing_and_others_are_held(stage):
    rendered(stage, pose="still")
    head = opened(stage)
    plain = head.draw(3, {})
    assert (head.draw(3, {}, controls={"ears": 1.0}) == plain).all()
    assert (head.draw(3, {}, controls={"turn": 900.0}) == head.draw(3, {}, controls={"turn": 45.0})).all()
    with pytest.raises(InputError, match="control smile"):
        head.draw(3, {}, controls={"smile": "much"})
