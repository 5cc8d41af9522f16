"""Everything without a window: for scripts, render farms and `blender -b FILE --command talker …`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from . import job_state, link, requests
from .bridge.bring_back import BroughtBack, ImportOptions
from .bridge.bring_back import bring_back as _bring_back
from .client.session import JobHandle
from .requests import Notice, Step


def bring_back(
    render_folder: str | Path,
    frame_start: int = 1,
    *,
    scene: bpy.types.Scene | None = None,
    match_scene: bool = True,
    exact_colours: bool = False,
    **options,
) -> BroughtBack:
    """Import a rendered line into a scene (by default the current one); `options` as in ImportOptions.

    Raises InputError where the folder is no finished render.
    """
    scene = scene or bpy.context.scene
    if exact_colours:
        from .bridge import colour

        colour.make_exact(scene)
    return _bring_back(scene, render_folder, frame_start, ImportOptions(match_scene=match_scene, **options))


def do(scene: bpy.types.Scene, steps: list[Step], tell: Callable[[list[Notice]], None]) -> list[dict]:
    """Do steps one after the other, blocking, with a line on the terminal now and then; `tell` hears of each end.

    Returns the results. Raises TalkerError, Cancelled among them; Ctrl-C cancels.
    """
    context = bpy.context
    lines = job_state.TerminalLines()

    def on_poll(job: JobHandle) -> None:
        job_state.show(context, job)
        lines.show(context)

    results = []
    for step in steps:
        result = link.run(step.verb, step.arguments(scene), on_poll=on_poll)
        job_state.show(context, link.handle())
        tell(step.finish(scene, result))
        results.append(result)
    return results


def preprocess(scene: bpy.types.Scene | None = None) -> dict:
    """Preprocess the footage of a scene's settings; what the backend's verb returns."""
    return do(scene or bpy.context.scene, [requests.PREPROCESS], _print)[-1]


def train(scene: bpy.types.Scene | None = None) -> dict:
    """Train on the subject of a scene's settings; what the backend's verb returns."""
    return do(scene or bpy.context.scene, [requests.TRAIN], _print)[-1]


def render_line(scene: bpy.types.Scene | None = None) -> dict:
    """Render the line of a scene's settings; what the backend's verb returns."""
    return do(scene or bpy.context.scene, [requests.RENDER], _print)[-1]


def run_all(scene: bpy.types.Scene | None = None) -> dict:
    """The whole way, with the line brought back at its end; what the render returns."""
    steps = [requests.PREPROCESS, requests.TRAIN, requests.RENDER_AND_BRING_BACK]
    return do(scene or bpy.context.scene, steps, _print)[-1]


def _print(notices: list[Notice]) -> None:
    for level, text in notices:
        print(text if level == "INFO" else f"{level.capitalize()}: {text}", flush=True)


def register() -> None:
    pass


def unregister() -> None:
    pass
