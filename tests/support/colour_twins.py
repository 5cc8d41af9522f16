"""One scene as clips in the colours that cameras write: standard range, wide gamuts, HLG and PQ, each with its tags.

The formulas are the standards' own and share nothing with backend.media.colour: ITU-R BT.2100-2 (HLG, PQ), BT.709 and
BT.2020 (matrices), BT.2408 (reference white at 203 cd/m²), IEC 61966-2-1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

WHITE_NITS, PEAK_NITS = 203.0, 1000.0
MATRIX_SHARES = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""H.273 matrix coefficients to the shares of red and blue in luma; untagged pictures are small ones here."""
_FROM_REC709 = {
    1: np.eye(3),
    6: np.eye(3),
    9: np.array([[0.627404, 0.329283, 0.043313], [0.069097, 0.919540, 0.011362], [0.016391, 0.088013, 0.895595]]),
    12: np.array([[0.822462, 0.177538, 0.0], [0.033194, 0.966806, 0.0], [0.017083, 0.072397, 0.910520]]),
}
"""H.273 primaries to the matrix from linear Rec.709; for Rec.2020 that of BT.2087. Cameras that name BT.601's have
Rec.709's."""


@dataclass(frozen=True)
class Kind:
    """How a twin is written."""

    codec: str
    pixel_format: str
    suffix: str
    tags: tuple[int, int, int] | None
    """Primaries, transfer, matrix (H.273) in the file; None: it says nothing."""
    full_range: bool = False
    written: tuple[int, int, int] | None = None
    """What the pictures truly are, where that is not what the tags say."""

    @property
    def truth(self) -> tuple[int, int, int]:
        return self.written or self.tags or (1, 2, 2)


KINDS = {
    "bt709": Kind("libx264", "yuv420p", ".mp4", (1, 1, 1)),
    "untagged": Kind("libx264", "yuv420p", ".mp4", None),
    "bt601": Kind("libx264", "yuv420p", ".mp4", (6, 6, 6)),
    "full range": Kind("libx264", "yuv420p", ".mp4", (1, 1, 1), full_range=True),
    "sRGB PNG": Kind("png", "rgb24", ".mov", (1, 13, 0), full_range=True),
    "bt709 10 bit lossless": Kind("ffv1", "yuv444p10le", ".mkv", (1, 1, 1)),
    "bt709 10 bit": Kind("prores_ks", "yuv422p10le", ".mov", (1, 1, 1)),
    "HLG": Kind("libx265", "yuv420p10le", ".mov", (9, 18, 9)),
    "HLG ProRes": Kind("prores_ks", "yuv422p10le", ".mov", (9, 18, 9)),
    "HLG by container": Kind("ffv1", "yuv420p10le", ".mkv", (9, 18, 9)),
    "HLG RGB": Kind("ffv1", "gbrp10le", ".mkv", (9, 18, 9)),
    "PQ": Kind("libx265", "yuv420p10le", ".mp4", (9, 16, 9)),
    "PQ full range 12 bit": Kind("ffv1", "yuv444p12le", ".mkv", (9, 16, 9), full_range=True),
    "PQ of P3": Kind("prores_ks", "yuv422p10le", ".mov", (12, 16, 9)),
    "Display P3": Kind("prores_ks", "yuv422p10le", ".mov", (12, 13, 1)),
    "Display P3 8 bit": Kind("libx264", "yuv420p", ".mp4", (12, 1, 1)),
    "BT.2020": Kind("libx265", "yuv420p10le", ".mp4", (9, 14, 9)),
    "HLG without tags": Kind("libx265", "yuv420p10le", ".mov", None, written=(9, 18, 9)),
    "HLG tagged as bt709": Kind("libx265", "yuv420p10le", ".mov", (1, 1, 1), written=(9, 18, 1)),
    "HLG without primaries": Kind("ffv1", "yuv420p10le", ".mkv", (2, 18, 2), written=(9, 18, 9)),
    "bt709 tagged as HLG": Kind("libx264", "yuv420p", ".mp4", (9, 18, 9), written=(1, 1, 1)),
}
_OPTIONS = {
    "libx264": {"qp": "0", "bf": "0"},
    "libx265": {"x265-params": "log-level=none:bframes=0:crf=4"},
    "prores_ks": {"profile": "3", "qscale": "1"},
}


def signal_of(light: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """R'G'B' (..., 3) in [0, 1] of linear Rec.709 light (..., 3) of which 1 is (reference) white."""
    wide = np.maximum(light @ _FROM_REC709[primaries].T, 0.0)
    if transfer == 18:
        return _hlg(wide * WHITE_NITS / PEAK_NITS, primaries)
    if transfer == 16:
        return _pq(wide * WHITE_NITS)
    wide = np.minimum(wide, 1.0)
    return np.where(wide <= 0.0031308, wide * 12.92, 1.055 * np.maximum(wide, 0.0031308) ** (1 / 2.4) - 0.055)


def _hlg(display: np.ndarray, primaries: int) -> np.ndarray:
    """BT.2100's inverse OOTF (gamma 1.2) and OETF of display light, 1 being 1000 cd/m²."""
    luminance = display @ [0.2627, 0.6780, 0.0593]
    scene = display * np.where(luminance > 0, np.maximum(luminance, 1e-9) ** ((1 - 1.2) / 1.2), 0.0)[..., None]
    curved = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.clip(np.where(scene <= 1 / 12, np.sqrt(3 * scene), curved), 0.0, 1.0)


def _pq(nits: np.ndarray) -> np.ndarray:
    """BT.2100's inverse EOTF of display light, cd/m²."""
    power = (nits / 10000.0) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def planes_of(signal: np.ndarray, kind: Kind) -> list[np.ndarray]:
    """Planes of whole codes of a picture's R'G'B' (H, W, 3), as the kind's pixel format has them."""
    bits = 12 if "12le" in kind.pixel_format else 10 if "10le" in kind.pixel_format else 8
    top = (1 << bits) - 1
    kind_of_code = np.uint8 if bits == 8 else np.uint16
    if kind.pixel_format == "rgb24":
        return [np.rint(signal * top).astype(kind_of_code).reshape(len(signal), -1)]
    if kind.pixel_format.startswith("gbr"):
        return [np.rint(signal[..., channel] * top).astype(kind_of_code) for channel in (1, 2, 0)]
    red, blue = MATRIX_SHARES[kind.truth[2]]
    luma = signal @ [red, 1 - red - blue, blue]
    chroma = [(signal[..., 2] - luma) / (2 * (1 - blue)), (signal[..., 0] - luma) / (2 * (1 - red))]
    if "444" not in kind.pixel_format:
        chroma = [(one[:, ::2] + one[:, 1::2]) / 2 for one in chroma]
    if "420" in kind.pixel_format:
        chroma = [(one[::2] + one[1::2]) / 2 for one in chroma]
    middle, unit = 1 << (bits - 1), 1 << (bits - 8)
    black, white, swing = (0, top, top) if kind.full_range else (16 * unit, 219 * unit, 224 * unit)
    codes = [black + white * luma, *(middle + swing * one for one in chroma)]
    return [np.clip(np.rint(code), 0, top).astype(kind_of_code) for code in codes]


def write_twin(path: Path, kind: Kind, lights: Iterable[np.ndarray]) -> None:
    """Write pictures of linear Rec.709 light (H, W, 3), 1 being (reference) white, as a clip of 25 frames a second."""
    primaries, transfer, _ = kind.truth
    with av.open(str(path), "w") as container:
        stream: av.VideoStream | None = None
        for number, light in enumerate(lights):
            frame = av.VideoFrame(light.shape[1], light.shape[0], kind.pixel_format)
            for plane, codes in zip(frame.planes, planes_of(signal_of(light, primaries, transfer), kind), strict=True):
                rows = np.zeros((plane.height, plane.line_size // codes.itemsize), codes.dtype)
                rows[:, : codes.shape[1]] = codes
                plane.update(rows.tobytes())
            if stream is None:
                stream = _stream(container, kind, light)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            if kind.tags is not None:
                frame.color_primaries, frame.color_trc, frame.colorspace = kind.tags
                frame.color_range = 2 if kind.full_range else 1
            container.mux(stream.encode(frame))
        assert stream is not None, "no pictures"
        container.mux(stream.encode())


def _stream(container: av.container.OutputContainer, kind: Kind, picture: np.ndarray) -> av.VideoStream:
    stream = cast(av.VideoStream, container.add_stream(kind.codec, rate=25, options=_OPTIONS.get(kind.codec, {})))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = kind.pixel_format
    if kind.tags is not None:
        coder = stream.codec_context
        coder.color_primaries, coder.color_trc, coder.colorspace = kind.tags
        coder.color_range = 2 if kind.full_range else 1
    return stream
