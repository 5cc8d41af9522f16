"""Why a step's button cannot be pressed, in the words that the panel shows: "" where it can."""

from __future__ import annotations

import bpy

from .. import compat
from ..bridge import audio
from ..bridge.speakers import speaker_of
from ..jobs import removing
from ..properties import TalkerSettings, settings_of
from . import folders

NOT_INSTALLED = "Install the backend first."
NO_CLIP = "Choose a clip of one person speaking to the camera: 20 s to 2 minutes, steady, evenly lit."
NO_SOUND_STRIP = "Add the new line of dialogue to the timeline as a sound strip."
SAVE_FIRST = "Save the .blend first: what is made lies beside it."
NOT_ONLINE = "Online access is off, so nothing can be downloaded. Allow it here or in Preferences > System."


def presenter(context: bpy.types.Context) -> str:
    """Why no presenter can be drawn."""
    return backend(context) or ("" if bpy.data.is_saved else SAVE_FIRST)


def preprocess(context: bpy.types.Context, scene: bpy.types.Scene) -> str:
    """Why the footage cannot be preprocessed."""
    settings = settings_of(scene)
    return _clip(settings) or backend(context) or _unsaved(settings, "footage", "subject")


def train(context: bpy.types.Context, scene: bpy.types.Scene) -> str:
    """Why the head cannot be trained, or scored."""
    subject = folders.subject(settings_of(scene).subject)
    if subject is None:
        return "Preprocess the footage first."
    return subject.refused or backend(context)


def render(context: bpy.types.Context, scene: bpy.types.Scene) -> str:
    """Why the chosen line cannot be rendered."""
    return render_changed(context, scene) or line(scene)


def render_changed(context: bpy.types.Context, scene: bpy.types.Scene) -> str:
    """Why no line of the timeline can be rendered, whichever it is."""
    settings = settings_of(scene)
    speaker = speaker_of(scene, settings.line_strip if settings.line_source == "STRIP" else None)
    subject = folders.subject(speaker.subject)
    if subject is None or not subject.models:
        return "Train the head first." if not speaker.is_own else "This line's speaker has no trained head."
    if subject.refused:
        return subject.refused
    return backend(context) or _unsaved(settings, "output") or _head(scene)


def run_all(context: bpy.types.Context, scene: bpy.types.Scene) -> str:
    """Why not all of it can be done."""
    settings = settings_of(scene)
    unsaved = _unsaved(settings, "footage", "subject", "output")
    return _clip(settings) or backend(context) or unsaved or line(scene) or _head(scene)


def line(scene: bpy.types.Scene) -> str:
    """Why there is no line to render."""
    settings = settings_of(scene)
    if settings.line_source == "FILE":
        if folders.is_missing(settings.line_file):
            return f"There is no sound file {settings.line_file}: choose the line again."
        return "" if settings.line_file else "Choose the sound file with the line."
    if has_no_sound(scene):
        return NO_SOUND_STRIP
    if settings.line_source == "STRIP" and not (settings.line_strip or audio.active_sound_name(scene)):
        return "Choose a sound strip."
    return ""


def has_no_sound(scene: bpy.types.Scene) -> bool:
    """Whether there is no strip on the timeline that a line could be."""
    editor = scene.sequence_editor
    return editor is None or not any(strip.type in ("SOUND", "SCENE") for strip in compat.all_strips(editor))


def _clip(settings: TalkerSettings) -> str:
    """Why there is no footage."""
    if not settings.footage:
        return NO_CLIP
    missing = folders.is_missing(settings.footage)
    return f"There is no file {settings.footage}: choose the footage again." if missing else ""


def _head(scene: bpy.types.Scene) -> str:
    """Why it is not known how the head moves."""
    settings = settings_of(scene)
    if settings.pose_mode == "OBJECT" and settings.pose_object is None:
        return "Choose the object that the head follows."
    if settings.pose_mode == "OBJECT" and scene.camera is None:
        return "Add a camera and make it the active one: the head is seen through it."
    return "Choose the file with the head's poses." if settings.pose_mode == "FILE" and not settings.pose_file else ""


def install() -> str:
    """Why the backend cannot be installed."""
    return "" if bpy.app.online_access else NOT_ONLINE


def backend(context: bpy.types.Context) -> str:
    """Why the backend cannot be asked for anything."""
    if removing.running():
        return f"{removing.WAIT}."
    known = folders.backend(context)
    return NOT_INSTALLED if known is not None and not known.is_installed else ""


def _unsaved(settings: TalkerSettings, *names: str) -> str:
    """Paths beside a file that has no place yet."""
    for name in names:
        if getattr(settings, name).startswith("//") and not bpy.data.is_saved:
            return f"Save the .blend first: {settings.bl_rna.properties[name].name.lower()} lies beside it."
    return ""
