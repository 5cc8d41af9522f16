"""The recipe talkinggaussian-published: the baseline as its paper and its authors' program train it.

Li et al. 2024, "TalkingGaussian". Its unit of length is taken as a metre: its heads fit into a box of 0.2. What still
differs is listed in docs/evaluation.md.
"""

from __future__ import annotations

from dataclasses import replace

from backend.settings.train import (
    LARGEST_PX,
    DensifySettings,
    LearningRates,
    LossWeights,
    RelocationSettings,
    TrainSettings,
    ViewSettings,
)

PUBLISHED = "talkinggaussian-published"

FACE_GAUSSIANS, ORAL_GAUSSIANS = 2_000, 10_000
"""At the start."""
FACE_STEPS, ORAL_STEPS, FUSE_STEPS = 50_000, 50_000, 10_000
STILL_STEPS = 3_000
"""Of the face's and of the mouth's, before their fields move them."""
LEVELS = 12
CAMERA_EXTENT_CM = 15.0
"""Its rates of positions are multiplied by the distance that the camera covers about the head: that of a head that
turns by 10 degrees to either side."""


def _resolutions(first: float, last: float) -> tuple[int, ...]:
    """Resolutions of LEVELS levels from `first` to `last` in equal ratios, rounded up."""
    ratio = (last / first) ** (1 / (LEVELS - 1))
    return tuple(-int(-(first * ratio**level) // 1) for level in range(LEVELS))


def as_published(settings: TrainSettings) -> TrainSettings:
    """A preset's settings with all that the published baseline does otherwise."""
    head, total = FACE_GAUSSIANS + ORAL_GAUSSIANS, FACE_STEPS + ORAL_STEPS + FUSE_STEPS
    portrait = replace(
        settings.portrait, recipe=PUBLISHED, drive="audio", own_audio=True, poses="landmarks", field="channels",
        upper="units", start="box", harmonics=2, layered=True, jaw_link=False, torso_gaussians=0,
        face_colour_moves=False, head_gaussians=head, mesh_share=0.0, oral_share=ORAL_GAUSSIANS / head, hidden=64,
        facial_planes=_resolutions(16, 38.4), facial_features=1, oral_planes=_resolutions(64, 57.6), oral_features=1,
    )  # fmt: skip
    rates = LearningRates(
        position=1.6e-4 * CAMERA_EXTENT_CM, rotation=1e-3, scale=3e-3, opacity=0.05, colour=2.5e-3,
        harmonics=2.5e-3 / 20, planes=5e-3, nets=5e-4, audio=5e-4, attention=2.5e-3,
    )  # fmt: skip
    return replace(
        settings, portrait=portrait, masks="hard", supervision="branches", annealing="published", alternate=False,
        static_share=2 * STILL_STEPS / total, joint_share=FUSE_STEPS / total, densify=DensifySettings(every=100),
        views=ViewSettings(coarse_share=0.0, crop=LARGEST_PX, mouth_crop=LARGEST_PX),
        relocation=RelocationSettings(every=0), rates=rates,
        losses=LossWeights(mouth=0.0, mattes=1e-3, deformation=1e-5, attention=1e-4),
    )  # fmt: skip
