"""What colour values mean: transfer curves, primaries, and the working space that footage is brought to.

The working space is what stored frames, the clean plate and drawn heads are in: display-referred, of standard range,
with Rec.709's primaries and white, under the curve SHOWN. Delivery makes it scene-linear (`premultiplied_to_linear`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from shared.errors import InputError


def srgb_to_linear(display: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, display values (any shape, 1 is white) to linear light."""
    display = np.asarray(display)
    return np.where(display <= 0.04045, display / 12.92, ((np.maximum(display, 0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """Inverse of srgb_to_linear."""
    linear = np.asarray(linear)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


_ALPHA_709, _BETA_709 = 1.09929682680944, 0.018053968510807
"""BT.709's rounded 1.099 and 0.018 at full precision (as BT.2020 states them), so that the curve is continuous."""


def rec709_to_linear(display: np.ndarray) -> np.ndarray:
    """ITU-R BT.709-6, inverse of the camera's transfer curve."""
    display = np.asarray(display)
    curved = ((np.maximum(display, 4.5 * _BETA_709) + _ALPHA_709 - 1) / _ALPHA_709) ** (1 / 0.45)
    return np.where(display < 4.5 * _BETA_709, display / 4.5, curved)


def linear_to_rec709(linear: np.ndarray) -> np.ndarray:
    """ITU-R BT.709-6, the camera's transfer curve."""
    linear = np.asarray(linear)
    curved = _ALPHA_709 * np.maximum(linear, _BETA_709) ** 0.45 - (_ALPHA_709 - 1)
    return np.where(linear < _BETA_709, linear * 4.5, curved)


def _gamma(power: float) -> tuple[Callable, Callable]:
    def decode(display: np.ndarray) -> np.ndarray:
        return np.sign(display) * np.abs(display) ** power

    def encode(linear: np.ndarray) -> np.ndarray:
        return np.sign(linear) * np.abs(linear) ** (1 / power)

    return decode, encode


TRANSFERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "srgb": (srgb_to_linear, linear_to_srgb),
    "rec709": (rec709_to_linear, linear_to_rec709),
    "bt1886": _gamma(2.4),
    "gamma22": _gamma(2.2),
    "linear": (np.asarray, np.asarray),
}
"""Name to (to linear, from linear); the primaries are Rec.709's in all of them."""

SHOWN = "srgb"
"""What Blender undoes for 8-bit pictures and movies, hence for clean plate and footage, whatever a movie's tags say."""


def chosen_transfer(setting: str) -> str:
    """The curve by which the EXR's colour is made linear, of `--input-colour`: SHOWN unless the user names another.

    A tag of BT.709 or BT.601 is no reason for another. It names a camera's curve, while stored frames, plate and
    footage are pictures as they are shown; the head would come out brighter or darker than the plate beside it.
    Footage of another range or gamut (`auto` by its tags, or a name of SPACES) is brought to SHOWN when it is read.
    """
    return setting if setting in TRANSFERS else SHOWN


def transfer(name: str) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """(to linear, from linear) of a named transfer curve. Raises InputError for an unknown name."""
    try:
        return TRANSFERS[name]
    except KeyError:
        raise InputError(f"The colour {name!r} is unknown.", f"Use one of {', '.join(TRANSFERS)}.") from None


def premultiplied_to_linear(rgb: np.ndarray, alpha: np.ndarray, name: str = "srgb") -> np.ndarray:
    """Display-referred premultiplied RGB (..., 3) to scene-linear premultiplied.

    Splats are composited in display space; the curve holds for the colour itself, not for its share of a pixel, so
    alpha (...) is divided out, the colour is linearised, and alpha is multiplied in again: without that, edges fringe.
    """
    to_linear, _ = transfer(name)
    return to_linear(unpremultiply(rgb, alpha)) * np.asarray(alpha)[..., None]


def unpremultiply(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Straight colour (..., 3) in [0, 1] of premultiplied RGB; zero where alpha (...) is."""
    alpha = np.asarray(alpha)[..., None]
    return np.clip(np.divide(rgb, alpha, out=np.zeros_like(rgb), where=alpha > 1e-6), 0.0, 1.0)


# Footage ------------------------------------------------------------------------------------------------------------

HLG, PQ = "hlg", "pq"
REC709, REC2020, P3 = "rec709", "rec2020", "p3"

PRIMARIES = {
    REC709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    REC2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Name to the chromaticities (x, y) of red, green and blue; white is D65 (0.3127, 0.3290) in all of them."""

SPACES = {"hlg": (HLG, REC2020), "pq": (PQ, REC2020), "display-p3": (SHOWN, P3), "rec2020": (SHOWN, REC2020)}
"""What `--input-colour` may say of footage whose tags are missing or wrong: name to transfer and primaries."""

REFERENCE_WHITE_NITS = 203.0
"""HDR reference white, cd/m² (ITU-R BT.2408): what is white in a picture of standard range."""
PEAK_NITS = 1000.0
"""Nominal peak of HLG's display (ITU-R BT.2100-2, table 5), and the light from which on the working space is full."""
KNEE = 0.9
"""Share of reference white up to which HDR light stays as it is; skin lies far below (a third to a half, BT.2408)."""
_HLG_SYSTEM_GAMMA = 1.2
_STRIP_PX = 1 << 16
"""Pixels that are converted at once: what a processor's own cache holds."""
_FULL = 65535
"""One, in 16 bits."""
_MOST_LIGHT = 1.7 * PEAK_NITS / REFERENCE_WHITE_NITS
"""More than any channel has in Rec.709, in reference whites: Rec.2020's full red is 1.66 of Rec.709's."""


@dataclass(frozen=True)
class FootageColour:
    """How the values of a clip's pictures are to be read. Made of its tags by media.colour_tags."""

    transfer: str = SHOWN
    """HLG or PQ; for standard range SHOWN, or the curve (of TRANSFERS) that the user named."""
    primaries: str = REC709
    """A key of PRIMARIES."""
    matrix: str = "bt709"
    """Coefficients of Y'CbCr (a key of colour_tags.MATRICES), or "rgb"."""
    full_range: bool = False
    """Whether black and white are the least and the greatest code, not 16 and 235 of 255."""
    bits: int = 8
    """Of a channel, in the file."""

    @property
    def space(self) -> str:
        """Curve and primaries in one word, such as "hlg-rec2020"; the curve alone where primaries are Rec.709's."""
        return self.transfer if self.primaries == REC709 else f"{self.transfer}-{self.primaries}"

    @property
    def is_converted(self) -> bool:
        """Whether pictures have to be brought to the working space, rather than being in it as they lie."""
        return self.is_hdr or self.primaries != REC709

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (HLG, PQ)

    @property
    def stored_bits(self) -> int:
        """Of a channel, in the subject's pictures."""
        return 16 if self.bits > 8 else 8

    def to_dict(self) -> dict:
        """As subject.json has it."""
        return {
            "space": self.space, "matrix": self.matrix, "range": "full" if self.full_range else "limited",
            "bits": self.bits, "stored_bits": self.stored_bits,
        }  # fmt: skip


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture in 8 bits: uint8 as it is, uint16 (65535 is one) rounded."""
    return picture if picture.dtype == np.uint8 else cv2.convertScaleAbs(picture, alpha=255 / _FULL)


def to_unit(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 or uint16, as float32 in [0, 1]."""
    return picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)


def hlg_to_scene(signal: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100-2, table 5: HLG signal in [0, 1] to scene light in [0, 1] (the inverse of the camera's curve)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.asarray(signal)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((np.maximum(signal, 0.5) - c) / a) + b) / 12)


def pq_to_nits(signal: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, as in ITU-R BT.2100-2, table 4: PQ signal in [0, 1] to display light, cd/m²."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = np.asarray(signal) ** (1 / m2)
    return 10000.0 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def luminance_of(primaries: str) -> np.ndarray:
    """(3,) share of red, green and blue in luminance; for Rec.2020 BT.2100's 0.2627, 0.6780, 0.0593."""
    return _to_xyz(primaries)[1]


def primaries_matrix(source: str, target: str) -> np.ndarray:
    """(3, 3) linear RGB with primaries `source` to linear RGB with primaries `target`; columns are the source's."""
    return np.linalg.solve(_to_xyz(target), _to_xyz(source))


def _to_xyz(primaries: str) -> np.ndarray:
    """(3, 3) linear RGB to CIE XYZ, white at Y = 1 (SMPTE RP 177)."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in PRIMARIES[primaries]]).T
    white = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
    return columns * np.linalg.solve(columns, white)


def rolled_off(light: np.ndarray) -> np.ndarray:
    """HDR display light (1 is reference white) to light of the standard range, in [0, 1].

    The shape is that of ITU-R BT.2446-1, method C: light up to a knee keeps its proportions, so that skin and whatever
    else a camera of standard range shows alike stays as it is, and what is above is compressed by a logarithm that goes
    on with the same slope. The levels are BT.2408's: reference white at 203 cd/m² is SDR white, less the 7 of 255
    values that highlights up to PEAK_NITS take of the range above the knee.
    """
    light = np.asarray(light, np.float64)
    above = np.maximum(light - KNEE, 0.0) / (1.0 - KNEE)
    steepness = _steepness()
    return np.minimum(np.minimum(light, KNEE) + (1.0 - KNEE) * np.log1p(steepness * above) / steepness, 1.0)


@functools.cache
def _steepness() -> float:
    """s with log(1 + s x) = s for x of PEAK_NITS: the curve has slope 1 at the knee and ends in 1. By iteration."""
    peak = (PEAK_NITS / REFERENCE_WHITE_NITS - KNEE) / (1.0 - KNEE)
    steepness = 1.0
    for _ in range(100):
        steepness = float(np.log1p(steepness * peak))
    return steepness


def to_working_space(rgb: np.ndarray, colour: FootageColour) -> np.ndarray:
    """Footage's RGB (H, W, 3) uint16 (65535 is one) in the working space, (H, W, 3) uint16.

    Standard range with wide primaries: the curve is undone, primaries are exchanged, the curve is applied; what Rec.709
    does not reach is cut off at its border, as Blender's Standard view does. HDR: to display light (HLG by BT.2100's
    OOTF for a display of 1000 cd/m²; PQ as it says, but no channel brighter than that), primaries exchanged,
    `rolled_off` by the largest channel (so hues stay).
    """
    if not colour.is_converted:
        return rgb
    height, width = rgb.shape[:2]
    out = np.empty(rgb.shape, np.uint16)
    rows = max(1, _STRIP_PX // width)
    for top in range(0, height, rows):
        out[top : top + rows] = _converted(np.ascontiguousarray(rgb[top : top + rows]), colour)
    return out


def _converted(rgb: np.ndarray, colour: FootageColour) -> np.ndarray:
    light = cv2.LUT(rgb, _light_table(colour.transfer))
    planes = cv2.split(cv2.transform(light, _to_rec709(colour.primaries)))
    if colour.is_hdr:
        largest = cv2.max(cv2.max(planes[0], planes[1]), planes[2])
        surround = None
        if colour.transfer == HLG:
            luminance = cv2.transform(light, luminance_of(colour.primaries)[None].astype(np.float32))
            surround = cv2.pow(luminance, _HLG_SYSTEM_GAMMA - 1.0)
            largest = cv2.multiply(largest, surround)
        scale = cv2.LUT(_in_words(largest, 1 / _MOST_LIGHT), _roll_off_table())
        if surround is not None:
            scale = cv2.multiply(scale, surround)
        planes = [cv2.multiply(plane, scale) for plane in planes]
    display = _display_table()
    return cv2.merge([cv2.LUT(_in_words(plane, 1.0), display) for plane in planes])


def _in_words(plane: np.ndarray, factor: float) -> np.ndarray:
    """Values times `factor` as uint16, of which _FULL is one; cut off below 0 and above 1."""
    return cv2.addWeighted(plane, factor * _FULL, plane, 0.0, 0.0, dtype=cv2.CV_16U)


@functools.cache
def _light_table(transfer: str) -> np.ndarray:
    """(65536,) float32: light of each value, 1 is (reference) white. Of HLG scene light, in units in which the product
    with the 0.2th power of its luminance is display light."""
    values = np.arange(_FULL + 1) / _FULL
    if transfer == HLG:
        light = hlg_to_scene(values) * (PEAK_NITS / REFERENCE_WHITE_NITS) ** (1 / _HLG_SYSTEM_GAMMA)
    elif transfer == PQ:
        light = np.minimum(pq_to_nits(values), PEAK_NITS) / REFERENCE_WHITE_NITS
    else:
        light = TRANSFERS[transfer][0](values)
    return light.astype(np.float32)


@functools.cache
def _to_rec709(primaries: str) -> np.ndarray:
    return primaries_matrix(primaries, REC709).astype(np.float32)


@functools.cache
def _roll_off_table() -> np.ndarray:
    """(65536,) float32: what a pixel is multiplied by, for light of its largest channel from 0 to _MOST_LIGHT."""
    light = np.arange(_FULL + 1) / _FULL * _MOST_LIGHT
    return np.divide(rolled_off(light), light, out=np.ones_like(light), where=light > 0).astype(np.float32)


@functools.cache
def _display_table() -> np.ndarray:
    """(65536,) uint16: light of the standard range to values of the working space."""
    return np.rint(TRANSFERS[SHOWN][1](np.arange(_FULL + 1) / _FULL) * _FULL).astype(np.uint16)
