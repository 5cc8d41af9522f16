"""Outputs of the kernels on this machine and on others, each made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.platforms import platform_targets
from tests.platforms.platform_arrays import read_arrays, write_arrays
from tests.platforms.platform_inputs import make_inputs

THREADS = (1, 3)
"""How many the kernels are given. Three: more than one, and no divisor of the pieces of work."""


@dataclass
class Outputs:
    """What a platform's kernels gave."""

    instruction_set: str
    by_threads: dict[int, dict[str, np.ndarray]]
    """The number of threads, then the harness's names."""


@pytest.fixture(scope="session")
def inputs() -> dict[str, np.ndarray]:
    return make_inputs()


@pytest.fixture(scope="session")
def here(inputs, tmp_path_factory) -> Outputs:
    """This machine's library, with its portable kernels."""
    folder = tmp_path_factory.mktemp("here")
    try:
        target = platform_targets.native(folder)
    except platform_targets.Unavailable as why:
        pytest.skip(str(why))
    return _run(target, folder, inputs, "portable")


@pytest.fixture(scope="session")
def windows(inputs, tmp_path_factory) -> Iterator[dict[str, Outputs]]:
    """The Windows library with every instruction set that this machine runs."""
    folder = tmp_path_factory.mktemp("windows")
    try:
        with platform_targets.windows(folder) as target:
            runs = [_run(target, folder, inputs, wish) for wish in ("", "avx2", "portable")]
            yield {run.instruction_set: run for run in runs}
    except platform_targets.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def arm64(inputs, tmp_path_factory) -> Outputs:
    """The library's sources on 64-bit ARM."""
    folder = tmp_path_factory.mktemp("arm64")
    try:
        target = platform_targets.arm64(folder)
    except platform_targets.Unavailable as why:
        pytest.skip(str(why))
    return _run(target, folder, inputs, "")


def _run(target: platform_targets.Target, folder: Path, inputs: dict[str, np.ndarray], wish: str) -> Outputs:
    write_arrays(folder / "inputs", inputs)
    names, by_threads = set(), {}
    for threads in THREADS:
        names.add(target.run(folder / "inputs", folder / f"outputs-{threads}", threads, wish))
        by_threads[threads] = read_arrays(folder / f"outputs-{threads}")
    (name,) = names
    return Outputs(name, by_threads)
