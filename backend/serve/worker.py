"""The process of one job: runs one verb, reports to its parent, and ends. Its memory is freed with it.

The parent writes lines of JSON to standard input: first the job, then perhaps {"cancel": true}. End of file means that
the parent has died; then the worker ends too, and the backend starts the job again at its next start. The worker
writes lines of JSON to standard output, each with an `event`: started, alive, progress, stopping, result, error. What
the job itself prints goes to standard error, which is its log.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import logging
import math
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shared.errors import EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, Cancelled, TalkerError, shortened
from shared.files import explained, out_of_memory
from shared.jobs import Progress, Reporter
from shared.locking import FileLock

from .channel import Channel

ALIVE_S = 2.0
"""Interval of the `alive` events, seconds."""
LOCK_TIMEOUT_S = 60.0
"""How long to wait for the lock, seconds: a worker of a killed backend may still hold it for a moment."""


def plain(value: Any) -> Any:
    """`value` as JSON and msgpack carry it: NumPy scalars and paths become numbers and text, NaN and inf None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return str(value)


def run(channel: Channel, verbs: str, lock: Path) -> int:
    """Read the job from the parent, do it, and return the exit status."""
    lines = channel.lines()
    job = next(lines, None)
    if job is None:
        return EXIT_FAULT
    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(lines, cancelled), name="parent", daemon=True).start()
    threading.Thread(target=_stay_alive, args=(channel,), name="alive", daemon=True).start()
    held = FileLock(lock)
    if not held.acquire(LOCK_TIMEOUT_S):
        channel.send("error", what="Another job's process is still running.", do="Stop it, then try again.", status=1)
        return EXIT_FAULT
    channel.send("started", pid=os.getpid())

    told = threading.Event()

    def is_cancelled() -> bool:
        if cancelled.is_set() and not told.is_set():
            told.set()
            channel.send("stopping")
        return cancelled.is_set()

    def sink(progress: Progress) -> None:
        channel.send("progress", progress=plain(progress.to_dict()))

    try:
        verb = find_verb(verbs, job["verb"])
        result = verb(job["arguments"], Reporter(sink, is_cancelled))
    except Cancelled as error:
        channel.send("error", what=error.what, do=error.do, status=EXIT_CANCELLED)
        return EXIT_CANCELLED
    except TalkerError as error:
        traceback.print_exc()
        channel.send("error", what=error.what, do=error.do, status=error.exit_status)
        return error.exit_status
    except OSError as error:
        traceback.print_exc()
        in_words = explained(error)
        channel.send("error", what=in_words.what, do=in_words.do, status=in_words.exit_status)
        return in_words.exit_status
    except BaseException as error:
        traceback.print_exc()
        memory = out_of_memory(error)
        if memory is not None:
            channel.send("error", what=memory.what, do=memory.do, status=memory.exit_status)
            return memory.exit_status
        channel.send("error", what=shortened(f"{type(error).__name__}: {error}".strip()), do="", status=EXIT_FAULT)
        return EXIT_FAULT
    channel.send("result", result=plain(result if result is not None else {}))
    return EXIT_DONE


def find_verb(verbs: str, name: str) -> Callable[[dict, Reporter], dict]:
    """The function of a verb in the mapping VERBS of the module `verbs`. Raises TalkerError if there is none."""
    mapping = importlib.import_module(verbs).VERBS
    if name not in mapping:
        raise TalkerError(f"There is no verb {name!r}.", f"Use one of: {', '.join(sorted(mapping))}.")
    return mapping[name]


def _listen(lines: Iterator[dict], cancelled: threading.Event) -> None:
    for line in lines:
        if line.get("cancel"):
            cancelled.set()
    os._exit(EXIT_FAULT)  # the parent is gone


def _stay_alive(channel: Channel) -> None:
    pause = threading.Event()
    while not pause.wait(ALIVE_S):
        channel.send("alive")


def main() -> None:
    """Entry of `python -m backend.serve.worker`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbs", required=True)
    parser.add_argument("--lock", type=Path, required=True)
    options = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the parent
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    status = run(Channel(), options.verbs, options.lock)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # at once: threads of native libraries must not hold back the memory at interpreter exit


if __name__ == "__main__":
    main()
