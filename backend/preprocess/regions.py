"""Soft region maps of a frame: oral, face, hair and torso, as shares of the person's alpha.

Borders inside the person come from the face mesh: the inner lips, the face oval, and a neck edge along the jaw. The
border of the person comes from matting. Every border is soft, because jagged masks become visible seams later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from backend.face.points import BEFORE_EARS, CHIN, FACE_OVAL, FOREHEAD_TOP, JAW_LINE, LANDMARK_POINTS, LIP_RING_INNER
from backend.parallel import in_order_with_tools
from backend.preprocess.matting import PersonSegmenter, keep_speaker, matte, shrunk
from backend.preprocess.still import without_background
from backend.settings import RegionSettings
from shared.jobs import Reporter


def segment(
    frames: Sequence[np.ndarray],
    landmarks: np.ndarray,
    *,
    matting_size: int = 256,
    models_dir: str | None = None,
    report: Reporter | None = None,
    background: np.ndarray | None = None,
    still: np.ndarray | None = None,
    settings: RegionSettings | None = None,
) -> Iterator[np.ndarray]:
    """Yield the soft region map of every frame: (H, W, 4) uint8, channels as layout.REGION_NAMES, summing to alpha.

    frames: T pictures (H, W, 3) uint8 RGB. landmarks: (T, 478, 3) px of those pictures. matting_size: longer side at
    which the person is matted, px. background: (H, W, 3) uint8 plate of a static camera, which sharpens the matte, or
    None; still: (H, W) uint8, where the plate is seen in every frame (still.never_covered). Raises ValueError when
    shapes do not match or landmarks are not finite, InputError without a model.
    """
    settings = settings or RegionSettings()
    report = report or Reporter()
    landmarks = np.asarray(landmarks, dtype=np.float32)
    if landmarks.shape != (len(frames), LANDMARK_POINTS, 3):
        raise ValueError(f"landmarks have shape {landmarks.shape}, expected ({len(frames)}, {LANDMARK_POINTS}, 3)")
    if not np.isfinite(landmarks).all():
        raise ValueError("landmarks must be finite; interpolate frames without a face first")
    scene = None if background is None else Scene(background, still, matting_size)
    return _segment(frames, landmarks, matting_size, models_dir, report, scene, settings)


def _segment(
    frames: Sequence[np.ndarray],
    landmarks: np.ndarray,
    matting_size: int,
    models_dir: str | None,
    report: Reporter,
    scene: Scene | None,
    settings: RegionSettings,
) -> Iterator[np.ndarray]:
    report.phase("regions", len(frames))

    def work(segmenter: PersonSegmenter, index: int) -> np.ndarray:
        return _segment_frame(frames[index], landmarks[index], segmenter, matting_size, scene, settings)

    for region in in_order_with_tools(work, range(len(frames)), lambda: PersonSegmenter(models_dir)):
        yield region
        report.step()


class Scene:
    """What a static camera sees where the person is not."""

    def __init__(self, plate: np.ndarray, still: np.ndarray | None, matting_size: int) -> None:
        """plate: (H, W, 3) uint8; still: (H, W) uint8 as `segment` takes it; matting_size: px."""
        height, width = plate.shape[:2]
        self.plate, self.still = plate, still
        self.small = shrunk(plate, matting_shape(width, height, matting_size)[0])
        """The plate at the size at which the person is matted."""


def matting_shape(width: int, height: int, matting_size: int) -> tuple[tuple[int, int], float]:
    """(width, height) at which a picture is matted, and its scale."""
    scale = min(1.0, matting_size / max(height, width))
    return (max(1, round(width * scale)), max(1, round(height * scale))), scale


def _segment_frame(
    rgb: np.ndarray,
    landmarks: np.ndarray,
    segmenter: PersonSegmenter,
    matting_size: int,
    scene: Scene | None,
    settings: RegionSettings,
) -> np.ndarray:
    height, width = rgb.shape[:2]
    small_size, scale = matting_shape(width, height, matting_size)
    small = shrunk(rgb, small_size)
    confidence, hair = segmenter.confidences(small)
    size_px = face_height(landmarks)
    inside = polygon(small_size[1], small_size[0], landmarks[FACE_OVAL, :2] * scale, 0.0) > 0.5
    plate = None if scene is None else scene.small
    alpha = matte(rgb, keep_speaker(confidence, inside), size_px * scale, settings.matting, plate, small)
    if scene is not None and scene.still is not None:
        alpha = without_background(alpha, rgb, scene.plate, scene.still)
    weights = head_weights(height, width, landmarks, settings)
    alpha = np.maximum(alpha, weights.sure_face)
    if hair is not None:
        weights = weights.with_hair(cv2.resize(hair, (width, height), interpolation=cv2.INTER_LINEAR))
    return to_map(alpha, weights)


@dataclass(frozen=True)
class HeadWeights:
    """Shares of the person's alpha, (H, W) float32 in [0, 1] each."""

    head: np.ndarray
    """1 on the head, 0 on neck and shoulders."""
    face: np.ndarray
    """1 inside the face oval, 0 outside; meant within `head`."""
    oral: np.ndarray
    """1 inside the lips; meant within `face`."""
    sure_face: np.ndarray
    """Least alpha of the person: the face shrunk by its softness."""

    def with_hair(self, hair: np.ndarray) -> HeadWeights:
        """Hair that hangs below the neck edge, (H, W) float32 confidence, counted to the head and not to the face."""
        return HeadWeights(np.maximum(self.head, hair), self.face * self.head, self.oral, self.sure_face)


def head_weights(height: int, width: int, landmarks: np.ndarray, settings: RegionSettings) -> HeadWeights:
    """Weights of head, face and oral region from one frame's landmarks, (478, 3) px."""
    size_px = face_height(landmarks)
    points = landmarks[:, :2]
    down = points[CHIN] - points[FOREHEAD_TOP]
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    neck_sigma = settings.neck_softness * size_px
    face_sigma = settings.face_softness * size_px
    drop = settings.neck_drop * size_px
    outline = _head_outline(points, down, settings, size_px, reach=max(height, width))
    head = polygon(height, width, outline, neck_sigma)
    # The neck edge alone ends the face below, so that no strip under the jaw is left to the hair.
    oval = points[list(FACE_OVAL)].copy()
    lowest = points[CHIN] @ down
    jaw_line = points[list(BEFORE_EARS)].mean(axis=0) @ down
    share = np.clip((oval @ down - jaw_line) / max(lowest - jaw_line, 1e-6), 0.0, 1.0) ** 2
    oval += share[:, None] * down * (drop + 3.0 * neck_sigma)
    face = polygon(height, width, oval, face_sigma)
    lips = points[list(LIP_RING_INNER)]
    # A polygon is drawn at least a pixel thick, closed lips are not: fade the opening in over its first pixel.
    thickness = cv2.contourArea(lips) / max(float(np.ptp(lips @ np.array([down[1], -down[0]]))), 1.0)
    oral = polygon(height, width, lips, settings.lip_softness * size_px) * np.float32(min(1.0, thickness))
    centre = points[list(FACE_OVAL)].mean(axis=0)
    shrunk = centre + (points[list(FACE_OVAL)] - centre) * (1.0 - 4.0 * settings.face_softness)
    return HeadWeights(head, face, oral, polygon(height, width, shrunk, face_sigma))


def to_map(alpha: np.ndarray, weights: HeadWeights) -> np.ndarray:
    """(H, W, 4) uint8 map whose channels sum exactly to the rounded alpha; alpha (H, W) in [0, 1]."""
    person = np.clip(alpha, 0.0, 1.0) * np.float32(255.0)
    head = cv2.multiply(person, weights.head)
    face = cv2.multiply(head, weights.face)
    oral = cv2.multiply(face, weights.oral)
    # Differences of rounded running sums, so that rounding never adds up to more than the alpha.
    oral, face, head, person = (np.rint(layer).astype(np.uint8) for layer in (oral, face, head, person))
    # Blurred weights may exceed one by a rounding error, which must not wrap a difference around.
    head = np.minimum(head, person)
    face = np.minimum(face, head)
    oral = np.minimum(oral, face)
    return cv2.merge([oral, face - oral, head - face, person - head])


def face_height(landmarks: np.ndarray) -> float:
    """Distance in px from the top of the forehead to the chin, in space, so that nodding does not change it."""
    return max(float(np.linalg.norm(landmarks[FOREHEAD_TOP] - landmarks[CHIN])), 1.0)


def polygon(height: int, width: int, points: np.ndarray, sigma: float) -> np.ndarray:
    """Coverage (height, width) float32 in [0, 1] of a polygon, (N, 2) px, its edge blurred by `sigma` px.

    Pixel centres lie at +0.5, as everywhere in this project.
    """
    shift = 4
    fixed = np.rint((np.clip(points, -4.0 * width - 4.0 * height, 4.0 * width + 4.0 * height) - 0.5) * 2**shift)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [fixed.astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=shift)
    coverage: np.ndarray = mask.astype(np.float32) / 255.0
    if sigma > 0.0:
        coverage = cv2.GaussianBlur(coverage, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return coverage


def _head_outline(
    points: np.ndarray, down: np.ndarray, settings: RegionSettings, size_px: float, reach: float
) -> np.ndarray:
    """Polygon (N, 2) px of all above the neck edge: along the jaw, down beside the neck, out to both sides, up."""
    across = np.array([-down[1], down[0]])
    if across @ (points[BEFORE_EARS[1]] - points[BEFORE_EARS[0]]) < 0:
        across = -across
    jaw = points[list(JAW_LINE)] + down * (settings.neck_drop * size_px)
    fall, outward = down * (settings.nape_drop * size_px), across * (settings.nape_width * size_px)
    left, right = jaw[0] + fall + outward, jaw[-1] + fall - outward
    far_left, far_right = left + across * 2 * reach, right - across * 2 * reach
    up = -down * 3 * reach
    return np.vstack([jaw, right, far_right, far_right + up, far_left + up, far_left, left])
