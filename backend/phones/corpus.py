"""Lessons for the mouth prior: invented lines in many voices and rooms, with what is spoken and what the mouth does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from backend.media.audio import SPEECH_RATE
from backend.media.audio_features import log_mel
from backend.phones.human import human_lines
from backend.phones.lines import invented_line
from backend.phones.rooms import elsewhere, nobody, wordless
from backend.phones.sounds import SILENT, class_and_shape
from backend.presenter.motion import blended
from backend.presenter.speech import SpokenLine, speak
from shared.errors import InternalError

RATE_HZ = 100
"""Moments of a lesson in a second."""
VARIANTS = (
    *("", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Alicia", "Andrea", "Andy"),
    *("Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike"),
    *("Reed", "Storm", "adam", "anika", "announcer", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb"),
    *("croak", "david", "ed", "edward", "grandma", "grandpa", "gustave", "ian", "iven", "john", "klatt", "klatt2"),
    *("klatt3", "klatt4", "linda", "marcelo", "max", "michel", "miguel", "norbert", "robert", "shelby", "steph"),
    *("travis", "victor", "whisper", "whisperf", "zac"),
)
"""Voices of eSpeak that sound like people."""
_FINE_HZ = 200
"""Steps in which a mouth passes from shape to shape, a second."""
_SHORTEST_S = 1.0
_NOBODY = 0.1
"""Share of the lessons in which nobody speaks: noise is not to be taken for a voice."""
_WORDLESS = 0.5
"""Share of the pauses before and after a line that hold breath, music or knocks."""
_HUMAN = 1_000_000
"""Tells the draws of lines in people's voices from those of the others."""
_BESIDE_S = 0.08
"""Such a sound does not come nearer to a word."""


@dataclass(frozen=True)
class Lesson:
    """T moments of a line, RATE_HZ a second."""

    log_mel: np.ndarray
    """(T, 80) float32."""
    sounds: np.ndarray
    """(T,) index into phones.sounds.SOUNDS."""
    shapes: np.ndarray
    """(T, 5) float32 in [0, 1], columns performance.mouth_prior.SHAPES."""


def lessons(count: int, seed: int) -> Iterator[Lesson]:
    """Up to `count` lessons of about ten seconds; the same for the same seed."""
    for index in range(count):
        lesson = _lesson(np.random.default_rng([seed, index]))
        if lesson is not None:
            yield lesson


def human_lessons(count: int, seed: int) -> Iterator[Lesson]:
    """Lessons in people's voices, `count` lines of each synthesised one (phones.human); the same for the same seed.

    Raises InputError where what speaks in them is not installed.
    """
    for index, line in enumerate(human_lines(count, seed)):
        if line.duration_s >= _SHORTEST_S:
            yield _anywhere(line, np.random.default_rng([seed, _HUMAN, index]))


def _lesson(draw: np.random.Generator) -> Lesson | None:
    if draw.random() < _NOBODY:
        samples = nobody(draw.uniform(2, 6), SPEECH_RATE, draw)
        return _heard(samples, SpokenLine(np.zeros_like(samples), SPEECH_RATE, [(0.0, "")]))
    language, text = invented_line(draw)
    variant = VARIANTS[draw.integers(len(VARIANTS))]
    voice = f"{language}+{variant}" if variant else language
    try:
        line = speak(text, voice, int(draw.uniform(110, 230)), int(draw.uniform(10, 90)), ipa=True)
    except InternalError:
        return None  # a language or voice that this build of eSpeak lacks
    if line.duration_s < _SHORTEST_S:
        return None
    return _anywhere(line, draw)


def _anywhere(line: SpokenLine, draw: np.random.Generator) -> Lesson:
    """A line between pauses, a little faster or slower, in some room."""
    line = _at_another_rate(_between_silences(line, draw), draw)
    return _heard(elsewhere(line.samples, line.sample_rate, draw), line)


def _heard(samples: np.ndarray, line: SpokenLine) -> Lesson:
    """What is heard of a line as `samples`, at its own rate."""
    sounds, shapes = mouth_of(line)
    heard = log_mel(samples, line.sample_rate)
    vectors = heard.log_mel[:: round(heard.rate_hz / RATE_HZ)]
    count = min(len(vectors), len(sounds))
    return Lesson(vectors[:count], sounds[:count], shapes[:count])


def mouth_of(line: SpokenLine) -> tuple[np.ndarray, np.ndarray]:
    """Classes (T,) of the sounds and shapes (T, 5) of the mouth of a line with IPA names, RATE_HZ a second."""
    steps = int(np.ceil(line.duration_s * _FINE_HZ)) + 1
    sounds, targets = np.zeros(steps, np.int64), np.tile(np.array(SILENT), (steps, 1))
    ends = [start for start, _ in line.phonemes[1:]] + [line.duration_s]
    for (start, name), end in zip(line.phonemes, ends, strict=True):
        spoken = slice(round(start * _FINE_HZ), round(end * _FINE_HZ))
        sounds[spoken], targets[spoken] = class_and_shape(name)
    each = _FINE_HZ // RATE_HZ
    return sounds[::each], blended(targets, _FINE_HZ)[::each].astype(np.float32)


def _between_silences(line: SpokenLine, draw: np.random.Generator) -> SpokenLine:
    level = float(np.sqrt(np.square(line.samples).mean()))
    pauses: list[np.ndarray] = []
    for longest_s in (1.5, 1.2):
        pause = np.zeros(round(draw.uniform(0.1, longest_s) * line.sample_rate), np.float32)
        free = len(pause) - round(_BESIDE_S * line.sample_rate)
        if draw.random() < _WORDLESS and free > 0:
            sound = wordless(free, line.sample_rate, draw) * level * 10 ** (-draw.uniform(5, 35) / 20)
            pause[:free] = sound if not pauses else sound[::-1]
        pauses.append(pause if not pauses else pause[::-1])
    before, after = pauses
    moved = [(0.0, "")] + [(start + len(before) / line.sample_rate, name) for start, name in line.phonemes]
    end = (len(before) + len(line.samples)) / line.sample_rate
    return SpokenLine(np.concatenate([before, line.samples, after]), line.sample_rate, [*moved, (end, "")])


def _at_another_rate(line: SpokenLine, draw: np.random.Generator) -> SpokenLine:
    """Played faster or slower, as larger and smaller people sound, at SPEECH_RATE."""
    ratio = Fraction(SPEECH_RATE, round(line.sample_rate * np.exp(draw.normal(0, 0.1)) / 50) * 50)
    samples = resample_poly(line.samples, ratio.numerator, ratio.denominator).astype(np.float32)
    slower = float(ratio) * line.sample_rate / SPEECH_RATE
    return SpokenLine(samples, SPEECH_RATE, [(start * slower, name) for start, name in line.phonemes])
