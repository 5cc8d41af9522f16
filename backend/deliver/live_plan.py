"""What moves a live head: a take's line as a render would plan it, or the footage that the head was learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from backend.deliver.camera_file import read_poses
from backend.deliver.line import plan_line
from backend.deliver.live_direction import LiveDirection
from backend.deliver.live_sources import Sources
from backend.deliver.plan import line_drive, speech_of
from backend.deliver.shown import shown_by
from backend.deliver.take import TakeFolder
from backend.media.audio_features import AudioFeatures
from backend.performance.curves import CURVE_NAMES, Performance, ordered_curves, require_known
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.portrait.saving import open_portrait
from backend.settings import RenderSettings
from backend.subject.subject import Subject
from shared import choices, layout
from shared.camera import Intrinsics
from shared.checked import build
from shared.errors import InputError
from shared.files import file_sha256
from shared.jobs import Reporter

_RENDER_AGAIN = "Render the line again, then switch the live head on."


@dataclass(frozen=True)
class LivePlan:
    """Everything that the pictures of a live head need. N frames."""

    portrait: Portrait
    base: Performance
    """The curves of N frames as they are without edits."""
    lips_following: Callable[[np.ndarray], np.ndarray] | None
    """How the lips' own curves go with edits (SpeechModel.lips_following); None: not at all."""
    drive: Drive
    """Of N frames, without edits."""
    picture: Intrinsics
    """The camera of the pictures."""
    is_crop: bool
    """Whether that is the footage's crop under the footage's lens."""
    behind: np.ndarray | None
    """(H, W, 3) uint8 what is behind the head; None: nothing, the picture is transparent there."""
    colour_name: str
    """Transfer curve of the pictures' values."""
    sources: Sources
    """The files that all this is of."""
    engine: str = "native"
    """Rasteriser: one of settings.ENGINES."""
    direction: LiveDirection | None = None
    """What controls do to the line; None: nothing."""


def plan_of_take(
    subject: Subject, model: str, take: Path, size: int, transparent: bool, report: Reporter
) -> LivePlan:  # fmt: skip
    """Of the line that was rendered into the folder `take`, by this model ("": the take's).

    size: px of the longer side of a picture. Raises InputError where the take is none, is another person's, or what it
    was rendered from is gone.
    """
    manifest = TakeFolder(take).manifest()
    if manifest is None:
        raise InputError(f"{take} is not a rendered line.", "Render a line, or choose the folder of one.")
    try:
        inputs, frames = manifest["inputs"], manifest["frames"]
        footage, rendered_by = inputs["footage"]["sha256"], inputs["model"]["name"]
        settings = _settings(manifest["settings"], str(frames["fps"]), take)
        is_edited = manifest["settings"].get("performance") is not None
        sound_sha256 = inputs["audio"]["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{take / layout.MANIFEST_FILE} does not tell how the line was rendered ({error!r}).",
                         _RENDER_AGAIN) from error  # fmt: skip
    if footage != subject.info.source_sha256:
        raise InputError(f"The take {take.name} shows another person than the subject.", "Choose the take's subject.")
    folder = subject.model(model or rendered_by)
    sources = Sources(subject, folder, take)
    portrait = open_portrait(folder)
    speech = speech_of(subject, folder, report)
    sound = layout.beside(take, layout.BESIDE_SOUND)
    is_own_sound = sound.is_file() and file_sha256(sound) == sound_sha256
    if not is_own_sound:
        sound = take / layout.AUDIO_FILE
    rest = portrait.rest_pose.double().cpu().numpy()
    line = plan_line(
        subject, speech, sound, settings, report, TakeFolder(take).voice(), portrait.settings.poses, rest
    )  # fmt: skip
    base = line.performance
    if not is_own_sound and not is_edited:
        # The take's copy of the sound is rounded to 16 bits, and a prediction from it would be a little off.
        base = Performance.load(take / layout.PERFORMANCE_FILE)
    if base.frame_count != line.frame_count or not set(portrait.curve_names or CURVE_NAMES) <= set(base.curves):
        raise InputError(f"The take {take.name} does not fit the model {folder.name}.", _RENDER_AGAIN)
    shown = shown_by(subject, portrait, line, size)
    track = subject.track().posed_by(portrait.settings.poses)
    picture = of_side(shown.picture, size)
    is_crop = shown.intrinsics is None
    return LivePlan(
        portrait, base, speech.lips_following, line_drive(portrait, line), picture, is_crop,
        shown.behind if is_crop and not transparent else None, subject.info.input_colour, sources,
        settings.engine, LiveDirection(portrait, subject, track, speech, line),
    )  # fmt: skip


def plan_of_footage(subject: Subject, model: str, size: int, transparent: bool) -> LivePlan:
    """Of a model ("": the newest) that moves as its footage does, frame by frame. Raises InputError as open_portrait
    does, and for a model that sound drives."""
    folder = subject.model(model or None)
    sources = Sources(subject, folder, None)
    portrait = open_portrait(folder)
    require_known(portrait.curve_names)
    track = subject.track().posed_by(portrait.settings.poses)
    names = portrait.curve_names or CURVE_NAMES
    base = Performance.from_array(subject.fps, ordered_curves(track, names), names)
    features = None
    if portrait.needs_audio:
        features = AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE)
    drive = _footage_drive(portrait, base, track.camera_from_head, track.body, features)
    behind = None if transparent else subject.background(size)
    picture = portrait.intrinsics(size)
    return LivePlan(portrait, base, None, drive, picture, True, behind, subject.info.input_colour, sources)


def _footage_drive(
    portrait: Portrait, base: Performance, poses: np.ndarray, body: np.ndarray, features: AudioFeatures | None
) -> Drive:  # fmt: skip
    windows = None
    if features is not None:
        windows = audio_windows(features, np.arange(len(poses)) / float(base.fps), portrait.settings)
    curves = base.array(portrait.curve_names or CURVE_NAMES)
    return portrait.drive(curves, poses, float(base.fps), windows, body)


def _settings(told: dict[str, Any], fps: str, take: Path) -> RenderSettings:
    """How a take was rendered, by its manifest, without edits of curves. Raises ValueError, KeyError, InputError."""
    kept = {f.name for f in fields(RenderSettings)} - {
        "performance", "direction", "frames", "take_id", "take", "size",
    }  # fmt: skip
    settings = build(RenderSettings, {name: value for name, value in told.items() if name in kept} | {"fps": fps})
    if settings.engine == "cuda":  # one frame at a time is quick without, and leaves the GPU to the jobs
        settings = replace(settings, engine="native")
    if settings.pose in choices.POSES:
        return settings
    beside, own = layout.beside(take, layout.BESIDE_POSES), take / layout.CAMERA_FILE
    path = beside if beside.is_file() else own
    read_poses(path)
    return replace(settings, pose=str(path))


def of_side(picture: Intrinsics, size: int) -> Intrinsics:
    """A camera for a picture whose longer side has `size` px, if it has more."""
    longest = max(picture.width, picture.height)
    if longest <= size:
        return picture
    return picture.scaled(*(max(1, round(side * size / longest)) for side in (picture.width, picture.height)))
