"""One time code in all that is delivered of a line: frames, sound, movie, as other readers find it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import OpenEXR
import pytest

from backend.export.export import export
from backend.media import riff
from backend.media.audio import save_wav_blocks
from shared import layout
from shared.jobs import Reporter
from shared.timing import parse_timecode, samples_for_frames, timecode_text
from tests.support.disc_take import FIRST, FPS, LAST, RATE, make_take
from tests.support.exported_files import time_reference

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)]


@pytest.mark.parametrize("fps", RATES)
def test_a_time_code_goes_to_frames_and_back(fps):
    for text in ("00:00:00:00", "01:00:00:00", "10:59:59:23", "23:59:59:23"):
        assert timecode_text(parse_timecode(text, fps), fps) == text
    assert parse_timecode("00:00:01:00", fps) == round(fps)


@pytest.mark.parametrize("text", ["", "1", "01:00:00;00", "24:00:00:00", "00:60:00:00", "00:00:00:30", "-1:00:00:00"])
def test_what_is_no_time_code_of_the_rate_is_refused(text):
    with pytest.raises(ValueError, match="time code"):
        parse_timecode(text, Fraction(30))


def exr_timecode(path):
    with OpenEXR.File(str(path), header_only=True) as file:
        told = [part.header["timeCode"] for part in file.parts]
    assert len(told) == 2 and str(told[0]) == str(told[1])
    return f"{told[0].hours:02d}:{told[0].minutes:02d}:{told[0].seconds:02d}:{told[0].frame:02d}"


@pytest.mark.parametrize("start", [None, "01:00:00:00", "10:20:30:25"])
def test_frames_sound_and_movie_tell_the_same_time(tmp_path, start):
    take = make_take(tmp_path / "take", start)
    export(take, tmp_path / "head.mov", Reporter())
    first = parse_timecode(start or "00:00:00:00", FPS) + FIRST - 1
    with av.open(str(tmp_path / "head.mov")) as movie:
        told = {stream.metadata.get("timecode") for stream in movie.streams} - {None}
        assert told == {timecode_text(first, FPS)}
        assert sum(1 for _ in movie.decode(video=0)) == LAST - FIRST + 1
    for number in range(FIRST, LAST + 1):
        path = take / layout.EXR_NAME.format(frame=number)
        assert exr_timecode(path) == timecode_text(first + number - FIRST, FPS)
    first_sample, originator = time_reference(take / layout.AUDIO_FILE)
    assert originator == "M2DAO-Talker"
    assert first_sample == samples_for_frames(first - FIRST + 1, RATE, FPS)
    with av.open(str(take / layout.AUDIO_FILE)) as sound:
        assert int(sound.metadata["time_reference"]) == first_sample, "FFmpeg reads the same"
        assert sum(frame.samples for frame in sound.decode(audio=0)) == samples_for_frames(10, RATE, FPS)
    assert riff.is_whole(take / layout.AUDIO_FILE)


def test_a_wave_after_half_a_day_has_its_whole_time_reference(tmp_path):
    late = 23 * 3600 * 192000
    save_wav_blocks(tmp_path / "a.wav", [np.zeros(10, np.float32)], 192000, {"ICMT": "x"}, riff.Origin(late))
    assert time_reference(tmp_path / "a.wav")[0] == late > 2**32
    assert riff.read_info(tmp_path / "a.wav") == {"ICMT": "x"} and riff.is_whole(tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes()[36:40] == b"bext", "before the sound, where every reader looks"
