"""Operator for recording what the person shown has agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import compat
from ..jobs.steps import absolute
from ..properties import settings_of
from ..shared import layout
from ..shared.claims import Claims
from ..shared.consent import Consent, read_consent, write_consent
from ..shared.errors import InputError, TalkerError
from ..shared.files import read_json_object

_CHANGED = ("given_by", "uses", "on", "until")


class TALKER_OT_record_consent(bpy.types.Operator):
    """Record what the person shown has agreed to; it is kept with the subject and stands in every render"""

    bl_idname = "talker.record_consent"
    bl_label = "Record Consent"
    bl_options = {"REGISTER"}

    given_by: StringProperty(name="Given By", description="Who agreed: a name, or a number in files of your own")
    uses: StringProperty(name="For", description="The uses that were agreed to")
    on: StringProperty(name="From", description="The first day on which it holds, YYYY-MM-DD")
    until: StringProperty(name="Until", description="The last day on which it holds, YYYY-MM-DD")
    withdrawn: StringProperty(
        name="Withdrawn", description="The day from which it does not hold any more, YYYY-MM-DD; empty: as it is"
    )
    held_withdrawn = ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        try:
            held = _held(_subject(context))
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        # What was withdrawn is not offered again: OK alone must not renew it.
        offered = Consent() if held.withdrawn else held
        self.given_by, self.uses, self.on, self.until = offered.given_by, offered.uses, offered.on, offered.until
        self.withdrawn, self.held_withdrawn = "", held.withdrawn
        manager: Any = context.window_manager
        outcome: set[Any] = manager.invoke_props_dialog(self, width=400)
        return outcome

    def execute(self, context: bpy.types.Context) -> set[Any]:
        try:
            words = _record(_subject(context), **self._given())
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Consent: {words}.")
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        dialog: Any = self.layout
        column = dialog.column()
        column.use_property_split = True
        if self.held_withdrawn:
            column.label(text=f"Withdrawn on {self.held_withdrawn}. Only a consent from a later day ends that.")
        for name in (*_CHANGED, "withdrawn"):
            column.prop(self, name)

    def _given(self) -> dict[str, str]:
        """What the dialog or the call says; a withdrawal alone changes nothing else."""
        if self.withdrawn.strip():
            return {"withdrawn": self.withdrawn}
        return {name: getattr(self, name) for name in _CHANGED}


def _subject(context: bpy.types.Context) -> Path:
    """The scene's subject. Raises InputError where there is none yet."""
    folder = absolute(settings_of(compat.sequencer_scene(context)).subject, "Subject")
    if not (folder / layout.SUBJECT_FILE).is_file():
        raise InputError(f"{folder} is not a subject folder yet.", "Preprocess the footage first.")
    return folder


def _held(folder: Path) -> Consent:
    """What is recorded now. Raises InputError where that is damaged."""
    note = read_json_object(folder / layout.SUBJECT_FILE, "Preprocess the footage again.").get("consent")
    return read_consent(folder, note if isinstance(note, str) else "")


def _record(folder: Path, **given: str) -> str:
    """Keep a consent with the subject; its words. Raises InputError, also while a job works on the subject."""
    claims = Claims()
    busy = claims.take([folder], "given its consent")
    if busy is not None:
        told = busy[1].sentence(str(folder)) if busy[1] is not None else f"{folder} is in use."
        raise InputError(told, "Wait for that to end.")
    try:
        consent = _held(folder).changed(**given)
        write_consent(folder, consent)
    finally:
        claims.give_all_back()
    return consent.words()


CLASSES = (TALKER_OT_record_consent,)
