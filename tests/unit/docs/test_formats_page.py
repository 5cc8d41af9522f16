"""docs/formats.md says what the code writes: each table is compared with the class, or the dict, that it describes."""

from __future__ import annotations

import dataclasses
import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from backend.deliver import provenance
from backend.deliver.camera_file import write_camera
from backend.deliver.directed import Directed
from backend.deliver.preview import PreviewRecord
from backend.deliver.store import KEY_ATTRIBUTE
from backend.media import exr
from backend.media.audio_features import AudioFeatures
from backend.media.colour import TRANSFERS
from backend.performance.curves import CURVE_NAMES, FACE_CURVES, SPOKEN_CURVES, Performance
from backend.performance.direction import Direction
from backend.performance.voice import Reach, Voice
from backend.portrait.frame import PortraitSizes
from backend.portrait.portrait import Portrait
from backend.provenance.marks import Marks
from backend.settings import PortraitSettings, RenderSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import SCHEMA, SubjectInfo
from backend.subject.track import Track
from shared import layout
from shared.camera import Crop, Intrinsics
from shared.consent import Consent
from shared.direction import CONTROL_NAMES, CONTROLS, CURVE_LIMITS
from shared.jobs import JobInfo, JobState, Progress
from shared.ready import ReadyFile
from shared.training import TrainingState
from tests.support import pages

PAGE = pages.page("formats.md")
MARKS = Marks("", "", "", "", signed_by="x")


def fields_of(cls):
    return {field.name for field in dataclasses.fields(cls)}


def written_camera(folder):
    picture = Intrinsics(1.0, 1.0, 0.5, 0.5, 8, 8)
    write_camera(folder / "camera.json", Fraction(25), picture, Crop(0, 0, 8, 8), (16, 8), np.eye(4)[None])
    return set(json.loads((folder / "camera.json").read_text()))


def written_performance(folder):
    Performance(Fraction(25), {"jawOpen": np.zeros(2)}).save(folder / "performance.json")
    return set(json.loads((folder / "performance.json").read_text()))


def written_direction(folder):
    direction = Direction(Fraction(25), {"jaw": np.ones(2)})
    Directed(direction, Performance(Fraction(25), {}), ()).save(folder / "direction.json")
    return set(json.loads((folder / "direction.json").read_text()))


def written_manifest(folder):
    made = provenance.manifest(
        take="",
        marks=MARKS,
        subject_folder=None,
        signed_by=None,
        inputs={},
        settings=RenderSettings(),
        frames={},
        preview=None,
        timings_s={},
        complete=True,
    )
    return set(made)


def quality_keys(folder):
    later = {"disk_gb", "upper_face_deviation"}
    source = (pages.ROOT / "backend/preprocess/pipeline.py").read_text()
    assert all(f'report["{name}"]' in source for name in later)
    return pages.literal_keys("backend/preprocess/quality.py", "usable_frames") | later


def checkpoint_keys(folder):
    return fields_of(TrainingState) | pages.literal_keys("backend/train", "before_step", "position")


def report_keys(folder):
    added = {"scores", "blender"}
    assert '"scores"' in "".join(path.read_text() for path in (pages.ROOT / "backend/command").glob("*.py"))
    assert 'report["blender"]' in (pages.ROOT / "tools/demo.py").read_text()
    return pages.literal_keys("backend/command", "quality", "timings_s") | added


TABLES = {
    "subject.json": lambda folder: fields_of(SubjectInfo),
    "consent.json": lambda folder: fields_of(Consent) | {"schema"},
    "quality in subject.json": quality_keys,
    "track.npz": lambda folder: fields_of(Track),
    "audio.wav, audio_features.npz, contact_sheet.png": lambda folder: fields_of(AudioFeatures) - {"cut_off"},
    "config.json": lambda folder: pages.literal_keys("backend/portrait/saving.py", "sizes") | {"training", "waited"},
    "sizes in config.json": lambda folder: fields_of(PortraitSizes),
    "training in config.json": lambda folder: pages.literal_keys("backend/train", "learned_from"),
    "checkpoint.safetensors": checkpoint_keys,
    "camera.json": written_camera,
    "performance.json": written_performance,
    "direction.json": written_direction,
    "voice.json": lambda folder: set(Voice(np.zeros(80), np.ones(80), 1.0, Reach(np.zeros(27), 1.0)).to_dict()),
    "manifest.json": written_manifest,
    "frames in manifest.json": lambda folder: pages.literal_keys("backend/deliver", "layers", "drawn"),
    "signature.json": lambda folder: pages.literal_keys("backend/provenance/signature.py", "signed", "certificates"),
    "report.json": report_keys,
    "The ready file": lambda folder: fields_of(ReadyFile),
    "jobs/ID.json": lambda folder: fields_of(JobInfo),
    "Progress": lambda folder: fields_of(Progress),
}
"""Heading of a table of fields, to the fields that the code has."""


@pytest.mark.parametrize("title", TABLES)
def test_a_table_has_the_fields_of_the_code_and_no_others(title, tmp_path):
    told = pages.first_column(pages.section(PAGE, title))
    assert len(told) == len(set(told))
    assert set(told) == TABLES[title](tmp_path)


def test_every_table_of_fields_is_compared():
    headings = [line.strip("# \n").replace("`", "") for line in PAGE.splitlines() if line.startswith("#")]
    with_fields = {title for title in headings if pages.first_column(pages.section(PAGE, title))}
    assert with_fields == set(TABLES)


def test_the_page_names_every_file_of_the_layout():
    named = {value for name, value in vars(layout).items() if name.endswith(("_FILE", "_FOLDER")) and name.isupper()}
    named |= {layout.EXR_NAME.format(frame=1), layout.PNG_NAME.format(frame=1), layout.frame_name(1)}
    assert len(named) > 20
    assert {name for name in named if name not in PAGE} == set()


def test_the_page_names_every_file_of_a_model():
    model = ModelFolder(Path("models/NAME"))
    files = {getattr(model, name).name for name in dir(ModelFolder) if name.endswith("_file")}
    assert len(files) == 8
    assert set(pages.first_column(pages.section(PAGE, "The model folder"), "file")) == files


@pytest.mark.parametrize("recipe", ["m2dao", "talkinggaussian", "talkinggaussian-published"])
def test_every_tensor_of_a_portrait_is_in_a_group_of_the_page(recipe):
    settings = PortraitSettings()
    torso = 4
    if recipe != "m2dao":
        settings = dataclasses.replace(
            settings, drive="audio", own_audio=True, field="net", jaw_link=False, face_colour_moves=False
        )
        torso = 0
    if recipe == "talkinggaussian-published":
        settings = dataclasses.replace(settings, field="channels", harmonics=2)
    sizes = PortraitSizes(8, 4, torso, len(CURVE_NAMES), 3, 2, 4, body=2)
    body = pages.section(PAGE, "portrait.safetensors")
    groups = pages.first_column(body, "tensors")
    quoted = set(pages.quoted(body))
    for name, tensor in Portrait(settings, sizes, CURVE_NAMES).state_dict().items():
        group, _, rest = name.partition(".")
        assert group in groups or f"{group}.*" in groups, name
        words = {rest, rest.partition(".")[0], rest.rpartition(".")[0] + ".L"}
        assert not rest or rest.startswith("field.") or words & quoted, name
        assert (str(tensor.dtype) in ("torch.int64", "torch.bool")) == (group == "jaw" or rest == "mattes"), name


def test_the_page_has_the_tensors_of_a_speech_model():
    told = pages.first_column(pages.section(PAGE, "speech.safetensors"), "tensors")
    assert set(told) - {"net.*", "prior.*"} == pages.literal_keys("backend/performance/speech.py", "readout", "style")


def test_the_page_has_the_channels_and_the_texts_of_a_frame():
    body = pages.section(PAGE, "head.000001.exr")
    passes = {"Combined": 4, "Depth": 1, layout.DUB_LAYER: 1}
    passes |= {name.capitalize(): 1 for name in layout.REGION_NAMES}
    channels = [channel for name, count in passes.items() for channel in exr.channel_names(name, count)]
    assert sorted(pages.first_column(body, "channels")) == sorted(channels)
    own = pages.literal_keys("backend/deliver/plan.py", "audio", "model", "fps") | {"crop"}
    texts = {*provenance.exr_attributes(MARKS, dict.fromkeys(own, "")), KEY_ATTRIBUTE, exr.CHECKSUM_ATTRIBUTE}
    timed = exr.FrameTime(1, Fraction(25)).attributes()
    assert set(pages.first_column(body, "attribute")) == texts | {"chromaticities", "colorInteropID", *timed}


def test_the_page_has_the_metadata_of_a_movie_and_the_record_of_its_groups():
    told = set(pages.quoted(pages.section(PAGE, "preview.mp4")))
    assert set(provenance.movie_metadata("title", MARKS, {})) | fields_of(Marks) <= told
    assert set(MARKS.sound_texts()) <= set(pages.quoted(pages.section(PAGE, "audio.wav of a take")))
    assert fields_of(PreviewRecord) <= set(pages.quoted(pages.section(PAGE, "manifest.json")))


def test_the_page_names_the_states_of_a_job_the_colours_and_the_schemas():
    assert all(state in pages.section(PAGE, "jobs/ID.json") for state in JobState)
    assert set(TRANSFERS) <= set(pages.quoted(pages.section(PAGE, "subject.json")))
    assert f"Schema {SCHEMA}." in pages.section(PAGE, "subject.json")
    assert set(layout.REGION_NAMES) <= set(pages.quoted(PAGE))


def test_the_page_has_the_lengths_that_arrays_have():
    track = pages.section(PAGE, "track.npz")
    assert f"(T, {len(FACE_CURVES)})" in track and f"({len(FACE_CURVES)},)" in track
    assert f"(T, {len(SPOKEN_CURVES)})" in pages.section(PAGE, "heard.npy")


def test_the_page_of_the_shot_has_the_controls_of_a_direction_with_their_limits_and_weights():
    page = pages.section(pages.page("blender.md"), "Direction")
    rows = {name: line for line in page.splitlines() if line.startswith("| `") for name in pages.quoted(line)[:1]}
    assert list(rows) == list(CONTROL_NAMES)
    for control in CONTROLS:
        row = rows[control.name].replace("°", "")
        assert f"| {control.low:g} to {control.high:g} | {control.about} |" in row
        plus, minus = (cell.strip() for cell in row.split("|")[-3:-1])
        for cell, weights in ((plus, control.plus), (minus, control.minus)):
            told = dict(part.rsplit(" ", 1) for part in cell.split(", ") if part != "-")
            both = {name: (name, re.sub("(Left|Right)$", "*", name)) for name in weights}
            assert {name: float(told[name if name in told else star]) for name, star in both.values()} == weights
            assert set(told) <= {name for names in both.values() for name in names}
    assert all(f"`{name}` {limit:g}" in page for name, limit in CURVE_LIMITS.items())
