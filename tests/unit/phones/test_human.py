"""Lines in people's voices: segments in IPA as Flite, Festival and label files have them; a word where they lack."""

from __future__ import annotations

import stat
import sys

import numpy as np
import pytest
import soundfile

from backend.phones import human
from backend.phones.lines import SCRIPTS, english_line, syllables_of
from backend.phones.sounds import SOUNDS, class_and_shape
from shared.errors import InputError

RATE = 16000


def sound_of(ipa: str) -> str:
    return SOUNDS[class_and_shape(ipa)[0]]


@pytest.mark.parametrize(
    ("segment", "sound"),
    [
        (("b", "-", "l", "s", "0", "0", "0"), "pbm"),
        (("m", "-", "l", "n", "0", "0", "0"), "pbm"),
        (("w", "-", "l", "r", "0", "0", "0"), "w"),
        (("v", "-", "b", "f", "0", "0", "0"), "fv"),
        (("t", "-", "a", "s", "0", "0", "0"), "td"),
        (("s", "-", "a", "f", "0", "0", "0"), "s"),
        (("sh", "-", "p", "f", "0", "0", "0"), "sh"),
        (("k", "-", "v", "s", "0", "0", "0"), "k"),
        (("hh", "-", "g", "f", "0", "0", "0"), "h"),
        (("aa", "+", "0", "0", "3", "3", "-"), "a"),
        (("eh", "+", "0", "0", "2", "1", "-"), "e"),
        (("iy", "+", "0", "0", "1", "1", "-"), "i"),
        (("uw", "+", "0", "0", "1", "3", "+"), "u"),
        (("oe", "+", "0", "0", "2", "1", "+"), "e"),
        (("ow", "+", "0", "0", "2", "3", "+"), "o"),
        (("ax", "+", "0", "0", "2", "2", "-"), "schwa"),
        (("pau", "-", "0", "0", "0", "0", "0"), "silence"),
        (("r~",), "sh"),
        (("aa",), "a"),
        (("#",), "silence"),
    ],
)
def test_a_segment_of_festival_is_the_sound_that_its_features_or_its_name_say(segment, sound):
    assert sound_of(human._ipa(*segment)) == sound


def test_recordings_come_with_their_labels(tmp_path):
    (tmp_path / "lab").mkdir()
    (tmp_path / "wav").mkdir()
    (tmp_path / "lab" / "one.lab").write_text("#\n0.1 125 pau\n0.25 125 mm\n0.5 125 aa\n")
    soundfile.write(tmp_path / "wav" / "one.wav", np.zeros(RATE // 2, np.float32), RATE)
    (line,) = human._recorded(tmp_path)
    assert line.duration_s == 0.5 and [start for start, _ in line.phonemes] == [0.0, 0.1, 0.25]
    assert [sound_of(name) for _, name in line.phonemes] == ["silence", "pbm", "a"]


def test_missing_programs_and_voices_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="flite is not installed"):
        next(human.human_lines(1, 0))
    with pytest.raises(InputError, match="no recordings"):
        next(human._recorded(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_a_program_that_fails_says_why(tmp_path, monkeypatch):
    program = tmp_path / "flite"
    program.write_text("#!/bin/sh\necho no such voice >&2\nexit 3\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(InputError, match="no such voice"):
        next(human.human_lines(1, 0))


def test_texts_are_in_the_script_that_a_voice_reads():
    draw = np.random.default_rng(0)
    for script, (consonants, vowels) in SCRIPTS.items():
        assert set(syllables_of(script, draw)) <= {" ", *consonants, *vowels}
    assert all(letter.isascii() for letter in "".join(english_line(draw) for _ in range(5)))
