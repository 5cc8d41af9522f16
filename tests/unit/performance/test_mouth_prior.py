"""What the shipped prior hears in voices that it has not learned from."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from backend.media.audio import SPEECH_RATE, resample
from backend.media.audio_features import AudioFeatures, log_mel
from backend.performance import mouth_prior
from backend.performance.curves import CURVE_NAMES
from backend.performance.mouth_prior import SHAPES, MouthPrior
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.phones.corpus import RATE_HZ, mouth_of
from backend.phones.sounds import SOUNDS
from backend.presenter.speech import SpokenLine
from backend.settings import SpeechSettings
from shared.errors import InternalError
from tests.support.spoken_apart import speak_apart

JAW, PRESS, PUCKER = (SHAPES.index(name) for name in ("jaw", "press", "pucker"))
LINES = {
    "en-us+m7": "People who buy a farm above the river move there for the peace, and for the view of the mountains.",
    "de+f3": "Über den Bergen wohnen viele Menschen, und am Abend fahren wir mit dem Boot bis zum alten Haus am Ufer.",
    "fr+m4": "Mon père habite au bord de la mer, où les bateaux passent chaque matin avant le lever du jour.",
    "es+f2": "Mi hermano vive en un pueblo muy bonito, y por la mañana bebe agua de la fuente con sus amigos.",
    "pl+m2": "Moja babcia mieszka w małym domu nad morzem i często opowiada o swojej młodości.",
    "it+f4": "La mamma prepara un buon piatto di pasta, e poi tutta la famiglia va a fare una passeggiata.",
}
"""Sentences of which none is in the lessons."""


def heard(samples: np.ndarray) -> tuple[AudioFeatures, Voice | None]:
    features = log_mel(samples.astype(np.float32), SPEECH_RATE)
    return features, Voice.of(features)


def shapes_of(samples: np.ndarray) -> np.ndarray:
    """(T, 5), RATE_HZ a second."""
    features, voice = heard(samples)
    return MouthPrior.shipped().shapes(features, np.arange(0, len(samples) / SPEECH_RATE, 1 / RATE_HZ), voice)


@functools.cache
def spoken(voice: str) -> tuple[SpokenLine, np.ndarray]:
    line = speak_apart(LINES[voice], voice)
    return line, resample(line.samples, line.sample_rate, SPEECH_RATE)


@pytest.mark.parametrize("voice", LINES)
def test_jaw_and_rounding_are_heard_in_any_language(voice):
    line, samples = spoken(voice)
    _, truth = mouth_of(line)
    told = shapes_of(samples)
    length = min(len(truth), len(told))
    for shape in (JAW, PUCKER):
        assert np.corrcoef(told[:length, shape], truth[:length, shape])[0, 1] > 0.6


def test_lips_are_heard_to_close_and_vowels_to_be_open():
    shut, wide = [], []
    for voice in LINES:
        line, samples = spoken(voice)
        _, truth = mouth_of(line)
        told = shapes_of(samples)[: len(truth)]
        shut.append(told[truth[: len(told), PRESS] > 0.8])
        wide.append(told[truth[: len(told), JAW] > 0.7])
    closed, opened = np.concatenate(shut), np.concatenate(wide)
    assert closed[:, PRESS].mean() > 0.4 > 0.1 > opened[:, PRESS].mean()
    assert opened[:, JAW].mean() > 2.5 * closed[:, JAW].mean()


def test_loudness_and_microphone_hardly_matter():
    _, samples = spoken("en-us+m7")
    plain = shapes_of(samples)
    tilted = np.append(samples[0], samples[1:] - 0.6 * samples[:-1])
    for other in (0.05 * samples, tilted):
        assert np.corrcoef(shapes_of(other)[:, JAW], plain[:, JAW])[0, 1] > 0.9


@pytest.mark.parametrize("sound", ["silence", "noise", "hum"])
def test_where_nobody_speaks_the_mouth_is_at_rest(sound):
    seconds = np.arange(3 * SPEECH_RATE) / SPEECH_RATE
    samples = {
        "silence": np.zeros(len(seconds)),
        "noise": 1e-3 * np.random.default_rng(0).standard_normal(len(seconds)),
        "hum": 0.01 * np.sin(2 * np.pi * 50 * seconds) + 1e-4 * np.random.default_rng(1).standard_normal(len(seconds)),
    }[sound]
    told = shapes_of(samples)
    assert told[:, JAW].max() < 0.25 and told[:, JAW].mean() < 0.12


def test_a_pause_in_a_line_closes_the_mouth_within_a_fifth_of_a_second():
    _, samples = spoken("en-us+m7")
    pause = 1e-3 * np.random.default_rng(0).standard_normal(3 * SPEECH_RATE)
    told = shapes_of(np.concatenate([samples, pause, samples]))
    first = len(samples) / SPEECH_RATE
    resting = told[int((first + 0.2) * RATE_HZ) : int((first + 2.6) * RATE_HZ)]
    assert resting[:, JAW].max() < 0.2


def test_whether_anything_is_said_is_heard():
    _, samples = spoken("it+f4")
    pause = 1e-4 * np.random.default_rng(0).standard_normal(2 * SPEECH_RATE)
    line = np.concatenate([pause, samples, pause])
    features, voice = heard(line)
    times_s = np.arange(0, len(line) / SPEECH_RATE, 1 / RATE_HZ)
    quiet = MouthPrior.shipped().hear(features, times_s, voice)[1]
    first, last = 2.0, len(line) / SPEECH_RATE - 2.0
    assert quiet.min() >= 0.0 and quiet.max() <= 1.0
    assert np.percentile(quiet[(times_s < first - 0.2) | (times_s > last + 0.2)], 10) > 0.8
    assert np.mean(quiet[(times_s > first + 0.2) & (times_s < last - 0.4)] < 0.4) > 0.9


def test_a_moment_has_the_same_bits_whatever_else_is_asked():
    _, samples = spoken("en-us+m7")
    features, voice = heard(samples)
    times = np.arange(100) / 25 + 0.013
    prior = MouthPrior.shipped()
    whole = prior.shapes(features, times, voice)
    assert np.array_equal(prior.shapes(features, times[40:43], voice), whole[40:43])
    assert np.array_equal(prior.shapes(features, times[::-1], voice), whole[::-1])


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "mouth_prior.safetensors"
    broken.write_bytes(b"nothing")
    monkeypatch.setattr(mouth_prior, "WEIGHTS", broken)
    with pytest.raises(InternalError, match="Install the backend again"):
        MouthPrior.shipped.__wrapped__(MouthPrior)


JAW_OPEN = CURVE_NAMES.index("jawOpen")


@pytest.fixture(scope="module")
def head() -> tuple[SpeechModel, float, float]:
    """A speech model whose footage is a spoken line, and the range of its jaw."""
    line, samples = spoken("en-us+m7")
    _, truth = mouth_of(line)
    curves = np.full((len(truth), len(CURVE_NAMES)), 0.05)
    curves[:, JAW_OPEN] = 0.02 + 0.4 * truth[:, JAW]
    features, _ = heard(samples)
    model = SpeechModel.fit(features, curves, np.arange(len(truth)) / RATE_HZ, SpeechSettings(steps=60, members=2))
    return model, float(curves[:, JAW_OPEN].min()), float(np.ptp(curves[:, JAW_OPEN]))


def jaw_of(model: SpeechModel, samples: np.ndarray) -> np.ndarray:
    """(T,) RATE_HZ a second, of a line as it is rendered."""
    features, voice = heard(samples)
    if voice is not None:
        voice = replace(voice, reach=model.reach_of(features, voice))
    times_s = np.arange(0, len(samples) / SPEECH_RATE, 1 / RATE_HZ)
    return model.predict_array(features, times_s, voice, strength=1.0)[:, JAW_OPEN]


@pytest.mark.slow
def test_lips_close_where_they_must_and_stay_open_in_open_vowels(head):
    model, closed, reach = head
    closures, open_vowels = [], []
    for voice in LINES:
        line, samples = spoken(voice)
        sounds, _ = mouth_of(line)
        jaw = jaw_of(model, samples)
        for part in np.split(np.arange(len(sounds)), np.flatnonzero(np.diff(sounds)) + 1):
            if part[-1] >= len(jaw):
                continue
            if SOUNDS[sounds[part[0]]] == "pbm":
                closures.append(jaw[part].min() < closed + 0.25 * reach)
            elif SOUNDS[sounds[part[0]]] == "a" and len(part) > 6:
                open_vowels.append(jaw[part].max() > closed + 0.25 * reach)
    print(f"closed {np.mean(closures):.2f} of {len(closures)}, open {np.mean(open_vowels):.2f} of {len(open_vowels)}")
    assert len(closures) > 40 and len(open_vowels) > 30
    assert np.mean(closures) >= 0.95 and np.mean(open_vowels) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("sound", "most"), [("noise", 0.12), ("hum", 0.2)])
def test_nobody_moves_no_mouth(head, sound, most):
    model, closed, reach = head
    seconds = np.arange(3 * SPEECH_RATE) / SPEECH_RATE
    samples = 1e-3 * np.random.default_rng(0).standard_normal(len(seconds))
    if sound == "hum":
        samples += 0.01 * np.sin(2 * np.pi * 50 * seconds)
    jaw = jaw_of(model, samples)
    print(f"{sound}: open by {(jaw.max() - closed) / reach:.2f}, moves {np.ptp(jaw) / reach:.2f}")
    assert np.ptp(jaw) < most * reach and jaw.mean() < closed + 0.15 * reach


def between(kind: str, seconds: float) -> np.ndarray:
    """What is no voice, at SPEECH_RATE."""
    draw, times_s = np.random.default_rng(2), np.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE
    noise = draw.standard_normal(len(times_s))
    if kind == "breath":
        air = sosfilt(butter(2, [500, 4000], "bandpass", fs=SPEECH_RATE, output="sos"), noise)
        swell = np.interp(times_s, [0.6, 1.0, 1.4, 1.8], [0.0, 1.0, 1.0, 0.0])
        return 0.012 * air / air.std() * swell + 3e-4 * noise
    hum = 0.006 * np.sin(2 * np.pi * 50 * times_s) + 0.002 * np.sin(2 * np.pi * 150 * times_s)
    return {"silence": 0.0 * noise, "noise": 1e-3 * noise, "hum": hum + 3e-4 * noise}[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silence", "noise", "hum", "breath"])
def test_lips_are_at_rest_a_fifth_of_a_second_after_a_line_whatever_is_heard(head, kind):
    model, _, reach = head
    _, samples = spoken("en-us+m7")
    line = 0.1 * samples / samples.std()
    jaw = jaw_of(model, np.concatenate([line, between(kind, 3.0), line]))
    first = len(samples) / SPEECH_RATE
    resting = jaw[int((first + 0.2) * RATE_HZ) : int((first + 2.8) * RATE_HZ)]
    print(f"{kind}: {np.ptp(resting) / reach:.3f}")
    assert np.ptp(resting) < 0.05 * reach
