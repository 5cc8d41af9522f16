"""Weights are checked to the last bit, and a model changes in one step."""

from __future__ import annotations

import os

import pytest
import torch

from backend.subject.model_folder import ModelFolder, waiting_file
from backend.subject.weights import load_weights, save_weights
from shared.errors import InputError

TENSORS = {"a": torch.arange(1000.0), "b": torch.tensor(3), "c": torch.zeros(0, 4), "d": torch.ones(3, 2).T}


def test_weights_come_back_as_they_were_saved(tmp_path):
    save_weights(tmp_path / "w", TENSORS, {"state": "{}"})
    tensors, texts = load_weights(tmp_path / "w", "")
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items()) and texts == {"state": "{}"}
    assert os.listdir(tmp_path) == ["w"]


@pytest.mark.parametrize("at", [9, -1, -2000])
def test_a_single_bit_that_is_wrong_is_found(tmp_path, at):
    save_weights(tmp_path / "w", TENSORS)
    data = bytearray((tmp_path / "w").read_bytes())
    data[at] ^= 1
    (tmp_path / "w").write_bytes(bytes(data))
    with pytest.raises(InputError, match="damaged"):
        load_weights(tmp_path / "w", "Train it again.")


class Killed(BaseException):
    pass


def content(model: ModelFolder) -> tuple[object, bytes, bytes]:
    number = model.config()["number"]
    return number, model.weights_file.read_bytes(), model.speech_file.read_bytes()


def write_next(model: ModelFolder) -> None:
    waiting_file(model.weights_file).write_bytes(b"new weights")
    waiting_file(model.speech_file).write_bytes(b"new speech")


def test_a_training_that_is_killed_while_its_model_is_published_leaves_one_of_the_two(tmp_path, monkeypatch):
    found, ended = [], False
    for number in range(20):
        model = ModelFolder(tmp_path / str(number))
        model.make()
        model.weights_file.write_bytes(b"old weights")
        model.speech_file.write_bytes(b"old speech")
        model.update_config({"number": 1})
        write_next(model)
        left, real = [number], os.replace

        def counted(source, target, left=left, real=real):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            real(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", counted)
            try:
                model.publish({"number": 2})
                ended = True
            except Killed:
                pass
        found.append(content(model))
        if ended:
            break
    before, after = (1, b"old weights", b"old speech"), (2, b"new weights", b"new speech")
    assert found == [before, after, after, after]


def test_what_waits_for_a_training_that_goes_on_is_not_the_models_yet(tmp_path):
    model = ModelFolder(tmp_path)
    model.weights_file.write_bytes(b"old weights")
    model.speech_file.write_bytes(b"old speech")
    model.publish({"number": 1})
    write_next(model)
    assert content(model) == (1, b"old weights", b"old speech")
    assert model.newest_speech_file == model.speech_file, "it was killed before there was anything to go on from"
    model.begun_file.write_bytes(b"a training between two steps")
    assert model.newest_speech_file.read_bytes() == b"new speech"
