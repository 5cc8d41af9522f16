"""Memory that is used again: only once nobody can see it any more."""

from __future__ import annotations

import gc

import pytest
import torch

from backend.kernels import memory

COUNT = 1 << 16


@pytest.fixture(autouse=True)
def nothing_idle(monkeypatch):
    monkeypatch.setattr(memory, "_idle", {})


def test_memory_is_lent_again_once_its_tensor_is_gone():
    first = memory.empty(4, COUNT // 4)
    place = first.data_ptr()
    assert first.shape == (4, COUNT // 4) and first.dtype == torch.float32 and first.is_contiguous()
    del first
    assert memory.empty(COUNT).data_ptr() == place


@pytest.mark.parametrize(
    "share", [lambda t: t[2:5], lambda t: t.numpy(), lambda t: t.numpy()[1:7], lambda t: t.view(2, -1).permute(1, 0)]
)
def test_memory_that_somebody_still_sees_is_not_lent(share):
    tensor = memory.empty(COUNT).fill_(1.0)
    place, shared = tensor.data_ptr(), share(tensor)
    del tensor
    gc.collect()
    others = [memory.empty(COUNT).fill_(2.0) for _ in range(3)]
    assert place not in [other.data_ptr() for other in others]
    assert float(shared.max()) == 1.0
    del shared
    assert memory.empty(COUNT).data_ptr() == place


def test_memory_of_another_size_is_not_lent():
    place = memory.empty(COUNT).data_ptr()
    assert memory.empty(COUNT + 1).shape == (COUNT + 1,)
    assert memory.empty(COUNT).data_ptr() == place


def test_idle_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(memory, "_MOST_IDLE_BYTES", 3 * 4 * COUNT)
    tensors = [memory.empty(COUNT) for _ in range(5)]
    del tensors
    assert [len(blocks) for blocks in memory._idle.values()] == [3]
    for more in range(memory._MOST_SIZES):
        memory.empty(COUNT + 1 + more)
    assert len(memory._idle) <= memory._MOST_SIZES


def test_small_tensors_are_left_to_torch():
    assert memory.empty(3, 2).shape == (3, 2)
    assert memory.empty(0, 3).shape == (0, 3)
    assert memory._idle == {}
