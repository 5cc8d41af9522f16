"""The sounds of all languages as lips show them: the class of a sound, and what the mouth does for it.

Sounds are named in IPA. What lips and jaw do for a sound is much the same in every language; sounds that look alike
(p, b and m) are one class.
"""

from __future__ import annotations

Shape = tuple[float, float, float, float, float]
"""Columns performance.mouth_prior.SHAPES, each in [0, 1]."""

SILENT: Shape = (0.02, 0.1, 0.0, 0.0, 0.0)
_CLASSES: dict[str, list[tuple[str, Shape]]] = {
    "silence": [("", SILENT)],
    "pbm": [("pbmɓʙ", (0.0, 1.0, 0.0, 0.0, 0.0)), ("ɸβ", (0.1, 0.6, 0.0, 0.0, 0.0))],
    "fv": [("fvʋɱⱱ", (0.1, 0.0, 0.0, 0.1, 1.0))],
    "w": [("wʍɥ", (0.2, 0.0, 1.0, 0.0, 0.0))],
    "td": [("tdnθðɾʈɖɳɗ", (0.15, 0.0, 0.0, 0.3, 0.0))],
    "s": [("szʦʣ", (0.1, 0.0, 0.0, 0.4, 0.0))],
    "sh": [("ʃʒʂʐɕʑɧ", (0.18, 0.0, 0.55, 0.0, 0.0))],
    "k": [("kgɡŋxɣqɢcɟɲçʝɴχʁʀ", (0.25, 0.0, 0.0, 0.15, 0.0))],
    "l": [("lɫɭʎɬɮʟ", (0.25, 0.0, 0.0, 0.2, 0.0))],
    "r": [("rɹɻɽⱹ", (0.2, 0.0, 0.4, 0.0, 0.0))],
    "a": [("aɑɐæäA", (1.0, 0.0, 0.0, 0.15, 0.0)), ("ɒɶ", (1.0, 0.0, 0.35, 0.0, 0.0))],
    "e": [("eɛɘε", (0.6, 0.0, 0.0, 0.6, 0.0)), ("øœ", (0.6, 0.0, 0.6, 0.1, 0.0))],
    "i": [("iɪɨjɩ", (0.3, 0.0, 0.0, 0.9, 0.0)), ("yʏ", (0.25, 0.0, 0.8, 0.0, 0.0))],
    "o": [("oɔɤ", (0.55, 0.0, 0.8, 0.0, 0.0))],
    "u": [("uʊʉ", (0.25, 0.0, 1.0, 0.0, 0.0)), ("ɯ", (0.25, 0.0, 0.1, 0.3, 0.0))],
    "schwa": [("əɜʌɚɝɵᵊᵻɞ", (0.5, 0.0, 0.0, 0.1, 0.0))],
    "h": [("hɦħʕʔ?", (0.35, 0.0, 0.0, 0.1, 0.0))],
}
SOUNDS = tuple(_CLASSES)
"""Names of the classes; silence is the first."""
_KNOWN = {
    symbol: (index, shape)
    for index, members in enumerate(_CLASSES.values())
    for symbols, shape in members
    for symbol in symbols
}
_AFFRICATES = ("tʃ", "dʒ", "ʈʂ", "tɕ", "dʑ")
_MARKS = "ˈˌːˑ'‿-_:;,. ʼ\u0303\u0306\u030a\u0325\u032a\u031d\u031e\u0329\u032f\u0361"
"""Stress, length and finer detail that lips do not show."""


def class_and_shape(name: str) -> tuple[int, Shape]:
    """The class (index into SOUNDS) and the mouth of a sound by its IPA name.

    A name without a symbol, as pauses and changes of language have, is silence; a symbol that is not known counts as a
    schwa.
    """
    symbols = name.strip(_MARKS)
    if not symbols or symbols.startswith("("):
        return 0, SILENT
    if symbols.startswith(_AFFRICATES):
        return _KNOWN["ʃ"]
    return _KNOWN.get(symbols[0], _KNOWN["ə"])
