"""Sound in and out, and the features of speech."""

import os
import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from backend.media.audio import fit_length, load_audio, read_audio, require_sound, save_wav
from backend.media.audio_features import FLOOR, MELS, AudioFeatures, log_mel
from backend.media.sound import Sound
from backend.media.sound_choice import choose_sound
from shared.errors import InputError

RATE = 16000


def tone(hz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_movie(
    path, sound_start_s: float, sound: np.ndarray, rate: int = 48000, fps: int = 25, picture_start: int = 0
) -> None:
    """A second of black picture from frame `picture_start`, and `sound` from `sound_start_s`, raw, Matroska."""
    with av.open(str(path), "w", format="matroska") as container:
        picture = container.add_stream("mpeg4", rate=fps)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        voice = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        for index in range(fps):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = picture_start + index, Fraction(1, fps)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for first in range(0, len(sound), 1024):
            block = (sound[first : first + 1024] * 32767).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            heard.sample_rate, heard.time_base = rate, Fraction(1, rate)
            heard.pts = round(sound_start_s * rate) + first
            container.mux(voice.encode(heard))
        container.mux(voice.encode(None))


def test_stereo_at_another_rate_becomes_mono_at_the_asked_rate(tmp_path):
    stereo = np.stack([tone(440, 1.0, 44100), np.zeros(44100, np.float32)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 44100)
    samples = load_audio(tmp_path / "a.wav", RATE)
    assert samples.dtype == np.float32 and samples.shape == (RATE,)
    assert np.abs(samples[1000:-1000] - 0.5 * tone(440, 1.0)[1000:-1000]).max() < 2e-3


def test_a_wav_comes_back_as_it_was_saved(tmp_path):
    samples = tone(300, 0.3)
    save_wav(tmp_path / "a.wav", samples, RATE)
    assert np.abs(load_audio(tmp_path / "a.wav") - samples).max() <= 1 / 32768
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(("sound_start_s", "picture_start"), [(0.0, 0), (0.25, 0), (0.0, 5)])
def test_sound_of_a_movie_lies_on_the_clock_of_its_picture(tmp_path, sound_start_s, picture_start):
    rate = 48000
    sound = np.zeros(rate, np.float32)
    sound[rate // 2] = 0.9
    write_movie(tmp_path / "m.mkv", sound_start_s, sound, rate, picture_start=picture_start)
    samples, found_rate = read_audio(tmp_path / "m.mkv")
    assert found_rate == rate
    expected_s = 0.5 + sound_start_s - picture_start / 25
    assert abs(np.abs(samples).argmax() / rate - expected_s) < 0.0015  # Matroska's clock ticks in milliseconds


def test_a_movie_without_sound_has_no_choice_and_is_refused_as_a_line(tmp_path):
    write_movie(tmp_path / "m.mkv", 0.0, np.zeros(0, np.float32))
    assert choose_sound(tmp_path / "m.mkv") is None
    with pytest.raises(InputError, match="holds no sound"):
        load_audio(tmp_path / "m.mkv")


def test_what_is_no_sound_file_is_the_callers_error(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    for path in (tmp_path / "text.wav", tmp_path / "missing.wav", tmp_path):
        with pytest.raises(InputError):
            load_audio(path)


def wav_of(codec: int, bits: int, data: bytes) -> bytes:
    """A WAV whose header names any codec and any number of bits."""
    form = struct.pack("<HHIIHH", codec, 1, 16000, 32000, 2, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("codec", "bits"), [(0x1234, 16), (1, 0), (0xFFFF, 16), (0x55, 3)])
@pytest.mark.parametrize("read", [load_audio, require_sound])
def test_a_codec_that_nothing_here_knows_is_the_callers_error(tmp_path, codec, bits, read):
    path = tmp_path / "odd.wav"
    path.write_bytes(wav_of(codec, bits, bytes(range(256)) * 100))
    with pytest.raises(InputError, match=r"odd\.wav"):
        read(path)


def test_samples_far_beyond_full_scale_are_refused(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.full(16000, 1e30, np.float32), 16000, subtype="FLOAT")
    with pytest.raises(InputError, match="beyond full scale"):
        load_audio(tmp_path / "loud.wav")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
@pytest.mark.parametrize("read", [load_audio, require_sound])
def test_a_pipe_and_a_device_are_refused_and_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="pipe or a device|is a folder"):
            read(path)


def test_length_is_fitted_with_silence_or_by_cutting():
    assert fit_length(np.ones(3), 5).tolist() == [1, 1, 1, 0, 0]
    assert fit_length(np.ones(3), 2).tolist() == [1, 1]


def test_features_have_the_energy_in_the_band_of_the_tone():
    features = log_mel(tone(1000, 1.0), RATE)
    assert features.log_mel.shape == (RATE // 80 + 1, MELS)
    loudest = features.log_mel[20:-20].argmax(axis=1)
    import librosa

    centres = librosa.mel_frequencies(MELS + 2, fmin=55, fmax=7600)[1:-1]
    assert np.abs(centres[loudest] - 1000).max() < 60


def test_silence_is_the_floor():
    assert np.allclose(log_mel(np.zeros(RATE, np.float32), RATE).log_mel, np.log(FLOOR))


def test_a_click_is_found_at_its_own_time_whatever_the_frame_rate():
    samples = np.zeros(RATE * 4, np.float32)
    samples[round(RATE * 2.5)] = 1.0
    features = log_mel(samples, RATE)
    for fps in (Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)):
        times = np.array([float(n / fps) for n in range(int(4 * fps))])
        energy = features.windows(times, 0.02, 9).mean(axis=(1, 2))
        assert abs(times[energy.argmax()] - 2.5) <= 0.5 / float(fps) + 1e-9


def test_windows_interpolate_between_vectors_and_hold_the_ends():
    features = AudioFeatures(np.arange(5, dtype=np.float32)[:, None].repeat(MELS, 1), rate_hz=10.0, start_s=1.0)
    windows = features.windows(np.array([1.05, 1.2, 9.0]), 0.1, 3)
    assert windows.shape == (3, 3, MELS)
    assert np.allclose(windows[:, :, 0], [[0.0, 0.5, 1.5], [1.0, 2.0, 3.0], [4.0, 4.0, 4.0]], atol=1e-5)


def test_features_are_the_same_after_saving_and_loading(tmp_path):
    features = log_mel(tone(500, 0.2), RATE)
    features.save(tmp_path / "f.npz")
    again = AudioFeatures.load(tmp_path / "f.npz")
    assert np.array_equal(again.log_mel, features.log_mel)
    assert (again.rate_hz, again.start_s) == (200.0, 0.0)
    (tmp_path / "f.npz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="Preprocess"):
        AudioFeatures.load(tmp_path / "f.npz")


def test_sound_of_which_nothing_can_be_read_any_more_is_named(tmp_path, monkeypatch):
    save_wav(tmp_path / "line.wav", tone(220, 0.5), RATE)
    monkeypatch.setattr(Sound, "blocks", lambda self: iter(()))  # as where FFmpeg gets no memory
    with pytest.raises(InputError, match=r"No sound can be read from .*line\.wav"):
        read_audio(tmp_path / "line.wav")
