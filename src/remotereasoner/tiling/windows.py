"""Resolutions (:class:`Level`) and the windows that cover one of them (:func:`plan_windows`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from remotereasoner.errors import UsageError
from remotereasoner.scene.reading import Part
from remotereasoner.types import BoxXyxy, FloatArray, SizeHw, WindowPx

__all__ = ["MAX_ASPECT", "Level", "WindowPlan", "plan_windows"]

MAX_ASPECT = 100  # longer windows are cut: policies refuse pictures of more than 200:1


@dataclass(frozen=True)
class Level:
    """A resolution at which a scene of ``source_hw`` pixels is read: it then has ``size_hw`` pixels, whole ones."""

    source_hw: SizeHw
    size_hw: SizeHw

    @classmethod
    def of(cls, source_hw: SizeHw, factor: float) -> Level:
        """``factor`` source pixels to a pixel along each axis; a last pixel that is not full is stretched over all."""
        height, width = (max(1, math.ceil(side / factor - 1e-9)) for side in source_hw)
        return cls(source_hw, (height, width))

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Source pixels per pixel of this level, along x and y; the factor, but for rounding to whole pixels."""
        return self.source_hw[1] / self.size_hw[1], self.source_hw[0] / self.size_hw[0]

    @property
    def factor(self) -> float:
        """The same as one number."""
        return math.sqrt(self.scale_xy[0] * self.scale_xy[1])

    @property
    def is_native(self) -> bool:
        """True where pixels are read as they are stored."""
        return self.size_hw == self.source_hw

    def part(self, window: WindowPx, region: WindowPx) -> Part:
        """``window``, in pixels of this level, as a part of a raster of which the scene is ``region``."""
        scale_x, scale_y = self.scale_xy
        return Part(
            region.col_off + window.col_off * scale_x,
            region.row_off + window.row_off * scale_y,
            window.width * scale_x,
            window.height * scale_y,
            (window.height, window.width),
        )


@dataclass(frozen=True)
class WindowPlan:
    """Windows over a level, row by row, in its pixels; all have the same size."""

    size_hw: SizeHw
    tile_wh: tuple[int, int]
    """What became of the tile size in a scene that is smaller, or thin."""
    overlap_wh: tuple[int, int]
    """Pixels that neighbours share at least: the last of a row or column, moved back to the edge, shares more."""
    x_starts: tuple[int, ...]
    y_starts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.x_starts) * len(self.y_starts)

    @cached_property
    def bounds(self) -> FloatArray:
        """(N, 4) x1, y1, x2, y2 of each window."""
        y, x = np.meshgrid(np.array(self.y_starts), np.array(self.x_starts), indexing="ij")
        corner = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
        return np.hstack([corner, corner + np.array(self.tile_wh)])

    def window(self, index: int) -> WindowPx:
        """Raises :class:`IndexError` beyond the last."""
        row, column = divmod(index, len(self.x_starts))
        return WindowPx(self.x_starts[column], self.y_starts[row], *self.tile_wh)

    @staticmethod
    def shared_px(starts: tuple[int, ...], position: int, side: int) -> int:
        """Pixels that the window at ``position`` of ``x_starts`` or ``y_starts`` shares with the next one."""
        return starts[position] + side - starts[position + 1]

    def touching(self, boxes_xyxy: Sequence[BoxXyxy]) -> list[int]:
        """Windows that share some area with any of the boxes, ascending."""
        found: set[int] = set()
        x, y = np.array(self.x_starts), np.array(self.y_starts)
        for x1, y1, x2, y2 in boxes_xyxy:
            columns = np.flatnonzero((x < x2) & (x + self.tile_wh[0] > x1))
            rows = np.flatnonzero((y < y2) & (y + self.tile_wh[1] > y1))
            found.update((rows[:, None] * len(x) + columns[None, :]).ravel().tolist())
        return sorted(found)

    def covered_px(self, indices: Sequence[int]) -> int:
        """Pixels of the level that lie in any of these windows."""
        if len(indices) == len(self):
            return self.size_hw[0] * self.size_hw[1]
        return round(float(shapely.union_all(shapely.box(*self.bounds[list(indices)].T)).area))


def plan_windows(size_hw: SizeHw, tile_px: int, overlap_px: int) -> WindowPlan:
    """Windows of ``tile_px`` that share ``overlap_px`` with their neighbours and cover all of ``size_hw``.

    A scene that is smaller along an axis has one window there. Windows of a scene so thin that they would be longer
    than :data:`MAX_ASPECT` times their breadth are shorter, with as much less overlap. Raises :class:`UsageError`
    where windows would not advance.
    """
    if not 0 <= overlap_px < tile_px:
        raise UsageError(f"the overlap must be 0 or more and less than the tile's {tile_px} px, got {overlap_px}")
    height, width = size_hw
    longest = MAX_ASPECT * min(tile_px, height, width)
    tile_wh = (min(tile_px, width, longest), min(tile_px, height, longest))
    overlap_wh = tuple(
        overlap_px if side == tile_px else min(overlap_px, round(overlap_px * side / tile_px), side - 1)
        for side in tile_wh
    )
    return WindowPlan(
        size_hw,
        tile_wh,
        (overlap_wh[0], overlap_wh[1]),
        _starts(width, tile_wh[0], overlap_wh[0]),
        _starts(height, tile_wh[1], overlap_wh[1]),
    )


def _starts(length: int, tile: int, overlap: int) -> tuple[int, ...]:
    """The last window is moved back to end at the edge: a sliver of a window shows a policy nothing."""
    last = length - tile
    return (*range(0, last, tile - overlap), last)
