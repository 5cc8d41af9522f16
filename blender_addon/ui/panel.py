"""The Talker tab in the 3D view's and the sequencer's sidebar: Footage, Train, Line, Bring Back, and the job.

Drawing reads the scene's settings, the window manager's job, and what ui.found knows of files; it never waits for
anything and holds with nothing set up.
"""

import bpy

from .. import compat, job_state, preferences
from ..bridge import audio, colour
from . import found, pictures

TAB = "Talker"
_LETTER_PX, _MARGIN_LETTERS = 6.6, 13


class _Panel:
    """What both editors share."""

    bl_label = "M2DAO Talker"
    bl_region_type = "UI"
    bl_category = TAB

    def draw(self, context: bpy.types.Context) -> None:
        scene = compat.sequencer_scene(context)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        job = context.window_manager.talker_job
        if not preferences.is_installed(context):
            preferences.draw_state(layout.box(), context)
        draw_job(layout, context, job)
        busy = job.state in ("PENDING", "RUNNING", "CANCELLING")
        if not busy:
            layout.operator("talker.run_all", icon="SEQUENCE")
        for name, title, draw in _STEPS:
            header, body = layout.panel(f"talker_{name}")
            header.label(text=title, icon=found.step_icon(name, scene))
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


def draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job) -> None:
    """The backend's state, the running job with phase, step and time left, and what went wrong last."""
    words = {"": "Backend: not started", "STARTING": "Backend: starting", "READY": "Backend: ready"}
    row = layout.row(align=True)
    row.label(
        text=words.get(job.backend, "Backend: lost, looking for it"), icon="LINKED" if job.backend else "UNLINKED"
    )
    if job.backend == "READY":
        row.operator("talker.stop_backend", text="", icon="QUIT")
    else:
        row.operator("talker.start_backend", text="", icon="PLAY")
    if job.state in ("PENDING", "RUNNING", "CANCELLING"):
        column = layout.box().column()
        factor = min(1.0, job.step / job.total) if job.total else 0.0
        column.progress(factor=factor, type="BAR", text=job_state.describe(context))
        if job.message:
            wrapped(column, job.message, "INFO")
        pictures.draw(column, job.preview)
        column.operator("talker.cancel_job", icon="CANCEL")
    elif job.state == "CANCELLED":
        layout.label(text=f"Cancelled: {job.verb}. Start it again to go on.", icon="INFO")
    if job.error_what:
        box = layout.box()
        wrapped(box, job.error_what, "ERROR")
        if job.error_do:
            wrapped(box, job.error_do, "BLANK1")


def _draw_footage(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = scene.talker
    layout.prop(settings, "footage")
    layout.prop(settings, "subject")
    layout.prop(settings, "consent")
    if not settings.footage:
        wrapped(
            layout, "Choose a clip of one person speaking to the camera: 20 s to 2 minutes, steady, evenly lit.", "INFO"
        )
    _big(layout, "talker.preprocess", "IMPORT", not busy)
    subject = found.subject(settings.subject)
    if subject is None:
        return
    column = layout.column(align=True)
    column.label(text=f"{subject.frames} frames at {subject.fps} from {subject.source}", icon="CHECKMARK")
    for warning in subject.warnings:
        wrapped(column, warning, "ERROR")
    if subject.contact_sheet:
        pictures.draw(layout, subject.contact_sheet)
        layout.operator("talker.open_file", text="Contact Sheet", icon="IMAGE_DATA").filepath = subject.contact_sheet


def _draw_train(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = scene.talker
    layout.prop(settings, "preset")
    layout.prop(settings, "recipe")
    layout.prop(settings, "model")
    subject = found.subject(settings.subject)
    if subject is None:
        wrapped(layout, "Preprocess the footage first.", "INFO")
    _big(layout, "talker.train", "RENDER_ANIMATION", not busy and subject is not None)
    if subject is not None and subject.models:
        layout.label(text=f"Trained: {', '.join(subject.models)}", icon="CHECKMARK")


def _draw_line(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = scene.talker
    layout.prop(settings, "line_source")
    if settings.line_source == "STRIP":
        editor = scene.sequence_editor
        if editor is None or not any(strip.type == "SOUND" for strip in compat.all_strips(editor)):
            wrapped(layout, "Add the new line of dialogue to the timeline as a sound strip.", "INFO")
        else:
            layout.prop_search(settings, "line_strip", editor, compat.all_strips_name(editor), icon="SOUND")
            if not settings.line_strip:
                name = audio.active_sound_name(scene)
                wrapped(layout, f"Meant: the active strip {name}." if name else "Choose a sound strip.", "INFO")
    elif settings.line_source == "FILE":
        layout.prop(settings, "line_file")
        layout.prop(settings, "line_frame")
    layout.prop(settings, "pose_mode")
    if settings.pose_mode == "OBJECT":
        layout.prop(settings, "pose_object")
    elif settings.pose_mode == "FILE":
        layout.prop(settings, "pose_file")
    layout.prop(settings, "use_performance")
    layout.prop(settings, "output")
    subject = found.subject(settings.subject)
    trained = subject is not None and bool(subject.models)
    if not trained:
        wrapped(layout, "Train the head first.", "INFO")
    _big(layout, "talker.render_line", "RENDER_STILL", not busy and trained)


def _draw_bring_back(layout: bpy.types.UILayout, scene: bpy.types.Scene, busy: bool) -> None:
    settings = scene.talker
    layout.prop(settings, "take")
    layout.prop(settings, "take_frame")
    layout.prop(settings, "background")
    layout.prop(settings, "moving_head")
    layout.prop(settings, "match_scene")
    take = found.take(settings.take)
    if take is None:
        wrapped(layout, "Render a line, or choose the folder of one.", "INFO")
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
        wrapped(box, warning, "COLOR")
        box.operator("talker.exact_colours", icon="COLOR")


_STEPS = (
    ("footage", "1  Footage", _draw_footage),
    ("train", "2  Train", _draw_train),
    ("line", "3  Line", _draw_line),
    ("bring_back", "4  Bring Back", _draw_bring_back),
)


def _big(layout: bpy.types.UILayout, operator: str, icon: str, enabled: bool) -> None:
    row = layout.row()
    row.scale_y = 1.4
    row.enabled = enabled
    row.operator(operator, icon=icon)


def wrapped(layout: bpy.types.UILayout, text: str, icon: str) -> None:
    """A text over as many lines as the sidebar's width asks for, since labels do not wrap."""
    region = bpy.context.region
    scale = bpy.context.preferences.system.ui_scale
    letters = max(20, int(region.width / (_LETTER_PX * scale)) - _MARGIN_LETTERS) if region else 40
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(found.wrap(text, letters)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


_CLASSES = (TALKER_PT_view3d, TALKER_PT_sequencer)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    found.forget()
