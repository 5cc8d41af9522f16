"""The Talker tab in the 3D view's and the sequencer's sidebar: Footage, Train, Line, Bring Back, and the job.

Drawing reads the scene's settings, the window manager's job, and what ui.folders knows of files; it never waits for
anything and holds with nothing set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import compat
from ..bridge import audio, colour, editorial, strips
from ..jobs import words
from ..jobs.steps import model_name
from ..properties import job_of, settings_of
from . import (
    backend_box,
    closed_part,
    direction_box,
    dub_row,
    environment,
    export_row,
    finished_head,
    folders,
    footage_options,
    job_box,
    line_list,
    live_box,
    pictures,
    presets,
    reasons,
    train_button,
    wrapped_text,
)

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
        installed = folders.backend(context)
        if installed is not None and not installed.is_installed:
            environment.draw(layout.box(), context)
        job_box.draw(layout, job_of(context), reasons.run_all(context, scene))
        for name, title, draw in _STEPS:
            header, body = layout.panel(f"talker_{name}")
            header.label(text=title, icon=folders.step_icon(name, scene))
            if name == "line":
                presets.TALKER_PT_line_presets.draw_panel_header(header)
            if body is not None:
                body.use_property_split = True
                body.use_property_decorate = False
                draw(body, context, scene)
        backend_box.draw_closed(layout, context, settings_of(scene))


class TALKER_PT_view3d(_Panel, bpy.types.Panel):
    """In the 3D view."""

    bl_idname = "TALKER_PT_view3d"
    bl_space_type = "VIEW_3D"


class TALKER_PT_sequencer(_Panel, bpy.types.Panel):
    """In the video sequencer."""

    bl_idname = "TALKER_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"


def _draw_footage(layout: bpy.types.UILayout, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
    settings = settings_of(scene)
    layout.prop(settings, "footage")
    layout.prop(settings, "subject")
    layout.prop(settings, "consent")
    if not settings.footage:
        row = layout.row()
        row.enabled = not (reasons.presenter(context) or words.is_running(job_of(context)))
        row.operator("talker.draw_presenter", icon="USER")
        if reasons.presenter(context) == reasons.SAVE_FIRST:
            wrapped_text.draw(layout, reasons.SAVE_FIRST, "INFO")
    footage_options.draw(layout, settings)
    job_box.draw_step(layout, "talker.preprocess", "IMPORT", reasons.preprocess(context, scene), "preprocess")
    subject = folders.subject(settings.subject)
    if subject is None:
        return
    column = layout.column(align=True)
    wrapped_text.draw(column, f"{subject.frames} frames at {subject.fps} from {subject.source}", "CHECKMARK")
    for text in subject.chosen:
        wrapped_text.draw(column, text, "BLANK1")
    for warning in subject.warnings:
        wrapped_text.draw(column, words.for_panel(warning), "ERROR")
    wrapped_text.draw(column, subject.refused or f"Consent: {subject.consent}", "ERROR" if subject.refused else "INFO")
    column.operator("talker.record_consent", icon="CHECKBOX_HLT")
    if subject.contact_sheet:
        body = closed_part.draw(layout, "found", "What Was Found", settings, ())
        if body is not None:
            pictures.draw_titled(body, subject.contact_sheet, "Seen, tracked and cut out")
            body.operator("talker.open_file", text="Contact Sheet", icon="IMAGE_DATA").filepath = subject.contact_sheet


def _draw_train(layout: bpy.types.UILayout, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
    settings, job = settings_of(scene), job_of(context)
    layout.prop(settings, "preset")
    closed_part.draw_options(layout, "train_options", settings, ("recipe", "model"))
    subject = folders.subject(settings.subject)
    is_training = job.verb == "train" and words.is_running(job)
    offer = train_button.offer(settings, subject, is_training)
    if offer.about:
        wrapped_text.draw(layout, offer.about, "INFO")
    if offer.mode == "MORE":
        layout.prop(settings, "more_minutes")
    reason = reasons.train(context, scene)
    button = job_box.draw_step(layout, "talker.train", "RENDER_ANIMATION", reason, "train", offer.text)
    if button is not None:
        button.mode = offer.mode
    if offer.mode == "MORE":
        row = layout.row()
        row.enabled = not (reason or words.is_running(job))
        row.operator("talker.train", text="Train from Scratch", icon="FILE_REFRESH").mode = "ANEW"
    if subject is None or not subject.models:
        return
    wrapped_text.draw(layout, f"Trained: {', '.join(subject.models)}", "CHECKMARK")
    if model_name(settings) in subject.models and not is_training:  # whose picture so far is in this place
        finished_head.draw(layout, subject, model_name(settings), reasons.train(context, scene))


def _draw_line(layout: bpy.types.UILayout, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
    settings, reason = settings_of(scene), reasons.render(context, scene)
    layout.prop(settings, "line_source")
    if settings.line_source == "STRIP":
        line_list.draw(layout, scene)
        name = audio.active_sound_name(scene)
        if not settings.line_strip and name:
            wrapped_text.draw(layout, f"The active strip is used: {name}.", "INFO")
        if reason != reasons.NO_SOUND_STRIP and reasons.has_no_sound(scene):
            wrapped_text.draw(layout, reasons.NO_SOUND_STRIP, "INFO")
    elif settings.line_source == "FILE":
        layout.prop(settings, "line_file")
        layout.prop(settings, "line_frame")
    dub_row.draw(layout, settings)
    layout.prop(settings, "pose_mode")
    if settings.pose_mode == "OBJECT":
        layout.prop(settings, "pose_object")
    elif settings.pose_mode == "FILE":
        layout.prop(settings, "pose_file")
    elif settings.pose_mode == "LIFE":
        layout.prop(settings, "head_life", slider=True)
    if not settings.use_performance:
        if settings.pose_mode != "RECORDED":
            layout.prop(settings, "face_life", slider=True)
        layout.prop(settings, "strength", slider=True)
    direction_box.draw(layout, scene)
    _draw_line_options(layout, scene)
    job_box.draw_step(layout, "talker.render_line", "RENDER_STILL", reason, "render")


def _draw_line_options(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    settings, editor = settings_of(scene), scene.sequence_editor
    names = ("line_channel", "render_by_itself", "versions", "output")
    body = closed_part.draw(layout, "line_options", "Options", settings, names)
    if body is None:
        return
    if settings.line_source == "STRIP" and editor is not None:
        body.prop_search(settings, "line_strip", editor, compat.all_strips_name(editor), icon="SOUND")
    for name in names:
        body.prop(settings, name)


def _draw_bring_back(layout: bpy.types.UILayout, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
    settings = settings_of(scene)
    for name in ("take", "take_frame", "background", "match_scene"):
        layout.prop(settings, name)
    closed_part.draw_options(
        layout, "bring_back_options", settings, ("pictures", "fit"), ("moving_head", "active_camera")
    )
    take = folders.take(settings.take)
    if take is not None:
        layout.label(text=f"{take.frames} frames at {take.fps}", icon="CHECKMARK")
        if not folders.is_of_line(take, scene):
            wrapped_text.draw(layout, "This take is of another line than the one chosen above.", "INFO")
    reason = "" if take is not None else "Render a line, or choose the folder of one."
    job_box.draw_step(layout, "talker.bring_back", "IMPORT", reason)
    live_box.draw(layout, scene, reason)
    row = layout.row(align=True)
    if take is not None and take.preview:
        row.operator("talker.open_file", text="Preview", icon="PLAY").filepath = take.preview
    if take is not None and take.contact_sheet:
        row.operator("talker.open_file", text="Contact Sheet", icon="IMAGE_DATA").filepath = take.contact_sheet
    export_row.draw(layout, scene)
    _draw_rendered(layout, scene)
    warning = colour.warning(scene)
    if warning and (take is not None or editorial.has_takes(scene)):
        box = layout.box()
        wrapped_text.draw(box, warning, "COLOR")
        box.operator("talker.exact_colours", icon="COLOR")


def _draw_rendered(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """What F12 shows, where a scene has both pictures on its timeline and a compositor."""
    tree = compat.compositor_tree(scene)
    if tree is None or not strips.shows_pictures(scene):
        return
    shown = "the timeline's strips" if scene.render.use_sequencer else "the compositor"
    wrapped_text.draw(layout, f"A render (F12) shows {shown}.", "INFO")
    layout.prop(scene.render, "use_sequencer", text="Render the Timeline")


_STEPS = (
    ("footage", "1  Footage", _draw_footage),
    ("train", "2  Train", _draw_train),
    ("line", "3  Line", _draw_line),
    ("bring_back", "4  Bring Back", _draw_bring_back),
)

CLASSES = (TALKER_PT_view3d, TALKER_PT_sequencer)
