"""Which sound goes with the footage."""

from __future__ import annotations

from pathlib import Path

from backend.media.audio import require_sound
from backend.media.sound_choice import SoundChoice, choose_sound
from backend.settings import PreprocessSettings
from shared.errors import InputError


def chosen_sound(footage: Path, settings: PreprocessSettings) -> SoundChoice:
    """The track and the channels with speech, of the sound file that the user names, else of the footage.

    Raises InputError where there is no sound, or not the track that the user asks for.
    """
    if settings.audio:
        require_sound(Path(settings.audio), settings.audio_track)
    chosen = choose_sound(Path(settings.audio or footage), settings.audio_track)
    if chosen is None:
        raise InputError(f"{footage.name} has no sound.", "Give its sound as a file with --audio WAV.")
    return chosen
