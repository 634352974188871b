"""What the ground is made of: its colour in blue, green, red, near infrared, its texture, and its class of area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["MATERIALS", "Bgrn", "Material", "shade"]

Bgrn = tuple[int, int, int, int]
Area = Literal["", "road", "water", "vegetation", "land"]


@dataclass(frozen=True)
class Material:
    """Colour (B, G, R, NIR) in [0, 255], a tile of :mod:`~remotereasoner.data.synth.texture`, and its area or none."""

    colour: Bgrn
    texture: str
    area: Area = ""
    rows: tuple[float, float, float] | None = None
    """Angle, period in pixels and depth of rows on top of the texture."""
    varies: float = 0.06
    """How far its brightness moves from scene to scene, as a share."""


MATERIALS: dict[str, Material] = {
    "grass": Material((62, 104, 88, 178), "patchy", "vegetation"),
    "lawn": Material((58, 112, 86, 190), "soft", "vegetation"),
    "dry_grass": Material((88, 126, 136, 158), "patchy", "vegetation"),
    "meadow": Material((66, 112, 104, 182), "blotch", "vegetation"),
    "forest": Material((42, 72, 54, 150), "crowns6", "vegetation"),
    "forest_fine": Material((42, 70, 52, 146), "crowns3", "vegetation"),
    "forest_wide": Material((44, 78, 60, 156), "crowns12", "vegetation"),
    "forest_close": Material((46, 82, 62, 160), "crowns24", "vegetation"),
    "soil": Material((92, 122, 148, 170), "patchy", "land"),
    "sand": Material((150, 182, 202, 214), "soft", "land"),
    "gravel": Material((128, 144, 154, 164), "grain", "land"),
    "rock": Material((112, 122, 130, 140), "patchy", "land"),
    "asphalt": Material((94, 94, 92, 90), "grain", "road"),
    "worn_asphalt": Material((120, 120, 118, 116), "soft", "road"),
    "track": Material((124, 150, 168, 176), "soft", "road"),
    "apron": Material((150, 156, 158, 158), "soft"),
    "runway": Material((98, 98, 96, 94), "soft"),
    "lot": Material((104, 104, 102, 100), "soft"),
    "paving": Material((156, 162, 166, 166), "grain"),
    "yard": Material((138, 144, 148, 150), "soft"),
    "sea": Material((92, 72, 44, 16), "waves", "water"),
    "shallow": Material((132, 122, 82, 26), "waves", "water"),
    "river": Material((82, 88, 66, 24), "waves", "water"),
    "lake": Material((72, 62, 44, 14), "waves", "water"),
    "silt": Material((112, 132, 124, 44), "waves", "water"),
    "surf": Material((206, 206, 200, 150), "soft", "water"),
}


def shade(colour: Bgrn, factor: float) -> Bgrn:
    """Brighter or darker, at most 255; ``factor`` is not negative."""
    b, g, r, n = colour
    return min(255, int(b * factor)), min(255, int(g * factor)), min(255, int(r * factor)), min(255, int(n * factor))
