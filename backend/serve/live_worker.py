"""The process of a live head: it keeps a head loaded and draws one frame after the other, as its parent asks.

The parent writes lines of JSON to standard input: first what to open, {"open": {…}}, then {"draw": {…}} for each
picture, one at a time. It ends when that is closed, also where the parent has died. The process writes lines of JSON to
standard output, each with an `event`: ready, drawn, refused, closed. Pictures go into the folder that it was given
(shared.live_picture), which it takes away where the parent cannot do so any more.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.errors import EXIT_DONE, EXIT_FAULT, TalkerError, shortened
from shared.files import explained, out_of_memory
from shared.jobs import Progress, Reporter
from shared.live_picture import write_live_picture

from .channel import Channel
from .own_limits import resident_bytes

log = logging.getLogger(__name__)

SLOTS = 3
"""Files that pictures are written to by turns: one is read, one is the newest, one is being made."""
LOOK_S = 1.0
"""How often it is looked whether model, take and consent are still what they were, seconds."""


def run(channel: Channel, heads: str, folder: Path, most_bytes: int) -> int:
    """Open the head that the parent asks for, draw it as asked, and return the exit status.

    heads: import path of a module with `open_live_head` (backend.deliver.live_head).
    """
    lines = channel.lines()
    asked = next(lines, None)
    if asked is None:
        return EXIT_FAULT
    try:
        head = _opened(heads, asked["open"])
    except Exception as error:
        return _close(channel, error)
    channel.send("ready", head=head.facts())
    threading.Thread(target=_watch, args=(channel, head.sources), name="sources", daemon=True).start()
    try:
        _serve(channel, lines, head, folder, most_bytes)
    except Exception as error:
        return _close(channel, error)
    return EXIT_DONE


def _opened(heads: str, asked: dict[str, Any]) -> Any:
    take = Path(asked["take"]) if asked["take"] else None
    open_live_head = importlib.import_module(heads).open_live_head
    return open_live_head(
        Path(asked["subject"]), asked["model"], take, asked["size"], asked["transparent"], Reporter(_note)
    )  # fmt: skip


def _serve(channel: Channel, lines: Iterator[dict], head: Any, folder: Path, most_bytes: int) -> None:
    for line in lines:
        asked = line["draw"]
        began = time.perf_counter()
        try:
            given = (asked[name] or None for name in ("pose", "body", "lens", "controls"))
            picture = head.draw(asked["frame"], asked["curves"], *given)
        except TalkerError as error:
            channel.send("refused", number=asked["number"], what=error.what, do=error.do)
            continue
        height, width = picture.shape[:2]
        floats = memoryview(head.for_view(picture)).cast("B")
        path = _write(folder, asked["number"], width, height, floats)
        took_ms = round(1000 * (time.perf_counter() - began), 2)
        channel.send("drawn", number=asked["number"], path=str(path), took_ms=took_ms)
        size = resident_bytes()
        if size is not None and size > most_bytes:
            raise TalkerError(
                f"The live head takes {size >> 20} MiB of memory, more than {most_bytes >> 20}.",
                "Use smaller pictures, or a shorter line.",
            )


def _write(folder: Path, number: int, width: int, height: int, rgba: memoryview) -> Path:
    """Write a picture to the next file that nobody keeps from being replaced. Raises OSError."""
    for slot in range(number, number + SLOTS):
        path = folder / f"picture.{slot % SLOTS}"
        try:
            write_live_picture(path, number, width, height, rgba)
        except PermissionError:  # Windows: somebody reads the one that is there
            if slot == number + SLOTS - 1:
                raise
            continue
        break
    return path


def _watch(channel: Channel, sources: Any) -> None:
    pause = threading.Event()
    while not pause.wait(LOOK_S):
        try:
            change = sources.look()
        except Exception as error:  # what cannot be looked at may have been withdrawn
            _leave(_close(channel, error))
        if change is not None:
            channel.send("closed", what=change.what, do=change.do, reopen=change.reopen)
            _leave(EXIT_DONE)


def _note(progress: Progress) -> None:
    if progress.message:
        log.info("%s", progress.message)


def _close(channel: Channel, error: Exception) -> int:
    traceback.print_exc()
    if isinstance(error, OSError):
        error = explained(error)
    error = out_of_memory(error) or error
    if isinstance(error, TalkerError):
        channel.send("closed", what=error.what, do=error.do, reopen=False)
        return error.exit_status
    channel.send("closed", what=shortened(f"{type(error).__name__}: {error}".strip()), do="", reopen=False)
    return EXIT_FAULT


def _leave(status: int) -> None:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # at once: threads of native libraries must not hold back the memory at interpreter exit


def main() -> None:
    """Entry of `python -m backend.serve.live_worker`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--most-bytes", type=int, required=True)
    options = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the parent
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def tidy() -> None:
        shutil.rmtree(options.folder.parent, ignore_errors=True)

    status = run(Channel(tidy), options.heads, options.folder, options.most_bytes)
    tidy()
    _leave(status)


if __name__ == "__main__":
    main()
