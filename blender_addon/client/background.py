"""Work that would have to wait, kept out of Blender's loop: a function in a thread, and steps that pause instead.

Nothing here imports bpy, and no function that is given to a Task may: Blender's data belong to its main thread.
"""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")
PAUSE_S = 0.02
"""Between two polls of a blocking form."""


class Task(Generic[T]):
    """A function that runs in a thread of its own. Ask `ended`; the thread does not keep the process from ending."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.ended = False
        self._value: T | None = None
        self._error: BaseException | None = None
        _thread.start_new_thread(self._run, (work,))  # threading.Thread.start would wait for the thread to begin

    def result(self) -> T:
        """What the function returned; raises what it raised. Only once it has ended."""
        if not self.ended:
            raise RuntimeError("the task has not ended")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def wait(self, timeout_s: float) -> bool:
        """Block until it has ended, at most `timeout_s`; whether it has."""
        return wait_until(lambda: self.ended, timeout_s)

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._value = work()
        except BaseException as error:
            self._error = error
        self.ended = True


Pausing = Generator[None, None, T]
"""A function that yields wherever it would have to wait, and continues at the next poll."""


class Steps(Generic[T]):
    """A sequence that never waits. `poll` runs it up to its next pause."""

    def __init__(self, sequence: Pausing[T]) -> None:
        self._sequence = sequence
        self.ended = False
        self._value: T | None = None

    def poll(self) -> bool:
        """One turn; whether the sequence has ended. Raises what it raises."""
        if not self.ended:
            try:
                next(self._sequence)
            except StopIteration as end:
                self.ended, self._value = True, end.value
            except BaseException:
                self.ended = True
                raise
        return self.ended

    def result(self) -> T:
        """What the sequence returned. Only once it has ended."""
        if not self.ended:
            raise RuntimeError("the steps have not ended")
        return self._value  # type: ignore[return-value]

    def wait(self, on_wait: Callable[[], None] = lambda: None) -> T:
        """Block until its end: the same steps, for background mode and scripts."""
        while not self.poll():
            on_wait()
            time.sleep(PAUSE_S)
        return self.result()


def until_ended(task: Task[T]) -> Pausing[T]:
    """Pause until a task has ended; its result."""
    while not task.ended:
        yield
    return task.result()


def pause(seconds: float) -> Pausing[None]:
    """Pause for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def wait_until(condition: Callable[[], object], timeout_s: float) -> bool:
    """Block until `condition` holds, at most `timeout_s`; whether it does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True
