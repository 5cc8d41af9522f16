"""Sound in PCM WAV files: one channel of it, cut to a length."""

from __future__ import annotations

import wave
from pathlib import Path

from ..shared.errors import InputError
from .wav import NotWav, Wav

BOTH, LEFT = "BOTH", "LEFT"
"""Of properties.LINE_CHANNELS."""


def only(channel: str, data: bytes, channels: int, width: int) -> tuple[bytes, int]:
    """(PCM data of the channel that is wanted, its number of channels), of data with `width` bytes a sample."""
    if channel == BOTH or channels == 1:
        return data, channels
    picked = bytearray(len(data) // channels)
    first = 0 if channel == LEFT else width
    for byte in range(width):
        picked[byte::width] = data[first + byte :: channels * width]
    return bytes(picked), 1


def write_channel(source: Path, channel: str, path: Path) -> None:
    """One channel of a whole sound file, as a WAV. Raises InputError for a file that is no PCM WAV."""
    try:
        sound = Wav.open(source)
    except NotWav:
        sound = None
    if sound is None or not sound.is_pcm:
        raise InputError(
            f"A single channel can only be taken from a PCM WAV file, and {source.name} is not one.",
            "Choose both channels, add the file as a strip, or save it as WAV.",
        )
    width, rate = sound.width, sound.rate
    data, channels = sound.read(0, sound.frames), sound.channels
    data, channels = only(channel, data, channels, width)
    write(path, data, channels, width, rate, 0, len(data) // (channels * width))


def write(path: Path, data: bytes, channels: int, width: int, rate: int, lead: int, samples: int) -> None:
    """A PCM WAV of `samples` samples: `lead` silent ones, `data`, and silence to the end."""
    size = channels * width
    silence = b"\x80" if width == 1 else b"\0"
    data = (silence * (lead * size) + data)[: samples * size]
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(data + silence * (samples * size - len(data)))
