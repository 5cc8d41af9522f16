"""Every number an artist or researcher may want to change: one dataclass a room, a sentence a field, and the presets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class PreprocessSettings:
    """Footage to subject folder."""

    size: int = 512
    """Width and height of the stored frames, px; never larger than the crop itself."""
    audio: str | None = None
    """A sound file that replaces the footage's own."""
    correct_audio_offset: bool = True
    """Shift the sound by the measured offset between voice and lips."""
    input_colour: str = "auto"
    """How to read the footage's colours: auto (from its tags), rec709, srgb, …"""
    matting_size: int = 256
    """Resolution at which hair and neck edges are matted, px."""
    photometric: bool = True
    """Refine every frame's head pose on the pixels of the upper face."""
    consent: str = ""
    """A note on the consent of the person shown, kept in subject.json."""
    models_dir: str | None = None
    """Folder with the model files, for machines without a network."""


@dataclass(frozen=True)
class RenderSettings:
    """A line of dialogue to frames."""

    model: str | None = None
    """Name of the trained model; None: the newest."""
    fps: str | None = None
    """Frame rate as "num/den"; None: the footage's."""
    frames: str | None = None
    """Frames to render as "A:B", inclusive, from 1; None: all."""
    pose: str = "recorded"
    """Head poses: recorded (the footage's, extended past its end), still, or the path of a camera.json."""
    performance: str | None = None
    """Path of a performance.json that replaces what audio predicts."""
    layers: str = "exr"
    """exr (multilayer), png (straight alpha), or mp4 (preview movie only)."""
    size: int | None = None
    """Width and height of the rendered crop, px; None: the footage crop's own size."""
    engine: str = "native"
    """Rasteriser: native, cuda or reference."""
    threads: int = 0
    """Threads; 0: all cores."""
