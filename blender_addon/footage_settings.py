"""How footage is to be read: what a scene keeps of it, for those who know better than what is found by itself."""

from typing import Any

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import compat
from .shared import choices

_PATH = compat.blend_relative_path_options()

INPUT_COLOURS = (
    ("auto", "By Its Tags", "As the file says; sRGB where it says nothing"),
    ("srgb", "sRGB", "The curve of screens and web video"),
    ("rec709", "Rec.709 Camera", "The camera curve of BT.709: brighter in the shadows than sRGB's"),
    ("bt1886", "BT.1886", "Gamma 2.4, as reference monitors show it"),
    ("gamma22", "Gamma 2.2", "A plain gamma of 2.2"),
    ("linear", "Linear", "Scene-linear pictures"),
    ("hlg", "HLG", "HDR as phones and broadcasters film it, where the tags do not say so"),
    ("pq", "PQ", "HDR10, where the tags do not say so"),
    ("display-p3", "Display P3", "The wide gamut of phones, where the tags do not say so"),
    ("rec2020", "Rec.2020", "The wide gamut of UHD, where the tags do not say so"),
)


class FootageSettings:
    """Part of `Scene.talker`: options of the first step. Each at its default means: find it out."""

    footage_start: FloatProperty(
        name="From",
        description="Start of the part of the footage to use, in seconds",
        default=0.0, min=0.0, max=1e6, subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE",
    )  # fmt: skip
    footage_end: FloatProperty(
        name="Until",
        description="End of the part of the footage to use, in seconds; 0: to its end",
        default=0.0, min=0.0, max=1e6, subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE",
    )  # fmt: skip
    footage_speaker: IntProperty(
        name="Speaker",
        description="Which person, counted from the left, if there are several; 0: the one whose lips match the sound",
        default=0, min=0, max=choices.MOST_SPEAKERS,
    )  # fmt: skip
    footage_track: IntProperty(
        name="Sound Track",
        description="Sound track of the footage with the voice, counted from 1; 0: the first one with speech",
        default=0, min=0, max=1000,
    )  # fmt: skip
    footage_sound: StringProperty(
        name="Other Sound",
        description="A sound file to use instead of the footage's own sound, starting with its first frame",
        subtype="FILE_PATH",
        options=_PATH,
    )
    correct_sound_offset: BoolProperty(
        name="Correct Lip Sync",
        description="Shift the footage's sound where it is out of sync with the lips",
        default=True,
    )
    footage_fps: FloatProperty(
        name="Frame Rate",
        description="Frames per second of footage that is a folder of numbered pictures; 0: 25",
        default=0.0, min=0.0, max=1000.0, precision=3,
    )  # fmt: skip
    footage_colour: EnumProperty(
        name="Colour",
        description="Colour space of the footage, where its tags are wrong or missing",
        items=INPUT_COLOURS,
        default=choices.INPUT_COLOUR,
    )
    frame_size: IntProperty(
        name="Largest Size",
        description="Largest width and height at which the head is learned. Smaller needs less time, memory and disk",
        default=choices.FRAME_PX, min=choices.LEAST_FRAME_PX, max=choices.MOST_FRAME_PX, subtype="PIXEL",
    )  # fmt: skip


NAMES = tuple(FootageSettings.__annotations__)
"""Names of these settings, in the order in which they are shown."""


def is_default(settings: Any, name: str) -> bool:
    """Whether a setting (of `Scene.talker`) is to be found out by itself."""
    return getattr(settings, name) == settings.bl_rna.properties[name].default
