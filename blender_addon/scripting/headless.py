"""Everything without a window: for scripts, render farms and `blender -b FILE --command talker …` (command.py)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ..blender_types import scene as scene_of
from ..bridge import colour, editorial, interchange
from ..bridge.bring_back import BroughtBack, ImportOptions, options_of
from ..bridge.bring_back import bring_back as _bring_back
from ..jobs import blocking, lines, steps
from ..jobs.blocking import do, print_notices
from ..properties import settings_of
from ..shared.editorial import ENDING, is_as_written
from ..shared.errors import InputError
from ..shared.files import explaining
from . import options

__all__ = [
    "bring_back", "bring_back_take", "do", "evaluate", "export", "line_steps", "preprocess", "print_notices",
    "render_line", "render_lines", "run_all", "run_line", "save", "train",
]  # fmt: skip


def bring_back(
    render_folder: str | Path,
    frame_start: int = 1,
    *,
    scene: bpy.types.Scene | None = None,
    match_scene: bool = True,
    exact_colours: bool = False,
    **import_options: Any,
) -> BroughtBack:
    """Import a rendered line into a scene (by default the current one).

    `match_scene` gives the scene the footage's resolution and the take's frame rate, `exact_colours` a view transform
    that shows colours as filmed; further options as in ImportOptions. Raises InputError where the folder is no
    finished render.
    """
    scene = scene or scene_of(bpy.context)
    if exact_colours:
        colour.make_exact(scene)
    chosen = ImportOptions(match_scene=match_scene, **_with_paths(import_options))
    done = _bring_back(scene, render_folder, frame_start, chosen)
    settings = settings_of(scene)
    settings.take, settings.take_frame = _path(render_folder), frame_start
    return done


def bring_back_take(scene: bpy.types.Scene | None = None, **settings_over: Any) -> BroughtBack:
    """Import the take that a scene's settings name, as they say, with `settings_over` over them (as `preprocess` has
    them). Raises InputError."""
    scene = _with(scene, "import", settings_over)
    settings = settings_of(scene)
    return _bring_back(scene, steps.absolute(settings.take, "Take"), settings.take_frame, options_of(settings))


def export(path: str | Path, take: str | Path | None = None, *, scene: bpy.types.Scene | None = None) -> Path:
    """Write what was brought back for another program, by the name's ending: the scene's takes as OpenTimelineIO
    (.otio), or camera, head and, as USD, curves of one take (.usd, .usda, .usdc, .abc); `take`: its folder, by default
    the scene's. Returns the path. Raises InputError, also for a timeline that was edited since.
    """
    scene, target = scene or scene_of(bpy.context), Path(path).resolve()
    if target.suffix.lower() == ENDING:
        _require_replaceable(target)
        editorial.write(scene, target)
        return target
    folder = Path(take).resolve() if take else steps.absolute(settings_of(scene).take, "Take")
    interchange.write(scene, folder, target)
    return target


def _require_replaceable(timeline: Path) -> None:
    """Nobody is asked here whether a file may be written over, as Blender's file browser asks."""
    if timeline.exists():
        with explaining(timeline):
            if not is_as_written(timeline.read_text(encoding="utf-8", errors="replace")):
                told = "was not exported from here, or was edited since"
                raise InputError(f"{timeline} is there already, and {told}.", "Choose another name, or move it away.")


def run_line(
    subject: str | Path,
    audio: str | Path,
    out: str | Path,
    frame_start: int = 1,
    *,
    scene: bpy.types.Scene | None = None,
    import_options: dict | None = None,
    timeout_s: float | None = None,
    **render_options: Any,
) -> BroughtBack:
    """Render a sound file as a line of a trained subject and bring it back at `frame_start`; blocks.

    `render_options` as `talker render` has them (model, fps, frames, pose, head_life, face_life, performance, layers),
    `import_options` as `bring_back` has them. Raises TalkerError: InputError, JobFailed, Cancelled.
    """
    arguments = {"subject": _path(subject), "audio": _path(audio), "out": _path(out), **render_options}
    result = blocking.run("render", arguments, timeout_s)
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


def preprocess(scene: bpy.types.Scene | None = None, **settings: Any) -> dict:
    """Preprocess the footage of a scene's settings; what the backend's verb returns.

    Here and below, further `settings` are put over the scene's: those of `Scene.talker` that the command of the same
    name has (scripting/options.py). Raises TalkerError: InputError, JobFailed, Cancelled.
    """
    return do(_with(scene, "preprocess", settings), [steps.PREPROCESS], print_notices)[-1]


def train(scene: bpy.types.Scene | None = None, mode: str = "AUTO", **settings: Any) -> dict:
    """Train on the subject of a scene's settings; what the backend's verb returns.

    `mode`: AUTO goes on where the training stopped, and leaves a finished model as it is; MORE trains a finished one
    for the settings' `more_minutes`; ANEW begins from the footage.
    """
    return do(_with(scene, "train", settings), [steps.TRAIN_BY_MODE[mode]], print_notices)[-1]


def evaluate(scene: bpy.types.Scene | None = None, **settings: Any) -> dict:
    """Score the model of a scene's settings; what the backend's verb returns."""
    return do(_with(scene, "evaluate", settings), [steps.EVALUATE], print_notices)[-1]


def render_line(scene: bpy.types.Scene | None = None, **settings: Any) -> dict:
    """Render the line of a scene's settings; what the backend's verb returns."""
    return do(_with(scene, "render", settings), [steps.RENDER], print_notices)[-1]


def render_lines(
    scene: bpy.types.Scene | None = None, names: Iterable[str] | None = None, also_new: bool = False, **settings: Any
) -> list[dict]:
    """Render the sound strips `names` and bring each back where it lies; what the renders return, in the same order.

    None: those whose take is out of date, and with `also_new` those that have none; takes of lines that were moved are
    brought to where the lines are.
    """
    scene = _with(scene, "lines", settings)
    if names is None:
        print_notices(steps.place_moved(scene))
    return do(scene, line_steps(scene, names, also_new), print_notices)


def line_steps(scene: bpy.types.Scene, names: Iterable[str] | None, also_new: bool) -> list[steps.Step]:
    """The steps of `render_lines`. Raises InputError where the timeline has no sound strip of a name."""
    lines_there = lines.names(scene)
    chosen = lines.to_render(scene, also_new) if names is None else list(names)
    for name in chosen:
        if name not in lines_there:
            raise InputError(f"The timeline has no line {name}.", f"It has: {', '.join(lines_there) or 'none'}.")
    return [steps.render_again(name) for name in chosen]


def run_all(scene: bpy.types.Scene | None = None, **settings: Any) -> dict:
    """The whole way, with the line brought back at its end; what the render returns."""
    return do(_with(scene, "run", settings), list(steps.WHOLE_WAY), print_notices)[-1]


def _with(scene: bpy.types.Scene | None, verb: str, settings: dict[str, Any]) -> bpy.types.Scene:
    scene = scene or scene_of(bpy.context)
    options.apply(settings_of(scene), verb, settings)
    return scene


def _path(path: str | Path) -> str:
    return str(Path(path).resolve())


def _with_paths(options: dict) -> dict:
    """Folders and files of ImportOptions may be given as text."""
    paths = {key: Path(options[key]).resolve() for key in ("subject", "footage") if options.get(key)}
    return {**options, **paths}
