"""Some frames of a line, drawn for a take that others draw at as well: a render farm's task.

Any number of processes, on any machines that share the take's folder, draw chunks of one take at once, the same chunk
twice too. None holds the folder or waits for another. A frame appears whole, under its own name, with the bits that
one machine's render gives it. `join` makes the take of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backend.deliver.pipeline import FrameDrawer, concurrency_for
from backend.deliver.plan import RenderPlan, plan_render, require_drawable
from backend.deliver.render import RenderResult, render
from backend.deliver.take import TakeFolder
from backend.parallel import in_order
from backend.settings import RenderSettings
from backend.settings.tree import with_changes
from backend.subject.subject import Subject
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
    consent = require_drawable(subject, audio, settings, report)
    target = TakeFolder(out)
    report.phase("prepare the line")
    plan = plan_render(subject, consent, audio, target, settings, report, whole=False)
    store = plan.store(target.chunks)
    wanted = [number for number in plan.numbers if not target.holds(store, number, plan.keys[number])]
    if wanted:
        target.make_chunks(_record(plan, audio))
    concurrency = concurrency_for(settings.threads, plan.shown.side, max(1, len(wanted)))
    report.phase("render", len(wanted))
    with FrameDrawer(
        plan.portrait, plan.drive, plan.size, settings.engine, concurrency.threads, plan.shown.intrinsics
    ) as drawer:

        def finish(number: int) -> None:
            frame = drawer.draw(number)
            for tries_left in reversed(range(_TRIES)):
                # Somebody else may have drawn it, or even joined the take, by now.
                if target.holds(store, number, plan.keys[number]):
                    return
                try:
                    with explaining(target.chunks):
                        target.chunks.mkdir(exist_ok=True)
                    store.write(number, frame, plan.keys[number])
                    return
                except InputError:
                    if not tries_left:
                        raise

        with closing(in_order(finish, wanted, concurrency.frames, report.check)) as drawn:
            for _ in drawn:
                report.step()
    line = plan.line
    kept = len(plan.numbers) - len(wanted)
    return ChunkResult(str(out), line.frame_count, line.first, line.last, rendered=len(wanted), kept=kept)


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
    told = target.chunk_record()
    record = told or target.manifest()
    if record is None:
        raise InputError(f"Nothing was drawn into {out}.", "Draw its frames first (talker chunk).")
    try:
        settings = build(RenderSettings, record["settings"])
        places = [given or Path((told or {})[name]) for given, name in ((subject, "subject_folder"), (audio, "audio"))]
    except (KeyError, TypeError, ValueError) as error:
        what = f"What was drawn into {out} does not tell all of its line ({error})."
        raise InputError(what, "Name --subject and --audio, or draw a chunk again.") from error
    subject, audio = places
    return render(
        Subject.open(subject), audio, out, with_changes(settings, changes), report, draw_missing=False
    )  # fmt: skip


def _record(plan: RenderPlan, audio: Path) -> dict:
    """What a chunk tells of its line, in the words of a manifest; the same for all chunks of a take."""
    return {
        "take": plan.take.name,
        "take_id": plan.marks.take,
        "complete": False,
        "subject_folder": str(plan.subject.root.resolve()),
        "audio": str(audio.resolve()),
        "inputs": plan.inputs,
        "settings": asdict(replace(plan.settings, frames=None)),
    }
