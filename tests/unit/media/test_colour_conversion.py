"""HDR and wide gamuts come to the working space as the standards say, and as the same scene in standard range looks."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from backend.media import colour
from backend.media.colour import (
    KNEE,
    PEAK_NITS,
    REFERENCE_WHITE_NITS,
    FootageColour,
    hlg_to_scene,
    linear_to_srgb,
    pq_to_nits,
    primaries_matrix,
    rolled_off,
    srgb_to_linear,
    to_bytes,
    to_unit,
    to_working_space,
)
from backend.media.colour_tags import footage_colour
from backend.media.decode import probe, read_frames
from tests.support.colour_difference import picture_difference
from tests.support.colour_twins import KINDS, signal_of, write_twin
from tests.support.drawn_face import draw_face

HLG, PQ = FootageColour("hlg", "rec2020"), FootageColour("pq", "rec2020")
SKIN_DIFFERENCE = 3.0
"""CIEDE2000 between an HDR clip and its twin of standard range, mean over the face."""


def test_the_standards_levels():
    """BT.2408, table 1: reference white at 203 cd/m² is 75 % HLG and 58 % PQ; BT.2100: peaks."""
    assert 1000 * hlg_to_scene(np.array(0.75)) ** 1.2 == pytest.approx(203, abs=0.5)
    assert pq_to_nits(np.array([0.5806, 1.0])) == pytest.approx([203, 10000], rel=2e-3)
    assert hlg_to_scene(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 1 / 12, 1], abs=1e-6)


def test_primaries_are_exchanged_as_bt2087_says():
    expected = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    np.testing.assert_allclose(primaries_matrix("rec709", "rec2020"), expected, atol=1e-4)
    np.testing.assert_allclose(primaries_matrix("p3", "rec709") @ np.ones(3), np.ones(3), atol=1e-12)


def test_light_up_to_the_knee_is_kept_and_highlights_roll_off_without_a_step():
    light = np.linspace(0, 60, 60001)
    rolled = rolled_off(light)
    below = light <= KNEE
    np.testing.assert_array_equal(rolled[below], light[below])
    assert (np.diff(rolled) >= 0).all() and rolled.max() == 1.0
    assert rolled_off(np.array(PEAK_NITS / REFERENCE_WHITE_NITS)) == pytest.approx(1.0)
    assert linear_to_srgb(rolled_off(np.array(1.0))) * 255 == pytest.approx(247.5, abs=0.1)
    slopes = np.diff(rolled) / np.diff(light)
    assert abs(np.diff(slopes)).max() < 0.06, "a corner"
    assert slopes[~below[1:]][0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("space", [HLG, PQ, FootageColour("hlg", "p3"), FootageColour("srgb", "p3"),
                                   FootageColour("srgb", "rec2020")], ids=lambda one: one.space)  # fmt: skip
def test_tables_give_what_the_formulas_give(space):
    """Against the formulas in float64, in several strips: within a quarter of a 10-bit code."""
    rng = np.random.default_rng(0)
    codes = (rng.random((700, 256, 3)) ** [1.0, 1.3, 0.8] * 65535).astype(np.uint16)
    codes[:8] = np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None]
    values = codes / 65535
    if space.transfer == "hlg":
        scene = hlg_to_scene(values)
        light = scene * ((scene @ colour.luminance_of(space.primaries)) ** 0.2)[..., None] * PEAK_NITS
    elif space.transfer == "pq":
        light = np.minimum(pq_to_nits(values), PEAK_NITS)
    else:
        light = srgb_to_linear(values) * REFERENCE_WHITE_NITS
    light = light / REFERENCE_WHITE_NITS @ primaries_matrix(space.primaries, "rec709").T
    if space.is_hdr:
        largest = light.max(axis=-1, keepdims=True)
        light = light * np.where(largest > 0, rolled_off(largest) / np.maximum(largest, 1e-9), 1.0)
    expected = linear_to_srgb(np.clip(light, 0.0, 1.0))
    assert np.abs(to_unit(to_working_space(codes, space)) - expected).max() < 0.25 / 1023


def test_what_is_in_the_working_space_is_passed_through():
    picture = np.zeros((4, 4, 3), np.uint16)
    assert to_working_space(picture, FootageColour(bits=10)) is picture


def test_sixteen_bits_are_rounded_to_eight():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.abs(to_bytes(values) - values / 257).max() <= 0.5
    np.testing.assert_array_equal(to_bytes(np.arange(256, dtype=np.uint16)[None] * 257), np.arange(256)[None])
    assert to_unit(np.array([0, 255], np.uint8)).tolist() == to_unit(np.array([0, 65535], np.uint16)).tolist() == [0, 1]


# Twins ----------------------------------------------------------------------------------------------------------------


class Twins:
    """The drawn presenter as clips of all kinds, written when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        pictures, masks = draw_face()
        self._lights, self.face = [srgb_to_linear(picture / 255) for picture in pictures], masks[0]

    def first(self, name: str, setting: str = "auto") -> tuple[np.ndarray, FootageColour, list[str]]:
        """The first picture of a kind of clip, how it was read, and what was said of it."""
        path = self._folder / f"{name}{KINDS[name].suffix}"
        if KINDS[name].codec not in av.codecs_available:
            pytest.skip(f"this PyAV has no encoder {KINDS[name].codec}")
        if not path.exists():
            write_twin(path, KINDS[name], self._lights)
        info = probe(path)
        read_as, words = footage_colour(info.tags, setting)
        return next(read_frames(path, replace(info, colour=read_as)))[1], read_as, words

    def difference(self, name: str, setting: str = "auto") -> np.ndarray:
        """(n,) CIEDE2000 from the twin of standard range, in the pixels of the face."""
        return picture_difference(self.first(name, setting)[0], self.first("bt709")[0])[self.face]


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    return Twins(tmp_path_factory.mktemp("twins"))


@pytest.mark.parametrize("name", ["HLG", "HLG ProRes", "HLG by container", "HLG RGB", "PQ", "PQ full range 12 bit",
                                  "PQ of P3", "Display P3", "Display P3 8 bit", "BT.2020", "bt709 10 bit",
                                  "untagged"])  # fmt: skip
def test_a_clip_looks_like_its_twin_of_standard_range(twins, name):
    picture, read_as, words = twins.first(name)
    assert picture.dtype == (np.uint8 if "8 bit" in name or name == "untagged" else np.uint16)
    assert read_as.bits == (12 if "12" in name else 10 if picture.dtype == np.uint16 else 8)
    assert words == []
    face = twins.difference(name)
    assert face.mean() < SKIN_DIFFERENCE / 2
    assert np.percentile(face, 95) < SKIN_DIFFERENCE


@pytest.mark.parametrize(
    ("name", "setting", "says"),
    [
        ("HLG without tags", "hlg", None),
        ("HLG tagged as bt709", "hlg", None),
        ("HLG without primaries", "auto", "names no primaries"),
        ("bt709 tagged as HLG", "srgb", None),
    ],
)
def test_wrong_and_missing_tags_can_be_put_right(twins, name, setting, says):
    _, _, words = twins.first(name, setting)
    assert [says in word for word in words] == ([True] if says else [])
    assert twins.difference(name, setting).mean() < SKIN_DIFFERENCE / 2
    if setting != "auto":
        assert twins.difference(name).mean() > SKIN_DIFFERENCE


def test_a_wrong_hdr_tag_of_8_bits_is_said(twins):
    assert "8 bits" in twins.first("bt709 tagged as HLG")[2][0]


@pytest.mark.parametrize("transfer", [18, 16])
def test_highlights_stay_apart_and_keep_their_hue(transfer):
    """A grey and an orange ramp up to 1000 cd/m²: rising everywhere, never full before the peak, of one hue."""
    steps = np.linspace(0.1, PEAK_NITS / REFERENCE_WHITE_NITS, 200)
    light = np.stack([steps[:, None] * [1.0, 1.0, 1.0], steps[:, None] * [1.0, 0.5, 0.25]])
    codes = np.rint(signal_of(light, 9, transfer) * 65535).astype(np.uint16)
    shown = to_unit(to_working_space(codes, HLG if transfer == 18 else PQ)).astype(np.float64)
    assert (np.diff(shown[..., 0], axis=1) > 0).all()
    linear = srgb_to_linear(shown)
    np.testing.assert_allclose(linear[1] / linear[1, :, :1], np.tile([1.0, 0.5, 0.25], (200, 1)), atol=5e-3)
