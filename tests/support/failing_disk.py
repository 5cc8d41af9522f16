"""Faults put under a job: the n-th write, rename, flush … or allocation fails, or the process is killed there.

As SQLite tests itself ("How SQLite Is Tested", 3: anomaly testing): for every n, once and for good; after each the
folder is what it was before or what it is after the job, and a second run finishes to the same bits.

A stage (`Stage`) runs in a process of its own with failing_disk.c preloaded. Each case is a fork of it: the job's
libraries are loaded once.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from shared.claims import CLAIM
from shared.errors import EXIT_CALLER, EXIT_DONE, EXIT_FAULT, TalkerError
from shared.files import explained, is_leftover, out_of_memory

SOURCE = Path(__file__).with_suffix(".c")
LIBRARY_VARIABLE = "TALKER_TEST_FAULTS"
HANGING_S = 120.0
"""After so long a job is taken for one that hangs; on an idle machine the longest takes a second."""
LEAST_BYTES = 1 << 14
"""Allocations from this size on are counted: arrays and files, not the interpreter's own small objects."""


Job = Callable[[Path], object]
"""Takes a folder in the state in which the job begins."""
Digest = Callable[[Path], Mapping[str, bytes]]
"""What of a folder must be the same bits, by name."""


@dataclass(frozen=True)
class Undertaking:
    """A job, and how to see what came of it."""

    job: Job
    digest: Digest
    goes_by_files: bool = False
    """It may end between before and after, each file as before or as after (a job that removes many files)."""


class Kind(IntEnum):
    """What is counted; the order is failing_disk.c's."""

    WRITE = 0
    RENAME = 1
    """Renames, exchanges and hard links."""
    SYNC = 2
    OPEN = 3
    """Of a file to be written."""
    MAKE = 4
    """Of a folder."""
    REMOVE = 5
    ALLOCATE = 6


class Mode(IntEnum):
    """How it fails; the order is failing_disk.c's."""

    COUNT = 0
    ONCE = 1
    FOR_GOOD = 2
    KILL_BEFORE = 3
    KILL_AFTER = 4


@dataclass(frozen=True)
class Case:
    """One fault."""

    kind: Kind
    mode: Mode
    number: int
    error: int = errno.ENOSPC

    def __str__(self) -> str:
        error = "" if self.mode >= Mode.KILL_BEFORE else f" {errno.errorcode[self.error]}"
        return f"{self.kind.name.lower()} {self.number} {self.mode.name.lower()}{error}"


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    case: Case
    status: int
    """Exit status of the faulty run; negative: the signal that ended it."""
    said: str
    """What it said."""
    trace: str
    """Where that came from."""
    state: str
    """before, after, between (of jobs that may end there), or what is half-written."""
    again: str
    """"" where the second run ended with the bits of a run without faults and left nothing behind; else what it did."""

    @property
    def is_right(self) -> bool:
        """Whether nothing is lost, and the caller is told in one line. Some libraries do not look whether they got
        their memory: a process may end by that, but not leave anything half-written."""
        may_die = self.case.mode >= Mode.KILL_BEFORE or self.case.kind is Kind.ALLOCATE
        in_one_line = self.status == EXIT_CALLER and bool(self.said) and "\n" not in self.said
        told = self.status == EXIT_DONE or in_one_line or may_die and self.status < 0
        return told and self.state in ("before", "after", "between") and not self.again


class CannotFail(Exception):
    """No faults can be put under a process here."""


def build(folder: Path) -> Path:
    """The compiled failing_disk.c. Raises CannotFail where this machine cannot do that."""
    library = folder / "failing_disk.so"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        raise CannotFail("faults are put under a process on Linux with a C compiler only")
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"failing_disk.c does not compile: {done.stderr}")
    return library


def preloaded(
    library: Path, root: Path, arguments: Iterable[str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository `root` with the library under it."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "LD_BIND_NOW": "1",  # else the loader itself ends a process, with 127, where it gets no memory
        LIBRARY_VARIABLE: str(library),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(root),
    }
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=root
    )


class Stage:
    """A folder in a known state, and a job that changes it."""

    def __init__(self, folder: Path, undertaking: Undertaking) -> None:
        """folder: holds `start`, from which every case begins; others are made beside it. The job is run in forks."""
        self._start, self._work = folder / "start", folder / "work"
        self._undertaking, self._digest = undertaking, undertaking.digest
        self._library = ctypes.CDLL(os.environ[LIBRARY_VARIABLE])
        self._library.faults_count.restype = ctypes.c_long
        self._counts_file = folder / "counts"
        self._said_file, self._trace_file = folder / "said", folder / "trace"
        self._modules_file = folder / "modules"
        self._fresh()
        self.before = dict(self._digest(self._work))
        status, said = self._run(None)
        if status != EXIT_DONE:
            raise RuntimeError(f"the job fails without any fault ({status}): {said}")
        self.after = dict(self._digest(self._work))
        self._import_what_it_imported()

    def counts(self) -> dict[Kind, int]:
        """How often each kind happens in a run without faults."""
        self._fresh()
        self._run(Case(Kind.WRITE, Mode.COUNT, 0))
        return {kind: int(line) for kind, line in zip(Kind, self._counts_file.read_text().split(), strict=True)}

    def outcome(self, case: Case) -> Outcome:
        """Run the job with a fault, see what is there, run it again."""
        self._fresh()
        status, said = self._run(case)
        found = dict(self._digest(self._work))
        trace = self._trace_file.read_text(errors="replace") if self._trace_file.exists() else ""
        state = self._state(found)
        second, said_again = self._run(None)
        again = "" if second == EXIT_DONE else f"status {second}: {said_again}"
        if not again and dict(self._digest(self._work)) != self.after:
            again = _difference(dict(self._digest(self._work)), self.after)
        left = sorted(path.name for path in self._work.rglob("*") if is_leftover(path))
        if not again and left:
            again = f"leaves {', '.join(left)}"
        return Outcome(case, status, said, trace, state, again)

    def _state(self, found: Mapping[str, bytes]) -> str:
        for name, state in (("before", self.before), ("after", self.after)):
            if found == state:
                return name
        names = found.keys() | self.before.keys() | self.after.keys()
        if self._undertaking.goes_by_files and all(
            found.get(name) in (self.before.get(name), self.after.get(name)) for name in names
        ):
            return "between"
        return _difference(found, self.after)

    def _import_what_it_imported(self) -> None:
        """Import here what the last run of the job imported, so that its forks need not."""
        for name in self._modules_file.read_text().split():
            if name not in sys.modules:
                with contextlib.suppress(ImportError):  # of another system
                    importlib.import_module(name)

    def _fresh(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._start, self._work, symlinks=True)

    def _run(self, case: Case | None) -> tuple[int, str]:
        """(exit status or minus the signal, what was said) of the job in a fork."""
        for file in (self._said_file, self._trace_file):
            file.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._child(case)
        ended = _waited_for(child)
        said = self._said_file.read_text(errors="replace") if self._said_file.exists() else ""
        return os.waitstatus_to_exitcode(ended), said

    def _child(self, case: Case | None) -> None:
        status, said, trace = EXIT_FAULT, "", ""
        try:
            if case is not None:
                least = LEAST_BYTES if case.kind is Kind.ALLOCATE or case.mode is Mode.COUNT else 0
                number, folder = ctypes.c_long(case.number), os.fsencode(self._work)
                self._library.faults_arm(folder, case.kind, number, case.mode, case.error, ctypes.c_size_t(least))
            try:
                self._undertaking.job(self._work)
                status = EXIT_DONE
            finally:
                self._library.faults_disarm()
        except BaseException as error:
            told = _told(error)
            trace = traceback.format_exc()
            status, said = (EXIT_FAULT, trace) if told is None else (told.exit_status, str(told))
        try:
            self._said_file.write_text(said)
            self._trace_file.write_text(trace)
            self._modules_file.write_text("\n".join(sys.modules))
            self._counts_file.write_text(" ".join(str(self._library.faults_count(int(kind))) for kind in Kind))
        finally:
            os._exit(status)


def _told(error: BaseException) -> TalkerError | None:
    """An error as the command line tells it; None for a fault of ours."""
    if isinstance(error, TalkerError):
        return error
    return explained(error) if isinstance(error, OSError) else out_of_memory(error)


def in_fork(work: Callable[[], object]) -> None:
    """Do work in a fork, so that this process has no threads and no locks of libraries when it forks again.

    Raises RuntimeError where it fails.
    """
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(EXIT_FAULT)
        os._exit(EXIT_DONE)
    if _waited_for(child):
        raise RuntimeError("what a stage begins with could not be made")


def _waited_for(child: int) -> int:
    """Wait status of a process; one that hangs is ended by SIGKILL."""
    deadline = time.monotonic() + HANGING_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _difference(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> str:
    """In which names two states differ."""
    lacking, more = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    other = sorted(name for name in set(found) & set(wanted) if found[name] != wanted[name])
    parts = (("lacks", lacking), ("has besides", more), ("has otherwise", other))
    return "half: " + "; ".join(f"{words} {', '.join(names[:6])}" for words, names in parts if names)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by name, but for those that say who works there, and what was half-written."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    kept = (path for path in paths if not path.name.endswith(CLAIM) and not is_leftover(path))
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


_ERRORS = {Kind.SYNC: errno.EIO, Kind.REMOVE: errno.EIO, Kind.ALLOCATE: errno.ENOMEM}
"""With what they fail; the others as on a full disk."""


def _spread(count: int, most: int | None, mode: Mode) -> list[int]:
    """Numbers below `count`: all, or about `most` of them, others in each mode; the last one too for KILL_AFTER."""
    if most is None or count <= most:
        return list(range(count))
    share = (mode - 0.5) / len(Mode)
    chosen = {int((index + share) * count / most) for index in range(most)}
    return sorted(chosen | ({count - 1} if mode is Mode.KILL_AFTER else set()))


def cases(counts: Mapping[Kind, int], most: int | None) -> Iterator[Case]:
    """Every fault of a job with these counts; of each kind and mode `most` of them, evenly spread; None: all."""
    for kind, count in counts.items():
        modes: tuple[Mode, ...] = (Mode.ONCE, Mode.FOR_GOOD)
        if kind in (Kind.WRITE, Kind.RENAME, Kind.SYNC, Kind.REMOVE):
            modes += (Mode.KILL_BEFORE, Mode.KILL_AFTER)
        for mode in modes:
            for number in _spread(count, most, mode):
                yield Case(kind, mode, number, _ERRORS.get(kind, errno.ENOSPC))
