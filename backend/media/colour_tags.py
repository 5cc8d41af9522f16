"""What a video file says of its colours (ITU-T H.273 code points), and how its pictures are read then."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Colorspace

from backend.media.colour import HLG, P3, PQ, PRIMARIES, REC709, REC2020, SHOWN, SPACES, TRANSFERS, FootageColour
from shared.errors import InputError

UNSPECIFIED = 2
FULL_RANGE_TAG = 2
"""FFmpeg's code for it (AVCOL_RANGE_JPEG)."""
HD_HEIGHT = 720
"""Untagged pictures of this height or more are read as BT.709, smaller ones as BT.601, as players do."""
RGB = "rgb"


@dataclass(frozen=True)
class Matrix:
    """Coefficients of Y'CbCr."""

    codes: tuple[int, ...]
    """H.273 code points that are read by it."""
    red: float
    """Kr, the share of red in luma."""
    blue: float
    """Kb, the share of blue."""
    swscale: Colorspace
    """The same as swscale, which converts 8-bit pictures, calls it."""


MATRICES = {
    "bt709": Matrix((1,), 0.2126, 0.0722, Colorspace.ITU709),
    "fcc": Matrix((4,), 0.30, 0.11, Colorspace.FCC),
    "bt601": Matrix((5, 6), 0.299, 0.114, Colorspace.ITU601),
    "smpte240m": Matrix((7,), 0.212, 0.087, Colorspace.SMPTE240M),
    "bt2020nc": Matrix((9, 10), 0.2627, 0.0593, Colorspace.BT2020),
}
_CONSTANT_LUMINANCE = 10
_TRANSFERS = {16: PQ, 18: HLG}
_NOT_PICTURES = {8: "linear light", 9: "a logarithmic curve", 10: "a logarithmic curve", 17: "cinema's gamma of 2.6"}
"""Transfer characteristics of which pictures are read as SHOWN all the same, with a word."""
_PRIMARIES = {1: REC709, 4: REC709, 5: REC709, 6: REC709, 7: REC709, 9: REC2020, 11: P3, 12: P3, 22: REC709}
"""The primaries of old television (4 to 7, 22) are read as Rec.709's: so do players, and so does Blender."""


@dataclass(frozen=True)
class ColourTags:
    """A clip's own statements, as code points; UNSPECIFIED where it says nothing."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool = False
    bits: int = 8
    """Of a channel."""
    is_rgb: bool = False
    """Whether the pictures are RGB, not Y'CbCr."""
    height: int = 0
    """Of the stored picture, px."""

    @classmethod
    def of(cls, frame: av.VideoFrame, stream: tuple[int, int, int]) -> ColourTags:
        """Of a decoded frame; what that leaves open, of `stream`: primaries, transfer and matrix by the container."""
        told = int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)
        primaries, transfer, matrix = (
            by_container if by_frame == UNSPECIFIED else by_frame
            for by_frame, by_container in zip(told, stream, strict=True)
        )
        return cls(
            primaries=primaries,
            transfer=transfer,
            matrix=matrix,
            full_range=int(frame.color_range) == FULL_RANGE_TAG or frame.format.name.startswith("yuvj"),
            bits=max(component.bits for component in frame.format.components),
            is_rgb=frame.format.is_rgb,
            height=frame.height,
        )


def footage_colour(tags: ColourTags, setting: str = "auto") -> tuple[FootageColour, list[str]]:
    """How pictures with these tags are read, and what is to be said of it, in plain sentences.

    setting: of `--input-colour`. A transfer curve (TRANSFERS): the values are taken as they lie, whatever the tags say;
    a name of SPACES: curve and primaries are those.
    """
    words: list[str] = []
    if setting in TRANSFERS:
        transfer, primaries = setting, REC709
    elif setting in SPACES:
        transfer, primaries = SPACES[setting]
    else:
        transfer, primaries = _by_tags(tags, words)
    matrix = _matrix(tags, primaries, words)
    return FootageColour(transfer, primaries, matrix, tags.full_range or tags.is_rgb, tags.bits), words


def colour_as_stored(stored: dict, tags: ColourTags) -> FootageColour:
    """How a clip was read when its subject was made, to read it in the same way again.

    stored: FootageColour.to_dict; empty where an older version made the subject, which took the values as they lie.
    Raises InputError where it is damaged.
    """
    if not stored:
        return footage_colour(tags, SHOWN)[0]
    try:
        transfer, _, primaries = stored["space"].partition("-")
        found = FootageColour(
            transfer, primaries or REC709, stored["matrix"], stored["range"] == "full", int(stored["bits"])
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"footage_colour is damaged ({error!r}).", "Preprocess the footage again.") from error
    known = found.transfer in (*TRANSFERS, HLG, PQ) and found.primaries in PRIMARIES
    if not known or found.matrix not in (*MATRICES, RGB):
        raise InputError(f"The footage's colours {stored} are unknown.", "Preprocess the footage again.")
    return found


def _by_tags(tags: ColourTags, words: list[str]) -> tuple[str, str]:
    """Transfer and primaries; adds to `words` where tags are unusual or contradict each other."""
    transfer = _TRANSFERS.get(tags.transfer, SHOWN)
    if tags.transfer in _NOT_PICTURES:
        words.append(
            f"The footage is tagged as {_NOT_PICTURES[tags.transfer]}; it is read as pictures are (sRGB). "
            "If its colours are wrong, convert it to Rec.709 first."
        )
    is_hdr = transfer != SHOWN
    name = transfer.upper()
    if tags.primaries in _PRIMARIES:
        primaries = _PRIMARIES[tags.primaries]
        if is_hdr and primaries == REC709:
            words.append(
                f"The footage is tagged as {name} with the primaries of standard range, which is unusual; it is read "
                "so. If its colours are wrong, name them with --input-colour."
            )
    elif tags.primaries != UNSPECIFIED:
        primaries = REC2020 if is_hdr else REC709
        words.append(f"The footage's primaries (code {tags.primaries}) are not known; {_called(primaries)} are taken.")
    elif is_hdr:
        primaries = REC2020
        words.append(f"The footage is tagged as {name} but names no primaries; {_called(primaries)} are taken.")
    else:
        primaries = REC709
    if is_hdr and tags.bits < 10:
        words.append(
            f"The footage is tagged as {name} but has {tags.bits} bits, which show as bands; the tag may be wrong. "
            "If so, say --input-colour srgb."
        )
    return transfer, primaries


def _called(primaries: str) -> str:
    return "Rec.2020's" if primaries == REC2020 else "Rec.709's"


def _matrix(tags: ColourTags, primaries: str, words: list[str]) -> str:
    if tags.is_rgb:
        return RGB
    if tags.matrix == _CONSTANT_LUMINANCE:
        words.append("The footage's luma is of constant luminance (BT.2020); it is read as the usual kind.")
    named = next((name for name, matrix in MATRICES.items() if tags.matrix in matrix.codes), None)
    if named is not None:
        return named
    if primaries == REC2020:
        taken = "bt2020nc"
    else:
        taken = "bt709" if tags.height >= HD_HEIGHT else "bt601"
    if tags.matrix != UNSPECIFIED:
        words.append(f"The footage's colour matrix (code {tags.matrix}) does not fit its pictures; {taken} is taken.")
    return taken


def rgb_of_ycbcr(colour: FootageColour) -> np.ndarray:
    """(3, 4) by which Y', Cb, Cr in 16 bits, and 1, become RGB of which 65535 is one (H.273, 8.3).

    16 bits are the file's, shifted up: limited range has black at 16 · 256, full range its white at 2^16 - 2^(16-bits).
    """
    matrix = MATRICES[colour.matrix]
    kr, kb = matrix.red, matrix.blue
    kg = 1.0 - kr - kb
    weights = np.array(
        [
            [1.0, 0.0, 2 * (1 - kr)],
            [1.0, -2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg],
            [1.0, 2 * (1 - kb), 0.0],
        ]
    )
    top = float((1 << 16) - (1 << (16 - colour.bits)))
    black, luma, chroma = (0.0, top, top) if colour.full_range else (16.0 * 256, 219.0 * 256, 224.0 * 256)
    scaled = weights * 65535.0 / np.array([luma, chroma, chroma])
    return np.hstack([scaled, -(scaled @ [black, 32768.0, 32768.0])[:, None]])
