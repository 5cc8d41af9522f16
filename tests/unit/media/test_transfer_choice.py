"""Which transfer curve a subject gets: the one that Blender undoes for plate and footage, or one asked for by name."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from backend.deliver import render as rendering
from backend.media.colour import SHOWN, TRANSFERS, chosen_transfer
from backend.media.decode import VideoInfo
from backend.media.exr import read_layers
from backend.preprocess.pipeline import input_colour
from backend.settings import PreprocessSettings, RenderSettings
from backend.subject.subject import Subject
from shared import layout
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage

TAGS = {"bt709": 1, "untagged": 2, "gamma 2.2": 4, "bt601": 6, "sRGB": 13, "xvYCC": 11, "bt2020": 14}
SDR = VideoInfo(64, 64, Fraction(25), 3, 0, 2, False, False, Fraction(0))


@pytest.mark.parametrize("tag", TAGS)
def test_no_sdr_tag_changes_the_curve(tag):
    warnings: list[str] = []
    info = replace(SDR, transfer=TAGS[tag])
    assert input_colour(PreprocessSettings(), info, warnings.append) == "srgb"
    assert warnings == []


@pytest.mark.parametrize("name", list(TRANSFERS))
def test_a_curve_that_the_user_names_is_taken(name):
    info = replace(SDR, transfer=1)
    assert input_colour(PreprocessSettings(input_colour=name), info, pytest.fail) == name == chosen_transfer(name)


def test_hdr_footage_is_warned_of():
    warnings: list[str] = []
    assert input_colour(PreprocessSettings(), replace(SDR, transfer=18), warnings.append) == SHOWN
    assert len(warnings) == 1 and "HDR" in warnings[0]


@pytest.mark.parametrize(
    ("schema", "stored", "read"),
    [(1, "rec709", "srgb"), (2, "rec709", "srgb"), (2, "bt1886", "bt1886"), (3, "rec709", "rec709")],
)
def test_a_curve_that_an_older_version_took_from_a_tag_is_not_undone(subject, schema, stored, read):
    path = subject.root / layout.SUBJECT_FILE
    values = json.loads(path.read_text()) | {"schema": schema, "input_colour": stored}
    path.write_text(json.dumps(values))
    assert Subject.open(subject.root).info.input_colour == read


def test_the_curve_stands_in_header_and_manifest_and_another_draws_the_take_again(tmp_path, monkeypatch):
    subject, _, sound, out = make_stage(tmp_path, monkeypatch)
    settings, pixels = RenderSettings(frames="1:2"), {}
    for curve, drawn in (("rec709", 2), ("srgb", 2), ("srgb", 0)):
        subject.info.input_colour = curve
        result = rendering.render(subject, sound, out, settings, Reporter())
        assert result.rendered == drawn
        passes, header = read_layers(out / "head.000001.exr")
        assert header["m2dao_talker.transfer"] == curve
        assert json.loads((out / layout.MANIFEST_FILE).read_text())["frames"]["colour"] == curve
        pixels[curve] = passes["Combined"][16, 16, :3].astype(float)
    assert (pixels["rec709"] > pixels["srgb"] * 1.02).all()
