"""How a clip's pictures are read: what is said of it, and what the keys of stages know of it."""

from __future__ import annotations

from backend.media.colour import HLG, KNEE, FootageColour
from backend.media.colour_tags import ColourTags, footage_colour
from backend.media.decode import VideoInfo
from backend.preprocess.unusable import UnusableFootage

FEWEST_FPS = 10
"""Pictures a second below which lips that close for a p or b are missed."""


def colour_as_read(tags: ColourTags, setting: str) -> tuple[FootageColour, list[str]]:
    """How the footage's values are read, and warnings in words: of unusual tags, and of what HDR loses.

    setting: of `--input-colour`.
    """
    colour, words = footage_colour(tags, setting)
    if colour.is_hdr:
        name = "HLG" if colour.transfer == HLG else "PQ"
        words.append(
            f"The footage is HDR ({name}): it is brought to standard range, in which light above {KNEE:.0%} of "
            "reference white is compressed. The footage itself looks the same in Blender only up to there."
        )
    return colour, words


def require_rate(info: VideoInfo) -> None:
    """Raises UnusableFootage where too few pictures a second are there to see what lips do."""
    if info.fps < FEWEST_FPS:
        raise UnusableFootage(
            f"The footage has {float(info.fps):.3g} pictures a second; lips need {FEWEST_FPS} or more.",
            "Give footage of 24 pictures a second or more.",
        )


def in_key(colour: FootageColour) -> tuple[FootageColour, ...]:
    """What the key of the first stage that reads pictures has of how it reads them: nothing where 8 bits are taken as
    they lie, so that subjects from before conversion need not be made again."""
    return (colour,) if colour.is_converted or colour.stored_bits > 8 else ()
