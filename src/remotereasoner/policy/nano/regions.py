"""From maps of area probabilities to connected regions: what a road, a lake or a field is.

With two thresholds, as Canny's (1986) edges: a region is begun by cells that are surely of the area and goes on over
cells that may be, so that a road under trees is one road and not five, and no doubtful patch is a region by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from remotereasoner.types import BoolArray, BoxXyxy, FloatArray, PointXy

__all__ = ["Region", "regions_of"]


@dataclass(frozen=True)
class Region:
    """One connected region, in cells of the map."""

    box_xyxy: BoxXyxy
    cells: int
    point_xy: PointXy
    """A point well inside."""
    score: float
    """Mean probability."""


def regions_of(
    probs: FloatArray, *, sure: float, goes_on: float, min_cells: float, min_of_largest: float
) -> list[Region]:
    """4-connected regions of ``probs`` (h, w), largest first.

    A region's cells have a probability of ``goes_on`` or more, and one of them ``sure``. Those of fewer than
    ``min_cells``, or than the share ``min_of_largest`` of the largest, are crumbs of others, and no regions.
    """
    labels, count = ndimage.label(probs >= min(goes_on, sure))
    if not count:
        return []
    numbers = np.arange(1, count + 1)
    cells = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    is_sure = ndimage.maximum(probs, labels, numbers) >= sure
    if not is_sure.any():
        return []
    enough = is_sure & (cells >= min_cells) & (cells >= min_of_largest * cells[is_sure].max())
    found = []
    for k, place in enumerate(ndimage.find_objects(labels)):
        if enough[k] and place is not None:
            rows, columns = place
            mask = labels[place] == k + 1
            x, y = _inner_point(mask)
            found.append(
                Region(
                    (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)), int(cells[k]),
                    (x + columns.start, y + rows.start), float(probs[place][mask].mean()),
                )
            )  # fmt: skip
    return sorted(found, key=lambda region: -region.cells)


def _inner_point(mask: BoolArray) -> PointXy:
    """A point far from the region's edge: the last cell to survive repeated erosion, (x, y) at its centre."""
    current = np.pad(mask, 1)
    while True:
        eroded = current.copy()
        for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            eroded &= np.roll(current, shift, axis)
        if not eroded.any():
            break
        current = eroded
    rows, cols = np.nonzero(current)
    middle = len(rows) // 2
    return float(cols[middle] - 1) + 0.5, float(rows[middle] - 1) + 0.5
