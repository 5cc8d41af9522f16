"""Many clients and many jobs at a backend, measured: `python -m tests.support.load` and `… load --soak 2000`."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from shared import protocol
from shared.ready import ReadyFile
from tests.support import extension_shim  # noqa: F401  (makes the add-on's client importable)
from tests.support.besieged import resident_mb
from tests.support.keyed import Keyed
from tests.support.serving import session_in

CLIENTS = 20
JOBS_EACH = 5
CANCELS = 5
LIMIT_S = 120.0


def queue(folder: Path) -> None:
    """100 jobs of 20 clients: how long they take to be accepted, cancels of waiting and running ones, and whose turn
    it was."""
    with session_in(folder) as session:
        ready = ReadyFile.read(session.place.ready_file)
        clients = [Keyed(ready) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            client.ask(protocol.Hello(f"client {number}"))
        began = time.monotonic()
        for job in range(JOBS_EACH):
            for number, client in enumerate(clients):
                client.send(protocol.Submit(f"{number}-{job}", "pretend_count", {"steps": 5, "pause_s": 0.02}))
        while len(session.wait_for_jobs()) < CLIENTS * JOBS_EACH:
            pass
        print(f"{CLIENTS * JOBS_EACH} jobs were accepted in {time.monotonic() - began:.2f} s")

        longest = 0.0
        for number, client in enumerate(clients):
            began = time.monotonic()
            client.send(protocol.Cancel(f"{number}-{JOBS_EACH - 1}"), 999)
            while client.hear()[1] != 999:
                pass
            longest = max(longest, time.monotonic() - began)
        print(f"longest cancel of a waiting job: {longest:.2f} s")

        longest = 0.0
        for _ in range(CANCELS):
            running: list = []
            while not running:
                running = [job for job in session.wait_for_jobs() if str(job.state) == "RUNNING"]
            handle = session.attach(running[0].id)
            began = time.monotonic()
            session.cancel(handle)
            while not handle.ended:
                session.poll_and_wait(0.02)
            longest = max(longest, time.monotonic() - began)
        print(f"longest cancel of a running job: {longest:.2f} s")

        started: list = []
        while len(started) < CLIENTS:
            started = [job for job in session.wait_for_jobs() if job.started_at]
            time.sleep(0.2)
        first = sorted(started, key=lambda job: job.started_at)[:CLIENTS]
        print(
            f"the first {CLIENTS} that were started are jobs of {len({job.id.split('-')[0] for job in first})} clients"
        )
        for client in clients:
            client.close()


def soak(folder: Path, jobs: int) -> None:
    """Short jobs, two at a time: memory, handles and threads of the backend on the way."""
    with session_in(folder) as session:
        pid = ReadyFile.read(session.place.ready_file).pid
        began = time.monotonic()

        def tell(done: int) -> None:
            handles, threads = (len(os.listdir(f"/proc/{pid}/{kind}")) for kind in ("fd", "task"))
            files = sum(1 for _ in session.place.state_dir.rglob("*"))
            print(
                f"{done:5d} jobs  {time.monotonic() - began:7.1f} s  {resident_mb(pid):6.1f} MB  "
                f"{handles} handles  {threads} threads  {files} files",
                flush=True,
            )

        session.wait(session.submit("doctor", {}), LIMIT_S)
        tell(0)
        for done in range(2, jobs + 1, 2):
            for handle in (session.submit("doctor", {}), session.submit("pretend_count", {"steps": 1})):
                session.wait(handle, LIMIT_S)
            if done % max(2, jobs // 10 // 2 * 2) == 0:
                tell(done)


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=int, metavar="JOBS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.soak is None:
            queue(Path(folder))
        else:
            soak(Path(folder), options.soak)


if __name__ == "__main__":
    main()
