"""How `talker bench` measures: median times, and the entries that they go into."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def median_ms(run: Callable[[], object], seconds: float) -> float:
    """Median milliseconds of `run`, repeated for about `seconds`, but three times at least."""

    def finish() -> None:
        run()
        if torch.cuda.is_available():  # where calls return before their work is done
            torch.cuda.synchronize()

    finish()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        finish()
        times.append(time.perf_counter() - started)
    return round(1e3 * statistics.median(times), 3)


def entry(
    name: str, engine: str, threads: int, gaussians: int, size: int, filter_px2: float, **figures: float | str
) -> dict:
    """What was measured of a case: Gaussians, size of the picture, px, and the screen filter that it was drawn under,
    px^2 of this picture, by which a splat takes the more pixels the wider it is."""
    case = {"name": name, "engine": engine, "threads": threads, "gaussians": gaussians, "size": size}
    return case | {"filter_px2": round(filter_px2, 3)} | figures
