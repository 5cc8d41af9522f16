"""Which build of torch this machine gets: CUDA where there is an NVIDIA GPU, else the ten times smaller CPU build."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
_REACH_TIMEOUT_S = 5.0


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        run = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0 and "GPU" in run.stdout


def wanted_build() -> str:
    """ "cuda" or "cpu"."""
    return "cuda" if has_nvidia_gpu() else "cpu"


def index_arguments(build: str, log: Callable[[str], None]) -> list[str]:
    """Options for pip that lead it to `build` of torch on this system.

    The plain package index carries the CUDA build for Linux and the CPU build for Windows and macOS; PyTorch's own
    index has the others. Where that cannot be reached, the plain package is taken and `log` says so.
    """
    index = {("linux", "cpu"): CPU_INDEX, ("win32", "cuda"): CUDA_INDEX}.get((sys.platform, build))
    if index is None:
        return []
    if _reachable(f"{index}/torch/"):
        return ["--extra-index-url", index]
    larger = " (perhaps its larger CUDA build, which also works without a GPU)" if build == "cpu" else ""
    log(f"{index} cannot be reached: taking torch from the package index{larger}.")
    return []


def _reachable(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=_REACH_TIMEOUT_S):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
