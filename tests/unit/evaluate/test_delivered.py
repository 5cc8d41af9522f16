"""What is scored is what is delivered: the same size, the same file, the same bits."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backend.deliver import render as rendering
from backend.deliver.store import ExrStore
from backend.evaluate import recorded as recorded_frames
from backend.evaluate.delivered import Delivery
from backend.evaluate.recorded import RecordedFrames, scored_size
from backend.media.audio import save_wav
from backend.media.colour import srgb_to_linear
from backend.media.colour_tags import footage_colour
from backend.media.decode import probe
from backend.media.encode import MovieWriter
from backend.performance.curves import Performance, ordered_curves
from backend.performance.speech import SpeechModel
from backend.portrait.portrait import PortraitFrame
from backend.portrait.saving import save_portrait
from backend.settings import RenderSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from backend.train.trainer import prepare, steps
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from tests.support.colour_twins import KINDS, write_twin
from tests.support.disc_stage import SteadySpeech
from tests.support.synthetic_subject import FRAMES, SIZE, TINY


@pytest.mark.parametrize("colour", ["srgb", "bt1886"])
def test_a_scored_picture_has_the_bits_of_the_frame_that_render_delivers(subject, tmp_path, monkeypatch, colour):
    subject.info.input_colour = colour
    subject.save_info()
    run = prepare(subject, replace(TINY, steps=6))
    list(steps(run))
    model = ModelFolder.of(subject.root, "m2dao")
    save_portrait(run.portrait.eval(), model)
    model.speech_file.write_bytes(b"speech")
    monkeypatch.setattr(SpeechModel, "load", classmethod(lambda cls, path: SteadySpeech()))

    track = subject.track()
    performance = Performance.from_array(Fraction(25), ordered_curves(track)).as_saved()
    performance.save(tmp_path / "performance.json")
    save_wav(tmp_path / "line.wav", np.random.default_rng(0).standard_normal(FRAMES * 640).astype(np.float32), 16000)
    settings = RenderSettings(
        pose="recorded", performance=str(tmp_path / "performance.json"), engine="reference", threads=1
    )
    rendering.render(subject, tmp_path / "line.wav", tmp_path / "out", settings, Reporter())
    plate = subject.background(SIZE)
    store = ExrStore(tmp_path / "out", colour, {}, plate, Fraction(25))

    drive = run.portrait.drive(
        performance.array(run.portrait.curve_names), track.camera_from_head, 25.0, None, track.body
    )
    with Delivery(subject, run.portrait, SIZE, "reference", 1) as delivery:
        for frame in (0, 5, FRAMES - 1):
            scored = delivery.frame(drive, frame).over(plate)
            assert np.array_equal(scored, store.read(frame + 1))
            assert np.abs(scored.astype(int) - plate).max() > 30, "the frame shows somebody"


NO_DRIVE: Any = None


def stub(rgb: float, alpha: float) -> Any:
    """A portrait that draws the same for every frame."""
    return Stub(rgb, alpha)


class Stub:
    def __init__(self, rgb: float, alpha: float) -> None:
        shape = (SIZE, SIZE)
        mattes = np.zeros((*shape, 4), np.float32)
        mattes[..., 1] = alpha
        self.shown = PortraitFrame(
            np.full((*shape, 3), rgb, np.float32), np.full(shape, alpha, np.float32), np.full(shape, 50, np.float32),
            mattes,
        )  # fmt: skip

    def render(self, drive, index, size, **options) -> PortraitFrame:
        return self.shown


def test_what_a_file_does_not_show_is_not_scored(subject):
    """Coverage below the visible one is stored as none, so the background is to be seen unchanged."""
    background = np.full((SIZE, SIZE, 3), 90, np.uint8)
    for rgb, alpha, shown in ((0.003, 0.0035, 90), (0.25, 0.5, round(255 * 0.25 + 45))):
        with Delivery(subject, stub(rgb, alpha), SIZE, "reference", 1) as delivery:
            picture = delivery.frame(NO_DRIVE, 3).over(background)
            assert np.abs(picture.astype(int) - shown).max() <= 1 and len(np.unique(picture)) == 1


def test_the_head_is_parted_from_its_torso_by_the_files_mattes(subject):
    """Over the left half head alone, over the right half torso alone, between them a row of which each has half."""
    both: Any = Stub(0.5, 1.0)
    mattes = both.shown.mattes
    mattes[:, 16:, 1], mattes[:, 16:, 3] = 0.0, 1.0
    mattes[:, 15:17] = [0.0, 0.5, 0.0, 0.5]
    background = np.full((SIZE, SIZE, 3), 40, np.uint8)
    with Delivery(subject, both, SIZE, "reference", 1) as delivery:
        frame = delivery.frame(NO_DRIVE, 0)
    assert np.abs(frame.over(background).astype(int) - 128).max() <= 1
    head = frame.head_over(background).astype(int)
    assert np.abs(head[:, :15] - 128).max() <= 1 and (head[:, 17:] == 40).all()
    assert np.abs(head[:, 15:17] - (128 + 40) // 2).max() <= 1


def test_in_the_footage_all_that_is_delivered_shows_where_the_head_is_and_only_the_heads_spill_elsewhere(subject):
    both: Any = Stub(0.5, 1.0)
    both.shown.mattes[:, 16:, 1], both.shown.mattes[:, 16:, 3] = 0.0, 1.0
    recorded, behind = (np.full((SIZE, SIZE, 3), grey, np.uint8) for grey in (200, 20))
    headed = np.zeros((SIZE, SIZE), np.float32)
    headed[:16], headed[16] = 1.0, 0.5
    with Delivery(subject, both, SIZE, "reference", 1) as delivery:
        shown = delivery.frame(NO_DRIVE, 0).in_footage(recorded, headed, behind).astype(int)
    assert np.abs(shown[:16] - 128).max() <= 1, "head and torso where the recorded frame shows the head"
    assert np.abs(shown[17:, :16] - 128).max() <= 1 and (shown[17:, 16:] == 200).all()
    assert np.abs(shown[16, 16:] - (128 + 200) // 2).max() <= 1


def test_no_file_is_left_behind(subject):
    with Delivery(subject, stub(0.25, 0.5), SIZE, "reference", 1) as delivery:
        delivery.frame(NO_DRIVE, 0)
        folder = delivery._store.path(1).parent
        assert len(list(folder.iterdir())) == 1
    assert not folder.exists()


def clip_of(path, count: int = 6) -> np.ndarray:
    """A movie of 96 x 64 px in which every frame has its own grey; returns the greys."""
    greys = np.linspace(40, 200, count)
    with MovieWriter(path, 96, 64, Fraction(25)) as movie:
        for grey in greys:
            movie.write(np.full((64, 96, 3), round(grey), np.uint8))
    return greys


@pytest.fixture
def larger(subject, tmp_path) -> tuple[Subject, np.ndarray]:
    """A subject whose crop has twice the pixels of its stored frames, and the greys of its clip's frames."""
    greys = clip_of(tmp_path / "clip.mp4")
    subject.info.crop = {"x": 8, "y": 0, "width": 2 * SIZE, "height": 2 * SIZE}
    subject.info.source_sha256 = hashlib.sha256((tmp_path / "clip.mp4").read_bytes()).hexdigest()
    subject.save_info()
    return subject, greys


def test_the_delivered_size_is_scored_where_the_frames_are_stored_at_it(subject):
    assert scored_size(subject, None, None).size == subject.crop.width == SIZE
    assert scored_size(subject, 16, None).size == 16
    assert scored_size(subject, None, None).note is None


def test_where_smaller_frames_are_stored_the_footage_is_asked_for_and_the_stored_size_is_said_to_be_scored(larger):
    subject, _ = larger
    scored = scored_size(subject, None, None)
    assert scored.size == SIZE
    assert scored.note is not None and f"have {2 * SIZE} px" in scored.note and "--footage" in scored.note
    with pytest.raises(InputError, match="--footage"):
        scored_size(subject, 2 * SIZE, None)


def test_with_the_footage_frames_are_cut_from_it_at_the_delivered_size(larger, tmp_path):
    subject, greys = larger
    clip = tmp_path / "clip.mp4"
    assert scored_size(subject, None, clip) == recorded_frames.ScoredSize(2 * SIZE)
    frames = list(RecordedFrames(subject, subject.track(), 2 * SIZE, clip).read(np.array([1, 2, 5])))
    assert [frame.index for frame in frames] == [1, 2, 5]
    for frame in frames:
        assert frame.picture.shape == (2 * SIZE, 2 * SIZE, 3) and frame.regions.shape == (2 * SIZE, 2 * SIZE, 4)
        assert frame.picture.mean() == pytest.approx(greys[frame.index], abs=3)
        assert frame.landmarks == pytest.approx(2 * subject.track().landmarks[frame.index, :, :2])
    with pytest.raises(InputError, match="ends before frame 7"):
        list(RecordedFrames(subject, subject.track(), 2 * SIZE, clip).read(np.array([5, 6])))


@pytest.mark.parametrize(("setting", "shown"), [("auto", 120.0), ("srgb", 113.2)])
def test_frames_cut_from_hdr_footage_have_the_colours_that_the_subject_was_made_by(subject, tmp_path, setting, shown):
    """A grey of 120 in standard range is HLG 0.444, which is 113.2 of 255 where the values are taken as they lie."""
    clip = tmp_path / "clip.mov"
    write_twin(clip, KINDS["HLG ProRes"], [np.full((64, 96, 3), srgb_to_linear(np.array(120 / 255)))] * 2)
    subject.info.crop = {"x": 8, "y": 0, "width": 2 * SIZE, "height": 2 * SIZE}
    subject.info.footage_colour = footage_colour(probe(clip).tags, setting)[0].to_dict()
    frame = next(RecordedFrames(subject, subject.track(), 2 * SIZE, clip).read(np.array([1])))
    assert frame.picture.dtype == np.uint8
    assert frame.picture.mean() == pytest.approx(shown, abs=0.5)


def test_another_clip_is_no_truth(larger, tmp_path):
    subject, _ = larger
    clip_of(tmp_path / "other.mp4", 5)
    with pytest.raises(InputError, match="is not the clip"):
        scored_size(subject, None, tmp_path / "other.mp4")
    with pytest.raises(InputError, match="no file"):
        scored_size(subject, None, tmp_path / "none.mp4")
    with pytest.raises(InputError, match="hold no more"):
        scored_size(subject, 4 * SIZE, tmp_path / "clip.mp4")


def test_no_copy_of_the_whole_clip_is_made_for_some_frames(subject):
    list(RecordedFrames(subject, subject.track(), 16, None).read(np.array([3])))
    assert not (subject.root / layout.CACHE_FOLDER).exists()
