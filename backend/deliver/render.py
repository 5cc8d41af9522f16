"""A portrait and a line of dialogue to frames, movie, camera, performance, sound and manifest."""

from __future__ import annotations

import errno
import json
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from backend.deliver import package, provenance
from backend.deliver.camera_file import write_camera
from backend.deliver.frames import FrameStore, over_plate, write_png
from backend.deliver.line import Line, plan_line
from backend.deliver.take import TakeFolder, digest
from backend.media.encode import MovieWriter
from backend.performance.curves import CURVE_NAMES
from backend.performance.speech import SPEECH_FILE, SpeechModel
from backend.portrait.audio_code import audio_windows
from backend.portrait.portrait import Drive, Portrait
from backend.raster.rasterize import engine_device
from backend.settings import RenderSettings
from backend.subject import Subject
from backend.train.speech import learn_speech
from shared import layout
from shared.errors import InputError
from shared.jobs import Reporter
from shared.timing import fps_text, samples_for_frames

LAYERS = ("exr", "png", "mp4")
LIVE_PREVIEW_FILE = "preview.png"
"""The frame that was drawn last, for whoever watches the job."""
_LIVE_PREVIEW_S = 2.0
_WRITERS = 2
"""Threads that encode frames while the next ones are drawn."""
_WAITING = 6
"""Drawn frames that may wait for them; bounds memory."""


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
    """Frames drawn now; the others of first..last were there already."""
    frames_per_second: float
    """Frames drawn, encoded and written a second."""

    def to_dict(self) -> dict:
        return asdict(self)


def render(subject: Subject, audio: Path, out: Path, settings: RenderSettings, report: Reporter) -> RenderResult:
    """Draw a line of dialogue into the take's folder `out`.

    Leaves there what DESIGN calls a render: frames (EXR or PNG), preview.mp4, performance.json, camera.json, audio.wav,
    manifest.json, a contact sheet. A folder of the same take is brought up to date; frames that a cancelled run
    finished are kept. Raises InputError for bad input, options, a folder that holds another take, a full disk;
    Cancelled when the user asked to stop.
    """
    try:
        return _render(subject, Path(audio), Path(out), settings, report)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise InputError(
                f"{out} cannot be written to ({error.strerror}).", "Free space or choose another."
            ) from error
        raise


def _render(subject: Subject, audio: Path, out: Path, settings: RenderSettings, report: Reporter) -> RenderResult:
    started = time.monotonic()
    _check(settings)
    report.phase("prepare the line")
    name = settings.model or subject.newest_model()
    folder = layout.model_folder(subject.root, name)
    portrait = Portrait.open(folder).to(engine_device(settings.engine))
    line = plan_line(subject, _speech_model(subject, folder, report), audio, settings, report)
    size = settings.size or subject.crop.width
    inputs = _inputs(subject, folder, name, audio)
    take = digest(inputs["footage"]["sha256"], inputs["audio"]["sha256"])
    key = _frames_key(inputs, line, settings, size)
    target = TakeFolder(out)
    target.claim(take, key)
    timings = {"prepare": time.monotonic() - started}

    def write_manifest(complete: bool) -> None:
        target.write_manifest(
            provenance.manifest(
                take=take, key=key, subject=subject.root, inputs=inputs, settings=asdict(settings), complete=complete,
                frames={"count": line.frame_count, "first": line.first, "last": line.last, "fps": fps_text(line.fps),
                        "size": size, "layers": settings.layers, "colour": subject.info.input_colour},
                timings_s={phase: round(seconds, 2) for phase, seconds in timings.items()},
            )
        )  # fmt: skip

    write_manifest(complete=False)
    footage_size = (subject.info.footage_width, subject.info.footage_height)
    write_camera(out / layout.CAMERA_FILE, line.fps, portrait.intrinsics(size), subject.crop, footage_size, line.poses)
    line.performance.save(out / layout.PERFORMANCE_FILE)
    package.write_sound(out, line.samples, line.sample_rate, line.frame_count, line.fps)
    rendered = _draw(subject, portrait, line, size, out, settings, inputs, report)
    timings["draw"] = time.monotonic() - started - timings["prepare"]
    write_manifest(complete=True)
    (out / LIVE_PREVIEW_FILE).unlink(missing_ok=True)
    return RenderResult(
        out=str(out), frames=line.frame_count, first=line.first, last=line.last, fps=fps_text(line.fps),
        preview=str(out / layout.PREVIEW_FILE), contact_sheet=str(out / layout.CONTACT_SHEET_FILE), rendered=rendered,
        frames_per_second=round((line.last - line.first + 1) / max(timings["draw"], 1e-6), 2),
    )  # fmt: skip


def _draw(
    subject: Subject, portrait: Portrait, line: Line, size: int, out: Path, settings: RenderSettings, inputs: dict,
    report: Reporter,
) -> int:  # fmt: skip
    """Frames, movie and contact sheet; returns how many frames had to be drawn."""
    details = {"audio": inputs["audio"]["name"], "model": inputs["model"]["name"], "fps": fps_text(line.fps)}
    crop = subject.crop
    attributes = provenance.exr_attributes(details | {"crop": f"{crop.x} {crop.y} {crop.width} {crop.height}"})
    store = FrameStore(out, settings.layers, subject.info.input_colour, attributes)
    plate = subject.background(size)
    drive = _drive(portrait, line)
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    wanted = set(package.sheet_frames(line.first, line.last))
    cells: dict[int, np.ndarray] = {}
    shown = time.monotonic()
    drawn = 0
    report.phase("render", line.last - line.first + 1)
    sound = _sound_of(line)
    metadata = provenance.movie_metadata(f"{subject.info.source}: {inputs['audio']['name']}", details)
    with (
        MovieWriter(out / layout.PREVIEW_FILE, size, size, line.fps, sound, metadata) as movie,
        ThreadPoolExecutor(_WRITERS) as pool,
    ):

        def picture_of(number: int) -> Future:
            if store.has(number):
                return pool.submit(store.read_over, number, plate)
            nonlocal drawn
            drawn += 1
            frame = portrait.render(drive, number - 1, size, engine=settings.engine, threads=settings.threads)

            def encode() -> np.ndarray:
                store.write(number, frame)
                return over_plate(frame, plate)

            return pool.submit(encode)

        for number, picture in _in_order(line, picture_of):
            movie.write(picture)
            if number in wanted:
                cells[number] = package.sheet_cell(picture)
            live = None
            if time.monotonic() - shown > _LIVE_PREVIEW_S:
                shown, live = time.monotonic(), out / LIVE_PREVIEW_FILE
                write_png(live, package.sheet_cell(picture))
            report.step(preview=None if live is None else str(live))
    package.write_contact_sheet(out / layout.CONTACT_SHEET_FILE, cells)
    return drawn


def _in_order(line: Line, picture_of) -> Iterator[tuple[int, np.ndarray]]:
    """Pictures by frame number, in order, with a few always under way."""
    waiting: deque[tuple[int, Future]] = deque()
    for number in range(line.first, line.last + 1):
        waiting.append((number, picture_of(number)))
        while waiting and (len(waiting) > _WAITING or waiting[0][1].done()):
            ready, future = waiting.popleft()
            yield ready, future.result()
    for ready, future in waiting:
        yield ready, future.result()


def _check(settings: RenderSettings) -> None:
    if settings.layers not in LAYERS:
        raise InputError(f"Layers {settings.layers!r} are unknown.", f"Use one of {', '.join(LAYERS)}.")
    if settings.size is not None and not 16 <= settings.size <= 8192:
        raise InputError(f"A size of {settings.size} px cannot be drawn.", "Use 16 to 8192.")


def _speech_model(subject: Subject, folder: Path, report: Reporter) -> SpeechModel:
    """The model's speech, learned now for a model that was trained without."""
    if (folder / SPEECH_FILE).is_file():
        return SpeechModel.load(folder)
    config = json.loads((folder / layout.MODEL_CONFIG_FILE).read_text(encoding="utf-8"))
    trained = int(config.get("training", {}).get("trained_frames", subject.frame_count))
    return learn_speech(subject, folder, min(trained, subject.frame_count), report)


def _drive(portrait: Portrait, line: Line) -> Drive:
    windows = None
    if portrait.needs_audio:
        windows = audio_windows(line.features, line.times_s, portrait.settings)
    curves = line.performance.array(portrait.curve_names or CURVE_NAMES)
    return portrait.drive(curves, line.poses, float(line.fps), windows, line.body)


def _sound_of(line: Line) -> tuple[np.ndarray, int]:
    """The line's sound from its first drawn frame on."""
    start = samples_for_frames(line.first - 1, line.sample_rate, line.fps)
    return line.samples[start:], line.sample_rate


def _inputs(subject: Subject, folder: Path, name: str, audio: Path) -> dict:
    weights = provenance.file_sha256(folder / layout.MODEL_WEIGHTS_FILE)
    return {
        "footage": {"name": subject.info.source, "sha256": subject.info.source_sha256},
        "audio": {"name": audio.name, "sha256": provenance.file_sha256(audio)},
        "model": {"name": name, "sha256": weights},
    }


def _frames_key(inputs: dict, line: Line, settings: RenderSettings, size: int) -> str:
    """Hash of all that the pictures depend on: frames under another key are out of date."""
    return digest(
        inputs["model"]["sha256"],
        np.ascontiguousarray(line.performance.array()).tobytes(),
        np.ascontiguousarray(line.poses).tobytes(),
        b"" if line.body is None else np.ascontiguousarray(line.body).tobytes(),
        f"{fps_text(Fraction(line.fps))} {size} {settings.layers} {settings.engine}",
    )
