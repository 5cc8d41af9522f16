"""What a fault of the footage costs: clips made worse on purpose, trained on, and scored against the clip as it was.

    python -m tests.support.degraded CLIP OUT [--only NAME,…] [--preset draft] [--threads N]

For each version of the clip: preprocess, train with the last part held out, and evaluate with the clean clip's frames
in place of the degraded ones, at the clean clip's size; so a blurred face is not forgiven because its recording is
blurred too. Darkened versions are compared with the clean clip as dark. One line of JSON for each: what the quality
report measured, its warnings, and the scores. A version that is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from backend.media.colour import to_bytes
from backend.media.decode import probe, read_frames
from backend.media.sequence import footage_sha256
from backend.preprocess.crop import cut
from backend.subject.subject import Subject
from shared import layout

PARTS = 5
"""The last of so many parts of a whole clip is held out."""


@dataclass(frozen=True)
class Version:
    """One way to make a clip worse."""

    picture: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    """(H, W, 3) uint8 RGB to the worse one, which may be smaller."""
    gain: float = 1.0
    """How dark it is: code values as a share of the clean clip's."""
    learned: float = 1.0
    """Share of the part that is learned from that is kept, from its start."""
    rate_factor: int = 12
    """x264's: quality of the coding."""


def _same(picture: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return picture


def _blurred(sigma_px: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    return lambda picture, _: cv2.GaussianBlur(picture, (0, 0), sigma_px)


def _noisy(deviation: float, gain: float = 1.0) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def picture(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.rint(np.clip(clean * gain + rng.normal(0, deviation, clean.shape), 0, 255)).astype(np.uint8)

    return picture


def _smaller(factor: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def picture(clean: np.ndarray, _: np.random.Generator) -> np.ndarray:
        height, width = (2 * round(side * factor / 2) for side in clean.shape[:2])
        return cv2.resize(clean, (width, height), interpolation=cv2.INTER_AREA)

    return picture


VERSIONS = {
    "clean": Version(_same),
    "blur 1": Version(_blurred(1)),
    "blur 2": Version(_blurred(2)),
    "blur 4": Version(_blurred(4)),
    "noise 5": Version(_noisy(5)),
    "noise 15": Version(_noisy(15)),
    "noise 30": Version(_noisy(30)),
    "half": Version(_smaller(0.5)),
    "third": Version(_smaller(1 / 3)),
    "dark 0.4": Version(_noisy(3, 0.4), gain=0.4),
    "dark 0.15": Version(_noisy(3, 0.15), gain=0.15),
    "coded 30": Version(_same, rate_factor=30),
    "coded 40": Version(_same, rate_factor=40),
    "first half": Version(_same, learned=0.5),
    "first quarter": Version(_same, learned=0.25),
    "first eighth": Version(_same, learned=0.125),
}


def main() -> None:
    """Make what is asked for and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default=",".join(VERSIONS), help="names, with commas between them")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--threads", default="1")
    asked = parser.parse_args()
    for name in asked.only.split(","):
        folder = asked.out / name.replace(" ", "_")
        done = folder / "figures.json"
        if not done.exists():
            folder.mkdir(parents=True)
            figures = _figures(asked.clip, VERSIONS[name], folder, asked.preset, asked.threads)
            done.write_text(json.dumps({"version": name, **figures}), encoding="utf-8")
        print(done.read_text(encoding="utf-8"), flush=True)


def _figures(clip: Path, version: Version, folder: Path, preset: str, threads: str) -> dict[str, Any]:
    kept, held_out = _kept_frames(sum(1 for _ in read_frames(clip, probe(clip))), version.learned)
    worse, subject = folder / "clip.mp4", folder / "subject"
    _write(clip, worse, version, kept)
    _talker("preprocess", str(worse), "--subject", str(subject))
    quality = json.loads((subject / "subject.json").read_text(encoding="utf-8"))["quality"]
    trained = ["train", "--subject", str(subject), "--preset", preset, "--threads", threads]
    _talker(*trained, "--holdout", str(max(2, round(len(kept) / held_out))))
    size = _as_clean(subject, clip, version.gain, kept)
    scored = ["evaluate", "--subject", str(subject), "--threads", threads, "--size", str(size)]
    result = _talker(*scored, "--footage", str(clip))
    return {"quality": quality, "scores": result["scores"]["recorded"]}


def _kept_frames(count: int, learned: float) -> tuple[np.ndarray, int]:
    """The clip's frames that a version has, and how many of them, at its end, are held out."""
    held_out = count // PARTS
    before = np.arange(round((count - held_out) * learned))
    return np.concatenate([before, np.arange(count - held_out, count)]), held_out


def _write(clip: Path, worse: Path, version: Version, kept: np.ndarray) -> None:
    """The worse clip with its sound, both cut to the frames `kept`."""
    info, rng = probe(clip), np.random.default_rng(1)
    rate = Fraction(info.fps)
    with av.open(str(worse), "w") as out, av.open(str(clip)) as source:
        sound = out.add_stream("aac", rate=48000, layout="mono", bit_rate=192000)
        picture = None
        for rgb in _frames(clip, kept):
            spoilt = version.picture(rgb, rng)
            if picture is None:
                options = {"crf": str(version.rate_factor), "preset": "fast"}
                picture = out.add_stream("libx264", rate=rate, options=options)
                picture.height, picture.width, picture.pix_fmt = *spoilt.shape[:2], "yuv420p"
            out.mux(picture.encode(av.VideoFrame.from_ndarray(spoilt, format="rgb24")))
        assert picture is not None
        out.mux(picture.encode(None))
        resampler = av.AudioResampler("fltp", "mono", 48000)
        heard = [part.to_ndarray() for frame in source.decode(audio=0) for part in resampler.resample(frame)]
        samples = np.concatenate(heard, axis=1)
        per_frame = 48000 / float(rate)
        pieces = [samples[:, round(t * per_frame) : round((t + 1) * per_frame)] for t in kept]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.concatenate(pieces, axis=1)), "fltp", "mono")
        frame.rate = 48000
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def _frames(clip: Path, kept: np.ndarray) -> Iterator[np.ndarray]:
    """The clip's pictures (H, W, 3) uint8 as displayed, those of `kept`."""
    wanted = set(map(int, kept))
    for index, (_, rgb) in enumerate(read_frames(clip, probe(clip))):
        if index in wanted:
            yield to_bytes(rgb)


def _as_clean(subject: Path, clip: Path, gain: float, kept: np.ndarray) -> int:
    """Put the clean clip's frames in the place of the worse ones; the size at which they are compared, px."""
    about = json.loads((subject / "subject.json").read_text(encoding="utf-8"))
    opened, clean = Subject.open(subject), probe(clip)
    factor = clean.width / about["footage_width"]
    if factor == 1:
        files = sorted((subject / layout.FRAMES_FOLDER).iterdir())
        for file, rgb in zip(files, _frames(clip, kept), strict=True):
            picture = np.rint(cut(rgb, opened.crop, opened.info.size) * gain).astype(np.uint8)
            cv2.imwrite(str(file), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return int(opened.info.size)
    about["crop"] = {name: round(value * factor) for name, value in about["crop"].items()}
    about |= {"footage_width": clean.width, "footage_height": clean.height, "source_sha256": footage_sha256(clip)}
    (subject / "subject.json").write_text(json.dumps(about), encoding="utf-8")
    return int(about["crop"]["width"])


def _talker(*arguments: str) -> dict[str, Any]:
    """The JSON document that `talker` answers with."""
    command = [sys.executable, "-m", "backend", *arguments, "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
    return dict(json.loads(run.stdout))


if __name__ == "__main__":
    main()
