"""How the footage's frame lies in the scene's picture: one rule for strips, camera, its background and compositor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..shared.camera import Crop

FILL, WHOLE = "FILL", "WHOLE"
"""The footage covers the picture, and what sticks out is cut off; or all of it is seen, and there may be rims."""


@dataclass(frozen=True)
class Part:
    """A rectangle of the footage's frame, px: left, top, width, height; it may begin between pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, crop: Crop, picture: tuple[int, int], shown: tuple[int, int]) -> Part:
        """Where a picture of the crop lies that is `shown` px, with rows or columns beyond the `picture` px of the crop
        (movies have even sides)."""
        wider, higher = (s / p if s - p == 1 else 1.0 for s, p in zip(shown, picture, strict=True))
        return cls(crop.x, crop.y, crop.width * wider, crop.height * higher)


@dataclass(frozen=True)
class Fit:
    """The footage, centred in the scene's picture and as large as the rule says. Its pixels are square."""

    footage: tuple[int, int]
    """Width and height of the footage's frame, px."""
    scene: tuple[int, int]
    """Width and height of the scene's picture at 100 %, px."""
    pixel_height: float = 1.0
    """Height of a scene pixel for its width of 1."""
    rule: str = FILL

    @classmethod
    def of(cls, scene: Any, footage: tuple[int, int], rule: str = FILL, *, has_scene_pixels: bool = False) -> Fit:
        """The fit into a scene as it is set now (`bpy.types.Scene`). `has_scene_pixels`: the "footage" was drawn for a
        scene, so its pixels have the shape of the scene's."""
        render = scene.render
        size = render.resolution_x, render.resolution_y
        return cls(footage, size, 1.0 if has_scene_pixels else render.pixel_aspect_y / render.pixel_aspect_x, rule)

    @property
    def whole(self) -> Part:
        """The footage's whole frame."""
        return Part(0, 0, *self.footage)

    @property
    def by_width(self) -> bool:
        """Whether footage and picture are equally wide; else they are equally high."""
        wide, high = self._full_width, self._full_height
        return wide >= high if self.rule == FILL else wide <= high

    @property
    def scale(self) -> tuple[float, float]:
        """Scene pixels per footage pixel, along x and y."""
        scale = self._full_width if self.by_width else self._full_height
        return scale, scale / self.pixel_height

    @property
    def same_shape(self) -> bool:
        """Whether nothing is cut off and there are no rims."""
        return abs(self._full_width / self._full_height - 1) < 1e-6

    def offset(self, part: Part | Crop) -> tuple[float, float]:
        """(right, up) of a part's centre from the picture's, scene px."""
        x, y = self.point(part.x + part.width / 2, part.y + part.height / 2)
        return x - self.scene[0] / 2, self.scene[1] / 2 - y

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the footage (px, from its top left corner) is in the picture, px from that one's."""
        (width, height), (scale_x, scale_y) = self.footage, self.scale
        return self.scene[0] / 2 + (x - width / 2) * scale_x, self.scene[1] / 2 + (y - height / 2) * scale_y

    def cut_off(self, crop: Crop) -> float:
        """The largest part of a crop's width or height that sticks out of the picture on one side, 0 to 1."""
        left, top = self.point(crop.x, crop.y)
        right, bottom = self.point(crop.x + crop.width, crop.y + crop.height)
        out_x = max(0.0, -left, right - self.scene[0]) / (right - left)
        out_y = max(0.0, -top, bottom - self.scene[1]) / (bottom - top)
        return min(1.0, max(out_x, out_y))

    @property
    def _full_width(self) -> float:
        return self.scene[0] / self.footage[0]

    @property
    def _full_height(self) -> float:
        return self.scene[1] * self.pixel_height / self.footage[1]
