"""The harness on a synthetic subject, with a landmarker that needs no face."""

import errno
import json
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.evaluate import clip, kept
from backend.evaluate import report as harness
from backend.evaluate.kept import Evaluation
from backend.evaluate.sheet import ComparisonSheet, difference
from backend.performance.curves import FACE_CURVES
from backend.portrait.saving import save_portrait
from backend.settings import EvaluateSettings, train_settings
from backend.subject.model_folder import ModelFolder
from backend.train.trainer import prepare
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from shared.pending import PUBLISHING_FOLDER, REMOVED_FILE, UNFINISHED_FOLDER
from tests.support.synthetic_subject import FRAMES, SIZE, make_subject

FLOOR = "the recording, measured again"


class FakeMeter:
    """Sees a face whose lips' opening is the brightness of the picture."""

    def __init__(self, models_dir=None) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        pass

    def measure(self, picture, around):
        landmarks = np.zeros((478, 3))
        landmarks[14, 1] = picture.mean()
        landmarks[152, 1] = 100.0
        return landmarks, np.full(len(FACE_CURVES), picture.mean() / 255)


@pytest.fixture
def settings():
    small = replace(train_settings().portrait, head_gaussians=80, torso_gaussians=40)
    return replace(
        train_settings(steps=2), portrait=small, size=SIZE, holdout=3, holdout_gap_s=0.0, threads=1, engine="reference"
    )


@pytest.fixture
def evaluated(subject, settings, monkeypatch):
    return evaluate_untrained(subject, settings, monkeypatch)


def evaluate_untrained(subject, settings, monkeypatch):
    """The scores of a portrait before its first step."""
    monkeypatch.setattr(harness, "FaceMeter", FakeMeter)
    monkeypatch.setattr(clip, "is_available", lambda: False)
    run = prepare(subject, settings)
    model = ModelFolder.of(subject.root, "m2dao")
    save_portrait(run.portrait.eval(), model)
    training = {
        "recipe": "m2dao", "preset": "draft", "minutes": 0.5, "steps": 2, "settings": {"size": SIZE},
        "learned_from": [[1, FRAMES - FRAMES // 3]], "held_out": [[FRAMES - FRAMES // 3 + 1, FRAMES]], "frames": FRAMES,
    }  # fmt: skip
    model.update_config({"training": training})
    return harness.evaluate(
        subject, None, Reporter(), EvaluateSettings(driven_by="track", engine="reference", threads=1)
    )


def test_a_report_holds_what_the_contract_says(evaluated):
    assert {"recipe", "preset", "minutes", "frames", "scores", "static"} <= set(evaluated)
    assert (evaluated["recipe"], evaluated["preset"], evaluated["frames"]) == ("m2dao", "draft", FRAMES // 3)
    assert set(evaluated["scores"]) == {"recorded", "synthesised"}
    names = {"psnr", "psnr_head", "psnr_mouth", "ssim", "lmd", "expression_error", "seam", "jitter", "closure"}
    for scores in (*evaluated["scores"].values(), evaluated["static"]):
        assert names <= set(scores)
    assert json.loads(json.dumps(evaluated, allow_nan=False)) == evaluated


def test_a_body_with_its_own_motion_is_also_scored_as_it_follows_the_head(evaluated, subject, settings, monkeypatch):
    assert evaluated["following"] is None
    track = subject.track()
    track.body = np.random.default_rng(0).standard_normal((FRAMES, 2)).astype(np.float32)
    track.save(subject.root / layout.TRACK_FILE)
    with_body = evaluate_untrained(subject, settings, monkeypatch)
    assert set(with_body["following"]) == set(with_body["scores"]["synthesised"])
    assert with_body["following"]["psnr"] > 12
    labels = [line.split("|")[5].strip() for line in harness.markdown_table([with_body]).splitlines()[2:]]
    assert labels == ["recorded torso", "all synthesised", "all synthesised, body follows head", "static head", FLOOR]


def test_scores_are_those_of_pictures_that_resemble_the_recorded_ones(evaluated):
    recorded, synthesised = evaluated["scores"]["recorded"], evaluated["scores"]["synthesised"]
    assert recorded["psnr"] > 15 and synthesised["psnr"] > 12
    assert recorded["psnr"] > recorded["psnr_head"]
    assert recorded["frames_with_face"] == FRAMES // 3


def test_a_sheet_with_five_rows_is_written(evaluated):
    picture = cv2.imread(evaluated["sheet"])
    assert picture is not None
    assert picture.shape == (5 * 256, (FRAMES // 3) * 256, 3)
    assert picture.std() > 10


def test_the_table_has_a_line_for_every_variant_beside_the_static_head(evaluated):
    lines = harness.markdown_table([evaluated]).strip().splitlines()
    shown = ["recorded torso", "all synthesised", "static head", FLOOR]
    assert [line.split("|")[5].strip() for line in lines[2:]] == shown
    assert len({line.count("|") for line in lines}) == 1
    without_torso = evaluated | {"scores": {**evaluated["scores"], "synthesised": None}}
    assert "all synthesised" not in harness.markdown_table([without_torso])


def test_scores_that_no_model_has_are_left_out_of_the_table(evaluated):
    assert evaluated["scores"]["recorded"]["lpips"] is None and "no LPIPS" in evaluated["lpips"]
    assert "lpips" not in harness.markdown_table([evaluated]).splitlines()[0]
    with_net = evaluated | {"static": evaluated["static"] | {"lpips": 0.25}}
    lines = harness.markdown_table([evaluated, with_net]).splitlines()
    column = lines[0].split("|").index(" lpips ")
    assert sorted({line.split("|")[column].strip() for line in lines[2:]}) == ["0.2500", "–"]


def test_a_model_that_learned_from_every_frame_is_not_scored(evaluated, subject):
    model = subject.model("m2dao")
    record = model.training_record() | {"learned_from": [[1, FRAMES]], "held_out": []}
    model.update_config({"training": record})
    with pytest.raises(InputError, match="every frame"):
        harness.evaluate(subject, None, Reporter())


def test_without_a_model_it_says_so(tmp_path):
    with pytest.raises(InputError, match="no trained model"):
        harness.evaluate(make_subject(tmp_path / "empty"), None, Reporter())


def test_a_sheet_keeps_frames_from_the_whole_clip_and_few_of_them():
    sheet = ComparisonSheet(4)
    for shade in range(100):
        sheet.add(np.full((8, 8, 3), shade, np.uint8), np.zeros((8, 8, 3), np.uint8), None)
    picture = sheet.picture()
    assert picture.shape == (3 * 256, 4 * 256, 3)
    shades = picture[128, 128::256, 0]
    assert shades[0] == 0 and shades[-1] >= 75 and (np.diff(shades.astype(int)) > 10).all()


def test_a_difference_shows_no_change_as_mid_grey_and_keeps_its_sign():
    recorded = np.full((1, 1, 3), 100, np.uint8)
    assert [int(difference(recorded + np.uint8(d), recorded)[0, 0, 0]) for d in (0, 10, 100)] == [128, 168, 255]
    assert int(difference(recorded - np.uint8(10), recorded)[0, 0, 0]) == 88


def evaluation_files(model):
    return {path.name: path.read_bytes() for path in model.evaluation_folder.iterdir() if path.is_file()}


def evaluate_otherwise(subject, size):
    settings = EvaluateSettings(driven_by="track", engine="reference", threads=1, size=size)
    return harness.evaluate(subject, None, Reporter(), settings)


def test_scores_and_pictures_of_an_evaluation_that_breaks_off_are_those_of_before(evaluated, subject, monkeypatch):
    model = subject.model("m2dao")
    before = evaluation_files(model)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(harness, "leak", full)  # after the pictures
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            evaluate_otherwise(subject, SIZE // 2)
    assert evaluation_files(model) == before
    assert evaluate_otherwise(subject, SIZE // 2)["size"] == SIZE // 2
    after = evaluation_files(model)
    assert after.keys() == before.keys() and all(after[name] != before[name] for name in before)
    assert not [path for path in model.evaluation_folder.iterdir() if path.is_dir()]


def test_an_evaluation_that_was_killed_once_it_was_whole_is_the_one_that_is_read(evaluated, subject):
    folder = subject.model("m2dao").evaluation_folder
    before = Evaluation.load(folder)
    kept.begin(folder)
    replace(before, about=before.about | {"strength": 0.5}).save(folder / UNFINISHED_FOLDER)
    (folder / UNFINISHED_FOLDER / REMOVED_FILE).write_text(json.dumps(["000010.static.png"]))
    (folder / UNFINISHED_FOLDER).rename(folder / PUBLISHING_FOLDER)
    assert kept.has_scores(folder) and Evaluation.load(folder).about["strength"] == 0.5
    assert not (folder / "000010.static.png").exists() and not (folder / PUBLISHING_FOLDER).exists()


def test_what_a_killed_evaluation_left_half_written_is_gone_after_the_next(evaluated, subject):
    model = subject.model("m2dao")
    for left in ("evaluation.png.7.7.partial.png", "evaluation/scores.npz.7.7.partial"):
        (model.path / left).write_bytes(b"half")
    evaluate_otherwise(subject, SIZE)
    assert not list(model.path.rglob("*.partial*"))
