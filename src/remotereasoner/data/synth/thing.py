"""A labelled object of a scene."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.types import UInt8Array

__all__ = ["Thing"]


@dataclass(frozen=True, eq=False)
class Thing:
    """What is seen of one object: its mask cropped to its extent, at (x, y) of the scene."""

    category: str
    x: int
    y: int
    mask: UInt8Array
    """(h, w), 0 or 255; every border row and column has a pixel."""
    area_px: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """[x1, y1, x2, y2) in whole pixels."""
        height, width = self.mask.shape
        return self.x, self.y, self.x + width, self.y + height

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box."""
        x1, y1, x2, y2 = self.box
        return (x1 + x2) / 2, (y1 + y2) / 2
