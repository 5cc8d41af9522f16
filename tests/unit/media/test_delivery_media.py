"""Colour, EXR and movies as they are delivered."""

from fractions import Fraction

import av
import numpy as np
import OpenEXR
import pytest

from backend.deliver.preview import Preview
from backend.media import colour
from backend.media.encode import GROUP_FRAMES, CodedMovie, MovieWriter
from backend.media.exr import FrameTime, channel_names, is_whole, read_attribute, read_layers, write_layers
from backend.media.png import read_png, read_text, write_png
from shared.errors import InputError


@pytest.mark.parametrize("name", list(colour.TRANSFERS))
def test_every_transfer_curve_goes_there_and_back(name):
    to_linear, from_linear = colour.transfer(name)
    display = np.linspace(0, 1, 1001)
    assert np.abs(from_linear(to_linear(display)) - display).max() < 1e-5
    assert np.all(np.diff(to_linear(display)) >= 0)
    assert np.allclose(to_linear(np.array([0.0, 1.0])), [0.0, 1.0])


def test_curves_have_the_values_of_their_standards():
    assert abs(colour.srgb_to_linear(np.array(0.5)) - 0.214041) < 1e-5
    assert abs(colour.rec709_to_linear(np.array(0.5)) - 0.2597) < 3e-4
    assert abs(colour.linear_to_srgb(np.array(0.18)) - 0.461356) < 1e-5
    with pytest.raises(InputError, match="unknown"):
        colour.transfer("acescg")


def test_premultiplied_colour_is_linearised_without_its_alpha():
    rgb, alpha = np.array([[0.25, 0.125, 0.0], [0.0, 0.0, 0.0]]), np.array([0.5, 0.0])
    linear = colour.premultiplied_to_linear(rgb, alpha, "srgb")
    assert np.allclose(linear[0], [0.5 * 0.214041, 0.5 * 0.050876, 0.0], atol=1e-5)
    assert np.array_equal(linear[1], np.zeros(3))


def test_an_exr_comes_back_with_its_names_types_and_attributes(tmp_path):
    rng = np.random.default_rng(0)
    passes = {
        "Combined": rng.random((7, 5, 4)).astype(np.float32),
        "Depth": np.full((7, 5), 0.654321, np.float32),
        "Oral": rng.random((7, 5)).astype(np.float32),
    }
    passes["Depth"][0, 0] = 1e10
    write_layers(tmp_path / "head.000001.exr", passes, {"comments": "synthetic"})
    again, header = read_layers(tmp_path / "head.000001.exr")
    with OpenEXR.File(str(tmp_path / "head.000001.exr"), separate_channels=True) as file:
        names = {part.name(): sorted(part.channels) for part in file.parts}
    assert names == {"head.Combined": list("ABGR"), "head": ["Depth.Z", "Oral.X"]}
    assert list(names)[0] == "head.Combined", "other programs look into the first part"
    assert again["Combined"].dtype == np.float16 and again["Depth"].dtype == np.float32
    assert np.abs(again["Combined"] - passes["Combined"]).max() < 5e-4
    assert np.array_equal(again["Depth"], passes["Depth"])
    assert header["comments"] == "synthetic"
    assert [p.name for p in tmp_path.iterdir()] == ["head.000001.exr"]


def test_passes_of_different_sizes_and_folders_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(ValueError, match="sizes"):
        write_layers(tmp_path / "a.exr", {"Oral": np.zeros((2, 2)), "Face": np.zeros((3, 2))})
    with pytest.raises(InputError, match="cannot be written"):
        write_layers(tmp_path / "no" / "a.exr", {"Oral": np.zeros((2, 2))})
    assert channel_names("Flow", 2) == ["Flow.X", "Flow.Y"]


def test_other_programs_find_the_picture_its_rate_and_its_time(tmp_path):
    """FFmpeg's decoder, by PyAV, knows one part, and only channels that are called R, G, B, A."""
    path = tmp_path / "head.000051.exr"
    combined = np.random.default_rng(0).random((6, 8, 4)).astype(np.float32)
    write_layers(path, {"Depth": np.ones((6, 8)), "Combined": combined}, time=FrameTime(51, Fraction(24000, 1001)))
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    seen = frame.to_ndarray(format="gbrapf32le")
    assert np.abs(seen - combined).max() < 1e-3
    with OpenEXR.File(str(path)) as file:
        header = dict(file.header())
    assert header["framesPerSecond"] == Fraction(24000, 1001)
    clock = header["timeCode"]
    assert (clock.hours, clock.minutes, clock.seconds, clock.frame) == (0, 0, 2, 2)
    assert header["colorInteropID"] == "lin_rec709_scene"


def test_each_part_tells_its_colour_space_as_the_color_interop_forum_asks(tmp_path):
    path = tmp_path / "head.000001.exr"
    write_layers(path, {"Depth": np.ones((6, 8)), "Oral": np.ones((6, 8)), "Combined": np.ones((6, 8, 4))})
    with OpenEXR.File(str(path)) as file:
        told = {part.name(): dict(part.header) for part in file.parts}
    assert told["head.Combined"]["colorInteropID"] == "lin_rec709_scene"
    assert told["head.Combined"]["chromaticities"][:2] == pytest.approx((0.64, 0.33))
    assert told["head"]["colorInteropID"] == "data" and "chromaticities" not in told["head"]


def test_a_frame_of_one_part_from_before_is_read(tmp_path):
    path = tmp_path / "old.exr"
    colour = {f"head.Combined.{name}": np.full((3, 4), 0.5, np.float16) for name in "RGBA"}
    depth = {"head.Depth.Z": np.full((3, 4), 0.7, np.float32)}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, colour | depth).write(str(path))
    passes, _ = read_layers(path)
    assert passes["Combined"].shape == (3, 4, 4) and passes["Depth"].dtype == np.float32
    assert not is_whole(path), "nothing tells whether it is"


def test_a_frame_that_is_cut_or_changed_anywhere_is_refused(tmp_path):
    path = tmp_path / "head.000001.exr"
    rng = np.random.default_rng(0)
    write_layers(path, {"Combined": rng.random((24, 24, 4)), "Depth": rng.random((24, 24))})
    written = path.read_bytes()
    broken = [written[:length] for length in range(400, len(written), 701)]
    broken += [written[:at] + bytes([written[at] ^ 255]) + written[at + 1 :] for at in range(600, len(written), 701)]
    for data in broken:
        path.write_bytes(data)
        assert not is_whole(path)
        with pytest.raises(InputError, match="cannot be read"):
            read_layers(path)


def written_movie(path, fps, frames, sound_s, size=(48, 64)):
    rate = 16000
    sound = (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(sound_s * rate)) / rate)).astype(np.float32)
    with MovieWriter(path, size[1], size[0], fps, (sound, rate), {"comment": "synthetic media"}) as movie:
        for index in range(frames):
            movie.write(np.full((*size, 3), (200, 40, index % 256), np.uint8))


def shown_at(frame: av.VideoFrame) -> Fraction:
    """When a frame is shown, s."""
    assert frame.pts is not None and frame.time_base is not None
    return frame.pts * frame.time_base


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60000, 1001)])
def test_a_movie_has_its_exact_rate_frames_colour_and_sound(tmp_path, fps):
    written_movie(tmp_path / "p.mp4", fps, 31, 5.0)
    with av.open(str(tmp_path / "p.mp4")) as container:
        video = container.streams.video[0]
        assert video.average_rate == fps
        assert container.metadata["comment"] == "synthetic media"
        assert video.codec_context.color_primaries == 1 and video.codec_context.pix_fmt == "yuv420p"
        frames = list(container.decode(video))
    assert len(frames) == 31
    assert [shown_at(f) for f in frames] == [n / fps for n in range(31)]
    rgb = frames[7].to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    assert np.abs(rgb - [200, 40, 7]).max() < 4
    with av.open(str(tmp_path / "p.mp4")) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(samples / 48000 - float(31 / fps)) < 1024 / 48000 + 1e-3


def test_odd_sizes_are_widened_and_a_broken_off_movie_leaves_nothing(tmp_path):
    written_movie(tmp_path / "odd.mp4", Fraction(25), 2, 0.1, size=(45, 63))
    with av.open(str(tmp_path / "odd.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 46)
    with pytest.raises(RuntimeError, match="stopped"), MovieWriter(tmp_path / "x.mp4", 64, 48, Fraction(25)) as movie:
        movie.write(np.zeros((48, 64, 3), np.uint8))
        raise RuntimeError("stopped")
    assert [p.name for p in tmp_path.iterdir()] == ["odd.mp4"]


def test_groups_copied_from_another_movie_give_the_same_file_as_coding_them_again(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2 * GROUP_FRAMES + 3, 32, 32, 3)).astype(np.uint8)
    fps = Fraction(24000, 1001)

    def write(path, copied=()):
        with MovieWriter(path, 32, 32, fps) as movie, CodedMovie(tmp_path / "whole.mp4") as whole:
            for group in range(3):
                if group in copied:
                    movie.copy(whole.group(group))
                else:
                    for picture in pictures[group * GROUP_FRAMES : (group + 1) * GROUP_FRAMES]:
                        movie.write(picture)

    with MovieWriter(tmp_path / "whole.mp4", 32, 32, fps) as movie:
        for picture in pictures:
            movie.write(picture)
    whole = (tmp_path / "whole.mp4").read_bytes()
    for copied in [(0,), (1,), (2,), (0, 2), (0, 1, 2)]:
        write(tmp_path / "copied.mp4", copied)
        assert (tmp_path / "copied.mp4").read_bytes() == whole
    with av.open(str(tmp_path / "copied.mp4")) as container:
        assert container.streams.video[0].average_rate == fps
        assert [shown_at(f) for f in container.decode(video=0)] == [n / fps for n in range(len(pictures))]


def test_a_group_is_not_copied_into_the_middle_of_another_nor_from_a_movie_that_ends_before(tmp_path):
    written_movie(tmp_path / "p.mp4", Fraction(25), GROUP_FRAMES + 1, 0.1)
    with CodedMovie(tmp_path / "p.mp4") as coded:
        group = coded.group(0)
        with (
            pytest.raises(ValueError, match="where another ends"),
            MovieWriter(tmp_path / "q.mp4", 64, 48, Fraction(25)) as movie,
        ):
            movie.write(np.zeros((48, 64, 3), np.uint8))
            movie.copy(group)
        assert len(coded.group(1)) == 1
        with pytest.raises(InputError, match="no group 2"):
            coded.group(2)
        with pytest.raises(ValueError, match="after"):
            coded.group(1)
    with pytest.raises(InputError, match="cannot be read"):
        CodedMovie(tmp_path / "nowhere.mp4")


def test_a_preview_whose_pictures_are_missing_is_not_cut_short_in_silence(tmp_path):
    sound = (np.zeros(16000, np.float32), 16000)
    plate = np.zeros((16, 16, 3), np.uint8)
    preview = Preview(tmp_path / "preview.mp4", ["a", "b", "c"], plate, Fraction(25), None, sound, {})
    with pytest.raises(ValueError, match="picture of frame 1 is missing"), preview.writing() as movie:
        movie.add(0, plate)
    assert list(tmp_path.iterdir()) == []


def test_a_png_carries_its_text_and_comes_back(tmp_path):
    path = tmp_path / "head.000001.png"
    rgba = np.random.default_rng(0).integers(0, 256, (9, 7, 4)).astype(np.uint8)
    write_png(path, rgba, {"comments": "synthetic", "m2dao_talker.key": "abc"})
    assert np.array_equal(read_png(path, 4, "Delete it."), rgba)
    assert read_text(path) == {"comments": "synthetic", "m2dao_talker.key": "abc"}
    path.write_bytes(path.read_bytes()[:60])
    assert read_text(path).get("m2dao_talker.key") is None
    with pytest.raises(InputError, match="damaged"):
        read_png(path, 4, "Delete it.")
    path.write_bytes(b"no picture")
    assert read_text(path) == {}


def test_an_attribute_is_read_from_the_header_alone(tmp_path):
    path = tmp_path / "head.000001.exr"
    write_layers(path, {"Oral": np.zeros((4, 4), np.float32)}, {"m2dao_talker.key": "abc"})
    assert read_attribute(path, "m2dao_talker.key") == "abc"
    assert read_attribute(path, "owner") is None
    path.write_bytes(b"no picture")
    assert read_attribute(path, "m2dao_talker.key") is None
