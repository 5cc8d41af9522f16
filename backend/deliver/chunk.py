"""Some frames of a line, drawn for a take that others draw at as well: a render farm's task.

Any number of processes, on any machines that share the take's folder, draw chunks of one take at once, the same chunk
twice too. None holds the folder or waits for another. A frame appears whole, under its own name, with the bits that
one machine's render gives it. `join` makes the take of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.deliver.pipeline import FrameDrawer, concurrency_for
from backend.deliver.plan import RenderPlan, plan_render, require_drawable
from backend.deliver.provenance import OWN_PLACES
from backend.deliver.render import RenderResult, render
from backend.deliver.take import TakeFolder
from backend.parallel import in_order
from backend.settings import RenderSettings
from backend.settings.tree import with_changes
from backend.subject.claims import reading_claim
from backend.subject.subject import Subject
from shared import choices
from shared.checked import build
from shared.errors import InputError
from shared.files import explaining
from shared.jobs import Reporter

_TRIES = 3
"""A frame is written so often, where who joins the take clears the folder away meanwhile."""


@dataclass(frozen=True)
class ChunkResult:
    """What a chunk left."""

    out: str
    frames: int
    """Frames of the whole line."""
    first: int
    last: int
    rendered: int
    """Frames of first..last drawn now."""
    kept: int
    """The others: they were there."""

    def to_dict(self) -> dict:
        return asdict(self)


def draw_chunk(subject: Subject, audio: Path, out: Path, settings: RenderSettings, report: Reporter) -> ChunkResult:
    """Draw `settings.frames` of a line (None: all) into the folder `out` of its take, and nothing else.

    Frames that are there and are what would be drawn now are kept: a chunk may be repeated. Raises InputError for bad
    input or options, a folder that holds another take, a full disk; Cancelled when the user asked to stop.
    """
    audio, out = Path(audio), Path(out)
    if settings.layers == "mp4":
        raise InputError("A movie alone is not made in chunks.", "Use the layers exr or png, or talker render.")
    target = TakeFolder(out)
    target.refuse_as_input(audio, settings)
    with reading_claim(subject.root, "drawn from", report):
        return _draw_chunk(subject, audio, target, settings, report)


def _draw_chunk(
    subject: Subject, audio: Path, target: TakeFolder, settings: RenderSettings, report: Reporter
) -> ChunkResult:
    consent = require_drawable(subject, audio, settings, report)
    with explaining(target.path):
        target.refuse_unknown()
        target.chunks.refuse_other()
    report.phase("prepare the line")
    plan = plan_render(subject, consent, audio, target, settings, report, whole=False)
    store = plan.store(target.chunks.path)
    record = _record(plan, audio)
    wanted = [number for number in plan.numbers if not target.holds(store, number, plan.keys[number])]
    if wanted:
        target.chunks.make(record)
        if plan.line.voice is not None:
            with explaining(target.path):
                plan.voices.publish(plan.line.voice)
    concurrency = concurrency_for(settings.threads, plan.shown.side, max(1, len(wanted)))
    report.phase("render", len(wanted))
    with FrameDrawer(
        plan.portrait, plan.drive, plan.size, settings.engine, concurrency.threads, plan.shown.intrinsics
    ) as drawer:

        def finish(number: int) -> None:
            frame = plan.drawn(drawer, number)
            for tries_left in reversed(range(_TRIES)):
                # Somebody else may have drawn it, or even joined the take, by now.
                if target.holds(store, number, plan.keys[number]):
                    return
                try:
                    target.chunks.tell(record)
                    store.write(number, frame, plan.keys[number])
                    target.chunks.tell(record)
                    return
                except InputError:
                    if not tries_left:
                        raise

        with closing(in_order(finish, wanted, concurrency.frames, report.check)) as drawn:
            for _ in drawn:
                report.step()
    line = plan.line
    kept = len(plan.numbers) - len(wanted)
    return ChunkResult(str(target.path), line.frame_count, line.first, line.last, rendered=len(wanted), kept=kept)


def join(
    out: Path,
    changes: Mapping[str, Any],
    report: Reporter,
    subject: Path | None = None,
    audio: Path | None = None,
) -> RenderResult:
    """Make the take in `out` of its chunks: movie, sound, curves, camera and manifest beside the frames.

    It may be repeated. changes: of the settings that a chunk was drawn with, such as paths and frames on this machine;
    without frames it is the whole line. subject, audio: where they lie on this machine, None: where they lay on the one
    that drew a chunk; a take that is joined does not tell any more. Raises InputError where nothing was drawn or frames
    are missing, and as `render`.
    """
    out = Path(out)
    target = TakeFolder(out)
    told = target.chunks.record()
    record = told or target.manifest()
    if record is None:
        raise InputError(f"Nothing was drawn into {out}.", "Draw its frames first (talker chunk).")
    if told is None and (subject is None or audio is None):
        what = f"What was drawn into {out} is joined already; the take does not tell all of its line (where it lies)."
        raise InputError(what, "To join it again, name --subject and --audio.")
    try:
        # What is a machine's own is this one's, whatever an older record has.
        own = {name: value for name, value in record["settings"].items() if name not in OWN_PLACES}
        settings = build(RenderSettings, own)
        subject, audio = subject or Path(record["subject_folder"]), audio or Path(record["audio"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"What was drawn into {out} does not tell all of its line ({error})."
        raise InputError(what, "Name --subject and --audio, or draw a chunk again.") from error
    return render(Subject.open(subject), audio, out, with_changes(settings, changes), report, draw_missing=False)


def _record(plan: RenderPlan, audio: Path) -> dict:
    """What a chunk tells of its line, in the words of a manifest; the same for all chunks of a take."""
    settings = {name: value for name, value in asdict(plan.settings).items() if name not in OWN_PLACES}
    for name in ("performance", "direction", "pose"):
        if settings[name] not in (None, *choices.POSES):
            settings[name] = str(Path(settings[name]).resolve())
    return {
        "take": plan.take.name,
        "take_id": plan.marks.take,
        "complete": False,
        "subject_folder": str(plan.subject.root.resolve()),
        "audio": str(audio.resolve()),
        "inputs": plan.inputs,
        "settings": settings | {"frames": None},
    }
