"""Verbs for tests of the backend process: quick, slow, failing, crashing. Their traces go to files the test names."""

from __future__ import annotations

import os
import time
from pathlib import Path

from shared.errors import Cancelled, InputError


def pretend_count(arguments, report):
    """`steps` steps of `pause_s`; returns how many were done and what arguments it got."""
    report.phase("counting", arguments["steps"])
    report.message("here we go")
    for _ in range(arguments["steps"]):
        time.sleep(arguments.get("pause_s", 0.0))
        report.step()
    return {"counted": arguments["steps"], "arguments": arguments}


def train(arguments, report):
    """Like training: adds a line to `file` at every step, goes on from there, and stops at `steps` lines."""
    path = Path(arguments["file"])
    done = len(path.read_text().splitlines()) if path.exists() else 0
    started_at = done
    report.phase("training", arguments["steps"])
    try:
        while done < arguments["steps"]:
            time.sleep(arguments["pause_s"])
            with open(path, "a") as file:
                file.write(f"{os.getpid()}\n")
            done += 1
            report.step()
    except Cancelled:
        path.with_suffix(".checkpoint").write_text(str(done))
        raise
    return {"started_at": started_at, "steps": done, "start": arguments.get("start", "anew")}


def stubborn(arguments, report):
    """Never asks whether it was cancelled; leaves its process id in `file`."""
    Path(arguments["file"]).write_text(str(os.getpid()))
    report.phase("ignoring everybody")
    time.sleep(600)


def crash(arguments, report):
    print("last words", flush=True)
    os._exit(7)


def complain(arguments, report):
    raise InputError("The footage is empty.", "Use another one.")


def fault(arguments, report):
    raise ZeroDivisionError("an inner fault")


def large(arguments, report):
    return {"text": "x" * 2_000_000}


def odd(arguments, report):
    """Returns what neither JSON nor msgpack carries as it is."""
    return {"psnr": float("inf"), "path": Path("a") / "b", "pair": (1, 2)}


def doctor(arguments, report):
    return {"well": True}


VERBS = {f.__name__: f for f in (pretend_count, train, stubborn, crash, complain, fault, large, odd, doctor)}
