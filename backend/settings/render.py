"""Settings of a line of dialogue to frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from backend.settings.kinds import Engine, Whole
from shared import choices
from shared.checked import Limits, OneOf

LAYERS = ("exr", "png", "mp4")
"""What a render writes, by name."""


@dataclass(frozen=True)
class RenderSettings:
    """A line of dialogue to frames."""

    model: str | None = None
    """Name of the trained model; None: the newest."""
    fps: str | None = None
    """Frame rate as "num/den"; None: the footage's."""
    frames: str | None = None
    """Frames to render as "A:B", inclusive, from 1; None: all."""
    audio_track: Annotated[int, Limits(1, 1000)] | None = None
    """Sound track of the line that is read, from 1; None: the one that holds speech."""
    pose: str = choices.POSE
    """Head poses: life (moves of the footage that go with the line), recorded (the footage's own, extended past its
    end), still, or the path of a camera.json."""
    head_life: Annotated[float, Limits(0, choices.MOST_LIVELINESS)] = choices.LIVELINESS
    """How far the head moves with pose=life: 1 as far as in the footage, 0 not at all."""
    face_life: Annotated[float, Limits(0, choices.MOST_LIVELINESS)] = choices.LIVELINESS
    """How far brows and gaze move by themselves, with other poses than recorded: 1 as far as in the footage, 0 not at
    all, in a face that blinks."""
    performance: str | None = None
    """Path of a performance.json, or of a CSV by Live Link Face, that replaces what audio predicts."""
    direction: str | None = None
    """Path of a direction.json: what an artist's controls add to curves and head, over what audio predicts."""
    strength: Annotated[float, Limits(0, choices.MOST_STRENGTH)] = choices.STRENGTH
    """How far the mouth moves: 1 as far as in the footage; 0 only as far as the sound tells for sure, which looks
    mumbled; more than 1 beyond."""
    dub: str | None = None
    """Frames of the footage that the line is dubbed over, as shared.dubbing has them: 1:100=26 lays frames 1 to 100 of
    the line over the footage from its frame 26 on. Pose, body and upper face are those of the footage there, and all of
    it but the mouth's part stays as it was shot; frames without footage are empty. None: no dub."""
    dub_part: Annotated[str, OneOf(choices.DUB_PARTS)] = choices.DUB_PART
    """What a dub replaces: lower (the lower face) or head."""
    layers: Annotated[str, OneOf(LAYERS)] = "exr"
    """One of LAYERS: multilayer OpenEXR, PNG with straight alpha, or the preview movie only."""
    size: Annotated[int, Limits(16, 8192)] | None = None
    """Width and height of the rendered crop, px; None: the footage crop's own size."""
    timecode: str = "00:00:00:00"
    """Time code of the line's first frame, HH:MM:SS:FF without dropped frames, as frames and sound are to tell it."""
    engine: Engine = "native"
    """Rasteriser: one of ENGINES."""
    threads: Whole = 0
    """Threads; 0: all cores."""
    seed: int = 0
    """Seed of what is generated: which moves of the footage go with a line, blinks, gaze."""
    take: str | None = None
    """What the line is called; None: the sound file's name. A render folder takes edits of its own line only."""
    take_id: str | None = None
    """What tells this line from every other, whatever they are called: a folder takes its own line's id only. None: the
    id that the folder has, or a new one."""
    certificates: str | None = None
    """Path of the certificates (PEM) of the identity that signs what is delivered; None: TALKER_CERTIFICATES, or nobody
    signs."""
    signing_key: str | None = None
    """Path of the identity's private key (PEM); None: TALKER_SIGNING_KEY."""
    time_stamp_server: str | None = None
    """Address of a time-stamp server (RFC 3161) that is asked when movie, sound and contact sheet are signed; None: the
    network is not used."""
