"""A line of dialogue out of the timeline: exactly as long as its frames, exactly at its place."""

import wave
from fractions import Fraction

import numpy as np
import pytest

from tests.bpy.trimming import trim

RATE = 16000


def write_ramp(path, seconds, rate=RATE, channels=1):
    """A sound whose every sample tells where it is: 1, 2, 3 … modulo 30000."""
    values = (np.arange(round(seconds * rate)) % 30000 + 1).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.repeat(values, channels).tobytes())


def write_clicks(path, seconds, at, rate=48000):
    """Silence with short clicks at these seconds."""
    values = np.zeros(round(seconds * rate), "<i2")
    for time in at:
        start = round(time * rate)
        values[start : start + 24] = 20000
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(values.tobytes())


def read(path):
    with wave.open(str(path), "rb") as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return samples.reshape(-1, sound.getnchannels())[:, 0], sound.getframerate()


@pytest.fixture
def sound_needed(addon):
    if not addon.compat.has_sound():
        pytest.skip("this Blender has no sound")


@pytest.fixture
def add(addon, scene, sound_needed):
    """Add a sound strip and name it as the line."""

    def make(path, frame, channel=1, name="line"):
        editor = scene.sequence_editor_create()
        strip = addon.compat.strips(editor).new_sound(name, str(path), channel, frame)
        scene.talker.line_strip = strip.name
        return strip

    return make


def set_fps(addon, scene, text):
    addon.bridge.keys.set_scene_fps(scene, Fraction(text))


@pytest.mark.parametrize("fps", ["24000/1001", "25", "30000/1001", "60"])
def test_a_plain_strip_is_cut_out_of_its_file_without_loss(addon, scene, add, tmp_path, fps):
    set_fps(addon, scene, fps)
    write_ramp(tmp_path / "a.wav", 3)
    strip = add(tmp_path / "a.wav", 41)
    trim(strip, 10, 7)
    line = addon.bridge.audio.line(scene)
    start, end = addon.compat.strip_range(strip)
    assert (line.name, line.frame_start, line.frame_count) == ("line", 51, end - 51)
    samples, rate = read(line.write(tmp_path / "out" / "line.wav"))
    first = round(10 * RATE / Fraction(fps))
    assert rate == RATE
    assert samples[0] == first + 1 and samples[1000] == first + 1001
    assert len(samples) == int(line.frame_count * RATE / Fraction(fps))
    assert -(-len(samples) * Fraction(fps) // RATE) == line.frame_count


def test_a_strip_that_is_longer_than_its_sound_ends_in_silence(addon, scene, add, tmp_path):
    write_ramp(tmp_path / "a.wav", 1)
    strip = add(tmp_path / "a.wav", 1)
    set_fps(addon, scene, "24")
    addon.compat.set_strip_length(strip, 48)
    samples, _ = read(addon.bridge.audio.line(scene).write(tmp_path / "line.wav"))
    assert len(samples) == 2 * RATE
    assert samples[RATE - 1] == RATE and not samples[RATE:].any()


def test_a_strip_with_a_sound_offset_is_heard_when_blender_plays_it(addon, scene, add, tmp_path):
    set_fps(addon, scene, "25")
    write_clicks(tmp_path / "a.wav", 2, [0.5])
    strip = add(tmp_path / "a.wav", 1)
    if not hasattr(strip, "sound_offset"):
        pytest.skip("this Blender's strips have no sound offset")
    strip.sound_offset = 0.2
    cut, rate = read(addon.bridge.audio.line(scene).write(tmp_path / "cut.wav"))
    addon.bridge.audio.mix(scene, 1, 50, tmp_path / "mixed.wav")
    mixed, mixed_rate = read(tmp_path / "mixed.wav")
    assert np.argmax(np.abs(cut) > 5000) / rate == pytest.approx(np.argmax(np.abs(mixed) > 5000) / mixed_rate, abs=2e-3)


@pytest.mark.parametrize("fps", ["24000/1001", "25"])
def test_the_mixed_range_has_every_sound_at_its_frame(addon, scene, add, tmp_path, fps):
    set_fps(addon, scene, fps)
    write_clicks(tmp_path / "a.wav", 2, [0.25])
    add(tmp_path / "a.wav", 31)
    add(tmp_path / "a.wav", 61, channel=2, name="other")
    scene.frame_start, scene.frame_end = 21, 80
    scene.talker.line_source = "RANGE"
    line = addon.bridge.audio.line(scene)
    assert (line.frame_start, line.frame_count) == (21, 60)
    samples, rate = read(line.write(tmp_path / "line.wav"))
    assert len(samples) == int(60 * rate / Fraction(fps))
    heard = np.flatnonzero(np.abs(samples) > 5000) / rate
    for frame in (10, 40):
        expected = float(frame / Fraction(fps)) + 0.25
        assert np.abs(heard - expected).min() < 2e-3
    assert (scene.frame_start, scene.frame_end) == (21, 80)


def test_a_strip_that_blender_has_to_mix_is_heard_alone(addon, scene, add, tmp_path):
    set_fps(addon, scene, "25")
    write_clicks(tmp_path / "a.wav", 2, [0.25])
    write_clicks(tmp_path / "b.wav", 2, [1.0])
    add(tmp_path / "b.wav", 31, channel=2, name="music")
    strip = add(tmp_path / "a.wav", 31)
    strip.volume, strip.mute = 0.5, True
    samples, rate = read(addon.bridge.audio.line(scene).write(tmp_path / "line.wav"))
    heard = np.flatnonzero(np.abs(samples) > 3000) / rate
    assert len(samples) == 2 * rate
    assert np.abs(heard - 0.25).max() < 0.01
    strips = addon.compat.strips(scene.sequence_editor)
    assert strip.mute and not strips["music"].mute


def test_a_line_from_a_file_is_the_file_itself(addon, scene, tmp_path):
    write_ramp(tmp_path / "spoken.wav", 1.01)
    set_fps(addon, scene, "25")
    settings = scene.talker
    settings.line_source, settings.line_file, settings.line_frame = "FILE", str(tmp_path / "spoken.wav"), 7
    line = addon.bridge.audio.line(scene)
    assert (line.name, line.frame_start, line.frame_count) == ("spoken", 7, 26)
    assert line.write(tmp_path / "unused.wav") == tmp_path / "spoken.wav"
    assert not (tmp_path / "unused.wav").exists()


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF, 0x7FFFFFFF, None])
def test_a_line_whose_header_states_no_length_lasts_as_long_as_its_samples(addon, scene, tmp_path, stated):
    """None: the header is right, and the file is cut off in the middle."""
    path = tmp_path / "streamed.wav"
    write_ramp(path, 3.0)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    if stated is None:
        del data[at + 4 + 3 * RATE :]
    else:
        data[4:8] = data[at : at + 4] = stated.to_bytes(4, "little")
    path.write_bytes(data)
    scene.talker.line_source, scene.talker.line_file = "FILE", str(path)
    fps = scene.render.fps
    assert addon.bridge.audio.line(scene).frame_count == (3 * fps if stated is not None else round(1.5 * fps))


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF])
def test_a_strip_whose_header_states_no_length_is_cut_out_of_its_samples(addon, scene, add, tmp_path, stated):
    path = tmp_path / "streamed.wav"
    write_ramp(path, 2.0)
    strip = add(path, 1)
    assert addon.compat.strip_range(strip)[1] > 25
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = stated.to_bytes(4, "little")
    path.write_bytes(data)
    addon.bridge.audio.line(scene).write(tmp_path / "line.wav")
    samples, _ = read(tmp_path / "line.wav")
    assert samples[:RATE].tolist() == [1 + n % 30000 for n in range(RATE)]


def test_without_a_line_the_words_say_what_to_do(addon, scene, tmp_path):
    errors = addon.bridge.strips.InputError
    with pytest.raises(errors, match="No line is chosen"):
        addon.bridge.audio.line(scene)
    scene.talker.line_strip = "gone"
    with pytest.raises(errors, match="no sound strip gone"):
        addon.bridge.audio.line(scene)
    scene.talker.line_source = "FILE"
    with pytest.raises(errors, match="No sound file"):
        addon.bridge.audio.line(scene)
    scene.talker.line_file = str(tmp_path / "no.wav")
    with pytest.raises(errors, match="There is no sound file"):
        addon.bridge.audio.line(scene)


def test_a_strip_whose_file_is_gone_is_refused_and_leaves_nothing(addon, scene, add, tmp_path):
    write_ramp(tmp_path / "a.wav", 1)
    add(tmp_path / "a.wav", 1)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(addon.bridge.strips.InputError, match="cannot be read"):
        addon.bridge.audio.line(scene).write(tmp_path / "out" / "line.wav")
    assert not list((tmp_path / "out").iterdir())


def test_a_blender_without_sound_says_so(addon, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(addon.compat, "has_sound", lambda: False)
    scene.sequence_editor_create()
    scene.talker.line_source = "RANGE"
    with pytest.raises(addon.bridge.strips.InputError, match="built without sound"):
        addon.bridge.audio.line(scene).write(tmp_path / "line.wav")


# Metas, channels, speed --------------------------------------------------------------------------------------------


def test_a_trimmed_meta_leaves_of_the_line_what_it_shows(addon, scene, add, make_meta, tmp_path):
    set_fps(addon, scene, "25")
    write_ramp(tmp_path / "a.wav", 8)
    add(tmp_path / "a.wav", 11, channel=2)
    make_meta(48, 10)
    line = addon.bridge.audio.line(scene)
    assert (line.frame_start, line.frame_count) == (59, 142)
    samples, _ = read(line.write(tmp_path / "line.wav"))
    assert samples[0] == 48 * RATE // 25 % 30000 + 1
    assert len(samples) == 142 * RATE // 25


def test_a_line_of_which_the_meta_leaves_nothing_is_refused(addon, scene, add, make_meta, tmp_path):
    set_fps(addon, scene, "25")
    write_ramp(tmp_path / "a.wav", 8)
    write_ramp(tmp_path / "b.wav", 1)
    add(tmp_path / "a.wav", 11, channel=3, name="other")
    add(tmp_path / "b.wav", 11, channel=2)
    make_meta(100, 0)
    with pytest.raises(addon.bridge.strips.InputError, match="Nothing of the strip line is heard"):
        addon.bridge.audio.line(scene)


def write_two_speakers(path):
    """Left counts up, right counts down."""
    values = np.arange(RATE, dtype="<i2") % 1000
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(np.stack([values, -values], axis=1).tobytes())


@pytest.mark.parametrize(("channel", "sign"), [("LEFT", 1), ("RIGHT", -1)])
@pytest.mark.parametrize("source", ["cut out of its file", "mixed by Blender", "RANGE", "FILE"])
def test_one_speaker_of_stereo_sound_is_the_line(addon, scene, add, tmp_path, channel, sign, source):
    set_fps(addon, scene, "25")
    write_two_speakers(tmp_path / "talk.wav")
    strip, settings = add(tmp_path / "talk.wav", 1), scene.talker
    settings.line_channel = channel
    if source == "mixed by Blender":
        strip.volume = 0.999
    elif source == "RANGE":
        settings.line_source, scene.frame_start, scene.frame_end = "RANGE", 1, 25
    elif source == "FILE":
        settings.line_source, settings.line_file = "FILE", str(tmp_path / "talk.wav")
    written = addon.bridge.audio.line(scene).write(tmp_path / "line.wav")
    with wave.open(str(written), "rb") as sound:
        assert sound.getnchannels() == 1
    samples, rate = read(written)
    at = round(0.5 * rate) + np.arange(0, 300, 3) * rate // RATE
    told = samples[at].astype(float)
    counted = sign * ((at * RATE / rate) % 1000)
    assert np.corrcoef(told, counted)[0, 1] > 0.9, "it is the other speaker"


def test_a_file_that_is_no_wav_says_what_to_do_about_one_channel(addon, scene, tmp_path):
    (tmp_path / "a.ogg").write_bytes(b"OggS")
    line = addon.bridge.audio.Line("Scene", "a", 1, 10, "FILE", tmp_path / "a.ogg", "LEFT")
    with pytest.raises(addon.bridge.strips.InputError, match="PCM WAV file, and a.ogg is not.*add the file as a strip"):
        line.write(tmp_path / "line.wav")
