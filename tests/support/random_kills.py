"""Renders and chunks of one take, killed at random moments: `python -m tests.support.random_kills --subject DIR …`.

After every ten kills a render goes on to the end, and its files are compared with those of a take that nobody killed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared import layout

FRAMES = 160
"""The line has at least so many: chunks begin anywhere among them."""
CHUNK = 30
A_TAKE = 10
"""So many kills come before a take is finished."""


class Kills:
    """What was killed, and what came of it."""

    def __init__(self, subject: Path, audio: Path, folder: Path, seed: int) -> None:
        self._options = ["--subject", str(subject), "--audio", str(audio), "--set", "size=96", "--pose", "recorded"]
        self._folder, self._random = folder, random.Random(seed)
        self.hits = self.takes = 0
        self.faults: list[str] = []
        started = time.monotonic()
        self._run("render", folder / "whole")
        self._usual_s = time.monotonic() - started
        self._whole = digests(folder / "whole")

    def one_take(self, with_chunks: bool) -> None:
        """Ten kills in one folder, then the render that nobody kills."""
        out = self._folder / f"take{self.takes}"
        for kill in range(A_TAKE):
            first = self._random.randint(1, FRAMES)
            chunk = ("--frames", f"{first}:{first + CHUNK}") if with_chunks and kill % 3 else ()
            started = self._start("chunk" if chunk else "render", out, *chunk)
            time.sleep(self._random.uniform(0.2, 0.8) * self._usual_s)
            self.hits += started.poll() is None
            started.kill()
            started.wait()
        self._run("render", out)
        found = digests(out)
        self.faults += [f"{out.name}: {name}" for name in sorted(self._whole.keys() | found.keys())
                        if found.get(name) != self._whole.get(name)]  # fmt: skip
        self.takes += 1

    def _start(self, verb: str, out: Path, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "backend", verb, *self._options, "--out", str(out), *more]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def _run(self, verb: str, out: Path) -> None:
        status = self._start(verb, out).wait()
        if status:
            self.faults.append(f"{out.name}: the last {verb} ended with {status}")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of a take's files by name; but for the manifest, which tells times."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name != layout.MANIFEST_FILE]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", type=Path, required=True, metavar="DIR", help="with a trained model")
    parser.add_argument("--audio", type=Path, required=True, metavar="WAV", help="of seven seconds or more")
    parser.add_argument("--kills", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kills = Kills(asked.subject, asked.audio, Path(folder), asked.seed)
        for take in range(asked.kills // A_TAKE):
            kills.one_take(with_chunks=take % 2 == 1)
    print(f"{kills.hits} kills that hit, {kills.takes} takes finished, {len(kills.faults)} faults")
    print(*kills.faults, sep="\n")
    return 1 if kills.faults else 0


if __name__ == "__main__":
    sys.exit(main())
