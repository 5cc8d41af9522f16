"""Operators that do the steps: the footage, the training, the line, all of it; and the one that cancels."""

from typing import Any

import bpy
from bpy.props import EnumProperty

from .. import compat, properties
from ..jobs import blocking, connection, shown, steps
from ..jobs.overall import weight
from ..jobs.step_run import StepRun
from ..jobs.steps import Notice, Step
from ..shared.errors import InputError, TalkerError
from .following import FollowsJob, left_open


class RunsSteps(FollowsJob):
    """Mixin: does the steps that `steps` names, one after the other, for the scene in which it was called."""

    _to_define = ("steps",)
    _scene_name: str
    _waiting: list[Step]
    _run: StepRun
    _weights: list[float]

    @left_open
    def steps(self) -> list[Step]:
        """What to do, in order."""
        return []

    def begin(self, context: bpy.types.Context) -> None:
        self._scene_name = compat.sequencer_scene(context).name
        self._waiting = self.steps()
        preset = properties.settings_of(self._scene()).preset
        self._weights = [weight(step.verb, preset) for step in self._waiting]
        self._next()
        self._tell_place(context)

    def advance(self, context: bpy.types.Context) -> bool:
        run = self._run
        if run.job.accepted:
            run.take_acceptance(self._scene())
        if not run.job.ended:
            return False
        run.job.result()
        self._tell(run.finish(self._scene()))
        if not self._waiting:
            return True
        self._next()
        self._tell_place(context)
        return False

    def _tell_place(self, context: bpy.types.Context) -> None:
        shown.set_chain(context, len(self._weights) - len(self._waiting), self._weights)

    def cancel(self, context: bpy.types.Context) -> None:
        """The job goes on, but nothing that should follow it can be done in a scene that is no longer there."""
        super().cancel(context)
        verb = self._run.step.verb
        undone = [step.verb for step in self._waiting]
        if undone:
            rest = " and ".join(undone)
            what = f"{self.bl_label} lost its file or window: {verb} goes on, {rest} will not follow."
            shown.note_undone(
                context, what, f"In that file, press {self.bl_label} again: what is done is not done twice."
            )
        elif self._run.step.changes_scene:
            what = f"{self.bl_label} lost its file or window: the {verb} goes on, but its scene will not know of it."
            out = self._run.job.info.arguments["out"]
            do = f"choose {out} under Bring Back." if verb == "render" else f"press {self.bl_label} again."
            shown.note_undone(context, what, f"In that file, {do}")

    def block(self, context: bpy.types.Context) -> None:
        self._scene_name = compat.sequencer_scene(context).name
        blocking.do(compat.sequencer_scene(context), self.steps(), self._tell)

    def _next(self) -> None:
        self._run = StepRun(self._waiting.pop(0), self._scene())

    def _scene(self) -> bpy.types.Scene:
        """By its name, for undo and file loading leave references to it dangling."""
        if self._scene_name not in bpy.data.scenes:
            raise InputError(f"The scene {self._scene_name} is gone.", "The result stays in its folder.")
        return bpy.data.scenes[self._scene_name]

    def _tell(self, notices: list[Notice]) -> None:
        for level, text in notices:
            self.report({level}, text)


class TALKER_OT_draw_presenter(RunsSteps, bpy.types.Operator):
    """Draw a presenter, who is nobody: a clip and a line to try everything with"""

    bl_idname = "talker.draw_presenter"
    bl_label = "Try with a Drawn Presenter"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    def steps(self) -> list[Step]:
        return [steps.PRESENTER]


class TALKER_OT_preprocess(RunsSteps, bpy.types.Operator):
    """Read the footage: find the face, track head and expression, cut out the person, check the lip sync"""

    bl_idname = "talker.preprocess"
    bl_label = "Preprocess Footage"

    def steps(self) -> list[Step]:
        return [steps.PREPROCESS]


class TALKER_OT_train(RunsSteps, bpy.types.Operator):
    """Train the talking head on the footage. If cancelled, it goes on from there the next time"""

    bl_idname = "talker.train"
    bl_label = "Train"

    mode: EnumProperty(name="Mode", items=properties.TRAIN_MODES, options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, options: bpy.types.OperatorProperties) -> str:
        return next(text for mode, _, text in properties.TRAIN_MODES if mode == options.mode)

    def steps(self) -> list[Step]:
        return [steps.TRAIN_BY_MODE[self.mode]]


class TALKER_OT_evaluate(RunsSteps, bpy.types.Operator):
    """Score the head: draw the part of the footage that it has not learned from, and compare"""

    bl_idname = "talker.evaluate"
    bl_label = "Score the Head"

    def steps(self) -> list[Step]:
        return [steps.EVALUATE]


class TALKER_OT_render_line(RunsSteps, bpy.types.Operator):
    """Render the head saying the new line of dialogue"""

    bl_idname = "talker.render_line"
    bl_label = "Render Line"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    def steps(self) -> list[Step]:
        return [steps.RENDER]


class TALKER_OT_render_and_bring_back(RunsSteps, bpy.types.Operator):
    """Render the head saying the new line of dialogue, and bring it back into the scene"""

    bl_idname = "talker.render_and_bring_back"
    bl_label = "Render and Bring Back"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    def steps(self) -> list[Step]:
        return [steps.RENDER_AND_BRING_BACK]


class TALKER_OT_run_all(RunsSteps, bpy.types.Operator):
    """The whole way: preprocess, train, render the line, and bring it back"""

    bl_idname = "talker.run_all"
    bl_label = "Do It All"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    def steps(self) -> list[Step]:
        return list(steps.WHOLE_WAY)


class TALKER_OT_cancel_job(bpy.types.Operator):
    """Stop the running job. What it has finished is kept"""

    bl_idname = "talker.cancel_job"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not connection.is_busy():
            cls.poll_message_set("No job is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        try:
            connection.cancel()
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (
    TALKER_OT_draw_presenter,
    TALKER_OT_preprocess,
    TALKER_OT_train,
    TALKER_OT_evaluate,
    TALKER_OT_render_line,
    TALKER_OT_render_and_bring_back,
    TALKER_OT_run_all,
    TALKER_OT_cancel_job,
)
