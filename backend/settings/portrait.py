"""Settings of a portrait's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from backend.settings.kinds import Count, NotNegative, Recipe, Share, Whole
from shared import choices
from shared.checked import Limits, OneOf

POSES = ("rendered", "refined", "landmarks")
"""Where head poses come from, the best first."""


@dataclass(frozen=True)
class PortraitSettings:
    """The shape of a portrait: what is in its config.json."""

    recipe: Recipe = choices.RECIPE
    """m2dao, talkinggaussian (the baseline, on our preprocessing) or talkinggaussian-published (the baseline as its
    paper trains it)."""
    head_gaussians: Count = 5000
    """Gaussians of the head, its mouth included."""
    torso_gaussians: Whole = 2500
    """Gaussians of neck and shoulders; 0: the torso is not synthesised."""
    mesh_share: Share = 0.60
    """Share of the head's Gaussians that start on the face mesh, or inside the head."""
    oral_share: Share = 0.08
    """Share of the head's Gaussians that start behind the lips; the others start over the rest of the head."""
    inside_share: Share = 0.06
    """Share of the head's Gaussians that start inside the head, where no frame sees them: other poses uncover them."""
    drive: Annotated[str, OneOf(("curves", "audio"))] = "curves"
    """What drives the fields: curves (named performance curves) or audio (a learned code, end to end)."""
    own_audio: bool = False
    """Face and mouth each learn a code of the sound of their own; otherwise they share one."""
    poses: Annotated[str, OneOf(POSES)] = "refined"
    """Head poses that it learns from and is shown under: rendered (those under which a head that was trained for it
    lies on the footage), refined on pixels of the upper face, or by landmarks alone."""
    jaw_link: bool = True
    """The oral field sees how the facial field moves the lips."""
    field: Annotated[str, OneOf(("modes", "net", "channels"))] = "modes"
    """Form of the deformation fields: modes (learned blend shapes), net (one net, each drive gated point by point) or
    channels (one net, every channel of a drive gated: the published baseline's)."""
    upper: Annotated[str, OneOf(("components", "units"))] = "components"
    """What drives brows and lids: components (principal components of the curves) or units (six action units)."""
    start: Annotated[str, OneOf(("mesh", "box"))] = "mesh"
    """Where Gaussians start: mesh (face mesh, hair, mouth, coloured by the frames) or box (at random in a box about the
    head, grey and hardly opaque)."""
    lip_curves: bool = False
    """Measures of the lips' form are curves beside the blend shapes, and drive the fields with them."""
    harmonics: Annotated[int, Limits(0, 3)] = 0
    """Degree of the spherical harmonics by which the head's colours change with the direction of view; 0: not at
    all."""
    layered: bool = False
    """Face, mouth and torso are drawn one after the other, each over the next, instead of sorted together by depth."""
    facial_modes: Count = 16
    """Deformation modes of the facial field."""
    oral_modes: Count = 8
    """Deformation modes of the oral field."""
    torso_modes: Count = 8
    """Deformation modes of the torso field."""
    facial_planes: tuple[Count, ...] = (16, 24, 40)
    """Resolutions of the facial field's tri-planes."""
    facial_features: Count = 4
    """Features of each of them."""
    oral_planes: tuple[Count, ...] = (24,)
    """Resolutions of the oral field's tri-planes."""
    oral_features: Count = 12
    """Features of each of them."""
    torso_planes: tuple[Count, ...] = (8, 16)
    """Resolutions of the torso field's tri-planes."""
    torso_features: Count = 4
    """Features of each of them."""
    hidden: Count = 64
    """Width of the fields' nets."""
    face_colour_moves: bool = True
    """The fields also change colour: creases, blushes, teeth that come into the light."""
    speech_components: Count = 10
    """Principal components of the speech curves that drive the fields, at most."""
    upper_components: Count = 10
    """Principal components of the upper-face curves, at most."""
    component_variance: Share = 0.99
    """Variance of the curves that the components must explain."""
    motion_windows_s: tuple[NotNegative, ...] = (0.0,)
    """Low-pass windows through which the torso sees the head's motion, seconds (standard deviations;
    0: as it is)."""
    audio_windows: Count = 8
    """Audio windows that the baseline's code attends over."""
    audio_taps: Count = 16
    """Log-mel frames of each of them."""
    audio_code: Count = 32
    """Width of the baseline's audio code."""
