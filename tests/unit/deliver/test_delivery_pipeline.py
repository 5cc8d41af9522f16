"""Frames in several threads: their order, how many are under way, and how errors and a cancel end them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
import torch

from backend import parallel
from backend.deliver.pipeline import Concurrency, concurrency_for
from backend.kernels import threads
from backend.parallel import WAITING, in_order
from shared.errors import Cancelled

PATIENCE_S = 10.0


def test_results_come_in_order_however_long_each_takes():
    first_may_end = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(PATIENCE_S)
        if number == 3:
            first_may_end.set()
        return number * number

    assert list(in_order(work, range(20), workers=3)) == [n * n for n in range(20)]


def test_no_more_frames_are_begun_than_may_wait():
    most = 2 + WAITING
    taken, last_done = [], threading.Event()

    def frames() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    def work(number: int) -> None:
        if number == most - 1:
            last_done.set()

    with closing(in_order(work, frames(), workers=2)) as results:
        next(results)
        assert last_done.wait(PATIENCE_S)
        # All that may wait is done and nobody has asked for the next result: no further frame was even looked at.
        assert taken == list(range(most))


def test_an_error_is_raised_while_earlier_frames_are_still_at_work_and_ends_the_rest(monkeypatch):
    stopped, was_stopped = threading.Event(), []
    monkeypatch.setattr(parallel, "threading", SimpleNamespace(Event=lambda: stopped))  # what `in_order` stops by
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            was_stopped.append(stopped.wait(PATIENCE_S))
        if number == 2:
            raise OSError("the disk is full")
        return number

    results = in_order(work, range(1000), workers=2)
    with pytest.raises(OSError, match="full"):
        next(results)
    assert was_stopped == [True]
    assert len(begun) <= 2 + WAITING
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("in order")]


def test_a_cancel_is_noticed_while_a_frame_takes_long():
    cancelled, may_end = threading.Event(), threading.Event()

    def check() -> None:
        if cancelled.is_set():
            may_end.set()
            raise Cancelled

    def work(number: int) -> None:
        cancelled.set()
        assert may_end.wait(PATIENCE_S)

    with pytest.raises(Cancelled):
        list(in_order(work, range(4), workers=1, check=check))


def test_threads_go_to_frames_first_and_to_the_rasteriser_where_frames_are_few_or_large():
    assert concurrency_for(8, 512, 500) == Concurrency(frames=8, threads=1)
    assert concurrency_for(8, 512, 2) == Concurrency(frames=2, threads=4)
    assert concurrency_for(8, 8192, 500) == Concurrency(frames=1, threads=8)
    assert concurrency_for(3, 512, 0) == Concurrency(frames=1, threads=3)
    assert concurrency_for(0, 64, 10_000).frames >= 1


@pytest.mark.kernels
def test_frames_drawn_at_once_share_out_the_kernels_threads_each_for_itself():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    both_inside, first_left = threading.Barrier(2), threading.Event()

    def work(number: int) -> tuple[int, int]:
        with threads.torch_aside(number + 5):
            both_inside.wait(PATIENCE_S)
            inside = threads.count()
            if number == 1:
                assert first_left.wait(PATIENCE_S)
        first_left.set()
        return inside, threads.count()

    assert list(in_order(work, range(2), workers=2)) == [(5, 1), (6, 1)]
    torch.set_num_threads(before)
    assert threads.count() == before
