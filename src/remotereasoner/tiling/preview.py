"""A small picture of a scene out of the windows that are read anyway: :class:`Preview`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remotereasoner.tiling.windows import Level
from remotereasoner.types import UInt8Array, WindowPx

__all__ = ["Preview"]

_LONGEST_PX = 1600


@dataclass(frozen=True, eq=False)
class Preview:
    """Every ``step``-th pixel of a level, black where nothing was read. For pictures only."""

    pixels: UInt8Array
    """(h, w, 3)."""
    step: int

    @classmethod
    def of(cls, level: Level) -> Preview:
        """Black, with its longer side no longer than 1,600 px; of a smaller level, of its size."""
        height, width = level.size_hw
        step = -(-max(height, width) // _LONGEST_PX)
        return cls(np.zeros((-(-height // step), -(-width // step), 3), dtype=np.uint8), step)

    def show(self, window: WindowPx, pixels: UInt8Array) -> None:
        """Take over a window's ``pixels`` (h, w, 3), in place."""
        row, column = -(-window.row_off // self.step), -(-window.col_off // self.step)
        part = pixels[row * self.step - window.row_off :: self.step, column * self.step - window.col_off :: self.step]
        self.pixels[row : row + part.shape[0], column : column + part.shape[1]] = part
