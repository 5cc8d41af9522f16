"""The person's alpha in a frame: a coarse mask from MediaPipe's selfie segmenter, refined on the picture.

The coarse mask is accurate to a few pixels and has no hair. A guided filter (He, Sun, Tang 2013) fits it, in every
small window, as a linear function of colour, which is also the model of closed-form matting (Levin 2006). The
coefficients are found on a small picture and applied to the full one (He & Sun 2015, "Fast Guided Filter").
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from backend.model_files import find_model, find_optional_model
from backend.settings import MattingSettings

SELFIE_MODEL = "selfie_segmentation.tflite"
MULTICLASS_MODEL = "selfie_multiclass_256x256.tflite"
MULTICLASS_HAIR = 1
"""Class of hair in the multiclass model; class 0 is background, every other one is the person."""


class PersonSegmenter:
    """MediaPipe's image segmenter as a context manager; the multiclass model where its file lies, else the selfie one.

    Raises InputError when the selfie model cannot be found or fetched.
    """

    def __init__(self, models_dir: str | None = None) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        multiclass = hair_model(models_dir)
        self.knows_hair = multiclass is not None
        path = multiclass or find_model(SELFIE_MODEL, models_dir)
        self._segmenter = vision.ImageSegmenter.create_from_options(
            vision.ImageSegmenterOptions(
                base_options=BaseOptions(model_asset_path=str(path)),
                output_confidence_masks=True,
                output_category_mask=False,
            )
        )

    def __enter__(self) -> PersonSegmenter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._segmenter.close()

    def confidences(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(h, w, 3) uint8 RGB to the confidences, (h, w) float32 in [0, 1], of person and of hair (None: not known)."""
        import mediapipe

        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        masks = self._segmenter.segment(image).confidence_masks
        values = [mask.numpy_view().reshape(rgb.shape[:2]).copy() for mask in masks]
        if self.knows_hair:
            return 1.0 - values[0], values[MULTICLASS_HAIR]
        return values[-1], None


def hair_model(models_dir: str | None) -> Path | None:
    """The model that knows hair, where its file lies; None: the selfie model is used."""
    return find_optional_model(MULTICLASS_MODEL, models_dir)


def keep_speaker(confidence: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Confidence (h, w) with every patch set to 0 that does not touch `inside` (h, w) bool, the speaker's face."""
    count, labels = cv2.connectedComponents((confidence > 0.1).astype(np.uint8), connectivity=4)
    if count <= 2:
        return confidence
    keep = np.zeros(count, bool)
    keep[np.unique(labels[inside])] = True
    keep[0] = True
    return np.where(keep[labels], confidence, 0.0).astype(np.float32)


def matte(
    rgb: np.ndarray,
    confidence: np.ndarray,
    face_height: float,
    settings: MattingSettings,
    plate: np.ndarray | None = None,
    small: np.ndarray | None = None,
) -> np.ndarray:
    """Alpha of the person, (H, W) float32 in [0, 1].

    rgb: (H, W, 3) uint8. confidence: (h, w) float32 in [0, 1], of the same picture at matting size. face_height: px of
    `confidence`. plate: (H, W, 3) or (h, w, 3) uint8, the background of a static camera, or None. small: (h, w, 3)
    uint8, `rgb` at matting size, if the caller has it already.
    """
    size = rgb.shape[1], rgb.shape[0]
    small_size = confidence.shape[1], confidence.shape[0]
    guide = (shrunk(rgb, small_size) if small is None else small).astype(np.float32) / 255.0
    inner = _pixels(settings.inner_band * face_height)
    outer = _pixels(settings.outer_band * face_height)
    surely_person = _eroded(confidence > settings.person, inner)
    surely_background = _eroded(confidence < settings.background, outer)
    if plate is not None:
        plate = shrunk(plate, small_size).astype(np.float32) / 255.0
        confidence = _weigh_by_plate(confidence, guide, plate, settings)
    guided = GuidedFilter(guide, _pixels(settings.radius * face_height), settings.smoothness)
    for _ in range(settings.passes - 1):
        confidence = _explained(*guided.coefficients(confidence), guide, settings)
    slope, offset = guided.coefficients(confidence)
    if size == small_size:
        alpha = _explained(slope, offset, guide, settings)
    else:
        slope, offset, surely_person, surely_background = (
            cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
            for values in (slope, offset, surely_person, surely_background)
        )
        alpha = _explained(slope, offset, rgb.astype(np.float32) / 255.0, settings)
    return np.maximum(alpha * (1.0 - surely_background), surely_person)


def shrunk(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`picture` averaged down to `size` (width, height); itself where it has that size."""
    return picture if picture.shape[1::-1] == size else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


class GuidedFilter:
    """Colour guided filter (He, Sun, Tang 2013, equations 11 to 13) with what depends on the guide alone kept."""

    def __init__(self, guide: np.ndarray, radius: int, smoothness: float) -> None:
        """guide: (h, w, 3) float32; windows are 2 radius + 1 px wide and high."""
        self._guide, self._radius = guide, radius
        self._mean_guide = _box(guide, radius)
        red, green, blue = cv2.split(guide)
        mean_red, mean_green, mean_blue = cv2.split(self._mean_guide)
        rr = _box(red * red, radius) - mean_red * mean_red + smoothness
        rg = _box(red * green, radius) - mean_red * mean_green
        rb = _box(red * blue, radius) - mean_red * mean_blue
        gg = _box(green * green, radius) - mean_green * mean_green + smoothness
        gb = _box(green * blue, radius) - mean_green * mean_blue
        bb = _box(blue * blue, radius) - mean_blue * mean_blue + smoothness
        # Inverse of the symmetric 3x3 matrix by cofactors: many times faster than numpy's batched solve.
        c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
        c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
        scale = 1.0 / np.maximum(rr * c_rr + rg * c_rg + rb * c_rb, smoothness**3)
        rows = ((c_rr, c_rg, c_rb), (c_rg, c_gg, c_gb), (c_rb, c_gb, c_bb))
        self._inverse = [cv2.merge([entry * scale for entry in row]) for row in rows]

    def coefficients(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slope (h, w, 3) and offset (h, w) with slope · guide + offset ≈ target in every window.

        target: (h, w) float32.
        """
        mean_target = _box(target, self._radius)
        covariance = _box(self._guide * target[..., None], self._radius) - self._mean_guide * mean_target[..., None]
        slope = cv2.merge([_dot(row, covariance) for row in self._inverse])
        offset = mean_target - _dot(slope, self._mean_guide)
        return _box(slope, self._radius), _box(offset, self._radius)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(h, w) dot products of the pixels of (h, w, 3) float32 a and b; several times faster than einsum."""
    return cv2.transform(cv2.multiply(a, b), np.ones((1, 3)))


def _explained(slope: np.ndarray, offset: np.ndarray, guide: np.ndarray, settings: MattingSettings) -> np.ndarray:
    """(h, w) float32 in [0, 1]: the matte that coefficients make of a guide (h, w, 3), haze and holes cleaned."""
    alpha = _dot(slope, guide) + offset
    return np.clip((alpha - settings.black) / (settings.white - settings.black), 0.0, 1.0)


def _weigh_by_plate(
    confidence: np.ndarray, small: np.ndarray, plate: np.ndarray, settings: MattingSettings
) -> np.ndarray:
    """Less confidence where a pixel looks like the plate and the segmenter is in doubt."""
    red, green, blue = cv2.split(cv2.absdiff(small, plate))
    difference = cv2.max(cv2.max(red, green), blue)
    same = np.exp(-np.square(difference / settings.plate_noise))
    doubt = 4.0 * confidence * (1.0 - confidence)
    return (confidence * (1.0 - doubt * same)).astype(np.float32)


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    size = (2 * radius + 1, 2 * radius + 1)
    return cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_REFLECT)


def _eroded(mask: np.ndarray, radius: int) -> np.ndarray:
    """(h, w) float32 0 or 1; the picture's border does not erode."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1).astype(np.float32)


def _pixels(length: float) -> int:
    return max(1, round(length))
