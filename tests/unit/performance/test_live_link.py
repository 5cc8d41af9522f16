"""A phone's face capture drives a head, and a take's curves go to programs that play such captures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backend.performance.curves import FACE_CURVES, Performance
from backend.performance.files import load_performance
from backend.performance.live_link import COLUMNS, read_live_link, write_live_link
from shared.errors import InputError


def rows_at(times, counted, value=lambda index: 0.25):
    """A file of two blend shapes as the app writes it, frames at exact seconds from ten o'clock on."""
    lines = ["Timecode,BlendshapeCount,EyeBlinkLeft,JawOpen,TongueOut,HeadYaw"]
    for index, second in enumerate(times):
        whole, part = int(second), second - int(second)
        clock = f"10:{whole // 60:02}:{whole % 60:02}:{part * counted:06.3f}"
        lines.append(f"{clock},61,0.5,{value(index)},0,-0.3")
    return "\n".join(lines) + "\n"


def test_there_are_61_values_and_all_blend_shapes_among_them():
    assert len(COLUMNS) == 61 == len(set(COLUMNS))
    assert {name.lower() for name in FACE_CURVES} < {name.lower() for name in COLUMNS}


def test_curves_come_back_as_they_were_written(tmp_path):
    values = np.random.default_rng(0).random((70, len(FACE_CURVES))).astype(np.float32)
    path = tmp_path / "take.csv"
    write_live_link(Performance.from_array(Fraction(25), values, FACE_CURVES), path)
    again = read_live_link(path)
    assert again.fps == 25 and set(again.curves) == set(FACE_CURVES)
    assert np.abs(again.array(FACE_CURVES) - values).max() < 1e-6
    first, second = path.read_text().splitlines()[:2]
    assert first.startswith("Timecode,BlendShapeCount,EyeBlinkLeft,") and second.startswith("00:00:00:00.000,61,")


@pytest.mark.parametrize(("counted", "rate"), [(60, 60), (30, 60), (30, 30), (25, 25), (24, 24)])
def test_the_rate_is_found_from_the_time_code(tmp_path, counted, rate):
    path = tmp_path / "phone.csv"
    times = 55.5 + np.arange(2 * rate) / rate  # over a minute's end
    path.write_text(rows_at(times, counted, lambda index: index / 1000))
    found = read_live_link(path)
    assert found.fps == rate and found.frame_count == 2 * rate
    assert set(found.curves) == {"eyeBlinkLeft", "jawOpen"}
    assert np.allclose(found.curves["jawOpen"], np.arange(2 * rate) / 1000, atol=1e-3)


@pytest.mark.parametrize("fps", ["12", "15", "24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"])
@pytest.mark.parametrize("frames", [12, 300])
def test_a_take_of_any_rate_and_length_comes_back_at_its_rate(tmp_path, fps, frames):
    values = np.random.default_rng(1).random((frames, 1)).astype(np.float32)
    path = tmp_path / "take.csv"
    write_live_link(Performance.from_array(Fraction(fps), values, ("jawOpen",)), path)
    again = read_live_link(path)
    assert again.fps == Fraction(fps) and again.frame_count == frames
    assert np.abs(again.curves["jawOpen"] - values[:, 0]).max() < 2e-3


def test_frames_that_were_dropped_are_bridged(tmp_path):
    path = tmp_path / "phone.csv"
    times = np.arange(120) / 60
    kept = np.r_[0:40, 50:120]
    path.write_text(rows_at(times[kept], 60, lambda index: kept[index] / 1000))
    found = read_live_link(path)
    assert found.frame_count == 120
    assert np.allclose(found.curves["jawOpen"], np.arange(120) / 1000, atol=1e-4)


def test_a_take_over_midnight_goes_on(tmp_path):
    path = tmp_path / "phone.csv"
    clocks = [f"23:59:59:{frame:02}.0" for frame in range(30)] + [f"00:00:00:{frame:02}.0" for frame in range(30)]
    path.write_text("Timecode,BlendShapeCount,JawOpen\n" + "".join(f"{clock},61,0.1\n" for clock in clocks))
    assert read_live_link(path).frame_count == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no Live Link Face take"),
        ("a,b\n1,2\n", "no Live Link Face take"),
        ("Timecode,BlendShapeCount,JawOpen\n", "holds no frames"),
        ("Timecode,BlendShapeCount,JawOpen\nnoon,61,0.1\n", "Row 2 .*'noon'"),
        ("Timecode,BlendShapeCount,JawOpen\n10:00:00:01,61\n", "Row 2 .* no number for jawOpen"),
        ("Timecode,BlendShapeCount,JawOpen\n10:00:00:01,61,nan\n", "Row 2 .* no number for jawOpen"),
        ("Timecode,BlendShapeCount,JawOpen\n10:00:00:05,61,0\n\n10:00:00:05,61,0\n", "does not go on in row 4"),
    ],
)
def test_what_is_no_take_is_said_with_its_row(tmp_path, text, said):
    path = tmp_path / "phone.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_live_link(path)


def test_a_performance_is_read_from_either_kind_of_file(tmp_path):
    given = Performance(Fraction(25), {"jawOpen": np.linspace(0, 1, 30, dtype=np.float32)})
    given.save(tmp_path / "performance.json")
    write_live_link(given, tmp_path / "phone.CSV")
    for name in ("performance.json", "phone.CSV"):
        read = load_performance(tmp_path / name)
        assert read.fps == 25 and np.allclose(read.curves["jawOpen"], given.curves["jawOpen"], atol=1e-5)


def test_a_table_that_is_none_and_times_that_would_make_endless_frames_are_refused_in_words(tmp_path):
    path = tmp_path / "phone.csv"
    head = "Timecode,BlendshapeCount,JawOpen"
    wrong = {
        "no table of commas": [head, "00:00:00:00," + "1" * 140_000 + ",0"],
        "can be read": [head, *(f"{hour}:00:00:0{part},1,0" for hour in (0, 99) for part in (0, 1))],
        "up to a day at up to 1000": [head, "00:00:00:00.000,1,0", "00:00:00:00.001,1,0", "00:00:00:00.002,1,0"],
        "nearly all are missing": [head, *(f"00:00:00:{n:02},1,0" for n in range(5)), "23:00:00:00,1,0"],
    }
    for said, lines in wrong.items():
        path.write_text("\n".join(lines))
        with pytest.raises(InputError, match=said):
            read_live_link(path)
