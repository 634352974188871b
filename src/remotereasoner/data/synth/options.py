"""What a world is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remotereasoner.data.sentences import Split
from remotereasoner.errors import UsageError

__all__ = ["Picture", "WorldOptions"]

Picture = Literal["jpeg", "png", "geotiff"]
SIDES = (128, 4096)


@dataclass(frozen=True)
class WorldOptions:
    """All that the bytes of a world depend on. Raises :class:`~remotereasoner.errors.UsageError` for what cannot be."""

    seed: int = 0
    side: int = 512
    families: tuple[str, ...] = ()
    """(): all of them."""
    gsd_m: tuple[float, float] | None = None
    """Finest and coarsest ground size; None: whatever the family allows."""
    sensors: tuple[str, ...] = ()
    """(): all of them, mostly RGB."""
    picture: Picture = "jpeg"
    masks: bool = False
    """Write an index mask of each scene."""
    sample_polygons: bool = False
    """Give the samples polygons besides boxes; the labels have them in any case."""
    split: Split = "train"
    """Which sentences of the question bank the samples use."""

    def __post_init__(self) -> None:
        if not SIDES[0] <= self.side <= SIDES[1]:
            raise UsageError(f"size must be {SIDES[0]} to {SIDES[1]} pixels, got {self.side}")
        if self.gsd_m is not None and not 0 < self.gsd_m[0] <= self.gsd_m[1]:
            raise UsageError(f"ground sizes must be two rising positive numbers, got {self.gsd_m[0]} {self.gsd_m[1]}")

    def ground_sizes(self, allowed: tuple[float, ...]) -> tuple[float, ...]:
        """Those of ``allowed`` that are asked for."""
        if self.gsd_m is None:
            return allowed
        low, high = self.gsd_m
        return tuple(g for g in allowed if low <= g <= high)
