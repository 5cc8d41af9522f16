"""Operators that do jobs: in a window they go on beside the artist's work, in background mode they block.

Both ways share one body: a list of steps, each a verb with the arguments that the scene gives it, and what its result
changes in the scene.
"""

import bpy
from bpy.props import EnumProperty

from .. import compat, headless, job_state, link, properties, requests, screen
from ..client.session import JobHandle, Session
from ..requests import Notice, Step
from ..shared.errors import Cancelled, InputError, TalkerError

TIMER_S = 0.1
BUSY = "A job is running: wait for it, or cancel it"


class FollowsJob:
    """Mixin: an event timer that follows the link's job until `advance` says that nothing is left to do."""

    _timer: bpy.types.Timer | None = None
    _session: Session

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if link.is_busy():
            cls.poll_message_set(BUSY)
            return False
        return True

    def begin(self, context: bpy.types.Context) -> None:
        """Start the first piece of work. Raises TalkerError."""
        raise NotImplementedError

    def advance(self, context: bpy.types.Context) -> bool:
        """Look at the work, start the next piece; True when all is done. Raises TalkerError. Never blocks."""
        raise NotImplementedError

    def block(self, context: bpy.types.Context) -> None:
        """All of the work at once, for background mode. Raises TalkerError."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        job_state.clear(context)
        try:
            if bpy.app.background or context.window is None:
                self.block(context)
                return {"FINISHED"}
            self._session = link.session()
            self.begin(context)
        except TalkerError as error:
            return self._fail(context, error)
        self._timer = context.window_manager.event_timer_add(TIMER_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        job_state.set_followed(True)
        job_state.show(context, link.handle())
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS" and link.is_busy() and screen.escape_is_free(context):
            link.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if link.session() is not self._session:
                raise Cancelled("The backend was stopped.", "Start it again: an unfinished job goes on by itself.")
            self._session.poll()
            job_state.show(context, link.handle())
            done = self.advance(context)
        except TalkerError as error:
            self._remove_timer(context)
            return self._fail(context, error)
        if done:
            self._remove_timer(context)
            return {"FINISHED"}
        screen.set_status(f"Talker   {job_state.describe(context)}   (ESC: cancel)")
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator (another file is opened, the window is closed): the job goes on, watched."""
        self._remove_timer(context)

    def _remove_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        job_state.set_followed(False)
        screen.set_status(None)
        screen.redraw(context)

    def _fail(self, context: bpy.types.Context, error: TalkerError) -> set[str]:
        if link.is_busy():
            link.drop()
        if isinstance(error, Cancelled):
            job_state.show(context, link.handle())
            self.report({"WARNING"}, str(error))
        else:
            job_state.show_error(context, error)
            self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


class RunsSteps(FollowsJob):
    """Mixin: does the steps that `steps` names, one after the other, for the scene in which it was called."""

    bl_label: str
    _scene_name: str
    _waiting: list[Step]
    _step: Step
    _job: JobHandle

    def steps(self) -> list[Step]:
        raise NotImplementedError

    def begin(self, context: bpy.types.Context) -> None:
        self._scene_name = compat.sequencer_scene(context).name
        self._waiting = self.steps()
        self._next()

    def advance(self, context: bpy.types.Context) -> bool:
        if not self._job.ended:
            return False
        self._tell(self._step.finish(self._scene(), self._job.result()))
        if not self._waiting:
            return True
        self._next()
        return False

    def cancel(self, context: bpy.types.Context) -> None:
        """The job goes on, but nothing that should follow it can be done in a scene that is no longer there."""
        super().cancel(context)
        undone = [step.verb for step in self._waiting]
        if undone:
            rest = " and ".join(undone)
            what = f"{self.bl_label} lost its file or window: {self._step.verb} goes on, {rest} will not follow."
            job_state.leave(what, f"In that file, press {self.bl_label} again: what is done is not done twice.")
        elif self._step.verb == "render":
            what = f"{self.bl_label} lost its file or window: the render goes on, but its scene will not know of it."
            job_state.leave(what, f"In that file, choose {self._job.info.arguments['out']} under Bring Back.")

    def block(self, context: bpy.types.Context) -> None:
        headless.do(compat.sequencer_scene(context), self.steps(), self._tell)

    def _next(self) -> None:
        self._step = self._waiting.pop(0)
        self._job = link.submit(self._step.verb, self._step.arguments(self._scene()))

    def _scene(self) -> bpy.types.Scene:
        """By its name, for undo and file loading leave references to it dangling."""
        scene = bpy.data.scenes.get(self._scene_name)
        if scene is None:
            raise InputError(f"The scene {self._scene_name} is gone.", "The result stays in its folder.")
        return scene

    def _tell(self, notices: list[Notice]) -> None:
        for level, text in notices:
            self.report({level}, text)


class TALKER_OT_preprocess(RunsSteps, bpy.types.Operator):
    """Read the footage: find the face, track head and expression, cut out the person, measure the sound"""

    bl_idname = "talker.preprocess"
    bl_label = "Preprocess Footage"

    def steps(self) -> list[Step]:
        return [requests.PREPROCESS]


class TALKER_OT_train(RunsSteps, bpy.types.Operator):
    """Train the talking head on the footage. Once cancelled, it goes on from there the next time"""

    bl_idname = "talker.train"
    bl_label = "Train"

    mode: EnumProperty(name="Mode", items=properties.TRAIN_MODES, options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, options: bpy.types.OperatorProperties) -> str:
        return next(text for mode, _, text in properties.TRAIN_MODES if mode == options.mode)

    def steps(self) -> list[Step]:
        return [requests.TRAIN_BY_MODE[self.mode]]


class TALKER_OT_render_line(RunsSteps, bpy.types.Operator):
    """Render the head saying the new line of dialogue"""

    bl_idname = "talker.render_line"
    bl_label = "Render Line"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    def steps(self) -> list[Step]:
        return [requests.RENDER]


class TALKER_OT_run_all(RunsSteps, bpy.types.Operator):
    """The whole way: preprocess, train, render the line, and bring it back"""

    bl_idname = "talker.run_all"
    bl_label = "Do It All"
    bl_options = {"UNDO"}  # it changes the scene when it ends

    def steps(self) -> list[Step]:
        return list(requests.WHOLE_WAY)


class TALKER_OT_cancel_job(bpy.types.Operator):
    """Stop the running job. What it has finished is kept"""

    bl_idname = "talker.cancel_job"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not link.is_busy():
            cls.poll_message_set("No job is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            link.cancel()
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class TALKER_OT_start_backend(FollowsJob, bpy.types.Operator):
    """Start the backend, or find the running one, and follow the job that it is doing"""

    bl_idname = "talker.start_backend"
    bl_label = "Start Backend"

    def begin(self, context: bpy.types.Context) -> None:
        if not link.is_busy():
            link.drop()
        link.session().begin()

    def advance(self, context: bpy.types.Context) -> bool:
        if not link.session().connected:
            return False
        if link.handle() is None and link.attach_unfinished() is None:
            return True
        if not link.handle().ended:
            return False
        link.handle().result()
        return True

    def block(self, context: bpy.types.Context) -> None:
        link.connect()
        job_state.show(context, link.handle())


class TALKER_OT_stop_backend(bpy.types.Operator):
    """Stop the backend and free its memory. Unfinished jobs go on when it is started again"""

    bl_idname = "talker.stop_backend"
    bl_label = "Stop Backend"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            ran = link.stop_backend()
        except TalkerError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        job_state.clear(context)
        screen.redraw(context)
        self.report({"INFO"}, "The backend has stopped." if ran else "No backend was running.")
        return {"FINISHED"}


CLASSES = (
    TALKER_OT_start_backend,
    TALKER_OT_stop_backend,
    TALKER_OT_preprocess,
    TALKER_OT_train,
    TALKER_OT_render_line,
    TALKER_OT_run_all,
    TALKER_OT_cancel_job,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    job_state.watch()


def unregister() -> None:
    job_state.unwatch()
    link.close()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
