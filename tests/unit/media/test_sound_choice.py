"""The track and the channels that hold speech are taken, and that is said."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.media.audio import load_audio, read_audio, require_sound, resample
from backend.media.sound_choice import SoundChoice, choose_sound
from backend.presenter.speech import speak
from shared.errors import InputError
from tests.odd_inputs.sounds import LINES, time_code
from tests.odd_inputs.trial import alikeness, try_line
from tests.odd_inputs.writing import AUDIO_RATE, Clip, SoundOf, at_rate, write

PICTURES = [np.full((64, 64, 3), 90, np.uint8)] * 5


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    """Two seconds of speech at AUDIO_RATE."""
    spoken = speak("Papa bought a map, and we sail.")
    samples = resample(spoken.samples, spoken.sample_rate, AUDIO_RATE)
    return 0.8 * samples / np.abs(samples).max()


@pytest.mark.parametrize("case", LINES, ids=lambda case: case.name)
def test_a_line_is_read_whatever_its_file_is_like(tmp_path, line, case):
    assert try_line(case, line, at_rate(line, 16000), tmp_path).wrong == ()


def chosen_of(path: Path, number: int | None = None) -> SoundChoice:
    chosen = choose_sound(path, number)
    assert chosen is not None
    return chosen


def tracks(tmp_path, *samples: np.ndarray):
    return write(
        tmp_path / "clip.mkv", Clip(PICTURES, samples[0]), None, [SoundOf(s[None], "pcm_s16le") for s in samples]
    )


@pytest.mark.parametrize("what", ["silence", "time code", "tone"])
def test_the_track_with_speech_is_taken(tmp_path, line, what):
    other = {"silence": 0 * line, "time code": time_code(line), "tone": np.sin(np.arange(len(line)) / 9)}[what] * 0.5
    path = tracks(tmp_path, other.astype(np.float32), line)
    chosen = chosen_of(path)
    assert chosen.track.number == 2
    assert "2 sound tracks: 2 is taken (1 " in chosen.words[0]
    assert chosen.in_key != ()
    assert alikeness(load_audio(path), at_rate(line, 16000)) > 0.98


def test_the_first_of_two_tracks_with_speech_is_taken_and_the_other_on_request(tmp_path, line):
    path = tracks(tmp_path, line, line[::-1])
    assert chosen_of(path).track.number == 1
    assert "2 has speech too" in chosen_of(path).words[0]
    asked = chosen_of(path, 2)
    assert asked.track.number == 2
    assert alikeness(load_audio(path, choice=asked), at_rate(line[::-1], 16000)) > 0.98


def test_a_track_that_is_not_there_is_refused_with_those_that_are(tmp_path, line):
    path = tracks(tmp_path, line, line)
    with pytest.raises(InputError, match="no sound track 3") as raised:
        choose_sound(path, 3)
    assert "1" in raised.value.do and "2" in raised.value.do
    with pytest.raises(InputError, match="no sound track 3"):
        require_sound(path, 3)
    require_sound(path, 2)


def test_plain_sound_is_read_as_ever_and_needs_no_word(tmp_path, line):
    """Mono, and stereo whose channels both hold speech: the mean, and nothing in the key of a stage."""
    stereo = np.stack([line, np.roll(line, 40)])
    for samples in (line[None], stereo):
        soundfile.write(tmp_path / "line.wav", samples.T, AUDIO_RATE, subtype="FLOAT")
        said: list[str] = []
        found, rate = read_audio(tmp_path / "line.wav", say=said.append)
        assert np.array_equal(found, samples.astype(np.float32).mean(axis=0, dtype=np.float32))
        assert (rate, said, chosen_of(tmp_path / "line.wav").in_key) == (AUDIO_RATE, [], ())


def test_what_is_no_speech_is_not_cancelled_either(tmp_path):
    tone = (0.5 * np.sin(np.arange(96000) / 9)).astype(np.float32)
    soundfile.write(tmp_path / "line.wav", np.stack([tone, -tone]).T, AUDIO_RATE, subtype="FLOAT")
    said: list[str] = []
    found, _ = read_audio(tmp_path / "line.wav", say=said.append)
    assert np.array_equal(found, tone) and "opposite phase" in said[0]


def test_a_short_sound_is_not_judged(tmp_path, line):
    """Half a second tells nothing of what is in it."""
    short = np.stack([line[:24000], 0.3 * time_code(line[:24000])])
    soundfile.write(tmp_path / "line.wav", short.T, AUDIO_RATE)
    assert chosen_of(tmp_path / "line.wav").channels == ()


@pytest.mark.parametrize("rate", [1, 300, 333, 600, 667])
def test_of_sound_too_low_for_voices_all_channels_are_taken(tmp_path, rate):
    both = np.stack([np.full(3 * rate, 0.25), np.full(3 * rate, 0.5)], axis=1)
    soundfile.write(tmp_path / "low.wav", both, rate)
    samples, told = read_audio(tmp_path / "low.wav")
    assert told == rate and len(samples) == 3 * rate
    if rate < 600:
        assert chosen_of(tmp_path / "low.wav").channels == ()
        assert np.allclose(samples, 0.375, atol=1e-3)


def test_sound_that_overshoots_a_little_is_left_as_it_is(tmp_path, line):
    loud = (1.4 / np.abs(line).max()) * line
    soundfile.write(tmp_path / "line.wav", loud, AUDIO_RATE, subtype="FLOAT")
    said: list[str] = []
    found, _ = read_audio(tmp_path / "line.wav", say=said.append)
    assert np.array_equal(found, loud.astype(np.float32)) and said == []


def test_sound_whose_clock_begins_anew_goes_on(tmp_path, line):
    parts = [write(tmp_path / f"{n}.ts", Clip(PICTURES * 5, line[:48000], Fraction(25))) for n in range(2)]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    found, rate = read_audio(tmp_path / "both.ts")
    assert abs(len(found) / rate - 2.0) < 0.1
