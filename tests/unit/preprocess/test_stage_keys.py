"""A stage is done again when a setting that it reads changes, and the stages after it; none before it."""

import ast
import inspect
import re
from dataclasses import fields, replace

import pytest

from backend.preprocess import pipeline, stage_keys
from backend.preprocess.stage_keys import CODE_VERSIONS, READS, stage_key
from backend.preprocess.working_folder import WorkingFolder
from backend.presenter.make import draw_clip
from backend.settings import (
    BodySettings,
    BundleSettings,
    MattingSettings,
    PhotometricSettings,
    PreprocessSettings,
    RegionSettings,
)
from shared.jobs import Reporter

PLAIN = PreprocessSettings()
NOT_IN_A_KEY = {
    "audio": "the sound file's hash is",
    "audio_track": "the track that it leads to is, where it is not the first",
    "sequence_fps": "it is where it is given",
    "start_s": "it is where it is given",
    "end_s": "it is where it is given",
    "speaker": "it is where it is given",
    "size": "the stored size that it leads to is",
    "models_dir": "a place; what lies there has its checksum in the code",
    "consent": "a note, written anew each time",
    **dict.fromkeys(("consent_by", "consent_for", "consent_on", "consent_until"), "as the note"),
    "input_colour": "how pictures are read is",
}


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"bundle": BundleSettings(shape_spread_cm=0.3)}, {"camera"}),
        ({"photometric": PhotometricSettings(iterations=3)}, {"camera"}),
        ({"refine_poses": False}, {"camera"}),
        ({"regions": RegionSettings(matting=MattingSettings(passes=3))}, {"background", "regions"}),
        ({"regions": RegionSettings(neck_drop=0.04)}, {"background", "regions"}),
        ({"matting_size": 128}, {"background", "regions"}),
        ({"body": BodySettings(components=3)}, {"body"}),
        ({"correct_audio_offset": False}, {"sync"}),
        ({"photometric": PhotometricSettings(workers=7)}, set()),
        ({"consent": "given", "models_dir": "/elsewhere", "input_colour": "srgb"}, set()),
    ],
)
def test_a_setting_changes_the_keys_of_the_stages_that_read_it(changes, stages):
    changed = replace(PLAIN, **changes)
    assert {stage for stage in READS if stage_key(stage, PLAIN) != stage_key(stage, changed)} == stages


def test_how_poses_are_refined_counts_only_where_they_are():
    unrefined = replace(PLAIN, refine_poses=False)
    other = replace(unrefined, photometric=PhotometricSettings(iterations=3))
    assert stage_key("camera", unrefined) == stage_key("camera", other)


def test_a_key_changes_with_each_input_and_with_the_code(monkeypatch):
    keys = [stage_key("sync", PLAIN, *inputs) for inputs in ((), ("a",), ("b",), ("a", "b"), ("ab",))]
    monkeypatch.setitem(stage_keys.CODE_VERSIONS, "sync", 99)
    keys.append(stage_key("sync", PLAIN))
    assert len(set(keys)) == len(keys)


def test_every_setting_is_read_by_a_stage_or_has_a_reason_not_to_be_in_a_key():
    read = {name for names in READS.values() for name in names}
    assert read | set(NOT_IN_A_KEY) == {field.name for field in fields(PreprocessSettings)}
    assert not read & set(NOT_IN_A_KEY)
    assert READS.keys() == CODE_VERSIONS.keys()


def test_a_stage_reads_no_setting_that_is_not_in_its_key():
    """By the source of the pipeline: what stands between one key and the next is read under the first."""
    for stage, names in _read_in_pipeline().items():
        assert names <= {*READS[stage], *NOT_IN_A_KEY}, stage
    assert "bundle" in _read_in_pipeline()["camera"]


def _read_in_pipeline() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for function in ast.parse(inspect.getsource(pipeline)).body:
        text = ast.unparse(function)
        stages = re.findall(r"run\.key\('(\w+)'", text)
        # The background and the regions share a function, and what they read.
        for stage in stages:
            found[stage] = set(re.findall(r"run\.settings\.(\w+)", text))
    return found


@pytest.mark.slow
def test_another_bundle_setting_redoes_the_camera_and_the_body_and_nothing_before(tmp_path, monkeypatch):
    clip, begun = tmp_path / "clip.mp4", []
    draw_clip("Papa bought a map, and we sail before five.", clip, width=320, height=256)
    begin = WorkingFolder.begin

    def noted(self, stage, outputs):
        begun.append(stage)
        begin(self, stage, outputs)

    def stages_done(settings: PreprocessSettings) -> list[str]:
        begun.clear()
        pipeline.preprocess(clip, tmp_path / "subject", settings, Reporter())
        return list(begun)

    monkeypatch.setattr(WorkingFolder, "begin", noted)
    plain = PreprocessSettings(refine_poses=False, matting_size=64)
    order = ["audio", "face", "frames", "camera", "background", "regions", "plate", "body", "sync"]
    assert stages_done(plain) == order
    assert stages_done(plain) == []
    other = replace(plain, bundle=BundleSettings(shape_spread_cm=0.3))
    assert stages_done(other) == ["camera", "body"]
    assert stages_done(replace(other, body=BodySettings(components=3))) == ["body"]
    assert stages_done(replace(other, body=BodySettings(components=3), matting_size=48)) == [
        "background", "regions", "plate", "body",
    ]  # fmt: skip
    (tmp_path / "subject" / "plate.png").unlink()  # as in a subject from before there was one
    assert stages_done(replace(other, body=BodySettings(components=3), matting_size=48)) == ["plate"]
