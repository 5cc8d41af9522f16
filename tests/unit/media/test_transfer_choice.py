"""Which transfer curve a subject gets: the one that Blender undoes for plate and footage, or one asked for by name."""

import json
from dataclasses import replace

import pytest

from backend.deliver import render as rendering
from backend.media.colour import SHOWN, SPACES, TRANSFERS, chosen_transfer
from backend.media.colour_tags import ColourTags, footage_colour
from backend.media.exr import read_layers
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared import layout
from shared.jobs import Reporter
from tests.support.disc_stage import make_stage

TAGS = {"bt709": 1, "untagged": 2, "gamma 2.2": 4, "bt601": 6, "sRGB": 13, "xvYCC": 11, "bt2020": 14}
SDR = ColourTags(height=64)


@pytest.mark.parametrize("tag", TAGS)
def test_no_sdr_tag_changes_the_curve(tag):
    colour, words = footage_colour(replace(SDR, transfer=TAGS[tag]))
    assert (colour.space, chosen_transfer("auto"), colour.is_converted, words) == ("srgb", "srgb", False, [])


@pytest.mark.parametrize("name", list(TRANSFERS))
def test_a_curve_that_the_user_names_is_taken_whatever_the_tags_say(name):
    colour, words = footage_colour(ColourTags(9, 18, 9, bits=10), name)
    assert (colour.space, chosen_transfer(name), colour.is_converted, words) == (name, name, False, [])


@pytest.mark.parametrize("name", list(SPACES))
def test_a_space_that_the_user_names_is_converted_to_what_is_shown(name):
    colour, words = footage_colour(replace(SDR, bits=10), name)
    assert (colour.transfer, colour.primaries) == SPACES[name]
    assert (chosen_transfer(name), colour.is_converted, words) == (SHOWN, True, [])


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
        assert header["m2dao_talker.transfer"] == header["m2dao_talker.footage_colour"] == curve
        frames = json.loads((out / layout.MANIFEST_FILE).read_text())["frames"]
        assert frames["colour"] == frames["footage_colour"] == curve
        pixels[curve] = passes["Combined"][16, 16, :3].astype(float)
    assert (pixels["rec709"] > pixels["srgb"] * 1.02).all()


def test_what_the_footage_was_stands_in_header_and_manifest(tmp_path, monkeypatch):
    subject, _, sound, out = make_stage(tmp_path, monkeypatch)
    subject.info.footage_colour = footage_colour(ColourTags(9, 18, 9, bits=10))[0].to_dict()
    rendering.render(subject, sound, out, RenderSettings(frames="1:1"), Reporter())
    header = read_layers(out / "head.000001.exr")[1]
    assert (header["m2dao_talker.transfer"], header["m2dao_talker.footage_colour"]) == ("srgb", "hlg-rec2020")
    frames = json.loads((out / layout.MANIFEST_FILE).read_text())["frames"]
    assert (frames["colour"], frames["footage_colour"]) == ("srgb", "hlg-rec2020")
