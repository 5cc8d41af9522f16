"""The voice of a line is heard by one chunk for all: the same bits, and nothing of another sound or model."""

from __future__ import annotations

import os

import numpy as np
import pytest

from backend.deliver import render as rendering
from backend.deliver.chunk import draw_chunk, join
from backend.media.audio import save_wav
from backend.performance.voice import Reach
from backend.settings import RenderSettings
from shared import layout
from shared.jobs import Reporter
from tests.support.disc_stage import SteadySpeech, make_stage
from tests.unit.deliver.test_chunks import files


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """(subject, sound, take's folder, where every hearing is counted)"""
    subject, _, sound, out = make_stage(tmp_path, monkeypatch)
    heard: list[object] = []

    def reach_of(self, features, voice):
        heard.append(voice)
        return Reach(np.full(27, float(voice.mean[0]) / 3), 1.0 + 1.0 / 3.0)

    monkeypatch.setattr(SteadySpeech, "reach_of", reach_of)
    return subject, sound, out, heard


def draw(stage, frames: str, **options) -> None:
    draw_chunk(stage[0], stage[1], stage[2], RenderSettings(frames=frames, **options), Reporter())


def voices(out) -> list:
    return sorted((out / layout.CHUNKS_FOLDER).glob("voice.*"))


def test_it_is_heard_once_and_the_take_has_the_same_bits(stage, tmp_path):
    subject, sound, out, heard = stage
    for frames in ("18-26", "1-9", "9-20"):
        draw(stage, frames)
    assert len(heard) == 1 and len(voices(out)) == 1
    join(out, {}, Reporter(), subject.root, sound)
    assert len(heard) == 1
    rendering.render(subject, sound, tmp_path / "single", RenderSettings(), Reporter())
    assert len(heard) == 2 and files(out) == files(tmp_path / "single")
    assert not (out / layout.CHUNKS_FOLDER).exists()


def test_another_sound_and_another_model_are_heard_anew(stage):
    subject, sound, out, heard = stage
    draw(stage, "1-3")
    subject.model(None).speech_file.write_bytes(b"another speech")
    draw(stage, "4-6")
    save_wav(sound, np.random.default_rng(1).standard_normal(16320).astype(np.float32) * 0.1, 16000)
    draw(stage, "7-9", take="line.wav")
    assert len(heard) == 3 and len(voices(out)) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"mean": [1], "deviation": [1], "seconds": 1}'])
def test_one_that_is_damaged_is_heard_and_written_again(stage, content):
    draw(stage, "1-3")
    (path,) = voices(stage[2])
    whole = path.read_bytes()
    path.write_bytes(content)
    draw(stage, "4-6")
    assert path.read_bytes() == whole and len(stage[3]) == 2


def test_what_a_killed_chunk_left_of_it_goes_with_the_others(stage):
    subject, sound, out, _ = stage
    draw(stage, "1-26")
    (path,) = voices(out)
    path.with_name(f"{path.name}.{os.getpid()}.1.partial").write_bytes(b"half")
    join(out, {}, Reporter(), subject.root, sound)
    assert not (out / layout.CHUNKS_FOLDER).exists()
