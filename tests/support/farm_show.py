"""A line drawn as on a farm, beside one machine's: `python -m tests.support.farm_show --subject DIR --audio WAV`.

Two workers run the chunks of the job's template by `openjd run` at once. Of one chunk the process is killed (-9) on the
way and the chunk run again; another chunk runs in both workers at the same time. Then the chunks are joined, twice.
Needs `openjd` (pip install openjd-cli), a subject with a model, and Linux. Prints what it found; exit status 1 where a
file differs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from shared import layout
from tests.support.places import ROOT

_WRITTEN_BEFORE_KILL = 3


def talker_in(folder: Path) -> Path:
    """The command `talker` of this repository and this Python."""
    script = folder / "talker"
    script.write_text(f'#!/bin/sh\nexport PYTHONPATH="{ROOT}"\nexec "{sys.executable}" -P -m backend "$@"\n')
    script.chmod(0o755)
    return script


def main() -> int:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", required=True)
    parser.add_argument("--audio", required=True)
    parser.add_argument("--model", default="m2dao")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--chunk", type=int, default=50)
    parser.add_argument("--layers", default="exr")
    parser.add_argument("--openjd", default="openjd", help="the command")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return show(Path(name), asked)


def show(folder: Path, asked: argparse.Namespace) -> int:
    """The comparison, in an empty folder."""
    talker, farmed, single, job = talker_in(folder), folder / "farmed", folder / "single", folder / "job"
    line = ["--subject", asked.subject, "--audio", asked.audio, "--set", f"size={asked.size}", "--threads", "1"]
    line += ["--layers", asked.layers, "--model", asked.model]
    options = [*line[4:], "--audio", line[3], "--out", str(farmed), "--chunk", str(asked.chunk), "--job", str(job)]
    made = run(talker, "farm", asked.subject, *options, "--talker", str(talker))
    print(f"{made['frames']} frames, {made['tasks'] - 1} chunks of {asked.chunk} and a join")
    chunks = [f"{at}-{min(at + asked.chunk - 1, made['frames'])}" for at in range(1, made["frames"] + 1, asked.chunk)]

    def worker(step: str, ranges: list[str]) -> None:
        tasks = ["--tasks", json.dumps([{"Frame": frames} for frames in ranges])] if ranges else []
        subprocess.run(
            [asked.openjd, "run", str(job / "template.json"), "--step", step, *tasks, "--no-run-dependencies",
             "-p", f"file://{job / 'parameters.json'}"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    began = time.monotonic()
    kill_a_chunk(talker, line, farmed, chunks[0])
    twice = chunks[len(chunks) // 2]
    mine = [[twice, *chunks[0::2]], [twice, *chunks[1::2]]]
    workers = [threading.Thread(target=worker, args=("Render", ranges)) for ranges in mine]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    drawn_s = time.monotonic() - began
    worker("Join", [])
    joined_s = time.monotonic() - began - drawn_s
    worker("Join", [])
    again = run(talker, "chunk", *line, "--out", str(farmed), "--frames", chunks[-1])
    print(f"a chunk after the join: {again['rendered']} drawn, {again['kept']} kept")
    began = time.monotonic()
    run(talker, "render", *line, "--out", str(single))
    single_s = time.monotonic() - began
    print(f"farm: frames {drawn_s:.1f} s, join {joined_s:.1f} s; one process: {single_s:.1f} s")
    return compare(farmed, single)


def kill_a_chunk(talker: Path, line: list[str], out: Path, frames: str) -> None:
    """Start a chunk, and kill it when it has written a few frames."""
    with open(os.devnull, "w") as nothing:
        victim = subprocess.Popen(
            [talker, "chunk", *line, "--out", str(out), "--frames", frames], stdout=nothing, stderr=nothing
        )
        while len(list((out / layout.CHUNKS_FOLDER).glob("head.*"))) < _WRITTEN_BEFORE_KILL and victim.poll() is None:
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    left = sorted(path.name for path in (out / layout.CHUNKS_FOLDER).iterdir())
    print(f"killed a chunk when it had written {len(left) - 1} frames (exit status {victim.returncode})")


def run(talker: Path, *arguments: str) -> dict:
    """What a command tells as JSON."""
    done = subprocess.run([talker, *arguments, "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def compare(farmed: Path, single: Path) -> int:
    """Print which files differ; 1 where one does that should not."""
    names = sorted({path.name for folder in (farmed, single) for path in folder.iterdir()})
    same = [name for name in names if (single / name).is_file() and (farmed / name).is_file()]
    same = [name for name in same if (single / name).read_bytes() == (farmed / name).read_bytes()]
    frames = [name for name in same if name.startswith("head.")]
    others = [name for name in same if name not in frames]
    print(f"the same bytes: {len(frames)} frames, {', '.join(others)}")
    manifests = [json.loads((folder / layout.MANIFEST_FILE).read_text()) for folder in (farmed, single)]
    of_a_run = ("take_id", "timings_s")
    told = [{name: value for name, value in manifest.items() if name not in of_a_run} for manifest in manifests]
    for manifest in told:
        manifest["frames"]["drawn"] = manifest["settings"]["frames"] = None
    differing = [name for name in names if name not in same and name != layout.MANIFEST_FILE]
    whole = told[0] == told[1] and told[0]["complete"]
    print(f"manifest but for id, timings, frames asked for and drawn: {'the same, complete' if whole else 'DIFFERS'}")
    print(f"other files: {', '.join(differing) or 'none'}")
    return 0 if whole and not differing else 1


if __name__ == "__main__":
    sys.exit(main())
