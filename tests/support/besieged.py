"""A backend with an honest client, measured while strangers are at its port: `python -m tests.support.besieged`.

For each kind of stranger: how much the backend's memory and logs grew, the longest time in which the client heard
nothing, the longest job, and the longest cancel, before and during.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import extension_shim, strangers  # noqa: F401  (makes the add-on's client importable)

from extension_without_blender.client.session import Session  # isort: skip
from extension_without_blender.shared.ready import ReadyFile

from tests.support.serving import session_in

PAGE_MB = 4096 / 1e6


@dataclass
class Figures:
    """What was seen. MB, seconds."""

    grown_mb: float = 0.0
    logs_mb: float = 0.0
    silence_s: float = 0.0
    job_s: float = 0.0
    cancel_s: float = 0.0
    jobs: int = 0


def resident_mb(pid: int) -> float:
    """Memory of a process that is in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MB


def logs_mb(state: Path) -> float:
    """Size of all logs."""
    return sum(path.stat().st_size for path in (state / "logs").iterdir()) / 1e6


def observe(session: Session, seconds: float) -> Figures:
    """Do jobs and cancel some for so long."""
    pid, state = ReadyFile.read(session.place.ready_file).pid, session.place.state_dir
    start_mb, start_logs, figures = resident_mb(pid), logs_mb(state), Figures()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            figures.grown_mb = max(figures.grown_mb, resident_mb(pid) - start_mb)
            connection = session._link.connection
            if connection is not None:
                figures.silence_s = max(figures.silence_s, connection.silence_s)

    watcher = threading.Thread(target=watch)
    watcher.start()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            began = time.monotonic()
            session.wait(session.submit("pretend_count", {"steps": 3}), 60)
            figures.job_s = max(figures.job_s, time.monotonic() - began)
            handle = session.submit("train", {"file": str(state / "steps"), "steps": 10**6, "pause_s": 0.02})
            while not (handle.info.progress and handle.info.progress.step):
                session.poll_and_wait(0.02)
            began = time.monotonic()
            session.cancel(handle)
            while not handle.ended:
                session.poll_and_wait(0.02)
            figures.cancel_s = max(figures.cancel_s, time.monotonic() - began)
            (state / "steps").unlink(missing_ok=True)
            figures.jobs += 1
    finally:
        is_over.set()
        watcher.join()
    figures.logs_mb = logs_mb(state) - start_logs
    return figures


@contextmanager
def siege(ready: ReadyFile, stranger: strangers.Stranger, seconds: float, count: int = 1):
    """Strangers at the port for so long, as processes of their own."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=stranger, args=(ready.host, ready.port, seconds)) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.join(seconds + 60)
            process.kill()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--count", type=int, default=2, help="processes of strangers at once")
    parser.add_argument("--only", nargs="*", default=[kind.__name__ for kind in strangers.ALL])
    options = parser.parse_args()
    print("stranger            grown MB  logs MB  silence s  job s  cancel s  jobs", flush=True)
    for stranger in (None, *(kind for kind in strangers.ALL if kind.__name__ in options.only)):
        with tempfile.TemporaryDirectory() as folder, session_in(Path(folder)) as session:
            observe(session, 2.0)
            ready = ReadyFile.read(session.place.ready_file)
            if stranger is None:
                seen, name = observe(session, options.seconds), "nobody"
            else:
                name = stranger.__name__
                with siege(ready, stranger, options.seconds + 2.0, options.count):
                    time.sleep(1.0)
                    seen = observe(session, options.seconds)
            print(
                f"{name:18} {seen.grown_mb:9.1f} {seen.logs_mb:8.2f} {seen.silence_s:10.2f} {seen.job_s:6.2f} "
                f"{seen.cancel_s:9.2f} {seen.jobs:5d}",
                flush=True,
            )


if __name__ == "__main__":
    main()
