"""The button "Install Backend": the set-up runs as a child process, its lines show here, and it can be cancelled."""

from __future__ import annotations

from typing import Any

import bpy

from .. import backend_place, window
from ..blender_types import window_manager
from ..client.installation import Installation, Level, outcome
from ..jobs import removing, shown
from ..shared.errors import EXIT_CALLER, EXIT_CANCELLED, EXIT_DONE, TalkerError

TIMER_S = 0.1
END_TIMEOUT_S = 3.0


class _State:
    """The one installation of this Blender; plain Python, so that undo and file loading leave it alone."""

    installation: Installation | None = None
    error = ""


def running() -> Installation | None:
    """The installation on its way, else None."""
    installation = _State.installation
    return installation if installation is not None and installation.status is None else None


def last_error() -> str:
    """Why the last installation did not come to its end; empty after a good one."""
    return _State.error


def was_cancelled() -> bool:
    """Whether the last installation was ended by the user."""
    return _State.installation is not None and _State.installation.status == EXIT_CANCELLED


def start(context: bpy.types.Context) -> Installation:
    """Start installing into the extension's own user folder."""
    _State.error = ""
    _State.installation = Installation(
        backend_place.EXTENSION_ROOT,
        backend_place.plan().folder,
        backend_place.models_dir(backend_place.addon_preferences(context)),
    )
    return _State.installation


def _follow() -> float | None:
    """Take in the child's news. A timer of Blender's, not of a window: the preferences may be closed meanwhile."""
    installation = _State.installation
    if installation is None:
        return None
    try:
        has_news = bool(installation.poll())
    except TalkerError as error:
        _State.error, has_news = str(error), True
    if has_news:
        window.set_status(f"Installing the talker backend: {installation.last_line}   (ESC: cancel)")
    if installation.status is not None:
        if not _State.error:
            _conclude(installation)
        window.set_status(None)
    if has_news or installation.status is not None:
        window.redraw_sidebars(bpy.context)
        window.redraw_preferences(bpy.context)
    return TIMER_S if installation.status is None else None


def _conclude(installation: Installation) -> tuple[Level, str]:
    """Keep why an ended installation failed; (level, text) of an operator's report."""
    assert installation.status is not None
    level, text = outcome(installation.status, installation.last_line)
    _State.error = "" if installation.status == EXIT_DONE else text
    if installation.status == EXIT_DONE:
        shown.forget_error(bpy.context)
    return level, text


class TALKER_OT_install_backend(bpy.types.Operator):
    """Download and install the backend into an environment of its own. No administrator rights are needed"""

    bl_idname = "talker.install_backend"
    bl_label = "Install Backend"

    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if running() is not None:
            cls.poll_message_set("The backend is already being installed")
            return False
        if removing.running():
            cls.poll_message_set(removing.WAIT)
            return False
        if not bpy.app.online_access:
            cls.poll_message_set("Allow online access in Preferences > System first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """In background mode and from scripts: blocks, and prints every line."""
        try:
            installation = start(context)
            installation.wait(print)
        except TalkerError as error:
            _State.error = str(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self._finish()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        start(context)
        bpy.app.timers.register(_follow, first_interval=TIMER_S, persistent=True)
        self._timer = window_manager(context).event_timer_add(TIMER_S, window=context.window)
        window_manager(context).modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        installation = _State.installation
        if installation is None:
            self.cancel(context)
            return {"CANCELLED"}
        ended = installation.status is not None
        if event.type == "ESC" and event.value == "PRESS" and not ended and window.escape_is_free(context):
            installation.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER" or not ended:
            return {"PASS_THROUGH"}
        self.cancel(context)
        return self._finish()

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, for its window was closed or another file opened: the installation goes on."""
        if self._timer is not None:
            window_manager(context).event_timer_remove(self._timer)
            self._timer = None

    def _finish(self) -> set[Any]:
        installation = _State.installation
        assert installation is not None
        if installation.status == EXIT_CALLER and _State.error:  # it could not be started
            level: Level = "ERROR"
            text = _State.error
        else:
            level, text = _conclude(installation)
        self.report({level}, text)
        return {"FINISHED"} if installation.status == EXIT_DONE else {"CANCELLED"}


class TALKER_OT_cancel_install(bpy.types.Operator):
    """Stop the installation. What was downloaded is kept for the next time"""

    bl_idname = "talker.cancel_install"
    bl_label = "Cancel Installation"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return running() is not None

    def execute(self, context: bpy.types.Context) -> set[Any]:
        installation = running()
        if installation is not None:
            installation.cancel()
        return {"FINISHED"}


CLASSES = (TALKER_OT_install_backend, TALKER_OT_cancel_install)


def end() -> None:
    """For an add-on that is switched off: end what runs. Blocks for END_TIMEOUT_S at most."""
    if bpy.app.timers.is_registered(_follow):
        bpy.app.timers.unregister(_follow)
    installation = running()
    if installation is not None:
        installation.end(END_TIMEOUT_S)
