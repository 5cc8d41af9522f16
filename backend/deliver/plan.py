"""What a render draws and into which take: all that is known of it before its first frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend.deliver import provenance
from backend.deliver.dubbing import Dub
from backend.deliver.heard_voice import HeardVoice
from backend.deliver.keys import digest, frame_keys, model_key, shared_key
from backend.deliver.line import Line, plan_line, require_readable
from backend.deliver.pipeline import FrameDrawer
from backend.deliver.shown import Shown, shown_by
from backend.deliver.store import FrameStore, frame_store
from backend.deliver.take import Take, TakeFolder
from backend.media.audio import require_sound
from backend.performance.curves import CURVE_NAMES, require_known
from backend.performance.learning import learn_speech
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait, PortraitFrame
from backend.portrait.saving import open_portrait
from backend.provenance.credentials import Credentials, configured_credentials
from backend.provenance.marks import DRAWN, DRAWN_OVER_FOOTAGE, Marks
from backend.raster.rasterize import engine_device
from backend.settings import LAYERS, RenderSettings
from backend.subject.consent import require_consent
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared.consent import Consent
from shared.errors import InputError
from shared.files import file_sha256
from shared.jobs import Reporter
from shared.take_ids import path_key
from shared.timing import fps_text

_EXR_LAYOUT = "exr in two parts"
"""How frames are stored now: those of one part, from before, are stored anew."""


@dataclass(frozen=True)
class RenderPlan:
    """Everything that the frames of one render need."""

    subject: Subject
    portrait: Portrait
    line: Line
    drive: Drive
    """Of every frame of the line."""
    size: int
    """Width and height of a frame that is the footage's crop, px."""
    shown: Shown
    """What the frames show."""
    settings: RenderSettings
    take: Take
    inputs: dict
    """Footage, sound and model by name and SHA-256, as the manifest has them."""
    details: dict[str, str]
    """What stands in the headers of frames and movie."""
    keys: dict[int, str]
    """Of every frame that is known, from 1 (deliver.keys)."""
    first_heard: Voice | None
    """The voice of the take's first render, if there was one."""
    marks: Marks
    """Of the frames."""
    credentials: Credentials | None
    """Who signs; None: nobody."""
    voices: HeardVoice
    """Where the line's voice is told to other processes that draw it."""
    dub: Dub | None = None
    """What lays the frames into the footage; None: the line dubs none."""

    def drawn(self, drawer: FrameDrawer, number: int) -> PortraitFrame[np.ndarray]:
        """Frame `number` of the line, from 1, as it is delivered."""
        if self.dub is None:
            return drawer.draw(number)
        return self.dub.empty() if self.dub.key(number) is None else self.dub.laid(number, drawer.draw(number))

    def behind(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8, what the preview shows behind a frame."""
        footage = None if self.dub is None else self.dub.footage(number)
        return self.shown.behind if footage is None else footage

    @property
    def numbers(self) -> range:
        """The frames to draw, from 1."""
        return range(self.line.first, self.line.last + 1)

    @property
    def signed_by(self) -> str:
        """Fingerprint of who signs; empty where nobody does."""
        return "" if self.credentials is None else self.credentials.identity.fingerprint

    def marks_of(self, source_type: str) -> Marks:
        """The marks of a file that came to be in another way than the frames, and is signed where anybody signs."""
        return replace(self.marks, source_type=source_type, signed_by=self.signed_by)

    def sign(self, path: Path, source_type: str) -> None:
        """Sign a finished file, where there is somebody who signs. Raises InputError."""
        if self.credentials is not None:
            self.credentials.sign(path, self.marks_of(source_type))

    def signed_frame(self, data: bytes) -> bytes:
        """The bytes of a frame's PNG, signed where there is somebody who signs. Raises InputError."""
        return data if self.credentials is None else self.credentials.signed(data, ".png", self.marks)

    def store(self, folder: Path, earlier: Path | None = None) -> FrameStore:
        """Where frames are written, as `frame_store` makes it."""
        crop = self.shown.crop
        attributes = provenance.exr_attributes(
            self.marks, self.details | {"crop": f"{crop.x} {crop.y} {crop.width} {crop.height}"}
        )
        return frame_store(
            folder, self.settings.layers, self.subject.info.input_colour, attributes, self.behind, self.line.fps,
            earlier, self.signed_frame, self.line.start, self.dub is not None,
        )  # fmt: skip


def require_drawable(subject: Subject, audio: Path, settings: RenderSettings, report: Reporter) -> Consent:
    """What the person shown has agreed to. Raises InputError for what is wrong before anything is read whole: options,
    a consent that does not hold, no sound, no model."""
    if settings.layers not in LAYERS:
        raise InputError(f"Layers {settings.layers!r} are unknown.", f"Use one of {', '.join(LAYERS)}.")
    if settings.size is not None and not 16 <= settings.size <= 8192:
        raise InputError(f"A size of {settings.size} px cannot be drawn.", "Use 16 to 8192.")
    consent = require_consent(subject, report)
    require_sound(audio, settings.audio_track)
    require_readable(settings)
    subject.model(settings.model).config()
    return consent


def plan_render(
    subject: Subject, consent: Consent, audio: Path, target: TakeFolder, settings: RenderSettings, report: Reporter,
    whole: bool = True,
) -> RenderPlan:  # fmt: skip
    """Plan a line for the take in `target`. whole: False to know only of the frames that are drawn. Raises InputError
    for wrong input and a folder that holds another take."""
    model = subject.model(settings.model)
    portrait = open_portrait(model).to(engine_device(settings.engine))
    inputs = _inputs(subject, model, audio)
    take = Take(
        footage_sha256=inputs["footage"]["sha256"], name=settings.take or audio.name,
        is_named=settings.take is not None, audio_path=str(audio.resolve()), audio_sha256=inputs["audio"]["sha256"],
        id=settings.take_id,
    )  # fmt: skip
    target.refuse_other(take)
    credentials = configured_credentials(settings)
    # EXR files have no place for a signature: that of the take covers them.
    signed_by = "" if credentials is None or settings.layers != "png" else credentials.identity.fingerprint
    marks = Marks(
        subject.id,
        target.id(take),
        consent.words(),
        DRAWN if settings.dub is None else DRAWN_OVER_FOOTAGE,
        signed_by=signed_by,
    )
    inputs["audio"]["path_key"] = path_key(marks.take, take.audio_path)
    first_heard = target.voice()
    speech = speech_of(subject, model, report)
    rest = portrait.rest_pose.double().cpu().numpy()
    voices = HeardVoice(target.chunks.path, _heard_from(model, inputs["audio"]["sha256"], settings, first_heard))
    line = plan_line(
        subject, speech, audio, settings, report, first_heard, portrait.settings.poses, rest, whole, voices.read()
    )
    size = settings.size or subject.crop.width
    shown = shown_by(subject, portrait, line, size)
    details = {
        "audio": inputs["audio"]["name"], "model": model.name, "fps": fps_text(line.fps),
        "transfer": subject.info.input_colour, "footage_colour": subject.footage_space,
    }  # fmt: skip
    known = range(line.frame_count) if whole else range(line.first - 1, line.last)
    drive = line_drive(portrait, line, known)
    common: dict[str, object] = {
        "model": model_key(model, inputs["model"]["sha256"]), "size": size,
        "layers": _EXR_LAYOUT if settings.layers == "exr" else settings.layers,
        "engine": settings.engine, "colour": subject.info.input_colour, "details": details,
        "marks": marks.texts(),
    }  # fmt: skip
    if line.start:
        common["timecode"] = line.start
    if line.filmed is not None:  # the pictures that it is laid into
        common["footage"] = [subject.info.source_sha256, subject.info.stages]
    if line.scene is not None:
        common["lens"] = line.scene.details()
    keys = dict(zip((index + 1 for index in known), frame_keys(drive, common, known), strict=True))
    dub = None
    if line.filmed is not None:
        dub = Dub(subject, line.filmed, settings.dub_part, size, settings.seed)
        keys = {number: _dubbed_key(dub, number, key, common) for number, key in keys.items()}
    return RenderPlan(
        subject, portrait, line, drive, size, shown, settings, take, inputs, details, keys, first_heard, marks,
        credentials, voices, dub,
    )  # fmt: skip


def _dubbed_key(dub: Dub, number: int, key: str, common: dict[str, object]) -> str:
    """The key of a dub's frame by the key of what is drawn; all empty frames have one key."""
    own = dub.key(number)
    return shared_key(common | {"footage": None}) if own is None else digest(key, own)


def line_drive(portrait: Portrait, line: Line, known: range | None = None) -> Drive:
    """What moves a portrait in every frame of a line; of sound itself only what moves it in the frames `known`, from 0
    (None: all)."""
    windows = None
    if portrait.needs_audio:
        heard = slice(0, line.frame_count) if known is None else slice(known.start, known.stop)
        found = audio_windows(line.features, line.times_s[heard], portrait.settings)
        windows = np.zeros((line.frame_count, *found.shape[1:]), np.float32)  # of which the system gives what is used
        windows[heard] = found
    require_known(portrait.curve_names)
    curves = line.driving.array(portrait.curve_names or CURVE_NAMES)
    drive = portrait.drive(curves, line.poses, float(line.fps), windows, line.body, line.views, line.body_poses)
    return drive if line.filmed is None else line.filmed.moving(portrait, drive)


def speech_of(subject: Subject, model: ModelFolder, report: Reporter) -> SpeechModel:
    """The model's speech, learned now for a model that was trained without."""
    if model.speech_file.is_file():
        return SpeechModel.load(model.speech_file)
    return learn_speech(subject, model, model.split(subject.frame_count).training, report)


def _heard_from(model: ModelFolder, audio_sha256: str, settings: RenderSettings, first_heard: Voice | None) -> list:
    """All that decides in which voice a line is heard, as plain values."""
    before = None if first_heard is None else first_heard.to_dict()
    return [audio_sha256, settings.audio_track, file_sha256(model.speech_file), before]


def _inputs(subject: Subject, model: ModelFolder, audio: Path) -> dict:
    weights = file_sha256(model.weights_file)
    return {
        "footage": {"name": subject.info.source, "sha256": subject.info.source_sha256},
        "audio": {"name": audio.name, "sha256": file_sha256(audio)},
        "model": {"name": model.name, "sha256": weights},
    }
