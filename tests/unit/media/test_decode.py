"""Footage is read by its exact timestamps, upright, in its own colours."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from backend.media.colour import to_bytes
from backend.media.decode import probe, read_frames
from shared.errors import InputError

WIDTH, HEIGHT = 96, 64


def _picture(number: int) -> np.ndarray:
    """Grey that tells the frame's number, with a red left upper corner."""
    picture = np.full((HEIGHT, WIDTH, 3), 20 + 8 * number, np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = (200, 30, 30)
    return picture


def _write(path, rate: Fraction, times: list[Fraction], codec="libx264", pixel_format="yuv420p", options=None) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        if codec != "mpeg1video":
            stream.codec_context.time_base = Fraction(1, 90000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(_picture(number), format="rgb24")
            frame.pts, frame.time_base = int(time * 90000), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _steady(rate: Fraction, count: int) -> list[Fraction]:
    return [n / rate for n in range(count)]


def _numbers(frames: list[np.ndarray]) -> list[int]:
    return [round((float(np.median(frame[-8:, -8:])) - 20) / 8) for frame in frames]


def test_ntsc_film_rate_is_exact(tmp_path):
    rate = Fraction(24000, 1001)
    _write(tmp_path / "clip.mp4", rate, _steady(rate, 20))
    info = probe(tmp_path / "clip.mp4")
    assert info.fps == rate
    assert (info.width, info.height, info.orientation.turns, info.variable_rate) == (WIDTH, HEIGHT, 0, False)
    frames = list(read_frames(tmp_path / "clip.mp4"))
    assert _numbers([rgb for _, rgb in frames]) == list(range(20))
    for number, (time, _) in enumerate(frames):
        assert abs(time - number / rate) < Fraction(1, 10000)


def test_variable_rate_is_resampled_to_its_average_with_source_timestamps(tmp_path):
    times = [Fraction(n, 30) for n in (0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 20, 21, 22)]
    _write(tmp_path / "clip.mp4", Fraction(30), times)
    info = probe(tmp_path / "clip.mp4")
    assert info.variable_rate
    frames = list(read_frames(tmp_path / "clip.mp4", info))
    assert len(frames) == pytest.approx(float(times[-1] * info.fps) + 1, abs=1)
    start = frames[0][0]
    for number, (time, rgb) in enumerate(frames):
        asked = start + number / info.fps
        assert abs(time - asked) <= min(abs(start + other - asked) for other in times) + Fraction(1, 1000)
        assert abs(times[_numbers([rgb])[0]] - (time - start)) < Fraction(1, 1000)


def test_a_phone_s_rotation_is_applied(tmp_path):
    path = tmp_path / "clip.mp4"
    _write(path, Fraction(25), _steady(Fraction(25), 5))
    data = bytearray(path.read_bytes())
    # The track header's matrix (ISO 14496-12, 8.3.2): 40 bytes into the body of version 0; a turn by 90 degrees.
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30)
    path.write_bytes(data)
    info = probe(path)
    assert (info.width, info.height) == (HEIGHT, WIDTH)
    _, rgb = next(read_frames(path, info))
    assert rgb.shape == (WIDTH, HEIGHT, 3)
    # Turned clockwise, the red corner goes from the upper left to the upper right.
    assert rgb[8, -8, 0] > 150 > rgb[8, 8, 0]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "name"),
    [
        ("libx265", "yuv420p10le", "clip.mp4"),
        ("mpeg1video", "yuv420p", "clip.mpg"),
        ("libx264", "yuvj420p", "clip.mp4"),
    ],
)
def test_colours_survive_codecs_depths_and_ranges(tmp_path, codec, pixel_format, name):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {"b": "4000000"}
    _write(tmp_path / name, Fraction(25), _steady(Fraction(25), 8), codec, pixel_format, options)
    frames = [to_bytes(rgb) for _, rgb in read_frames(tmp_path / name)]
    assert len(frames) == 8
    for number in (0, 7):
        np.testing.assert_allclose(np.median(frames[number][-16:, -16:], axis=(0, 1)), 20 + 8 * number, atol=5)
        np.testing.assert_allclose(np.median(frames[number][4:24, 4:40], axis=(0, 1)), (200, 30, 30), atol=8)


def test_a_clip_damaged_towards_its_end_gives_what_comes_before_and_a_warning(tmp_path):
    path = tmp_path / "clip.mp4"
    _write(path, Fraction(25), _steady(Fraction(25), 20), options={"g": "5"})
    whole = path.read_bytes()
    moov, mdat = whole.index(b"moov") - 4, whole.index(b"mdat") - 4
    assert mdat < moov
    middle = mdat + (moov - mdat) * 4 // 5
    path.write_bytes(whole[:middle] + bytes(moov - middle) + whole[moov:])
    warnings: list[str] = []
    frames = list(read_frames(path, warn=warnings.append))
    assert 10 <= len(frames) <= 20
    assert warnings and ("damaged" in warnings[0] or "breaks off" in warnings[0])


def test_damage_in_the_middle_is_no_end_and_leaves_later_pictures_their_time(tmp_path):
    path = tmp_path / "clip.mp4"
    _write(path, Fraction(25), _steady(Fraction(25), 20), options={"g": "1", "crf": "1"})
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat"), data.index(b"moov")
    data[(start + end) // 2 : (start + end) // 2 + (end - start) // 8] = bytes((end - start) // 8)
    path.write_bytes(data)
    warnings: list[str] = []
    frames = _numbers([rgb for _, rgb in read_frames(path, warn=warnings.append)])
    assert len(frames) == 20 and frames[:5] == [0, 1, 2, 3, 4] and frames[-5:] == [15, 16, 17, 18, 19]
    assert "damaged" in warnings[0] and "breaks off" not in warnings[0]


def test_what_is_no_video_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(InputError) as raised:
        probe(tmp_path / "notes.mp4")
    assert "notes.mp4" in raised.value.what and raised.value.do


def test_a_clip_cut_before_its_index_is_refused_with_that_reason(tmp_path):
    path = tmp_path / "clip.mp4"
    _write(path, Fraction(25), _steady(Fraction(25), 20))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    with pytest.raises(InputError) as raised:
        probe(path)
    assert "breaks off before its index" in raised.value.what
    assert "again" in raised.value.do
