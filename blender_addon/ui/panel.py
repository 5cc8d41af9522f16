"""The Talker tab in the 3D view's and the sequencer's sidebar: Footage, Train, Line, Bring Back, and the job.

Drawing reads the scene's settings, the window manager's job, and what ui.folders knows of files; it never waits for
anything and holds with nothing set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import compat
from ..blender_types import Icon
from ..bridge import audio, colour
from ..jobs import words
from ..properties import job_of, settings_of
from . import environment, folders, job_box, pictures, train_button, wrapped_text

if TYPE_CHECKING:
    Panel = bpy.types.Panel
else:
    Panel = object  # each panel names Blender's base class itself

TAB = "Talker"


class _Panel(Panel):
    """What both editors share."""

    bl_label = "M2DAO Talker"
    bl_region_type = "UI"
    bl_category = TAB

    def draw(self, context: bpy.types.Context) -> None:
        scene = compat.sequencer_scene(context)
        layout: bpy.types.UILayout = self.layout  # type: ignore[assignment]
        layout.use_property_split = True
        layout.use_property_decorate = False
        job = job_of(context)
        installed = folders.backend(context)
        if installed is not None and not installed.is_installed:
            environment.draw(layout.box(), context)
        job_box.draw(layout, job)
        busy = words.is_running(job)
        if not busy:
            layout.operator("talker.run_all", icon="SEQUENCE")
        for name, title, draw in _STEPS:
            header, body = layout.panel(f"talker_{name}")
            header.label(text=title, icon=folders.step_icon(name, scene))
            if body is not None:
                body.use_property_split = True
                body.use_property_decorate = False
                draw(body, scene, busy)


class TALKER_PT_view3d(_Panel, bpy.types.Panel):
    """In the 3D view."""

    bl_idname = "TALKER_PT_view3d"
    bl_space_type = "VIEW_3D"


class TALKER_PT_sequencer(_Panel, bpy.types.Panel):
    """In the video sequencer."""

    bl_idname = "TALKER_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"


def _draw_footage(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = settings_of(scene)
    layout.prop(settings, "footage")
    layout.prop(settings, "subject")
    layout.prop(settings, "consent")
    if not settings.footage:
        wrapped_text.draw(
            layout, "Choose a clip of one person speaking to the camera: 20 s to 2 minutes, steady, evenly lit.", "INFO"
        )
    _big(layout, "talker.preprocess", "IMPORT", not busy, "preprocess")
    subject = folders.subject(settings.subject)
    if subject is None:
        return
    column = layout.column(align=True)
    wrapped_text.draw(column, f"{subject.frames} frames at {subject.fps} from {subject.source}", "CHECKMARK")
    for warning in subject.warnings:
        wrapped_text.draw(column, warning, "ERROR")
    wrapped_text.draw(column, subject.refused or f"Consent: {subject.consent}", "ERROR" if subject.refused else "INFO")
    column.operator("talker.record_consent", icon="CHECKBOX_HLT")
    if subject.contact_sheet:
        pictures.draw(layout, subject.contact_sheet)
        layout.operator("talker.open_file", text="Contact Sheet", icon="IMAGE_DATA").filepath = subject.contact_sheet


def _draw_train(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = settings_of(scene)
    layout.prop(settings, "preset")
    layout.prop(settings, "recipe")
    layout.prop(settings, "model")
    subject = folders.subject(settings.subject)
    if subject is None:
        wrapped_text.draw(layout, "Preprocess the footage first.", "INFO")
    offer = train_button.offer(settings, subject)
    if offer.about:
        wrapped_text.draw(layout, offer.about, "INFO")
    if offer.mode == "MORE":
        layout.prop(settings, "more_minutes")
    enabled = not busy and subject is not None
    button = _big(layout, "talker.train", "RENDER_ANIMATION", enabled, "train", offer.text)
    if button is not None:
        button.mode = offer.mode
    if offer.mode == "MORE" and not busy:
        layout.operator("talker.train", text="Train Anew", icon="FILE_REFRESH").mode = "ANEW"
    if subject is not None and subject.models:
        wrapped_text.draw(layout, f"Trained: {', '.join(subject.models)}", "CHECKMARK")


def _draw_line(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = settings_of(scene)
    layout.prop(settings, "line_source")
    if settings.line_source == "STRIP":
        editor = scene.sequence_editor
        if editor is None or not any(strip.type == "SOUND" for strip in compat.all_strips(editor)):
            wrapped_text.draw(layout, "Add the new line of dialogue to the timeline as a sound strip.", "INFO")
        else:
            layout.prop_search(settings, "line_strip", editor, compat.all_strips_name(editor), icon="SOUND")
            if not settings.line_strip:
                name = audio.active_sound_name(scene)
                wrapped_text.draw(
                    layout, f"The active strip is used: {name}." if name else "Choose a sound strip.", "INFO"
                )
    elif settings.line_source == "FILE":
        layout.prop(settings, "line_file")
        layout.prop(settings, "line_frame")
    layout.prop(settings, "pose_mode")
    if settings.pose_mode == "OBJECT":
        layout.prop(settings, "pose_object")
    elif settings.pose_mode == "FILE":
        layout.prop(settings, "pose_file")
    elif settings.pose_mode == "LIFE":
        layout.prop(settings, "head_life", slider=True)
    layout.prop(settings, "use_performance")
    if not settings.use_performance:
        if settings.pose_mode != "RECORDED":
            layout.prop(settings, "face_life", slider=True)
        layout.prop(settings, "strength", slider=True)
    layout.prop(settings, "output")
    subject = folders.subject(settings.subject)
    trained = subject is not None and bool(subject.models)
    if not trained:
        wrapped_text.draw(layout, "Train the head first.", "INFO")
    _big(layout, "talker.render_line", "RENDER_STILL", not busy and trained, "render")


def _draw_bring_back(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = settings_of(scene)
    layout.prop(settings, "take")
    layout.prop(settings, "take_frame")
    layout.prop(settings, "background")
    layout.prop(settings, "moving_head")
    layout.prop(settings, "match_scene")
    take = folders.take(settings.take)
    if take is None:
        wrapped_text.draw(layout, "Render a line, or choose the folder of one.", "INFO")
    else:
        layout.label(text=f"{take.frames} frames at {take.fps}", icon="CHECKMARK")
    _big(layout, "talker.bring_back", "IMPORT", take is not None)
    row = layout.row(align=True)
    if take is not None and take.preview:
        row.operator("talker.open_file", text="Preview", icon="PLAY").filepath = take.preview
    if take is not None and take.contact_sheet:
        row.operator("talker.open_file", text="Contact Sheet", icon="IMAGE_DATA").filepath = take.contact_sheet
    layout.operator("talker.export_performance", icon="EXPORT")
    warning = colour.warning(scene)
    if warning:
        box = layout.box()
        wrapped_text.draw(box, warning, "COLOR")
        box.operator("talker.exact_colours", icon="COLOR")


_STEPS = (
    ("footage", "1  Footage", _draw_footage),
    ("train", "2  Train", _draw_train),
    ("line", "3  Line", _draw_line),
    ("bring_back", "4  Bring Back", _draw_bring_back),
)


def _big(
    layout: bpy.types.UILayout, operator: str, icon: Icon, enabled: bool, verb: str = "", text: str | None = None
) -> bpy.types.OperatorProperties | None:
    """A step's button, by its own name or as `text`; the job's bar in its place while that does the step's verb.

    Returns the button's properties, None where there is a bar.
    """
    job = job_of(bpy.context)
    if job.verb == verb and words.is_running(job):
        job_box.draw_bar(layout, job)
        return None
    row = layout.row()
    row.scale_y = 1.4
    row.enabled = enabled
    return row.operator(operator, text=text, icon=icon)


CLASSES = (TALKER_PT_view3d, TALKER_PT_sequencer)
