"""The steps from footage to a line: what each reads from the scene, asks of the backend, and changes at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import bpy

from .. import footage_settings
from ..bridge import audio, curves, direction, dubbing, keys, line_strips, paths, scene_camera
from ..bridge.bring_back import bring_back, options_of
from ..bridge.files import write_json
from ..bridge.speakers import speaker_of
from ..client.installation import Level
from ..properties import TalkerSettings, settings_of
from ..shared import layout
from ..shared.errors import InputError
from ..shared.timing import fps_text
from ..shared.training import Start
from . import about, lines, takes, versions

Notice = tuple[Level, str]
"""(level of a report, text)."""


@dataclass(frozen=True)
class Request:
    """What a step asks of the backend, as read from the scene. Reading changes nothing, in the scene or on the disk."""

    arguments: dict
    files: tuple[Callable[[], object], ...] = ()
    """Each writes one file that the arguments name, in a place of this request's own."""
    settings: dict[str, int] = field(default_factory=dict)
    """Settings of the scene that change once the backend has the job."""

    def write_files(self) -> None:
        """Write the files. Raises InputError where one cannot be written."""
        for write in self.files:
            try:
                write()
            except OSError as error:
                what = f"{error.filename or 'A file of the line'} cannot be written ({error.strerror or error})."
                raise InputError(what, "Choose another output folder, or free some space.") from error

    def apply(self, scene: bpy.types.Scene) -> None:
        """Change the scene's settings."""
        for name, value in self.settings.items():
            setattr(settings_of(scene), name, value)


@dataclass(frozen=True)
class Step:
    """One job of the way from footage to a line on the timeline."""

    verb: str
    read: Callable[[bpy.types.Scene], Request]
    """What to ask, read from the scene when the step begins. Raises InputError."""
    finish: Callable[[bpy.types.Scene, dict], list[Notice]]
    """Takes the result into the scene; returns what to tell the user."""
    changes_scene: bool = False
    """Whether `finish` changes the scene: then a result that no scene takes in is worth a word."""


def absolute(text: str, name: str) -> Path:
    """A path of the settings as an absolute one.

    Raises InputError where it is empty, or relative to a file that is not saved.
    """
    if not text.strip():
        raise InputError(f"{name} is not chosen.", f"Choose the {name.lower()} in the Talker panel.")
    if text.startswith("//") and not bpy.data.is_saved:
        raise InputError(f"{name} lies beside the .blend file, which is not saved.", "Save the file first.")
    return Path(bpy.path.abspath(text)).resolve()


def existing_file(text: str, name: str) -> Path:
    """A file of the settings by its absolute path. Raises InputError as `absolute` does, or where there is none."""
    path = absolute(text, name)
    if not path.is_file():
        raise InputError(f"There is no file {path}.", f"Choose the {name.lower()} again.")
    return path


def read_preprocess(scene: bpy.types.Scene) -> Request:
    """The scene's footage, and what is said of it. Raises InputError, as those below do."""
    settings = settings_of(scene)
    return Request(
        {
            "footage": str(existing_file(settings.footage, "Footage")),
            "subject": str(absolute(settings.subject, "Subject")),
            "consent": settings.consent,
            **_footage_options(settings),
        }
    )


_FOOTAGE_ARGUMENTS = {
    "footage_start": "start_s",
    "footage_end": "end_s",
    "footage_speaker": "speaker",
    "footage_track": "audio_track",
    "footage_sound": "audio",
    "correct_sound_offset": "correct_audio_offset",
    "footage_fps": "sequence_fps",
    "footage_colour": "input_colour",
    "frame_size": "size",
}
"""A setting of footage_settings to the verb's argument."""


def _footage_options(settings: TalkerSettings) -> dict[str, object]:
    """What is asked of the footage beyond what is found out by itself: what the settings leave open is not named."""
    given: dict[str, object] = {}
    for name, argument in _FOOTAGE_ARGUMENTS.items():
        value = getattr(settings, name)
        if footage_settings.is_default(settings, name):
            continue
        if name == "footage_sound":
            value = str(existing_file(value, "Other sound"))
        elif name == "footage_fps":
            value = f"{value:.6g}"  # Blender keeps single precision
        elif isinstance(value, float):
            value = round(value, 3)
        given[argument] = value
    return given


def _preprocessed(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    warnings = (result.get("quality") or {}).get("warnings") or []
    done = f"The footage is ready: {result['frames']} frames."
    return [("WARNING", text) for text in warnings] + [("INFO", done)]


def read_train(scene: bpy.types.Scene, start: Start = Start.AUTO, **options: object) -> Request:
    settings = settings_of(scene)
    arguments = {
        "subject": str(absolute(settings.subject, "Subject")),
        "recipe": settings.recipe,
        "preset": settings.preset,
        "model": model_name(settings),
        "start": str(start),
    }
    return Request({**arguments, **options})


def read_train_more(scene: bpy.types.Scene) -> Request:
    return read_train(scene, Start.MORE, minutes=settings_of(scene).more_minutes)


def read_train_anew(scene: bpy.types.Scene) -> Request:
    return read_train(scene, Start.ANEW)


def _trained(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    return [("INFO", result["message"])]


def read_evaluate(scene: bpy.types.Scene) -> Request:
    settings = settings_of(scene)
    return Request({"subject": str(absolute(settings.subject, "Subject")), "model": model_name(settings)})


def _evaluated(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    return [("INFO", f"The head {model_name(settings_of(scene))} is scored: the panel shows how well it does.")]


def model_name(settings: TalkerSettings) -> str:
    """The model that the scene means: the one named, else the recipe's."""
    return settings.model or settings.recipe


def read_render(scene: bpy.types.Scene, strip: str | None = None) -> Request:
    """The line that the settings name, or the one that a sound strip is."""
    settings = settings_of(scene)
    line = audio.line(scene) if strip is None else audio.line_of_strip(scene, strip)
    speaker = speaker_of(scene, line.name if line.source == "STRIP" else None)
    subject = absolute(speaker.subject, "Subject")
    output = absolute(settings.output, "Output")
    out = takes.folder(line, output, scene)
    sound = line.file if line.file and line.is_file_as_it_is else layout.beside(out, layout.BESIDE_SOUND)
    files: list[Callable[[], object]] = [_room_for(scene, line, out, subject), partial(line.write, sound)]
    pose, write_poses = _read_pose(scene, settings, line, out)
    files += write_poses
    if line.source == "STRIP":
        files.append(partial(write_json, layout.beside(out, layout.BESIDE_ASKED), lines.asked(scene, line.name)))
    arguments: dict[str, object] = {
        "subject": str(subject),
        "audio": str(sound),
        "out": str(out),
        "take_id": takes.line_id(line, output),
        "model": speaker.model,
        "fps": fps_text(keys.scene_fps(scene)),
        "pose": pose,
        **_life(settings),
        "strength": round(settings.strength, 3),
        **dubbing.options(scene, line),
    }
    if settings.use_performance:
        controller = curves.find_controller(out)
        if controller is None:
            raise InputError(
                f"This line, {out.name}, has no curves in the scene yet.",
                "Switch off Use Edited Curves, render it and bring it back.",
            )
        path = layout.beside(out, layout.BESIDE_PERFORMANCE)
        files.append(partial(write_json, path, curves.performance(scene, controller)))
        arguments["performance"] = str(path)
    rig = direction.find(takes.line_id(line, output)) if settings.use_direction else None
    if rig is not None and direction.is_directing(rig):
        path = layout.beside(out, layout.BESIDE_DIRECTION)
        files.append(partial(write_json, path, direction.read(scene, rig, line.frame_start, line.frame_count)))
        arguments["direction"] = str(path)
    return Request(arguments, tuple(files), {"take_frame": line.frame_start})


def _room_for(scene: bpy.types.Scene, line: audio.Line, out: Path, subject: Path) -> Callable[[], object]:
    """What keeps the line's present take as a version, where it is about to change."""
    is_strip = line.source == "STRIP"
    asked = lines.asked(scene, line.name) if is_strip else None
    made_of = lines.written_files(scene, line.name) if is_strip else ()
    return partial(versions.make_room, out, subject, settings_of(scene).versions, asked, made_of)


def _life(settings: TalkerSettings) -> dict[str, float]:
    """How far head and face move by themselves, as far as the panel offers that for the way in which the head moves."""
    offered = {"head_life": settings.pose_mode == "LIFE", "face_life": settings.pose_mode != "RECORDED"}
    return {name: round(getattr(settings, name), 3) for name, is_so in offered.items() if is_so}  # single precision


def _read_pose(
    scene: bpy.types.Scene, settings: TalkerSettings, line: audio.Line, out: Path
) -> tuple[str, list[Callable[[], object]]]:
    """(what `--pose` takes, what writes its file where it is one)."""
    if settings.pose_mode == "FILE":
        return str(existing_file(settings.pose_file, "Poses")), []
    if settings.pose_mode != "OBJECT":
        return settings.pose_mode.lower(), []
    path = layout.beside(out, layout.BESIDE_POSES)
    head, camera = scene_camera.followed(scene, settings.pose_object)
    poses = scene_camera.poses(scene, head, camera, line.frame_start, line.frame_count)
    return str(path), [partial(write_json, path, poses)]


def _rendered(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    settings = settings_of(scene)
    beside_the_file = settings.output.startswith("//") and bpy.data.is_saved
    settings.take = bpy.path.relpath(result["out"]) if beside_the_file else result["out"]
    kept = f", {result['kept']} of them as they were" if result.get("kept") else ""
    return [("INFO", f"The line is rendered: {result['frames']} frames{kept}, in {result['out']}.")]


def _rendered_and_brought_back(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    notices = _rendered(scene, result)
    settings = settings_of(scene)
    return [*notices, *bring_take_back(scene, absolute(settings.take, "Take"), settings.take_frame)]


def _strip_rendered_and_brought_back(scene: bpy.types.Scene, result: dict, strip: str) -> list[Notice]:
    """The strip's speaker is the one whose plate and footage belong to the take; it may have been moved meanwhile."""
    start = lines.landing(scene, strip)[0] if strip in lines.names(scene) else settings_of(scene).take_frame
    settings_of(scene).take_frame = start
    return [*_rendered(scene, result), *bring_take_back(scene, Path(result["out"]), start, strip)]


def bring_take_back(scene: bpy.types.Scene, take: Path, frame: int, strip: str | None = None) -> list[Notice]:
    """Import a take as the settings say; strip: the line's, whose own speaker's footage is not that of the settings.

    Raises InputError where the folder is no finished render.
    """
    options = options_of(settings_of(scene))
    speaker = speaker_of(scene, strip)
    if speaker.is_own:
        options = replace(options, subject=Path(bpy.path.abspath(speaker.subject)), footage=None)
    done = bring_back(scene, take, frame, options)
    where = f"{done.take} is on frames {done.frame_start} to {done.frame_end}."
    return [("INFO", where), *(("WARNING", text) for text in done.warnings)]


def place_moved(scene: bpy.types.Scene) -> list[Notice]:
    """Bring the takes of moved lines to where the lines are now; what to tell. Reads files; raises InputError."""
    return [
        notice
        for name, folder in lines.moved(scene).items()
        for notice in bring_take_back(scene, folder, lines.landing(scene, name)[0], name)
    ]


def _read_nothing(scene: bpy.types.Scene) -> Request:
    return Request({})


def _looked_over(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    about.keep_machine(result)
    problems: list[Notice] = [("WARNING", str(text)) for text in result.get("problems") or ()]
    return problems or [("INFO", f"Everything is in place. Device: {about.device(result, None) or 'CPU'}.")]


PRESENTER_FOLDER = "//talker/presenter/"
_PRESENTERS_CONSENT = "The presenter is drawn by a program; nobody is shown."


def _read_presenter(scene: bpy.types.Scene) -> Request:
    return Request({"out": str(absolute(PRESENTER_FOLDER, "The presenter"))})


def _presented(scene: bpy.types.Scene, result: dict) -> list[Notice]:
    settings = settings_of(scene)
    settings.footage = paths.stored(Path(result["footage"]))
    settings.consent, settings.preset = _PRESENTERS_CONSENT, "draft"
    line_strips.add(scene, Path(result["line"]), scene.frame_current)
    return [("INFO", "The presenter is drawn: its clip is the footage, and its line is at the current frame.")]


PRESENTER = Step("presenter", _read_presenter, _presented, changes_scene=True)
LOOK_OVER = Step("doctor", _read_nothing, _looked_over)
PREPROCESS = Step("preprocess", read_preprocess, _preprocessed)
TRAIN = Step("train", read_train, _trained)
TRAIN_BY_MODE = {
    "AUTO": TRAIN,
    "MORE": Step("train", read_train_more, _trained),
    "ANEW": Step("train", read_train_anew, _trained),
}
"""By the modes of properties.TRAIN_MODES."""
EVALUATE = Step("evaluate", read_evaluate, _evaluated)
RENDER = Step("render", read_render, _rendered, changes_scene=True)
RENDER_AND_BRING_BACK = Step("render", read_render, _rendered_and_brought_back, changes_scene=True)


def render_again(strip: str) -> Step:
    """Render the line of a sound strip and bring it back where the strip is."""
    finish = partial(_strip_rendered_and_brought_back, strip=strip)
    return Step("render", partial(read_render, strip=strip), finish, changes_scene=True)


WHOLE_WAY = (PREPROCESS, TRAIN, RENDER_AND_BRING_BACK)
