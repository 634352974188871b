"""Laying many small rectangles out on few large ones, so that one call works on all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remotereasoner.types import SizeHw

__all__ = ["Sheet", "lay_out"]

SHEET_PX = 1 << 22  # rectangles are put together up to this many pixels; a larger one has a sheet of its own
MOST_ON_A_SHEET = 65_535  # each can have a value of 16 bits, beside 0


@dataclass(frozen=True)
class Sheet:
    """Which rectangles are on one sheet, and where."""

    size_hw: SizeHw
    indices: tuple[int, ...]
    """Positions among the rectangles that were given."""
    corners_xy: tuple[tuple[int, int], ...]
    """Top left corner of each on the sheet; they do not overlap, but may touch."""


def lay_out(sizes_hw: Sequence[SizeHw]) -> Iterator[Sheet]:
    """Sheets with all rectangles of ``sizes_hw`` (height, width) but the empty ones, in shelves, the tallest first."""
    batch: list[int] = []
    pixels = 0
    for index in sorted(range(len(sizes_hw)), key=lambda i: (-sizes_hw[i][0], i)):
        area = sizes_hw[index][0] * sizes_hw[index][1]
        if area == 0:
            continue
        if batch and (pixels + area > SHEET_PX or len(batch) == MOST_ON_A_SHEET):
            yield _shelves(batch, sizes_hw, pixels)
            batch, pixels = [], 0
        batch.append(index)
        pixels += area
    if batch:
        yield _shelves(batch, sizes_hw, pixels)


def _shelves(indices: Sequence[int], sizes_hw: Sequence[SizeHw], pixels: int) -> Sheet:
    """Left to right in rows as high as their first; ``indices`` come by falling height."""
    width = max(max(sizes_hw[i][1] for i in indices), math.isqrt(pixels) + 1)
    corners = []
    x = y = 0
    shelf = sizes_hw[indices[0]][0]
    used = 0
    for i in indices:
        if x + sizes_hw[i][1] > width:
            x, y, shelf = 0, y + shelf, sizes_hw[i][0]
        corners.append((x, y))
        x += sizes_hw[i][1]
        used = max(used, x)
    return Sheet((y + shelf, used), tuple(indices), tuple(corners))
