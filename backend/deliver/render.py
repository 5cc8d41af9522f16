"""A portrait and a line of dialogue to frames, movie, camera, performance, sound and manifest."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from backend.deliver import package, provenance
from backend.deliver.camera_file import write_camera
from backend.deliver.keys import frame_keys, model_key
from backend.deliver.line import Line, plan_line, require_readable
from backend.deliver.pipeline import FrameDrawer, concurrency_for
from backend.deliver.plate import write_plate
from backend.deliver.preview import Preview, PreviewRecord
from backend.deliver.shown import Shown, shown_by
from backend.deliver.store import frame_store
from backend.deliver.take import Take, TakeFolder
from backend.media.audio import require_sound
from backend.media.png import write_png
from backend.parallel import in_order
from backend.performance.curves import CURVE_NAMES, require_known
from backend.performance.learning import learn_speech
from backend.performance.speech import SpeechModel
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.portrait.saving import open_portrait
from backend.provenance.credentials import Credentials, configured_credentials
from backend.provenance.marks import DRAWN, DRAWN_OVER_FOOTAGE, OF_PARTS, Marks
from backend.provenance.signature import write_signature
from backend.raster.rasterize import engine_device
from backend.settings import LAYERS, RenderSettings
from backend.subject.consent import require_consent
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared import layout
from shared.consent import Consent
from shared.errors import InputError
from shared.files import explaining, file_sha256
from shared.jobs import Reporter
from shared.take_ids import path_key
from shared.timing import fps_text, samples_for_frames

LIVE_PREVIEW_FILE = "preview.png"
"""The frame that was drawn last, shown while the job runs."""
_LIVE_PREVIEW_S = 2.0
_EXR_LAYOUT = "exr in two parts"
"""How frames are stored now: those of one part, from before, are stored anew."""


@dataclass(frozen=True)
class RenderResult:
    """What a render left."""

    out: str
    frames: int
    """Frames of the whole line."""
    first: int
    last: int
    fps: str
    preview: str
    contact_sheet: str
    rendered: int
    """Frames of first..last drawn now."""
    kept: int
    """The other frames of first..last: they were there, and nothing that they depend on has changed."""
    frames_per_second: float
    """Frames drawn, encoded and written a second."""
    sound: tuple[str, ...] = ()
    """What was chosen of the line's sound and mended in it, in words."""

    def to_dict(self) -> dict:
        return asdict(self)


def render(subject: Subject, audio: Path, out: Path, settings: RenderSettings, report: Reporter) -> RenderResult:
    """Draw a line of dialogue into the take's folder `out`.

    Writes frames (EXR or PNG), preview.mp4, performance.json, camera.json, audio.wav, voice.json, manifest.json and a
    contact sheet; all of them take their places together, at the end (TakeFolder). In a folder of the same take only
    what has changed is drawn again: frames with the same curves, pose and model are kept, also those of a cancelled
    run. Raises InputError for bad input or options, a folder that holds another take, a full disk; Cancelled when the
    user asked to stop. Raises InputError too where the consent of the person shown does not hold.
    """
    audio, out = Path(audio), Path(out)
    _check(settings)
    consent = require_consent(subject, report)
    require_sound(audio, settings.audio_track)
    require_readable(settings)
    subject.model(settings.model).config()
    credentials = configured_credentials(settings)
    with explaining(out), TakeFolder(out).claimed(report):
        return _render(subject, consent, audio, out, settings, credentials, report)


def _render(
    subject: Subject, consent: Consent, audio: Path, out: Path, settings: RenderSettings,
    credentials: Credentials | None, report: Reporter,
) -> RenderResult:  # fmt: skip
    started = time.monotonic()
    report.phase("prepare the line")
    model = subject.model(settings.model)
    portrait = open_portrait(model).to(engine_device(settings.engine))
    inputs = _inputs(subject, model, audio)
    take = Take(
        footage_sha256=inputs["footage"]["sha256"], name=settings.take or audio.name,
        is_named=settings.take is not None, audio_path=str(audio.resolve()), audio_sha256=inputs["audio"]["sha256"],
        id=settings.take_id,
    )  # fmt: skip
    target = TakeFolder(out)
    target.check(take)
    signed_by = "" if credentials is None else credentials.identity.fingerprint
    # EXR files have no place for a signature: that of the take covers them.
    marks = Marks(
        subject.id, target.id(take), consent.words(), DRAWN, signed_by=signed_by if settings.layers == "png" else ""
    )
    inputs["audio"]["path_key"] = path_key(marks.take, take.audio_path)
    first_heard = target.voice()
    speech = _speech_model(subject, model, report)
    line = plan_line(subject, speech, audio, settings, report, first_heard, portrait.settings.poses, _rest(portrait))
    size = settings.size or subject.crop.width
    shown = shown_by(subject, portrait, line, size)
    details = {
        "audio": inputs["audio"]["name"], "model": model.name, "fps": fps_text(line.fps),
        "transfer": subject.info.input_colour, "footage_colour": subject.footage_space,
    }  # fmt: skip
    drive = _drive(portrait, line)
    told = {"details": details, "marks": marks.texts()}
    keys = _keys(subject, model, drive, size, settings, inputs, told, line)
    earlier = PreviewRecord.of(target.manifest())
    job = _Job(subject, portrait, line, drive, size, shown, settings, details, keys, earlier, marks, credentials)
    target.make(report)
    timings = {"prepare": time.monotonic() - started}

    def write_manifest(complete: bool, preview: PreviewRecord | None, drawn: int | None = None) -> None:
        target.write_manifest(
            provenance.manifest(
                take=take.name, marks=job.marks_of(DRAWN_OVER_FOOTAGE), inputs=inputs, settings=settings,
                subject_folder=provenance.subject_beside(out, subject.root), complete=complete,
                signed_by=signed_by or None,
                frames={"count": line.frame_count, "first": line.first, "last": line.last, "fps": fps_text(line.fps),
                        "size": shown.picture.width, "layers": settings.layers, "colour": subject.info.input_colour,
                        "footage_colour": subject.footage_space, "footage_turns": subject.info.footage_turns,
                        "footage_first": subject.info.footage_first, "drawn": drawn},
                preview=None if preview is None else preview.to_dict(),
                timings_s={phase: round(seconds, 2) for phase, seconds in timings.items()},
            )
        )  # fmt: skip

    write_manifest(complete=False, preview=job.preview)
    gone = target.write_voice(line.voice)
    if first_heard is not None and (line.voice is None or line.voice.mean is not first_heard.mean):
        report.message("The line sounds like another voice than before: all of its lip movements are made anew.")
    write_camera(
        target.work / layout.CAMERA_FILE, line.fps, shown.picture, shown.crop, shown.frame_size, line.camera_poses,
        given_lens=line.scene is not None,
    )  # fmt: skip
    line.performance.save(target.work / layout.PERFORMANCE_FILE)
    gone = (*gone, *write_plate(target.work, subject, line.scene is None))
    package.write_sound(target.work, line.samples, line.sample_rate, line.frame_count, line.fps, job.marks_of(OF_PARTS))
    job.sign(target.work / layout.AUDIO_FILE, OF_PARTS)
    drawn, preview, stale = _draw(job, target, report)
    timings["draw"] = time.monotonic() - started - timings["prepare"]
    write_manifest(complete=True, preview=preview, drawn=drawn)
    (target.work / LIVE_PREVIEW_FILE).unlink(missing_ok=True)
    gone = (*gone, *stale)
    if credentials is None:
        gone = (*gone, layout.SIGNATURE_FILE)
    else:
        report.phase("sign")
        write_signature(target.work, target.path, gone, credentials.identity, marks, report.check)
    target.publish(gone)
    wanted = line.last - line.first + 1
    return RenderResult(
        out=str(out), frames=line.frame_count, first=line.first, last=line.last, fps=fps_text(line.fps),
        preview=str(out / layout.PREVIEW_FILE), contact_sheet=str(out / layout.CONTACT_SHEET_FILE), rendered=drawn,
        kept=wanted - drawn, frames_per_second=round(wanted / max(timings["draw"], 1e-6), 2),
        sound=line.heard,
    )  # fmt: skip


@dataclass(frozen=True)
class _Job:
    """Everything that the frames of one render need."""

    subject: Subject
    portrait: Portrait
    line: Line
    drive: Drive
    size: int
    shown: Shown
    settings: RenderSettings
    details: dict[str, str]
    """What stands in the headers of frames and movie."""
    keys: list[str]
    """Of every frame of the line (deliver.keys)."""
    preview: PreviewRecord | None
    """Of the movie that an earlier render left."""
    marks: Marks
    """Of the frames."""
    credentials: Credentials | None
    """Who signs; None: nobody."""

    def marks_of(self, source_type: str) -> Marks:
        """The marks of a file that came to be in another way than the frames, and is signed where anybody signs."""
        signed_by = "" if self.credentials is None else self.credentials.identity.fingerprint
        return replace(self.marks, source_type=source_type, signed_by=signed_by)

    def sign(self, path: Path, source_type: str) -> None:
        """Sign a finished file, where there is somebody who signs. Raises InputError."""
        if self.credentials is not None:
            self.credentials.sign(path, self.marks_of(source_type))

    def signed_frame(self, data: bytes) -> bytes:
        """The bytes of a frame's PNG, signed where there is somebody who signs. Raises InputError."""
        return data if self.credentials is None else self.credentials.signed(data, ".png", self.marks)


def _draw(job: _Job, target: TakeFolder, report: Reporter) -> tuple[int, PreviewRecord, tuple[str, ...]]:
    """Frames, movie and contact sheet; returns how many frames had to be drawn, what the movie is made of, and which
    frame files of the take are to go."""
    line, settings, shot = job.line, job.settings, job.shown
    crop = shot.crop
    details = job.details | {"crop": f"{crop.x} {crop.y} {crop.width} {crop.height}"}
    attributes = provenance.exr_attributes(job.marks, details)
    plate = shot.behind
    colour = job.subject.info.input_colour
    store = frame_store(
        target.work, settings.layers, colour, attributes, plate, line.fps, target.path, job.signed_frame
    )
    keys = dict(enumerate(job.keys, start=1))
    found = target.sort_out(store, keys, report)
    stored = found.kept
    numbers = range(line.first, line.last + 1)
    title = f"{job.subject.info.source}: {job.details['audio']}"
    preview = Preview(
        target.work / layout.PREVIEW_FILE, [keys[number] for number in numbers], plate, line.fps, job.preview,
        sound=_sound_of(line),
        metadata=provenance.movie_metadata(title, job.marks_of(DRAWN_OVER_FOOTAGE), job.details),
        earlier_path=target.path / layout.PREVIEW_FILE,
    )  # fmt: skip
    on_sheet = set(package.sheet_frames(line.first, line.last))
    shown = on_sheet | {line.first + index for index in preview.missing()}
    missing = set() if settings.layers == "mp4" else set(numbers) - stored
    wanted = sorted(shown | missing)
    concurrency = concurrency_for(settings.threads, shot.side, len(wanted))
    cells: dict[int, np.ndarray] = {}
    live_at = time.monotonic()
    report.phase("render", len(wanted))
    with FrameDrawer(
        job.portrait, job.drive, job.size, settings.engine, concurrency.threads, shot.intrinsics
    ) as drawer:

        def finish(number: int) -> np.ndarray:
            if number in stored:
                return store.read(number)
            return store.write(number, drawer.draw(number), keys[number])

        drawn = in_order(finish, wanted, concurrency.frames, report.check)
        with closing(drawn), preview.writing() as movie:
            for number, picture in zip(wanted, drawn, strict=True):
                movie.add(number - line.first, picture)
                if number in on_sheet:
                    cells[number] = package.sheet_cell(picture)
                live = None
                if time.monotonic() - live_at > _LIVE_PREVIEW_S:
                    live_at, live = time.monotonic(), target.work / LIVE_PREVIEW_FILE
                    write_png(live, package.sheet_cell(picture))
                report.step(preview=None if live is None else str(live))
    job.sign(target.work / layout.PREVIEW_FILE, DRAWN_OVER_FOOTAGE)
    sheet = target.work / layout.CONTACT_SHEET_FILE
    package.write_contact_sheet(sheet, cells, job.marks_of(DRAWN_OVER_FOOTAGE))
    job.sign(sheet, DRAWN_OVER_FOOTAGE)
    return len(set(wanted) - stored), preview.record(), found.stale


def _check(settings: RenderSettings) -> None:
    if settings.layers not in LAYERS:
        raise InputError(f"Layers {settings.layers!r} are unknown.", f"Use one of {', '.join(LAYERS)}.")
    if settings.size is not None and not 16 <= settings.size <= 8192:
        raise InputError(f"A size of {settings.size} px cannot be drawn.", "Use 16 to 8192.")


def _speech_model(subject: Subject, model: ModelFolder, report: Reporter) -> SpeechModel:
    """The model's speech, learned now for a model that was trained without."""
    if model.speech_file.is_file():
        return SpeechModel.load(model.speech_file)
    return learn_speech(subject, model, model.split(subject.frame_count).training, report)


def _drive(portrait: Portrait, line: Line) -> Drive:
    windows = None
    if portrait.needs_audio:
        windows = audio_windows(line.features, line.times_s, portrait.settings)
    require_known(portrait.curve_names)
    curves = line.driving.array(portrait.curve_names or CURVE_NAMES)
    return portrait.drive(curves, line.poses, float(line.fps), windows, line.body, line.views)


def _rest(portrait: Portrait) -> np.ndarray:
    """(4, 4) the portrait's pose at rest, cm."""
    return portrait.rest_pose.double().cpu().numpy()


def _sound_of(line: Line) -> tuple[np.ndarray, int]:
    """The line's sound from its first drawn frame on."""
    start = samples_for_frames(line.first - 1, line.sample_rate, line.fps)
    return line.samples[start:], line.sample_rate


def _inputs(subject: Subject, model: ModelFolder, audio: Path) -> dict:
    weights = file_sha256(model.weights_file)
    return {
        "footage": {"name": subject.info.source, "sha256": subject.info.source_sha256},
        "audio": {"name": audio.name, "sha256": file_sha256(audio)},
        "model": {"name": model.name, "sha256": weights},
    }


def _keys(
    subject: Subject,
    model: ModelFolder,
    drive: Drive,
    size: int,
    settings: RenderSettings,
    inputs: dict,
    told: dict,
    line: Line,
) -> list[str]:
    """Keys of all frames; told: what stands in their files beside the picture."""
    common: dict[str, object] = {
        "model": model_key(model, inputs["model"]["sha256"]),
        "size": size,
        "layers": _EXR_LAYOUT if settings.layers == "exr" else settings.layers,
        "engine": settings.engine,
        "colour": subject.info.input_colour,
        **told,
    }
    if line.scene is not None:
        common["lens"] = line.scene.details()
    return frame_keys(drive, common)
