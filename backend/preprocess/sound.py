"""Which sound goes with the footage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.media.audio import require_sound
from backend.media.sequence import sequence_of
from backend.media.sound_choice import SoundChoice, choose_sound
from backend.settings import PreprocessSettings
from shared.errors import InputError


def chosen_sound(footage: Path, settings: PreprocessSettings) -> SoundChoice:
    """The track and the channels with speech, of the sound file that the user names, else of the footage, else of the
    one sound file that lies beside numbered pictures.

    Raises InputError where there is no sound, or not the track that the user asks for.
    """
    if settings.audio:
        require_sound(Path(settings.audio), settings.audio_track)
    sequence = sequence_of(footage)
    if settings.audio or sequence is None:
        chosen = choose_sound(Path(settings.audio or footage), settings.audio_track)
    elif len(sequence.sounds) == 1:
        chosen = choose_sound(sequence.sounds[0], settings.audio_track)
        if chosen is not None:
            chosen = replace(chosen, words=(f"{sequence.sounds[0].name} is taken as the sound.", *chosen.words))
    else:
        chosen = None
    if chosen is None:
        raise InputError(f"{footage.name} has no sound.", "Give its sound as a file with --audio WAV.")
    return chosen
