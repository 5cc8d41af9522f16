"""What a scene's settings ask of the backend: each step's verb and arguments, and what its result changes here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from .bridge import audio, camera, curves, keys
from .bridge.bring_back import bring_back, options_of
from .shared.errors import InputError
from .shared.timing import fps_text

_SOUND_ENDING = re.compile(r"\.(aac|aif|aiff|flac|m4a|mov|mp3|mp4|oga|ogg|opus|wav)(?=(\.\d{3,})?$)", re.IGNORECASE)
"""Of "line.wav", and of "line.wav.001", the second strip of that name."""

Notice = tuple[str, str]
"""(level of Operator.report, text)."""


@dataclass(frozen=True)
class Step:
    """One job of the way from footage to a line on the timeline."""

    verb: str
    arguments: Callable[[bpy.types.Scene], dict]
    """What to ask, read from the scene when the step begins. Raises InputError."""
    finish: Callable[[bpy.types.Scene, dict], list[Notice]]
    """Takes the result into the scene; returns what to tell the user."""


def absolute(text: str, name: str) -> Path:
    """A path of the settings as an absolute one. Raises InputError where it is empty or hangs in the air."""
    if not text.strip():
        raise InputError(f"{name} is not chosen.", f"Choose the {name.lower()} in the Talker panel.")
    if text.startswith("//") and not bpy.data.is_saved:
        raise InputError(f"{name} lies beside the .blend file, which is not saved.", "Save the file first.")
    return Path(bpy.path.abspath(text)).resolve()


def existing_file(text: str, name: str) -> Path:
    """Likewise, of a file that must be there."""
    path = absolute(text, name)
    if not path.is_file():
        raise InputError(f"There is no file {path}.", f"Choose the {name.lower()} again.")
    return path


def preprocess(scene: bpy.types.Scene) -> dict:
    settings = scene.talker
    return {
        "footage": str(existing_file(settings.footage, "Footage")),
        "subject": str(absolute(settings.subject, "Subject")),
        "consent": settings.consent,
    }


def _preprocessed(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    warnings = (result.get("quality") or {}).get("warnings") or []
    done = f"The footage is ready: {result['frames']} frames."
    return [("WARNING", text) for text in warnings] + [("INFO", done)]


def train(scene: bpy.types.Scene) -> dict:
    settings = scene.talker
    subject = absolute(settings.subject, "Subject")
    return {
        "subject": str(subject),
        "recipe": settings.recipe,
        "preset": settings.preset,
        "model": model_name(settings),
        "resume": "auto",
    }


def train_more(scene: bpy.types.Scene) -> dict:
    return {**train(scene), "resume": False, "more": True, "minutes": scene.talker.more_minutes}


def train_anew(scene: bpy.types.Scene) -> dict:
    return {**train(scene), "resume": False}


def _trained(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    return [("INFO", result["message"])]


def model_name(settings) -> str:
    """The model that the scene means: the one named, else the recipe's."""
    return settings.model or settings.recipe


def render(scene: bpy.types.Scene) -> dict:
    settings = scene.talker
    subject = absolute(settings.subject, "Subject")
    line = audio.line(scene)
    out = absolute(settings.output, "Output") / take_name(line.name)
    fps = keys.scene_fps(scene)
    settings.take_frame = line.frame_start
    sound = line.write(out.parent / f"{out.name}.line.wav")
    arguments = {
        "subject": str(subject),
        "audio": str(sound),
        "out": str(out),
        "model": model_name(settings),
        "fps": fps_text(fps),
        "pose": _pose(scene, settings, line, out),
    }
    if settings.use_performance:
        controller = curves.find_controller(out)
        if controller is None:
            raise InputError(
                f"This line, {out.name}, has no curves in the scene yet.", "Render it without, bring it back."
            )
        arguments["performance"] = str(curves.write(scene, controller, out.parent / f"{out.name}.performance.json"))
    return arguments


def _pose(scene: bpy.types.Scene, settings, line: audio.Line, out: Path) -> str:
    """What `--pose` takes."""
    if settings.pose_mode == "FILE":
        return str(existing_file(settings.pose_file, "Poses"))
    if settings.pose_mode != "OBJECT":
        return settings.pose_mode.lower()
    if settings.pose_object is None:
        raise InputError("No object is chosen for the head to follow.", "Choose one, or let the head move as recorded.")
    if scene.camera is None:
        raise InputError("The scene has no camera to see the head with.", "Add a camera and make it the active one.")
    path = out.parent / f"{out.name}.poses.json"
    return str(camera.write_poses(scene, settings.pose_object, scene.camera, line.frame_start, line.frame_count, path))


def _rendered(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    beside_the_file = scene.talker.output.startswith("//") and bpy.data.is_saved
    scene.talker.take = bpy.path.relpath(result["out"]) if beside_the_file else result["out"]
    kept = f", {result['kept']} of them as they were" if result.get("kept") else ""
    return [("INFO", f"The line is rendered: {result['frames']} frames{kept}, in {result['out']}.")]


def _rendered_and_brought_back(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    notices = _rendered(scene, result)
    settings = scene.talker
    done = bring_back(scene, absolute(settings.take, "Take"), settings.take_frame, options_of(settings))
    where = f"{done.take} is on frames {done.frame_start} to {done.frame_end}."
    return [*notices, ("INFO", where), *(("WARNING", text) for text in done.warnings)]


def take_name(line_name: str) -> str:
    """The name of a line's folder: the line's, without the ending that Blender gives to strips of sound files."""
    return folder_name(_SOUND_ENDING.sub("", line_name))


def folder_name(line_name: str) -> str:
    """A line's name as a folder's, on every system."""
    return re.sub(r"[^\w.-]+", "_", line_name).strip("._") or "line"


PREPROCESS = Step("preprocess", preprocess, _preprocessed)
TRAIN = Step("train", train, _trained)
TRAIN_BY_MODE = {
    "AUTO": TRAIN,
    "MORE": Step("train", train_more, _trained),
    "ANEW": Step("train", train_anew, _trained),
}
"""By the modes of properties.TRAIN_MODES."""
RENDER = Step("render", render, _rendered)
RENDER_AND_BRING_BACK = Step("render", render, _rendered_and_brought_back)
WHOLE_WAY = (PREPROCESS, TRAIN, RENDER_AND_BRING_BACK)
