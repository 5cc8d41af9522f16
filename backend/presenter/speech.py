"""Spoken lines with known phoneme times, made by the eSpeak NG library that the package espeakng-loader carries.

Source: eSpeak NG, speak_lib.h (event types and record layout of the C interface, revision 12 and later).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import espeakng_loader
import numpy as np

from shared.errors import InternalError

_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 1
_INITIALIZE_PHONEME_IPA = 2
_EVENT_LIST_TERMINATED = 0
_EVENT_PHONEME = 7
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class SpokenLine:
    """A line of speech: `samples` (n,) float32 in [-1, 1] at `sample_rate`, and `phonemes` as (start in s, name) with
    eSpeak's phoneme mnemonics, or in IPA; an empty name is silence."""

    samples: np.ndarray
    sample_rate: int
    phonemes: list[tuple[float, str]]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


def speak(
    text: str, voice: str = "en-us", words_per_minute: int = 150, pitch: int = 45, ipa: bool = False
) -> SpokenLine:
    """Speak `text` in eSpeak's `voice`, a language with a variant after a plus where wanted (pitch 0 to 100).

    ipa: name phonemes in IPA, which is the same for all languages, instead of by eSpeak's mnemonics. Raises
    InternalError when the library cannot be started or does not know the voice.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(
        _OUTPUT_SYNCHRONOUS,
        0,
        str(espeakng_loader.get_data_path()).encode(),
        _INITIALIZE_PHONEME_EVENTS | (_INITIALIZE_PHONEME_IPA if ipa else 0),
    )
    if rate <= 0:
        raise InternalError("The speech library of espeakng-loader did not start.", "Install the backend again.")
    pieces: list[np.ndarray] = []
    phonemes: list[tuple[float, str]] = []

    def receive(wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if count > 0:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).astype(np.float32) / 32768.0)
        index = 0
        while events[index].type != _EVENT_LIST_TERMINATED:
            event = events[index]
            if event.type == _EVENT_PHONEME:
                name = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
                phonemes.append((event.audio_position_ms / 1000.0, name))
            index += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        library.espeak_Terminate()
        raise InternalError(f"The speech library has no voice {voice!r}.", "Choose another voice.")
    library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
    library.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0)
    data = text.encode("utf-8") + b"\0"
    library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 0, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    if not pieces:
        raise InternalError("The speech library gave no sound.", "Install the backend again.")
    return SpokenLine(np.concatenate(pieces), int(rate), phonemes)
