"""A retimed strip is heard at its speed, and never mixed by a Blender that would get it wrong."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.bpy.test_line_audio import add, read, set_fps, sound_needed, write_clicks  # noqa: F401

SECONDS, CLICKS = 4, (1.0, 3.0)


@pytest.fixture
def retime(addon, bpy, scene, in_sequencer):
    """Give a strip another speed, in percent, as an artist does."""

    def set_speed(strip, percent):
        strip.select, scene.sequence_editor.active_strip = True, strip
        with in_sequencer():
            bpy.ops.sequencer.retiming_segment_speed_set(speed=percent)

    return set_speed


@pytest.fixture
def told(addon, sound_needed):  # noqa: F811
    if not addon.compat.mixes_retimed_sound():
        pytest.skip("this Blender mixes retimed sound at its old speed, which is refused")


@pytest.fixture
def unmixed(addon, monkeypatch):
    """Blender is not to mix anything."""

    def refuse(*call, **options):
        raise AssertionError("mixed by Blender")

    monkeypatch.setattr(addon.compat, "mix_sound", refuse)


def heard_at(path):
    """Seconds at which clicks are heard."""
    samples, rate = read(path)
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 3000) / rate
    return [float(group[0]) for group in np.split(loud, np.flatnonzero(np.diff(loud) > 0.2) + 1)]


def with_the_pitch_of_its_speed(strip):
    if hasattr(strip, "pitch_correction"):
        strip.pitch_correction = False


@pytest.mark.parametrize(("percent", "trimmed"), [(200.0, 0), (200.0, 5), (50.0, 20), (133.0, 7)])
def test_at_one_speed_it_is_cut_out_of_its_file(
    addon, scene, add, retime, told, unmixed, tmp_path, percent, trimmed  # noqa: F811
):  # fmt: skip
    set_fps(addon, scene, "25")
    write_clicks(tmp_path / "a.wav", SECONDS, CLICKS)
    strip = add(tmp_path / "a.wav", 11)
    retime(strip, percent)
    with_the_pitch_of_its_speed(strip)
    strip.frame_final_start += trimmed
    line = addon.bridge.audio.line(scene)
    speed = percent / 100
    assert abs(line.frame_count - (SECONDS * 25 / speed - trimmed)) <= 3
    heard = heard_at(line.write(tmp_path / "line.wav"))
    expected = [second / speed - trimmed / 25 for second in CLICKS]
    assert heard == pytest.approx(expected, abs=0.04 / min(speed, 1.0))  # speeds are rounded to whole frames


def test_at_one_speed_coded_sound_is_decoded(
    addon, scene, add, retime, told, unmixed, tmp_path  # noqa: F811
):  # fmt: skip
    set_fps(addon, scene, "25")
    write_clicks(tmp_path / "a.wav", SECONDS, CLICKS)
    import aud

    player: Any = aud  # its stubs lack what they should say
    plain = player.Sound(str(tmp_path / "a.wav"))
    plain.write(
        str(tmp_path / "a.ogg"),
        48000,
        1,
        player.FORMAT_FLOAT32,
        player.CONTAINER_OGG,
        player.CODEC_VORBIS,
        192000,
        4096,
    )
    strip = add(tmp_path / "a.ogg", 11)
    retime(strip, 200.0)
    with_the_pitch_of_its_speed(strip)
    heard = heard_at(addon.bridge.audio.line(scene).write(tmp_path / "line.wav"))
    assert heard == pytest.approx([0.5, 1.5], abs=0.05)


def test_where_the_pitch_is_kept_or_the_speed_changes_blender_mixes(
    addon, bpy, scene, add, retime, told, unmixed, in_sequencer, tmp_path  # noqa: F811
):  # fmt: skip
    set_fps(addon, scene, "25")
    write_clicks(tmp_path / "a.wav", SECONDS, CLICKS)
    strip = add(tmp_path / "a.wav", 11)
    retime(strip, 200.0)
    if hasattr(strip, "pitch_correction"):
        strip.pitch_correction = True
    else:
        with in_sequencer():
            bpy.ops.sequencer.retiming_key_add(timeline_frame=30)
    with pytest.raises(AssertionError, match="mixed by Blender"):
        addon.bridge.audio.line(scene).write(tmp_path / "line.wav")


def test_it_is_refused_where_blender_mixes_it_at_its_old_speed(
    addon, scene, add, retime, told, unmixed, monkeypatch, tmp_path  # noqa: F811
):  # fmt: skip
    """As in Blender 4.3, which does not tell of sound that it is retimed either."""
    monkeypatch.setattr(addon.compat, "mixes_retimed_sound", lambda: False)
    set_fps(addon, scene, "25")
    write_clicks(tmp_path / "a.wav", SECONDS, CLICKS)
    strip = add(tmp_path / "a.wav", 11)
    line = addon.bridge.audio.line(scene)
    monkeypatch.setattr(addon.compat, "tells_retiming", lambda strip: False)
    assert heard_at(line.write(tmp_path / "line.wav")) == pytest.approx(CLICKS, abs=0.01)
    monkeypatch.undo()
    monkeypatch.setattr(addon.compat, "mixes_retimed_sound", lambda: False)
    retime(strip, 200.0)
    with pytest.raises(addon.bridge.strips.InputError, match=r"retimed.*Blender 4.5 or newer"):
        line.write(tmp_path / "line.wav")


@pytest.mark.parametrize(
    ("frames", "seconds", "is_so"),
    [
        (100, 4, False),
        (96, 4, False),  # added when the scene had 24 frames a second
        (120, 4, False),
        (51, 4, True),  # as Blender 4.3.2 has a sound of 4 s at 200, 50 and 133 % in a scene of 25 frames a second
        (201, 4, True),
        (76, 4, True),
        (500, Fraction(320154, 16000), False),
    ],
)
def test_without_being_told_a_length_tells_it(addon, frames, seconds, is_so):
    assert addon.bridge.sound_speed.seems_retimed(frames, Fraction(seconds), Fraction(25)) is is_so
