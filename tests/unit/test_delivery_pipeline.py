"""Frames in several threads: their order, how many are under way, and how errors and a cancel end them."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
import torch

from backend.deliver import pipeline
from backend.deliver.pipeline import Workforce, in_order, workforce
from backend.kernels import threads
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

    assert list(in_order(range(20), work, workers=3)) == [(n, n * n) for n in range(20)]


def test_no_more_frames_are_begun_than_may_wait():
    begun = []
    results = in_order(range(100), begun.append, workers=2)
    with closing(results):
        next(results)
        time.sleep(0.2)
        assert len(begun) <= 2 + pipeline._WAITING + 1


def test_an_error_is_raised_while_earlier_frames_are_still_at_work_and_ends_the_rest():
    failed = threading.Event()
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            assert failed.wait(PATIENCE_S)
            time.sleep(0.3)
        if number == 2:
            failed.set()
            raise OSError("the disk is full")
        return number

    results = in_order(range(1000), work, workers=2)
    with pytest.raises(OSError, match="full"):
        next(results)
    assert len(begun) <= 2 + pipeline._WAITING
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frame")]


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
        list(in_order(range(4), work, workers=1, check=check))


def test_threads_go_to_frames_first_and_to_the_rasteriser_where_frames_are_few_or_large():
    assert workforce(8, 512, 500) == Workforce(frames=8, threads=1)
    assert workforce(8, 512, 2) == Workforce(frames=2, threads=4)
    assert workforce(8, 8192, 500) == Workforce(frames=1, threads=8)
    assert workforce(3, 512, 0) == Workforce(frames=1, threads=3)
    assert workforce(0, 64, 10_000).frames >= 1


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

    assert [result for _, result in in_order(range(2), work, workers=2)] == [(5, 1), (6, 1)]
    torch.set_num_threads(before)
    assert threads.count() == before
