"""The live head of this Blender: asked for at each change of frame or curves, shown when it comes; nothing waits.

Blender's handlers tell of changes, a timer takes in the pictures. Names are kept, never references into Blender's data:
undo and deletion may take those away at any time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import window
from ..blender_types import window_manager
from ..bridge import curves, direction, live_follow, live_plane, tagged
from ..bridge.keys import scene_fps
from ..bridge.live_follow import Follow
from ..bridge.live_plane import Plane
from ..bridge.speakers import speaker_of
from ..bridge.take import Take
from ..client.live import LiveHead
from ..client.live_pace import Pace
from ..properties import settings_of
from ..shared import protocol
from ..shared.errors import InputError
from ..shared.live import LiveState
from ..shared.live_picture import LivePicture
from . import connection, lines
from .steps import absolute

SIZE_PX = 512
POLL_S = 0.005
"""Between two looks for a picture that was asked for."""
IDLE_POLL_S = 0.25
_WHERE_PLATE = ("PLATE", "FOOTAGE")
"""Backgrounds (properties.BACKGROUNDS) for which the head is shown before its footage's background."""


@dataclass
class _On:
    """What there is while the live head is switched on."""

    head: LiveHead
    plane: Plane
    take: Path
    controller: str
    """Name of the object with the take's curves."""
    follow: Follow | None = None
    """What the head follows; None: it moves as in the take."""
    asked: protocol.Draw | None = None
    """What was asked for last, so that nothing is asked for twice."""
    pace: Pace = field(default_factory=Pace)
    shown: int = 0
    """Pictures."""
    is_resting: bool = False
    """Whether the timer has the long pauses of when nothing is awaited."""


class _Live:
    on: _On | None = None
    trouble: tuple[str, str] = ("", "")
    """Why it was switched off, and what to do about it; empty where the artist did that."""


def is_on() -> bool:
    """Whether the live head is switched on."""
    return _Live.on is not None


def words() -> str:
    """How it stands, in a few words; "" while it is off."""
    on = _Live.on
    if on is None:
        return ""
    if on.head.refused:
        return on.head.refused
    if on.head.state is LiveState.OPENING:
        return "Loading the head"
    if not on.shown:
        return "Drawing the first picture"
    return f"{1000 * on.pace.waits_s:.0f} ms a picture"


def trouble() -> tuple[str, str]:
    """(why it was switched off, what to do about it), empty where nothing went wrong."""
    return _Live.trouble


def counts() -> dict[str, int]:
    """Pictures that were shown, and that were dropped since they came too late or a newer one was asked for."""
    on = _Live.on
    return {"shown": on.shown, "dropped": on.pace.dropped + on.head.replaced} if on else {"shown": 0, "dropped": 0}


def start(scene: bpy.types.Scene) -> None:
    """Switch it on for the take that the scene's settings name. Never waits. Raises InputError."""
    settings = settings_of(scene)
    subject = absolute(settings.subject, "Subject")
    folder = absolute(settings.take, "Take")
    camera, controller = tagged.object_of(folder, "camera"), curves.find_controller(folder)
    if camera is None or controller is None:
        raise InputError(
            f"The take {folder.name} is not in this scene.", "Bring it back, then switch the live head on."
        )
    plane, following = live_plane.plane_of(scene, camera, Take.open(folder)), None
    if settings.pose_mode == "OBJECT":
        following = live_follow.follow(scene, settings.pose_object, int(controller[curves.START_KEY]))
    stop()
    wanted = protocol.LiveOpen(
        subject=str(subject), model=_model(scene), take=str(folder), size=SIZE_PX,
        transparent=settings.background not in _WHERE_PLATE,
    )  # fmt: skip
    _Live.on = _On(connection.session().open_live(wanted), plane, folder, controller.name, following)
    _Live.trouble = ("", "")
    live_plane.begin(plane, _newer)
    for handlers, function in _handlers():
        handlers.append(function)
    bpy.app.timers.register(turn, first_interval=POLL_S)
    look()


def stop(what: str = "", do: str = "") -> None:
    """Switch it off; why, where the artist did not."""
    on, _Live.on = _Live.on, None
    if on is None:
        return
    _Live.trouble = (what, do)
    for handlers, function in _handlers():
        if function in handlers:
            handlers.remove(function)
    if bpy.app.timers.is_registered(turn):
        bpy.app.timers.unregister(turn)
    live_plane.end()
    if not connection.has_stopped():
        connection.session().close_live()
    window.redraw_sidebars(bpy.context)


def look() -> None:
    """Ask for the picture of the scene's present frame, if it is another one than was asked for last."""
    on = _Live.on
    if on is None or _is_rendering():
        return
    scene, controller, camera = _scene(on), _controller(on), _object(on.plane.camera)
    if scene is None or controller is None or camera is None:
        stop("The take of the live head is not in this file any more.", "Bring it back, then switch it on again.")
        return
    frame = scene.frame_current + (on.pace.lead(scene_fps(scene)) if _is_playing() else 0)
    found = curves.at(scene, controller, frame)
    if found is None:  # the line ends before a picture would be there
        frame = scene.frame_current
        found = curves.at(scene, controller, frame)
    if found is None:
        on.asked = None
        on.pace.clear()
        live_plane.show(None)
        return
    take_frame, values = found
    draw = protocol.Draw(take_frame, values, controls=_controls(scene, controller, frame))
    if on.follow is not None:
        seen = live_follow.seen(scene, on.follow)
        if seen is None:
            stop("The object that the head follows, or the camera, is gone.", "Choose others, then switch it on again.")
            return
        draw = replace(draw, pose=seen.pose, body=seen.body, lens=seen.lens)
        live_plane.move(live_plane.plane_of_scene(scene, on.follow.camera, seen.lens, seen.distance_m))
    if draw != on.asked:
        on.asked = draw
        on.head.ask(draw, frame)
        _wake(on)


def turn() -> float | None:
    """One turn of the timer: take in what has come and show it; seconds until the next, None at the end."""
    on = _Live.on
    if on is None:
        return None
    before = on.head.state
    connection.poll_beside()
    if on.head.is_closed:
        _closed(on)
        return None if _Live.on is None else POLL_S
    _receive(on)
    if on.head.state is not before:
        window.redraw_sidebars(bpy.context)
    on.is_resting = not (on.head.is_awaiting or on.pace.is_holding)
    return IDLE_POLL_S if on.is_resting else POLL_S


def _receive(on: _On) -> None:
    """Show what has come, as its time is."""
    due = _due(on)
    if due is not None:
        live_plane.show(due)


def _newer() -> LivePicture | None:
    """The picture that has come since the last turn, for a view that is being drawn."""
    on = _Live.on
    return None if on is None or _is_rendering() else _due(on)


def _due(on: _On) -> LivePicture | None:
    """The picture to show now; None: that which is shown."""
    taken = on.head.take()
    if taken is not None:
        on.pace.add(taken)
    scene = _scene(on)
    due = on.pace.due(scene.frame_current, _is_playing()) if scene is not None else None
    if due is None:
        return None
    on.shown += 1
    return due.picture


def _closed(on: _On) -> None:
    """The backend has let the head go."""
    head = on.head
    if not head.reopen:
        stop(head.what, head.do)
        return
    on.head, on.asked = connection.session().open_live(head.wanted), None
    on.pace.clear()
    look()


def _scene(on: _On) -> bpy.types.Scene | None:
    found: Any = bpy.data.scenes.get(on.plane.scene)  # whose stubs do not know that it may be gone
    return found


def _object(name: str) -> bpy.types.Object | None:
    found: Any = bpy.data.objects.get(name)
    return found


def _controller(on: _On) -> bpy.types.Object | None:
    """The object with the take's curves, also where it was given another name; None where it is gone."""
    known = _object(on.controller)
    if known is None or known.get(curves.CURVES_KEY) is None:
        known = curves.find_controller(on.take)
        on.controller = known.name if known is not None else ""
    return known


def _controls(scene: bpy.types.Scene, controller: bpy.types.Object, frame: int) -> dict[str, float]:
    """What the line's direction says at a frame, if it has one that is rendered."""
    rig = direction.find(controller.get(tagged.ID_KEY, "")) if settings_of(scene).use_direction else None
    return {} if rig is None else direction.at(scene, rig, frame)


def _is_rendering() -> bool:
    """Whether handlers may be called by a render, in a thread of its own."""
    app: Any = bpy.app  # whose stubs say that it returns nothing
    return app.is_job_running("RENDER")


def _is_playing() -> bool:
    return any(open_window.screen.is_animation_playing for open_window in window_manager(bpy.context).windows)


def _wake(on: _On) -> None:
    """Let the timer turn soon. One that turns often is left alone: begun anew at each change it might never turn."""
    if on.is_resting:
        on.is_resting = False
        if bpy.app.timers.is_registered(turn):
            bpy.app.timers.unregister(turn)
        bpy.app.timers.register(turn, first_interval=POLL_S)


def _model(scene: bpy.types.Scene) -> str:
    """The scene's model where it is trained; "": the one that the take was rendered by."""
    speaker = speaker_of(scene, None)
    return speaker.model if os.path.isfile(lines.model_path(speaker)) else ""


@persistent
def _on_frame(scene: bpy.types.Scene, *_: Any) -> None:
    on = _Live.on
    if on is not None and scene.name == on.plane.scene and not _is_rendering():
        connection.poll_beside()
        _receive(on)
        look()


@persistent
def _on_change(*_: Any) -> None:
    look()


@persistent
def _on_load(*_: Any) -> None:
    stop()


def _handlers() -> tuple[tuple[list, Any], ...]:
    handlers: Any = bpy.app.handlers
    return (
        (handlers.frame_change_post, _on_frame),
        (handlers.depsgraph_update_post, _on_change),
        (handlers.undo_post, _on_change),
        (handlers.redo_post, _on_change),
        (handlers.load_pre, _on_load),
    )
