"""Boxes out of a mask that has no instances, by a rule whose parameters go into every sample: :class:`BoxRule`.

EarthReason, RefSegRS and RISBench label regions, not objects, and their authors publish no boxes. Different rules give
different boxes and so different scores, which is why the rule belongs to the result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from remotereasoner.errors import UsageError
from remotereasoner.types import BoolArray, BoxXyxy

__all__ = ["BoxRule", "boxes_of_mask"]

_EIGHT = np.ones((3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class BoxRule:
    """One box per group of connected components.

    1. The mask's 8-connected components; those with at most ``merge_px`` pixels between them, counted along rows and
       columns, form one group. 0: none are joined.
    2. Groups of fewer than ``min_area_px`` target pixels are left out: specks. If that would leave none, the largest
       stays: a mask with a target never becomes a question without one.
    3. Each group's bounding box, from the edge of its first pixel to the edge of its last, ordered by top, then left.
    """

    min_area_px: int = 32
    merge_px: int = 8

    def __post_init__(self) -> None:
        if self.min_area_px < 0 or not 0 <= self.merge_px <= 1024:
            raise UsageError(
                f"min_area_px must be 0 or more and merge_px within 0 and 1024, got {self.min_area_px}, {self.merge_px}"
            )

    def record(self) -> dict[str, Any]:
        """The rule as a sample's attribute."""
        return {"rule": "components", "connectivity": 8, **asdict(self)}


def boxes_of_mask(mask: BoolArray, rule: BoxRule) -> tuple[BoxXyxy, ...]:
    """Boxes of an (H, W) mask in its pixels; () for one without a target."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return ()
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    joined = part
    if rule.merge_px:
        # Grown by merge_px in all along each axis, half of it to either side: gaps up to that width close.
        grown = np.pad(part, rule.merge_px)
        joined = ndimage.maximum_filter(grown.view(np.uint8), size=rule.merge_px + 1).astype(np.bool_)
        joined = joined[rule.merge_px : -rule.merge_px, rule.merge_px : -rule.merge_px]
    labels, count = ndimage.label(joined, structure=_EIGHT)
    labels = np.where(part, labels, 0)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    kept = [k for k in range(count) if areas[k] >= max(1, rule.min_area_px)] or [int(np.argmax(areas))]
    places = ndimage.find_objects(labels, max_label=count)
    boxes = [
        (
            float(left + places[k][1].start),
            float(top + places[k][0].start),
            float(left + places[k][1].stop),
            float(top + places[k][0].stop),
        )
        for k in kept
    ]
    return tuple(sorted(boxes, key=lambda box: (box[1], box[0], box[3], box[2])))
