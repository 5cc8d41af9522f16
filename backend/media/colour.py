"""Transfer curves: display-referred to scene-linear and back, with premultiplied alpha treated right."""

from __future__ import annotations

from collections.abc import Callable

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
    """
    return SHOWN if setting == "auto" else setting


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
