"""A comparison as one HTML page that needs no other file: figures with intervals, curves over time, pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from backend.evaluate.compare import Contender, Frame, cell, common_folds, distinct
from backend.evaluate.kept import FOOTAGE, picture_file
from backend.evaluate.report import LABELS
from backend.evaluate.scores import SCORES, Score
from backend.evaluate.sheet import difference
from backend.media.png import read_png
from shared.files import write_text

MOST_FRAMES = 6
"""Frames of which pictures are shown."""
PICTURE_PX = 320
CURVES = ("psnr_head", "psnr_mouth", "lmd", "expression_error")
"""Scores that are drawn over time."""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 960, 170, 52, 22
_COLOURS = ("#1b6ca8", "#c8452f", "#2f8f4e", "#8a56b5", "#b07d10", "#4a4a4a")
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1080px; color: #1c1c1c; padding: 0 1rem; }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; } td, th { padding: .25rem .7rem; text-align: right; }
td:first-child, th:first-child { text-align: left; } tr:nth-child(even) td { background: #f4f4f4; }
th { border-bottom: 1px solid #999; } .better { color: #1d7a35; font-weight: 600; }
.worse { color: #b3261e; font-weight: 600; } .note { background: #fff3cd; padding: .5rem .8rem; }
.row { display: flex; gap: 6px; margin-bottom: 10px; overflow-x: auto; } figure { margin: 0; }
img { width: 210px; height: auto; display: block; } figcaption { font-size: 12px; color: #555; }
"""


def write_page(path: Path, result: dict, contenders: Sequence[Contender]) -> None:
    """Write the page of a comparison. result: of `compare.compare` of these contenders. Raises InputError or OSError
    where that fails."""
    folds = common_folds(contenders)
    names = [one.name for one in contenders]
    title = f"{' and '.join(names)} compared"
    parts = [
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>",
        f"<p>{result['frames']} held-out frames of {result['size']} px in {result['folds']} folds. In brackets are "
        f"intervals of 95 %, by a bootstrap of {result['blocks']} blocks of frames, the same for all models. A "
        "difference is called better or worse where its interval leaves out 0.</p>",
        *(f"<p class='note'>{html.escape(note)}</p>" for note in result["notes"]),
        _trainings(result),
    ]
    for picture, scores in result["pictures"].items():
        parts += [f"<h2>{html.escape(LABELS[picture])}</h2>", _table(names, scores)]
    parts.append("<h2>Frame by frame</h2>")
    drawn = [score for score in SCORES if score.name in CURVES and all(one.has(score) for one in contenders)]
    parts += [_curve(score, contenders, folds) for score in drawn]
    parts.append("<h2>Pictures</h2>")
    parts.append("<p>Differences are shown four times stronger, about mid grey.</p>")
    parts += [_pictures(frame, contenders) for frame in _shown(contenders, folds)]
    write_text(path, "\n".join([*parts, "</body></html>"]) + "\n")


def _trainings(result: dict) -> str:
    rows = [
        f"<tr><td>{html.escape(model['name'])}</td><td>{html.escape(model['recipe'])}</td>"
        f"<td>{_number(model['minutes'])}</td><td>{_number(model['steps'])}</td><td>{len(model['evaluations'])}</td></tr>"
        for model in result["models"]
    ]
    head = "<tr><th>model</th><th>recipe</th><th>minutes</th><th>steps</th><th>evaluations</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}" if value < 1e4 else f"{value:.0f}"


def _table(names: Sequence[str], scores: dict[str, list[dict]]) -> str:
    heads = ["score", "better", *names, *(f"{name} − {names[0]}" for name in names[1:])]
    rows = ["<tr>" + "".join(f"<th>{html.escape(head)}</th>" for head in heads) + "</tr>"]
    for score in (score for score in SCORES if score.name in scores):
        entries = scores[score.name]
        cells = [f"<td>{score.name}</td><td>{score.better}</td>"]
        cells += [f"<td>{cell(entry, score, 'value')}</td>" for entry in entries]
        for entry in entries[1:]:
            verdict = distinct(entry, score)
            cells.append(f"<td class='{verdict}'>{cell(entry, score, 'difference')} {verdict}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _curve(score: Score, contenders: Sequence[Contender], folds: Sequence[Sequence[Frame]]) -> str:
    """A score of the recorded picture over the frames, fold after fold, a line for each model (seeds averaged)."""
    lines = []
    for one in contenders:
        values = [one.rows("recorded", score, fold) for fold in folds]
        lines.append([np.where(np.isnan(v).all(axis=0), np.nan, np.nansum(v, axis=0) / len(v)) for v in values])
    known = np.concatenate([np.concatenate(line) for line in lines])
    known = known[np.isfinite(known)]
    if not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    high = high if high > low else low + 1.0
    count = sum(map(len, folds))
    across, up = (_WIDTH - _LEFT) / max(count - 1, 1), (_HEIGHT - 2 * _BOTTOM) / (high - low)
    drawn = [f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{score.name} over the frames'>"]
    for value in (low, high):
        y = _HEIGHT - _BOTTOM - (value - low) * up
        drawn.append(f"<line x1='{_LEFT}' x2='{_WIDTH}' y1='{y:.1f}' y2='{y:.1f}' stroke='#ccc'/>")
        drawn.append(
            f"<text x='{_LEFT - 6}' y='{y + 4:.1f}' font-size='12' text-anchor='end'>{value:.{score.digits}f}</text>"
        )
    start = 0
    for index, fold in enumerate(folds):
        x = _LEFT + start * across
        drawn.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{_BOTTOM}' y2='{_HEIGHT - _BOTTOM}' stroke='#ddd'/>")
        drawn.append(f"<text x='{x + 3:.1f}' y='{_HEIGHT - 6}' font-size='11' fill='#777'>{fold[0][1] + 1}</text>")
        for line, colour in zip(lines, _COLOURS * len(lines), strict=False):
            points = [
                f"{_LEFT + (start + at) * across:.1f},{_HEIGHT - _BOTTOM - (value - low) * up:.1f}"
                for at, value in enumerate(line[index])
                if np.isfinite(value)
            ]
            drawn.append(f"<polyline points='{' '.join(points)}' fill='none' stroke='{colour}' stroke-width='1.6'/>")
        start += len(fold)
    x = _LEFT
    for one, colour in zip(contenders, _COLOURS * len(contenders), strict=False):
        drawn.append(f"<text x='{x}' y='14' font-size='13' fill='{colour}'>{html.escape(one.name)}</text>")
        x += 10 * len(one.name) + 20
    drawn.append("</svg>")
    return f"<h3>{score.name} ({score.better} is better)</h3>" + "".join(drawn)


def _shown(contenders: Sequence[Contender], folds: Sequence[Sequence[Frame]]) -> list[Frame]:
    """Frames of which every model's pictures were kept, some of them, spread evenly."""
    there = [frame for fold in folds for frame in fold if all(_folder(one, frame) for one in contenders)]
    at = np.unique(np.linspace(0, len(there) - 1, min(MOST_FRAMES, len(there))).round().astype(int))
    return [there[index] for index in at]


def _folder(one: Contender, frame: Frame) -> Path | None:
    """The evaluation of a model that kept pictures of a frame; None: no one did."""
    for folder, evaluation in zip(one.folders, one.evaluations, strict=True):
        kept = (
            picture_file(folder, frame[1], "recorded").is_file() and picture_file(folder, frame[1], FOOTAGE).is_file()
        )
        if evaluation.about["footage"] == frame[0] and kept:
            return folder
    return None


def _pictures(frame: Frame, contenders: Sequence[Contender]) -> str:
    """A frame as recorded and as every model shows it, with the differences."""
    footage: np.ndarray | None = None
    figures = []
    for one in contenders:
        folder = _folder(one, frame)
        if folder is None:
            continue
        if footage is None:
            footage = _read(picture_file(folder, frame[1], FOOTAGE))
            figures.append(_figure(footage, f"recorded, frame {frame[1] + 1}"))
        drawn = _read(picture_file(folder, frame[1], "recorded"))
        figures += [_figure(drawn, one.name), _figure(difference(drawn, footage), f"{one.name} − recorded")]
    return f"<div class='row'>{''.join(figures)}</div>"


def _read(path: Path) -> np.ndarray:
    return read_png(path, 3, "Run talker evaluate again.")


def _figure(picture: np.ndarray, caption: str) -> str:
    if picture.shape[0] > PICTURE_PX:
        picture = cv2.resize(picture, (PICTURE_PX, PICTURE_PX), interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    data = base64.b64encode(coded.tobytes()).decode()
    caption = html.escape(caption)
    return (
        f"<figure><img alt='{caption}' src='data:image/png;base64,{data}'><figcaption>{caption}</figcaption></figure>"
    )
