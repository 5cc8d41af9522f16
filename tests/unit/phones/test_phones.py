"""Invented speech: sounds by name, texts, voices and rooms, and a net that learns from them."""

import numpy as np
import pytest

from backend.media.audio import SPEECH_RATE
from backend.media.audio_features import AudioFeatures
from backend.performance.mouth_prior import SHAPES, MouthPrior
from backend.performance.voice import Voice
from backend.phones.corpus import RATE_HZ, lessons, mouth_of
from backend.phones.lines import LETTERS, NUMBERS, invented_line
from backend.phones.rooms import elsewhere, nobody
from backend.phones.sounds import SILENT, SOUNDS, class_and_shape
from backend.phones.teach import teach
from backend.presenter.speech import SpokenLine, speak
from shared.jobs import Reporter

JAW, PRESS = SHAPES.index("jaw"), SHAPES.index("press")


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("p", "pbm"), ("ˈb", "pbm"), ("m̩", "pbm"), ("f", "fv"), ("tʃ", "sh"), ("t", "td"), ("ɑː", "a"), ("ˈaɪ", "a"),
        ("oʊ", "o"), ("yː", "i"), ("ɜ̃", "schwa"), ("", "silence"), ("ː", "silence"), ("(en)", "silence"),
        ("☃", "schwa"),
    ],
)  # fmt: skip
def test_a_sound_is_known_by_its_ipa_name(name, sound):
    number, shape = class_and_shape(name)
    assert SOUNDS[number] == sound
    assert len(shape) == len(SHAPES) and all(0 <= value <= 1 for value in shape)


@pytest.mark.slow
def test_every_language_and_hardly_any_of_its_sounds_is_unknown():
    guessed = class_and_shape("☃")
    for language in (*LETTERS, *NUMBERS):
        phonemes = speak("17, 203, 5846", language, ipa=True).phonemes
        assert len(phonemes) > 10
        names = (name for _, name in phonemes if class_and_shape(name) == guessed)
        unknown = [name for name in names if name.strip("ˈˌː")[:1] not in "əɜʌɚɝɵᵊᵻɞ"]
        assert len(unknown) < 0.1 * len(phonemes), (language, unknown)


def test_texts_are_the_same_for_the_same_seed_and_others_for_another():
    made = [[invented_line(np.random.default_rng([seed, n])) for n in range(20)] for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert len({language for language, _ in made[0]}) > 5


def test_closures_are_on_time_and_jaws_open_before_the_sound():
    line = SpokenLine(np.zeros(SPEECH_RATE), SPEECH_RATE, [(0.0, ""), (0.4, "b"), (0.5, "ɑː"), (0.8, "")])
    sounds, shapes = mouth_of(line)
    assert SOUNDS[sounds[45]] == "pbm" and SOUNDS[sounds[60]] == "a" and SOUNDS[sounds[20]] == "silence"
    assert shapes[45, PRESS] > 0.8 and shapes[45, JAW] < 0.2 < 0.8 < shapes[60, JAW]
    assert shapes[72, JAW] < shapes[55, JAW]
    assert np.abs(shapes[10] - SILENT).max() < 0.05


def test_another_room_moves_nothing_in_time():
    click = np.zeros(SPEECH_RATE, np.float32)
    click[8000] = 1.0
    for seed in range(10):
        draw = np.random.default_rng(seed)
        there = elsewhere(click, SPEECH_RATE, draw)
        assert there.dtype == np.float32 and len(there) == len(click)
        assert abs(int(np.abs(there).argmax()) - 8000) < 40
        assert 0.02 < np.abs(there).max() <= 1.0
    assert np.abs(nobody(2.0, SPEECH_RATE, draw)).max() < 1.0


@pytest.mark.slow
def test_lessons_hold_voices_and_rooms_without_any():
    made = list(lessons(40, seed=7))
    silent = [lesson for lesson in made if not lesson.sounds.any()]
    assert 0 < len(silent) < 10 and len(made) > 30
    for lesson in made:
        count = len(lesson.sounds)
        assert lesson.log_mel.shape == (count, 80) and lesson.shapes.shape == (count, len(SHAPES))
        assert np.isfinite(lesson.log_mel).all() and lesson.shapes.min() >= 0.0 and lesson.shapes.max() <= 1.0
    # The synthesiser's noise goes on from line to line, so only a run from its beginning is the same to the bit.
    again = next(lessons(1, seed=7))
    assert np.array_equal(again.sounds, made[0].sounds) and np.abs(again.log_mel - made[0].log_mel).mean() < 0.2


@pytest.mark.slow
def test_the_same_lessons_give_the_same_net_and_it_learns():
    made = list(lessons(14, seed=5))
    states = [teach(made, 60, 0, Reporter()) for _ in range(2)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    taught = max(made, key=lambda lesson: lesson.shapes[:, JAW].std())
    features = AudioFeatures(taught.log_mel, RATE_HZ)
    told = MouthPrior(states[0]).shapes(features, np.arange(len(taught.sounds)) / RATE_HZ, Voice.of(features))
    assert np.corrcoef(told[:, JAW], taught.shapes[:, JAW])[0, 1] > 0.5
