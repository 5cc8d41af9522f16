"""Settings of footage to subject folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from backend.settings.kinds import Count, NotNegative, Positive, Share, Whole
from shared.checked import Limits, OneOf
from shared.choices import FRAME_PX, INPUT_COLOUR, INPUT_COLOURS, LEAST_FRAME_PX, MOST_FRAME_PX, MOST_SPEAKERS


@dataclass(frozen=True)
class BundleSettings:
    """Weights of the bundle adjustment."""

    frames: Count = 300
    """Frames, evenly spread, that shape and focal length are found on."""
    iterations: Count = 15
    """Gauss-Newton steps for shape and focal length."""
    noise_share: Positive = 0.004
    """Landmark noise, as a share of the face's height."""
    independent_frames: Positive = 4.0
    """Landmark errors repeat from frame to frame: a clip counts as at most this many independent ones."""
    independent_points: Positive = 12.0
    """Landmark errors repeat from point to point: a frame counts as at most this many independent points."""
    shape_spread_cm: Positive = 0.35
    """How far people's faces differ from the canonical one."""
    huber: Positive = 2.5
    """Errors beyond this many times the noise count linearly."""
    rotation_acceleration: Positive = 150.0
    """Typical angular acceleration of a talking head, degrees/s²; the second-difference prior."""
    shift_acceleration: Positive = 80.0
    """Typical acceleration of a talking head, cm/s²."""
    pose_iterations: Count = 6
    """Gauss-Newton steps for the poses of all frames."""


@dataclass(frozen=True)
class PhotometricSettings:
    """How poses are refined on pixels."""

    face_px: Positive = 160.0
    """Height of the face in the pictures that are compared, px; never enlarged."""
    texture_px: Count = 72
    """Surface points are the texels of a texture of this width and height."""
    lowest_cm: float = -1.6
    """Surface points lie above this height of the head frame: over the upper lip, with the nose."""
    highest_cm: float = 5.5
    """And below this, with the brows: a fringe lies in front of the skin, and its edge would be tracked as if on it."""
    landmark_noise: Positive = 1.4
    """Landmarks understate how far a head turns, in every frame alike: beside the pixels they count as this many times
    noisier than among themselves."""
    eye_margin: Positive = 1.25
    """Points inside the eye's outline, enlarged by this, are left out: lids and gaze move by themselves."""
    facing: Share = 0.5
    """Points are used where the cosine between surface normal and view is above this: the shade of slanting skin stays
    with the light while the head turns."""
    fine_blur: Positive = 0.9
    """Standard deviation of the blur that makes gradients reliable, px."""
    coarse_blur: Positive = 0.015
    """Structure coarser than this share of the face's height is light and shade, and is taken out."""
    iterations: Count = 12
    """Gauss-Newton steps of all frames."""
    depth_steps: tuple[Whole, ...] = (3, 5, 7, 9)
    """Steps after which the depth of the upper face is improved too."""
    depth_frames: Count = 120
    """Frames, evenly spread, that the depth is found on."""
    depth_modes: Count = 24
    """Smooth patterns that the depth is corrected by."""
    depth_spread_cm: Positive = 0.12
    """How far the depth differs from the landmarks' in each of the smoothest patterns; less in rougher ones."""
    depth_independent_frames: Positive = 10.0
    """Frames look alike: a clip counts as at most this many when the depth is found."""
    variance_floor: Positive = 0.3
    """Grey levels of noise that every point has at least."""
    huber: Positive = 1.0
    """Differences beyond this many deviations count linearly."""
    independent_points: Positive = 250.0
    """Neighbouring texels err alike: a frame counts as at most this many independent points."""
    workers: Count = 2
    """Threads."""


@dataclass(frozen=True)
class MattingSettings:
    """How the coarse mask becomes a matte. Lengths are fractions of the face's height, forehead to chin."""

    person: Share = 0.9
    """Confidence of the segmenter above which a pixel is surely the person."""
    background: Share = 0.1
    """Confidence below which a pixel is surely background."""
    inner_band: NotNegative = 0.05
    """How far inside the coarse edge the matte may still be soft."""
    outer_band: NotNegative = 0.075
    """How far outside the coarse edge hair may still reach."""
    radius: Positive = 0.05
    """Half width of the guided filter's window."""
    passes: Count = 2
    """Times the filter runs, each on the last one's matte: a second pass finds edges that the mask missed by pixels."""
    smoothness: Positive = 1e-4
    """Variance of colour ([0, 1] units, squared) below which a window counts as flat."""
    black: Share = 0.08
    """Filtered alpha that becomes 0: cleans the haze the filter leaves outside."""
    white: Share = 0.9
    """Filtered alpha that becomes 1: cleans the holes it leaves inside."""
    plate_noise: Positive = 0.03
    """Difference to a known background plate ([0, 1] units) that is still noise."""


@dataclass(frozen=True)
class RegionSettings:
    """Where regions end and how soft. Lengths are fractions of the face's height, forehead to chin."""

    lip_softness: NotNegative = 0.004
    """Standard deviation of the edge between oral and face."""
    face_softness: NotNegative = 0.008
    """Standard deviation of the edge between face and hair."""
    neck_softness: Positive = 0.02
    """Standard deviation of the edge between head and torso."""
    neck_drop: float = 0.03
    """How far under the jaw line the neck edge lies."""
    nape_drop: float = 0.16
    """How far under the angle of the jaw the neck edge falls beside the neck, so that ear lobes and hair stay head."""
    nape_width: NotNegative = 0.1
    """How far outside the angle of the jaw it has fallen that far."""
    matting: MattingSettings = field(default_factory=MattingSettings)
    """How the person is cut out of the background."""


@dataclass(frozen=True)
class BodySettings:
    """How the body's motion is measured."""

    picture_px: Annotated[int, Limits(16, 2048)] = 128
    """Width and height of the pictures that are compared."""
    cell_px: Annotated[int, Limits(2, 256)] = 8
    """Side of a grid cell, px of those pictures."""
    components: Count = 12
    """Curves that the motion is reduced to, at most."""


@dataclass(frozen=True)
class PreprocessSettings:
    """Footage to subject folder."""

    size: Annotated[int, Limits(LEAST_FRAME_PX, MOST_FRAME_PX)] = FRAME_PX
    """Width and height of the stored frames, px; never larger than the crop itself."""
    audio: str | None = None
    """A sound file that replaces the footage's own."""
    audio_track: Annotated[int, Limits(1, 1000)] | None = None
    """Sound track that is read, from 1, of the footage or of `audio`; None: the one that holds speech."""
    sequence_fps: str | None = None
    """Pictures a second, as "num/den", of footage that is numbered pictures; None: 25."""
    start_s: Annotated[float, Limits(0, 1e6)] | None = None
    """Second of the footage from which it is used; None: from its start."""
    end_s: Annotated[float, Limits(0, 1e6)] | None = None
    """Second of the footage up to which it is used; None: to its end."""
    speaker: Annotated[int, Limits(1, MOST_SPEAKERS)] | None = None
    """Whose face it is, counted from the left, from 1; None: the one whose lips go with the sound, or the largest."""
    correct_audio_offset: bool = True
    """Shift the sound by the measured offset between voice and lips."""
    input_colour: Annotated[str, OneOf(INPUT_COLOURS)] = INPUT_COLOUR
    """How the footage's values are read: auto goes by its tags; a curve takes them as they lie and makes the head
    linear by it; hlg, pq, display-p3 and rec2020 name what tags fail to."""
    matting_size: Annotated[int, Limits(16, 4096)] = 256
    """Resolution at which hair and neck edges are matted, px."""
    refine_poses: bool = True
    """Refine every frame's head pose on the pixels of the upper face."""
    consent: str = ""
    """A note on the consent of the person shown. This and the next four are kept with the subject; `talker consent`
    changes them later."""
    consent_by: str = ""
    """Who gave that consent: a name, or a number in files of your own."""
    consent_for: str = ""
    """The uses that it was given for."""
    consent_on: str = ""
    """The first day on which it holds, YYYY-MM-DD."""
    consent_until: str = ""
    """The last day on which it holds, YYYY-MM-DD."""
    models_dir: str | None = None
    """Folder with the model files, for machines without a network."""
    bundle: BundleSettings = field(default_factory=BundleSettings)
    """How focal length, face shape and head poses are found from landmarks."""
    photometric: PhotometricSettings = field(default_factory=PhotometricSettings)
    """How `refine_poses` refines them."""
    regions: RegionSettings = field(default_factory=RegionSettings)
    """How a frame is divided into regions."""
    body: BodySettings = field(default_factory=BodySettings)
    """How the body's motion is measured."""
