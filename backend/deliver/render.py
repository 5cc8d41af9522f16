"""A portrait and a line of dialogue to frames, movie, camera, performance, sound and manifest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from backend.deliver import package, provenance
from backend.deliver.camera_file import write_camera
from backend.deliver.line import Line
from backend.deliver.pipeline import FrameDrawer, concurrency_for
from backend.deliver.plan import RenderPlan, plan_render, require_drawable
from backend.deliver.plate import write_plate
from backend.deliver.preview import Preview, PreviewRecord
from backend.deliver.store import FrameStore
from backend.deliver.take import LIVE_PREVIEW_FILE, TakeFolder
from backend.media.audio import after
from backend.media.png import write_png
from backend.parallel import in_order
from backend.provenance.marks import DRAWN_OVER_FOOTAGE, OF_PARTS
from backend.provenance.signature import write_signature
from backend.settings import RenderSettings
from backend.subject.claims import reading_claim
from backend.subject.subject import Subject
from shared import layout
from shared.consent import Consent
from shared.errors import InputError
from shared.files import explaining
from shared.jobs import Reporter
from shared.timing import fps_text, ranges_text, samples_for_frames, timecode_text

_LIVE_PREVIEW_S = 2.0


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


def render(
    subject: Subject, audio: Path, out: Path, settings: RenderSettings, report: Reporter, draw_missing: bool = True
) -> RenderResult:
    """Draw a line of dialogue into the take's folder `out`.

    Writes frames (EXR or PNG), preview.mp4, performance.json, direction.json where there is one, camera.json,
    audio.wav, voice.json, manifest.json and a contact sheet; all of them take their places together, at the end
    (TakeFolder). In a folder of the same take only what has changed is drawn again: frames with the same curves, pose
    and model are kept, also those of a cancelled run and those that other machines drew (deliver.chunk). draw_missing:
    False to refuse where one would have to be drawn. Raises InputError for bad input or options, a folder that holds
    another take, a full disk; Cancelled when the user asked to stop.
    """
    audio, out = Path(audio), Path(out)
    TakeFolder(out).refuse_as_input(audio, settings)
    with reading_claim(subject.root, "drawn from", report):
        consent = require_drawable(subject, audio, settings, report)
        with explaining(out), TakeFolder(out).claimed(report):
            return _render(subject, consent, audio, out, settings, report, draw_missing)


def _render(
    subject: Subject, consent: Consent, audio: Path, out: Path, settings: RenderSettings, report: Reporter,
    draw_missing: bool,
) -> RenderResult:  # fmt: skip
    started = time.monotonic()
    report.phase("prepare the line")
    target = TakeFolder(out)
    target.refuse_unknown()
    job = plan_render(subject, consent, audio, target, settings, report)
    line, shown = job.line, job.shown
    earlier = PreviewRecord.of(target.manifest())
    store = job.store(target.work, target.path)
    found = target.find(store, job.keys)
    missing = set() if settings.layers == "mp4" else set(job.numbers) - found.files.keys()
    if missing and not draw_missing:
        raise InputError(
            f"Of the frames {ranges_text(job.numbers)} these are not there: {ranges_text(missing)}.",
            "Render them (talker chunk --frames), with the settings of the others, then join again.",
        )
    target.make(report)
    timings = {"prepare": time.monotonic() - started}

    def write_manifest(complete: bool, preview: PreviewRecord | None, drawn: int | None = None) -> None:
        target.write_manifest(
            provenance.manifest(
                take=job.take.name, marks=job.marks_of(DRAWN_OVER_FOOTAGE), inputs=job.inputs, settings=settings,
                subject_folder=provenance.subject_beside(out, subject.root), complete=complete,
                signed_by=job.signed_by or None,
                frames={"count": line.frame_count, "first": line.first, "last": line.last, "fps": fps_text(line.fps),
                        "timecode": timecode_text(line.start, line.fps), "size": shown.picture.width,
                        "layers": settings.layers, "colour": subject.info.input_colour,
                        "footage_colour": subject.footage_space, "footage_turns": subject.info.footage_turns,
                        "footage_first": subject.info.footage_first,
                        "footage_count": subject.frame_count, "drawn": drawn},
                preview=None if preview is None else preview.to_dict(),
                timings_s={phase: round(seconds, 2) for phase, seconds in timings.items()},
            )
        )  # fmt: skip

    write_manifest(complete=False, preview=earlier)
    target.take_over(found, report)
    gone = target.write_voice(line.voice)
    if job.first_heard is not None and (line.voice is None or line.voice.mean is not job.first_heard.mean):
        report.message("The line sounds like another voice than before: all of its lip movements are made anew.")
    write_camera(
        target.work / layout.CAMERA_FILE, line.fps, shown.picture, shown.crop, shown.frame_size, line.camera_poses,
        given_lens=line.scene is not None,
    )  # fmt: skip
    line.performance.save(target.work / layout.PERFORMANCE_FILE)
    if line.directed is None:
        (target.work / layout.DIRECTION_FILE).unlink(missing_ok=True)
        gone = (*gone, layout.DIRECTION_FILE)
    else:
        line.directed.save(target.work / layout.DIRECTION_FILE)
    gone = (*gone, *write_plate(target.work, subject, job.marks_of(OF_PARTS), line.scene is None))
    if line.scene is None:
        job.sign(target.work / layout.PLATE_FILE, OF_PARTS)
    package.write_sound(
        target.work,
        line.sound.blocks(),
        line.sound.rate,
        line.frame_count,
        line.fps,
        job.marks_of(OF_PARTS),
        line.start,
    )
    job.sign(target.work / layout.AUDIO_FILE, OF_PARTS)
    drawn, preview = _draw(job, target, store, earlier, frozenset(found.files), missing, report)
    timings["draw"] = time.monotonic() - started - timings["prepare"]
    write_manifest(complete=True, preview=preview, drawn=drawn)
    (target.work / LIVE_PREVIEW_FILE).unlink(missing_ok=True)
    gone = (*gone, *found.stale)
    if job.credentials is None:
        gone = (*gone, layout.SIGNATURE_FILE)
    else:
        report.phase("sign")
        write_signature(target.work, target.path, gone, job.credentials.identity, job.marks, report.check)
    target.publish(gone)
    left = target.chunks.remove_published(store, job.keys, {*found.files, *missing})
    if left:
        report.message(f"Left in {target.chunks.path}: {left} frames that this take does not hold.")
    wanted = line.last - line.first + 1
    return RenderResult(
        out=str(out), frames=line.frame_count, first=line.first, last=line.last, fps=fps_text(line.fps),
        preview=str(out / layout.PREVIEW_FILE), contact_sheet=str(out / layout.CONTACT_SHEET_FILE), rendered=drawn,
        kept=wanted - drawn, frames_per_second=round(wanted / max(timings["draw"], 1e-6), 2),
        sound=line.sound.words,
    )  # fmt: skip


def _draw(
    job: RenderPlan, target: TakeFolder, store: FrameStore, earlier: PreviewRecord | None, stored: frozenset[int],
    missing: set[int], report: Reporter,
) -> tuple[int, PreviewRecord]:  # fmt: skip
    """Frames, movie and contact sheet; returns how many frames had to be drawn, and what the movie is made of.

    stored, missing: numbers of the frames that are in `store`, and of those that are to be.
    """
    line, settings, numbers, keys = job.line, job.settings, job.numbers, job.keys
    plate = job.shown.behind
    title = f"{job.subject.info.source}: {job.details['audio']}"
    preview = Preview(
        target.work / layout.PREVIEW_FILE, [keys[number] for number in numbers], plate, line.fps, earlier,
        sound=_sound_of(line),
        metadata=provenance.movie_metadata(title, job.marks_of(DRAWN_OVER_FOOTAGE), job.details),
        earlier_path=target.path / layout.PREVIEW_FILE,
    )  # fmt: skip
    on_sheet = set(package.sheet_frames(line.first, line.last))
    shown = on_sheet | {line.first + index for index in preview.missing()}
    wanted = sorted(shown | missing)
    concurrency = concurrency_for(settings.threads, job.shown.side, len(wanted))
    cells: dict[int, np.ndarray] = {}
    live_at = time.monotonic()
    report.phase("render", len(wanted))
    with FrameDrawer(
        job.portrait, job.drive, job.size, settings.engine, concurrency.threads, job.shown.intrinsics
    ) as drawer:

        def finish(number: int) -> np.ndarray:
            if number in stored:
                return store.read(number)
            return store.write(number, job.drawn(drawer, number), keys[number])

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
    return len(set(wanted) - stored), preview.record()


def _sound_of(line: Line) -> tuple[Iterator[np.ndarray], int]:
    """The line's sound from its first drawn frame on."""
    before = samples_for_frames(line.first - 1, line.sound.rate, line.fps)
    return after(line.sound.blocks(), before), line.sound.rate
