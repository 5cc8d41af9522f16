"""Lines in the voices of people, with what is spoken when: needed to make the mouth prior anew, and for nothing else.

Flite and Festival join pieces of what people once recorded for them, and know the phones of it; one of Festival's
voices comes with its speaker's whole recordings and their labels. Debian 12 has them all under free licences
(docs/mouth_prior.md names the packages). What such a voice says sounds like its speaker, lips and nose included; a
formant synthesiser's speech does not.

Source: Festival manual (`Utterance`, features of phones in `ph_*`: vc, cplace, ctype, vheight, vfront, vrnd); Flite's
option -psdur; festvox label files (time of a segment's end, colour, name).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from backend.phones.lines import english_line, invented_words, syllables_of
from backend.presenter.speech import SpokenLine
from shared.errors import InputError
from shared.scratch import scratch_folder

FLITE = ("awb", "rms", "slt", "kal16")
"""Flite's voices, all of English."""
FESTIVAL: dict[str, str] = {
    "cmu_us_slt_arctic_hts": "english",
    "ked_diphone": "english",
    "kal_diphone": "english",
    "pc_diphone": "latin",
    "lp_diphone": "latin",
    "upc_ca_ona_hts": "latin",
    "czech_dita": "latin",
    "czech_krb": "latin",
    "czech_machac": "latin",
    "czech_ph": "latin",
    "suo_fi_lj_diphone": "latin",
    "hy_fi_mv_diphone": "latin",
    "hindi_NSK_diphone": "devanagari",
    "marathi_NSK_diphone": "devanagari",
    "telugu_NSK_diphone": "telugu",
}
"""Festival's voices, to what they read."""
RECORDINGS = Path("/usr/share/festival/voices/russian/msu_ru_nsh_clunits")
"""The recordings (wav/) of one speaker and their labels (lab/)."""

_TIMEOUT_S = 1800.0
_STRETCH = (0.75, 1.35)
_FEATURES = ("vc", "cplace", "ctype", "vheight", "vfront", "vrnd")
_PAUSES = ("pau", "#", "##", "_", "h#", "sil", "SIL", "brth", "0")


def _names(**sounds: str) -> dict[str, str]:
    return {name: ipa for ipa, names in sounds.items() for name in names.split()}


_ARPABET = _names(
    ɑ="aa", æ="ae", ʌ="ah", ɔ="ao oy", a="aw ay", b="b", ʃ="ch jh sh", d="d", ð="dh", ɛ="eh", ɝ="er", e="ey", f="f",
    ɡ="g", h="hh", ɪ="ih", i="iy", k="k", l="l", m="m", n="n", ŋ="ng", o="ow", p="p", ɹ="r", s="s", t="t", θ="th",
    ʊ="uh", u="uw", v="v", w="w", j="y", z="z", ʒ="zh", ə="ax",
)  # fmt: skip
_CZECH = _names(
    p="p b m", f="f v", t="t d n t~ d~ n~ N", s="s z c dz", ʃ="s~ z~ c~ r~ dz~ R~", k="k g x ch h", l="l", r="r", j="j",
    a="a aa a:", e="e ee e:", i="i ii i: y yy", o="o oo o: ou", u="u uu u:", ə="@",
)  # fmt: skip
_RUSSIAN = _names(
    p="p pp b bb m mm", f="f ff v vv", t="t tt d dd n nn", s="s ss z zz c", ʃ="sh zh ch sch", k="k kk g gg h hh",
    l="l ll", r="r rr", j="j", a="aa", ʌ="a ay ae", e="e ee ei", i="i ii y yy ih ur", o="o oo", u="u uu",
)  # fmt: skip


def human_lines(count: int, seed: int) -> Iterator[SpokenLine]:
    """`count` lines of each voice of Festival, twice as many of Flite's, and all recordings; names in IPA. The
    same for the same seed.

    Raises InputError where Flite, Festival or one of their voices is not installed.
    """
    for index, voice in enumerate(FLITE):
        yield from _of_flite(voice, np.random.default_rng([seed, 1, index]), 2 * count)
    for index, (voice, reads) in enumerate(FESTIVAL.items()):
        yield from _of_festival(voice, reads, np.random.default_rng([seed, 2, index]), count)
    yield from _recorded(RECORDINGS)


def _of_flite(voice: str, draw: np.random.Generator, count: int) -> Iterator[SpokenLine]:
    with scratch_folder("speech") as folder:
        sound = folder / "line.wav"
        for _ in range(count):
            manner = {"duration_stretch": draw.uniform(*_STRETCH), "int_f0_target_mean": draw.uniform(85, 220)}
            options = [part for name, value in manner.items() for part in ("--setf", f"{name}={value:.2f}")]
            told = _run(["flite", "-voice", voice, "-psdur", *options, "-t", english_line(draw), "-o", str(sound)])
            ends = [segment.rsplit(":", 1) for segment in told.split()]
            yield _line(sound, [("" if name in _PAUSES else _ARPABET.get(name, "ə"), float(end)) for name, end in ends])


def _of_festival(voice: str, reads: str, draw: np.random.Generator, count: int) -> Iterator[SpokenLine]:
    with scratch_folder("speech") as folder:
        program = [f"(voice_{voice})"]
        for index in range(count):
            program.append(f"(Parameter.set 'Duration_Stretch {draw.uniform(*_STRETCH):.2f})")
            program.append(_saying(_text(reads, draw), folder / f"{index}", features=not voice.startswith("czech")))
        (folder / "program.scm").write_text("\n".join(program), encoding="utf-8")
        _run(["festival", "-b", str(folder / "program.scm")])
        for index in range(count):
            told = (folder / f"{index}.txt").read_text(encoding="utf-8").splitlines()
            segments = [line.split(" ") for line in told]
            yield _line(folder / f"{index}.wav", [(_ipa(*segment[:-1]), float(segment[-1])) for segment in segments])


def _saying(text: str, path: Path, features: bool) -> str:
    """A program in Festival's Scheme that says a text into path.wav, and its segments into path.txt: name, features of
    the phone where the voice has them, end in s."""
    asked = "".join(f" (item.feat s 'ph_{name})" for name in _FEATURES) if features else ""
    form = "%s " * (1 + len(_FEATURES) * features)
    return (
        f'(set! u (utt.synth (Utterance Text "{text}")))(utt.save.wave u "{path}.wav" \'riff)'
        f'(set! f (fopen "{path}.txt" "w"))(mapcar (lambda (s) (format f "{form}%f\\n" (item.name s){asked}'
        " (item.feat s 'end))) (utt.relation.items u 'Segment))(fclose f)"
    )


def _text(reads: str, draw: np.random.Generator) -> str:
    if reads == "english":
        return english_line(draw)
    if reads == "latin":
        return invented_words(draw)
    return syllables_of(reads, draw)


def _recorded(voice: Path) -> Iterator[SpokenLine]:
    labels = sorted((voice / "lab").glob("*.lab"))
    if not labels:
        raise InputError(f"{voice} holds no recordings.", "Install the package festvox-ru (docs/mouth_prior.md).")
    for label in labels:
        segments = [line.split() for line in label.read_text(encoding="utf-8").splitlines()]
        ends = [
            (_RUSSIAN.get(row[2], "" if row[2] in _PAUSES else "ə"), float(row[0])) for row in segments if len(row) == 3
        ]
        yield _line(voice / "wav" / f"{label.stem}.wav", ends)


def _line(sound: Path, ends: list[tuple[str, float]]) -> SpokenLine:
    samples, rate = soundfile.read(sound, dtype="float32")
    starts = [0.0, *(end for _, end in ends)]
    return SpokenLine(samples, rate, [(start, name) for start, (name, _) in zip(starts, ends, strict=False)])


def _ipa(
    name: str, vc: str = "", place: str = "", kind: str = "", height: str = "", front: str = "", rounded: str = ""
) -> str:
    """A segment of Festival's in IPA, as exactly as lips show it: by its features, or by its name in Czech voices."""
    if name in _PAUSES:
        return ""
    if not vc:
        return _CZECH.get(name, _CZECH.get(name[0], "ə"))
    if name in ("w", "hw"):
        return "w"
    return _consonant(place, kind) if vc == "-" else _vowel(height, front, rounded == "+")


def _consonant(place: str, kind: str) -> str:
    by_place = {
        "l": {"r": "w", "l": "w", "f": "f", "": "p"},
        "b": {"": "f"},
        "a": {"f": "s", "a": "s", "l": "l", "r": "ɹ", "": "t"},
        "d": {"f": "θ", "a": "s", "l": "l", "r": "ɹ", "": "t"},
        "p": {"f": "ʃ", "a": "ʃ", "s": "ʃ", "l": "ʎ", "n": "n", "": "j"},
        "v": {"": "k"},
        "g": {"": "h"},
    }
    kinds = by_place.get(place, {"": "t"})
    return kinds.get(kind, kinds[""])


def _vowel(height: str, front: str, rounded: bool) -> str:
    if height == "3":
        return "ɒ" if rounded else "a"
    if rounded:
        return {("1", "1"): "y", ("2", "1"): "ø", ("1", front): "u"}.get((height, front), "o")
    high = height == "1"
    return {"1": "i" if high else "e", "2": "ɨ" if high else "ə"}.get(front, "ɯ" if high else "ʌ")


def _run(command: list[str]) -> str:
    mend = "Install Flite, Festival and their voices (docs/mouth_prior.md names the packages)."
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_TIMEOUT_S, check=True)
    except FileNotFoundError as error:
        raise InputError(f"{command[0]} is not installed.", mend) from error
    except subprocess.CalledProcessError as error:
        raise InputError(f"{command[0]} failed: {error.stderr.strip()[-300:]}", mend) from error
    return done.stdout
