"""Direction: the few controls that an artist lays over a performance, and what each does to its curves and the head.

The table is one for both sides: Blender makes a bone of every control, the backend adds what the controls say. 0 always
means that nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Control:
    """One control, with a value a frame."""

    name: str
    label: str
    about: str
    """What it does at its highest and lowest value."""
    low: float = -1.0
    high: float = 1.0
    plus: Mapping[str, float] = field(default_factory=dict)
    """What is added to curves at 1, by their names; half of it at 0.5."""
    minus: Mapping[str, float] = field(default_factory=dict)
    """What is added to curves at -1."""

    def held(self, value: float) -> float:
        """A value within the control's limits."""
        return min(max(value, self.low), self.high)


def _both(**weights: float) -> dict[str, float]:
    """Weights of curves that the left and the right side have alike."""
    return {f"{name}{side}": weight for name, weight in weights.items() for side in ("Left", "Right")}


def _reversed(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: -weight for name, weight in weights.items()}


_ASIDE = {"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6, "eyeLookInLeft": -0.6, "eyeLookOutRight": -0.6}

STRENGTH = "strength"
STILL, RECORDED = "still", "recorded"
TURN, NOD, TILT = "turn", "nod", "tilt"
HEAD_CONTROLS = (TURN, NOD, TILT)
"""Degrees by which the head is turned about its neck, on top of its pose."""

CONTROLS: tuple[Control, ...] = (
    Control(
        "jaw", "Jaw", "opens; closes",
        plus={"jawOpen": 0.6}, minus={"jawOpen": -0.6},
    ),
    Control(
        "lipsWide", "Lips Wide", "corners apart; corners together",
        plus={**_both(mouthStretch=0.5, mouthDimple=0.2), "mouthPucker": -0.4, "mouthFunnel": -0.3},
        minus=_both(mouthStretch=-0.5, mouthDimple=-0.3, mouthSmile=-0.2),
    ),
    Control(
        "lipsRound", "Lips Round", "pursed, as for oo; flat",
        plus={"mouthPucker": 0.9, "mouthFunnel": 0.5, **_both(mouthStretch=-0.3, mouthSmile=-0.2)},
        minus={"mouthPucker": -0.9, "mouthFunnel": -0.5},
    ),
    Control(
        "smile", "Smile", "smiles, with cheeks and eyes; frowns",
        plus=_both(mouthSmile=0.6, mouthDimple=0.2, cheekSquint=0.3, eyeSquint=0.15, mouthFrown=-0.5),
        minus=_both(mouthFrown=0.5, mouthSmile=-0.6, cheekSquint=-0.3),
    ),
    Control(
        "brows", "Brows", "raised; drawn down",
        plus={"browInnerUp": 0.6, **_both(browOuterUp=0.5, browDown=-0.5)},
        minus={"browInnerUp": -0.6, **_both(browOuterUp=-0.5, browDown=0.6)},
    ),
    Control(
        "blink", "Blink", "lids closed; eyes wide open",
        plus=_both(eyeBlink=0.8, eyeSquint=0.3, eyeLookDown=0.6, eyeLookUp=-0.3, eyeWide=-0.5),
        minus=_both(eyeBlink=-0.5, eyeSquint=-0.3, eyeWide=0.5),
    ),
    Control(
        "gazeSide", "Gaze Sideways", "eyes to the right of the picture; to its left",
        plus=_ASIDE, minus=_reversed(_ASIDE),
    ),
    Control(
        "gazeUp", "Gaze Up", "eyes up; eyes down, with the lids",
        plus=_both(eyeLookUp=0.6, eyeLookDown=-0.6, eyeWide=0.15),
        minus=_both(eyeLookDown=0.6, eyeLookUp=-0.6, eyeBlink=0.15),
    ),
    Control(TURN, "Head Turn", "degrees to the right of the picture; to its left", -45.0, 45.0),
    Control(NOD, "Head Nod", "degrees down; up", -35.0, 35.0),
    Control(TILT, "Head Tilt", "degrees towards the right of the picture; towards its left", -35.0, 35.0),
    Control(STRENGTH, "Speech", "the mouth speaks twice as strongly; it rests"),
    Control(STILL, "Hold Still", "the head's pose is the calmest recorded one, in between blended", 0.0),
    Control(RECORDED, "As Recorded", "the head's pose is the footage's own, in between blended", 0.0),
)  # fmt: skip
"""All controls, in the order in which they are shown."""

BY_NAME: dict[str, Control] = {control.name: control for control in CONTROLS}

CONTROL_NAMES: tuple[str, ...] = tuple(BY_NAME)

CURVE_LIMITS: dict[str, float] = {"jawOpen": 0.85, "mouthPucker": 0.9, "mouthFunnel": 0.8}
"""How far controls move a curve at most, where that is less than 1."""

NECK_CM = (0.0, -5.0, -6.0)
"""Where the head turns about: the joint below the skull, in the head's frame (shared.camera)."""
