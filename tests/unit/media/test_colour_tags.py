"""What a file's tags lead to: standard range as it lies, wide gamuts and HDR converted, contradictions named."""

import json
from dataclasses import replace

import av
import numpy as np
import pytest

from backend.media.colour import FootageColour
from backend.media.colour_tags import MATRICES, ColourTags, colour_as_stored, footage_colour, rgb_of_ycbcr
from backend.media.decode import probe
from shared.errors import InputError
from tests.support.colour_twins import KINDS, write_twin

HLG = ColourTags(9, 18, 9, bits=10, height=1080)
UNTAGGED = ColourTags(bits=8, height=1080)


@pytest.mark.parametrize(
    ("tags", "space", "matrix"),
    [
        (UNTAGGED, "srgb", "bt709"),
        (replace(UNTAGGED, height=576), "srgb", "bt601"),
        (replace(UNTAGGED, is_rgb=True), "srgb", "rgb"),
        (ColourTags(5, 6, 5, height=1080), "srgb", "bt601"),
        (ColourTags(9, 15, 9, bits=12), "srgb-rec2020", "bt2020nc"),
        (ColourTags(12, 13, 1), "srgb-p3", "bt709"),
        (ColourTags(12, 1, 2, height=1080), "srgb-p3", "bt709"),
        (HLG, "hlg-rec2020", "bt2020nc"),
        (replace(HLG, transfer=16), "pq-rec2020", "bt2020nc"),
        (replace(HLG, transfer=16, primaries=12), "pq-p3", "bt2020nc"),
        (replace(HLG, is_rgb=True, matrix=0), "hlg-rec2020", "rgb"),
    ],
)
def test_plain_tags_are_read_without_a_word(tags, space, matrix):
    colour, words = footage_colour(tags)
    assert (colour.space, colour.matrix, words) == (space, matrix, [])


@pytest.mark.parametrize(
    ("tags", "space", "said"),
    [
        (replace(HLG, primaries=2, matrix=2), "hlg-rec2020", ["names no primaries"]),
        (replace(HLG, primaries=1, matrix=1), "hlg", ["unusual"]),
        (replace(HLG, bits=8), "hlg-rec2020", ["8 bits"]),
        (replace(HLG, primaries=10), "hlg-rec2020", ["code 10"]),
        (replace(UNTAGGED, primaries=10), "srgb", ["code 10"]),
        (replace(UNTAGGED, transfer=8), "srgb", ["linear light"]),
        (replace(UNTAGGED, matrix=0), "srgb", ["code 0"]),
        (replace(HLG, matrix=10), "hlg-rec2020", ["constant luminance"]),
        (replace(HLG, bits=8, primaries=2), "hlg-rec2020", ["names no primaries", "8 bits"]),
    ],
)
def test_tags_that_are_odd_or_contradict_each_other_are_named(tags, space, said):
    colour, words = footage_colour(tags)
    assert colour.space == space
    assert len(words) == len(said)
    assert all(part in word for part, word in zip(said, words, strict=True))


def test_what_the_pictures_leave_open_is_taken_from_the_container():
    frame = av.VideoFrame(32, 16, "yuv420p10le")
    assert ColourTags.of(frame, (9, 18, 9)) == ColourTags(9, 18, 9, bits=10, height=16)
    frame.color_trc, frame.color_range = 16, 2
    assert ColourTags.of(frame, (9, 18, 9)) == ColourTags(9, 16, 9, full_range=True, bits=10, height=16)


@pytest.mark.parametrize("suffix", ["mkv", "mov", "mp4"])
def test_tags_that_only_the_container_has_are_found(tmp_path, suffix):
    """An H.264 stream that says nothing of its colours, copied into a file that says HLG."""
    untagged, tagged = tmp_path / "untagged.mp4", tmp_path / f"tagged.{suffix}"
    write_twin(untagged, KINDS["untagged"], [np.full((16, 32, 3), 0.2)] * 2)
    with av.open(str(untagged)) as source, av.open(str(tagged), "w") as target:
        coded = source.streams.video[0]
        copy = target.add_stream_from_template(coded)
        context = copy.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 18, 9
        for packet in source.demux(coded):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    assert probe(untagged).colour.space == "srgb"
    assert (probe(tagged).colour.space, probe(tagged).colour.matrix) == ("hlg-rec2020", "bt2020nc")


def test_untagged_luma_of_footage_that_the_user_calls_hlg_is_rec2020s():
    assert footage_colour(UNTAGGED, "hlg")[0].matrix == "bt2020nc"


@pytest.mark.parametrize("setting", ["auto", "srgb", "bt1886", "pq", "display-p3"])
@pytest.mark.parametrize("tags", [HLG, UNTAGGED, ColourTags(12, 16, 0, True, 12, is_rgb=True), ColourTags(12, 13, 1)])
def test_what_is_stored_tells_how_to_read_the_clip_again(tags, setting):
    read_as = footage_colour(tags, setting)[0]
    stored = json.loads(json.dumps(read_as.to_dict()))
    assert colour_as_stored(stored, ColourTags(height=64)) == read_as


def test_a_subject_from_before_conversion_took_the_values_as_they_lie():
    assert colour_as_stored({}, HLG) == FootageColour("srgb", "rec709", "bt2020nc", False, 10)


@pytest.mark.parametrize("change", [{"space": "hlg-rec999"}, {"space": 3}, {"matrix": "no"}, {"bits": None}])
def test_stored_colours_that_are_damaged_or_unknown_are_refused(change):
    with pytest.raises(InputError, match="Preprocess"):
        colour_as_stored(footage_colour(HLG)[0].to_dict() | change, HLG)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_white_black_and_the_primaries_come_out_of_their_codes(name, full_range, bits):
    """By H.273's equations for the codes, which are whole numbers of the file's bits shifted up to 16."""
    to_rgb = rgb_of_ycbcr(FootageColour(matrix=name, full_range=full_range, bits=bits))
    red, blue = MATRICES[name].red, MATRICES[name].blue
    colours = np.vstack([np.zeros(3), np.ones(3), np.eye(3), np.full(3, 0.5)])
    luma = colours @ [red, 1 - red - blue, blue]
    chroma = np.stack([(colours[:, 2] - luma) / (1 - blue), (colours[:, 0] - luma) / (1 - red)], axis=1) / 2
    unit, top = 2 ** (bits - 8), 2**bits - 1
    codes = np.hstack(
        [luma[:, None] * top, chroma * top + 2 ** (bits - 1)]
        if full_range
        else [(16 + 219 * luma[:, None]) * unit, (128 + 224 * chroma) * unit]
    )
    codes = np.rint(codes) * 2 ** (16 - bits)
    found = np.hstack([codes, np.ones((len(codes), 1))]) @ to_rgb.T / 65535
    np.testing.assert_allclose(found, colours, atol=1.7 / top)
