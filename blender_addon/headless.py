"""Everything without a window: for scripts, render farms and `blender -b FILE --command talker …` (command.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from . import job_state, link, requests
from .bridge import colour
from .bridge.bring_back import BroughtBack, ImportOptions, options_of
from .bridge.bring_back import bring_back as _bring_back
from .client.session import JobHandle
from .requests import Notice, Step
from .shared.errors import InputError


def bring_back(
    render_folder: str | Path,
    frame_start: int = 1,
    *,
    scene: bpy.types.Scene | None = None,
    match_scene: bool = True,
    exact_colours: bool = False,
    **options,
) -> BroughtBack:
    """Import a rendered line into a scene (by default the current one).

    `match_scene` gives the scene the footage's resolution and the take's frame rate, `exact_colours` a view transform
    that shows colours as filmed; further options as in ImportOptions. Raises InputError where the folder is no
    finished render.
    """
    scene = scene or bpy.context.scene
    if exact_colours:
        colour.make_exact(scene)
    chosen = ImportOptions(match_scene=match_scene, **_with_paths(options))
    done = _bring_back(scene, render_folder, frame_start, chosen)
    scene.talker.take, scene.talker.take_frame = _path(render_folder), frame_start
    return done


def bring_back_take(scene: bpy.types.Scene | None = None) -> BroughtBack:
    """Import the take that a scene's settings name, as they say. Raises InputError."""
    scene = scene or bpy.context.scene
    settings = scene.talker
    return _bring_back(scene, requests.absolute(settings.take, "Take"), settings.take_frame, options_of(settings))


def run_line(
    subject: str | Path,
    audio: str | Path,
    out: str | Path,
    frame_start: int = 1,
    *,
    scene: bpy.types.Scene | None = None,
    import_options: dict | None = None,
    timeout_s: float | None = None,
    **options,
) -> BroughtBack:
    """Render a sound file as a line of a trained subject and bring it back at `frame_start`; blocks.

    `options` as `talker render` has them (model, fps, frames, pose, performance, layers), `import_options` as
    `bring_back` has them. Raises TalkerError: InputError, JobFailed, Cancelled.
    """
    arguments = {"subject": _path(subject), "audio": _path(audio), "out": _path(out), **options}
    result = _run("render", arguments, timeout_s)
    return bring_back(result["out"], frame_start, scene=scene, **{"subject": subject, **(import_options or {})})


def save(path: str | Path | None = None) -> Path:
    """Save the file, under `path` where it is given. Raises InputError where it has no name or cannot be written."""
    if not path and not bpy.data.is_saved:
        raise InputError("The file has no name yet.", "Say where to save it.")
    target = Path(path or bpy.data.filepath).resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(target))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{target} cannot be saved ({error}).", "Choose another place.") from error
    return target


def do(scene: bpy.types.Scene, steps: list[Step], tell: Callable[[list[Notice]], None]) -> list[dict]:
    """Do steps one after the other, blocking, with a line on the terminal now and then; `tell` hears of each end.

    Returns the results. Raises TalkerError, Cancelled among them; Ctrl-C cancels.
    """
    results = []
    for step in steps:
        result = _run(step.verb, step.arguments(scene))
        tell(step.finish(scene, result))
        results.append(result)
    return results


def preprocess(scene: bpy.types.Scene | None = None) -> dict:
    """Preprocess the footage of a scene's settings; what the backend's verb returns."""
    return do(scene or bpy.context.scene, [requests.PREPROCESS], print_notices)[-1]


def train(scene: bpy.types.Scene | None = None, mode: str = "AUTO") -> dict:
    """Train on the subject of a scene's settings; what the backend's verb returns.

    `mode`: AUTO goes on where the training stopped, and leaves a finished model as it is; MORE trains a finished one
    for the settings' `more_minutes`; ANEW begins from the footage.
    """
    return do(scene or bpy.context.scene, [requests.TRAIN_BY_MODE[mode]], print_notices)[-1]


def render_line(scene: bpy.types.Scene | None = None) -> dict:
    """Render the line of a scene's settings; what the backend's verb returns."""
    return do(scene or bpy.context.scene, [requests.RENDER], print_notices)[-1]


def run_all(scene: bpy.types.Scene | None = None) -> dict:
    """The whole way, with the line brought back at its end; what the render returns."""
    return do(scene or bpy.context.scene, list(requests.WHOLE_WAY), print_notices)[-1]


def print_notices(notices: list[Notice]) -> None:
    """What a step tells, on the terminal."""
    for level, text in notices:
        print(text if level == "INFO" else f"{level.capitalize()}: {text}", flush=True)


def _run(verb: str, arguments: dict, timeout_s: float | None = None) -> dict:
    """One job, blocking, with a line on the terminal now and then."""
    lines = job_state.TerminalLines()

    def on_poll(job: JobHandle) -> None:
        job_state.show(bpy.context, job)
        lines.show(bpy.context)

    result = link.run(verb, arguments, timeout_s=timeout_s, on_poll=on_poll)
    job_state.show(bpy.context, link.handle())
    return result


def _path(path: str | Path) -> str:
    return str(Path(path).resolve())


def _with_paths(options: dict) -> dict:
    """Folders and files of ImportOptions may be given as text."""
    paths = {key: Path(options[key]).resolve() for key in ("subject", "footage") if options.get(key)}
    return {**options, **paths}
