"""A live head measured, without Blender: `python -m tests.support.live_load --subject DIR --take DIR`.

Curves change at a steady rate, as while an artist scrubs or drags a key; the add-on's own client asks for the pictures
and looks for them as often as Blender's timer does. `--job` renders the take's sound beside it, to a folder of its own.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from shared import layout, protocol
from shared.ready import ReadyFile
from tests.support import extension_shim  # noqa: F401  (makes the add-on's client importable)
from tests.support.besieged import resident_mb
from tests.support.keyed import Keyed
from tests.support.serving import LIMIT_S, session_in

from extension_without_blender.shared import protocol as addons  # isort: skip
from extension_without_blender.shared.live import LiveState  # isort: skip

POLL_S = 0.005
"""As blender_addon/jobs/live.py."""
PINGS_S = 0.02


@dataclass
class Figures:
    """What is measured; times in ms."""

    waited: list[float] = field(default_factory=list)
    """From the change to the picture in hand."""
    drawn: list[float] = field(default_factory=list)
    """Of that, in the head's process."""
    answered: list[float] = field(default_factory=list)
    """How long the backend takes to answer another client's heartbeat."""
    memory: list[float] = field(default_factory=list)
    """Of the head's process, MB, once a second."""


def quantile(values: list[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def scrub(session, head, figures: Figures, seconds: float, rate: float, ready: ReadyFile) -> int:
    """Change frame and jaw `rate` times a second for so long; returns how many changes there were."""
    process = _head_process(ready.pid)
    with Keyed(ready) as other:
        other.greet()
        began = polled = pinged = weighed = time.monotonic()
        changes, ping_at = 0, None
        while (now := time.monotonic()) - began < seconds:
            if now - began >= changes / rate and head.state is LiveState.READY:
                frame = 1 + changes % head.facts["frames"]
                head.ask(addons.Draw(frame, {"jawOpen": 0.5 + 0.4 * math.sin(changes / 5)}), changes)
                changes += 1
            if now - polled >= POLL_S:
                polled = now
                session.poll()
                taken = head.take()
                if taken is not None:
                    figures.waited.append(1000 * taken.waited_s)
                    figures.drawn.append(taken.drawn_ms)
            if ping_at is None and now - pinged >= PINGS_S:
                other.send(protocol.Heartbeat())
                pinged = ping_at = now
            while other.socket.poll(0):
                message, request = protocol.decode(other.socket.recv())
                if request and ping_at is not None and isinstance(message, protocol.Heartbeat):
                    figures.answered.append(1000 * (time.monotonic() - ping_at))
                    ping_at = None
            if now - weighed >= 1.0:
                weighed = now
                figures.memory.append(resident_mb(process))
            time.sleep(0.001)
    return changes


def _head_process(backend: int) -> int:
    """Process id of the backend's live head."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                status = Path(f"/proc/{name}/stat").read_text(encoding="utf-8")
                command = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if int(status.rsplit(") ", 1)[1].split()[1]) == backend and b"live_worker" in command:
                return int(name)
    raise RuntimeError("the live head has no process")


def report(title: str, figures: Figures, changes: int, replaced: int, seconds: float) -> None:
    """Print what was measured."""
    waited, answered, memory = figures.waited, figures.answered, figures.memory
    print(
        f"{title}: {changes} changes in {seconds:.0f} s, {len(waited)} pictures, {replaced} replaced by newer ones; "
        f"change to picture median {quantile(waited, 0.5):.1f} ms, p95 {quantile(waited, 0.95):.1f}, "
        f"longest {max(waited, default=math.nan):.1f}, of which drawing {quantile(figures.drawn, 0.5):.1f}; "
        "the backend answers others in median "
        f"{quantile(answered, 0.5):.1f} ms, p95 {quantile(answered, 0.95):.1f}; the head's process has "
        f"{memory[0] if memory else math.nan:.0f} MB at first, {memory[-1] if memory else math.nan:.0f} at the end, "
        f"{max(memory, default=math.nan):.0f} at most",
        flush=True,
    )


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", type=Path, required=True)
    parser.add_argument("--take", type=Path, required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=25.0, help="changes a second")
    parser.add_argument("--job", action="store_true", help="render a line beside it")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        session_in(Path(folder), "--verbs", "backend.command.verbs") as session,
    ):
        ready = ReadyFile.read(session.place.ready_file)
        began = time.monotonic()
        head = session.open_live(addons.LiveOpen(str(options.subject), options.model, str(options.take), options.size))
        while not head.facts and not head.is_closed and time.monotonic() - began < LIMIT_S:
            session.poll_and_wait(0.05)
        if head.is_closed:
            raise SystemExit(f"{head.what} {head.do}")
        print(f"opened in {time.monotonic() - began:.1f} s", flush=True)
        job = None
        if options.job:
            job = session.submit(
                "render",
                {
                    "subject": str(options.subject), "audio": str(options.take / layout.AUDIO_FILE),
                    "out": str(Path(folder) / "beside"), "take_id": "beside",
                },
            )  # fmt: skip
            while str(job.info.state) != "RUNNING":
                session.poll_and_wait(0.05)
        figures, replaced = Figures(), head.replaced
        changes = scrub(session, head, figures, options.seconds, options.rate, ready)
        title = "with a job" if options.job else "alone"
        if job is not None:
            title += f" ({'which had ended' if job.ended else 'running to the end'})"
        report(title, figures, changes, head.replaced - replaced, options.seconds)


if __name__ == "__main__":
    main()
