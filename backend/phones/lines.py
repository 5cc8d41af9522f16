"""Texts for a speech synthesiser to read: invented words, numbers, and sentences of the project's own.

Invented words hold every sound in many neighbourhoods; numbers are read as words in any language.
"""

from __future__ import annotations

import numpy as np

LETTERS = (
    *("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "de", "fr", "es", "es-419", "it", "pt", "pt-br", "nl", "sv"),
    *("nb", "da", "fi", "et", "hu", "pl", "cs", "sk", "hr", "sl", "ro", "ca", "tr", "id", "ms", "sw", "eo", "lt"),
    *("lv", "is", "cy", "af", "sq", "vi", "ga", "la"),
)
"""eSpeak's languages in which invented words of Latin letters can be read."""
NUMBERS = (
    *("ru", "uk", "bg", "el", "hi", "bn", "ta", "te", "ur", "fa", "ar", "he", "ka", "hy", "ja", "ko", "cmn", "th"),
    *("kk", "ml"),
)
"""Those in which only numbers are read."""
ENGLISH = LETTERS[:4]

SCRIPTS = {
    "devanagari": (list("पफबभमकगतदनरलवसशचज"), ["", *"ािीुेो"]),
    "telugu": (list("పఫబభమకగతదనరలవసశచజ"), ["", *"ాిీుేో"]),
}
"""Letters of Indian scripts: consonants, and signs of vowels."""

_ONSETS = (
    *"pbmpbmpbmfvwtdnslrkgzhj",
    *("st", "pr", "br", "pl", "bl", "tr", "kr", "fl", "sp", "sm", "mp", "nt", "nd", "sh", "ch"),
)
"""Sounds of the lips more often than languages have them: they matter most here."""
_VOWELS = (*"aeiouaeiouaeiou", "ai", "au", "ei", "oi", "ie", "ou", "aa", "ee", "oo")
_CODAS = "mnpbtskrlfd"
_SENTENCES = (
    "The boat by the bridge moved past the old mill before morning.",
    "My brother baked five small apple pies for the village fair.",
    "Please move the map above the lamp and put the book back.",
    "Who would have thought that we would find you here, of all places?",
    "Bob and Pam bumped into Mum behind the pub.",
    "Few of us believe everything that people say about the weather.",
    "I have never seen so many fish in such shallow water.",
    "What time does the first train leave from platform number four?",
    "She sells fresh vegetables every Wednesday and Saturday.",
    "No, I mean it: put the money on the table and leave.",
    "Over the years, our office has grown from two rooms to a whole building.",
    "We went home through the woods, humming an old song.",
    "Beyond the wall, a horse stood perfectly still.",
    "Ah! So you are the one who opened all the windows.",
    "Think about that for a moment, and then tell me what you want to do.",
    "Good evening, and welcome to a very special programme.",
    "I promise you that this problem will be solved, maybe by Monday.",
    "Fathers and mothers, thank you for coming this far with us.",
)


def invented_line(draw: np.random.Generator) -> tuple[str, str]:
    """A language of eSpeak's and a text of about ten seconds for it."""
    if draw.random() < 0.35:
        language = ENGLISH[draw.integers(len(ENGLISH))]
    else:
        language = (LETTERS + NUMBERS)[draw.integers(len(LETTERS) + len(NUMBERS))]
    kind = draw.random()
    if language in NUMBERS or kind < 0.2:
        return language, ", ".join(str(int(10 ** draw.uniform(0, 6))) for _ in range(4))
    if language in ENGLISH and kind < 0.6:
        return language, _sentences(draw)
    return language, invented_words(draw)


def english_line(draw: np.random.Generator) -> str:
    """An English text of about ten seconds: sentences, or invented words."""
    return invented_words(draw) if draw.random() < 0.35 else _sentences(draw)


def invented_words(draw: np.random.Generator) -> str:
    """Words of Latin letters for about ten seconds."""
    words = [_word(draw) + draw.choice(("", ",", "."), p=(0.82, 0.12, 0.06)) for _ in range(14)]
    return " ".join(words) + "."


def syllables_of(script: str, draw: np.random.Generator) -> str:
    """Words of an Indian script, `devanagari` or `telugu`, for some seconds."""
    consonants, vowels = SCRIPTS[script]
    words = []
    for _ in range(12):
        count = draw.integers(1, 4)
        words.append("".join(str(draw.choice(consonants)) + str(draw.choice(vowels)) for _ in range(count)))
    return " ".join(words)


def _sentences(draw: np.random.Generator) -> str:
    return " ".join(_SENTENCES[index] for index in draw.integers(len(_SENTENCES), size=2))


def _word(draw: np.random.Generator) -> str:
    syllables = []
    for _ in range(draw.integers(1, 4)):
        onset = _ONSETS[draw.integers(len(_ONSETS))] if draw.random() < 0.92 else ""
        coda = _CODAS[draw.integers(len(_CODAS))] if draw.random() < 0.3 else ""
        syllables.append(onset + _VOWELS[draw.integers(len(_VOWELS))] + coda)
    return "".join(syllables)
