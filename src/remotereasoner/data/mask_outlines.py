"""A mask of several objects as polygons, each part given to the box that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from remotereasoner.transform.masks import trim
from remotereasoner.transform.polygons import mask_to_polygons
from remotereasoner.types import BoolArray, BoxXyxy, PointXy

__all__ = ["Rings", "outlines_by_box"]

Rings = tuple[tuple[PointXy, ...], ...]
"""Of one object, (x, y) in pixels; rings inside rings are holes (even-odd)."""


def outlines_by_box(mask: BoolArray, boxes: Sequence[BoxXyxy]) -> tuple[Rings, ...] | None:
    """Per box its rings along pixel edges, holes as rings of their own (even-odd), in pixels of the (H, W) mask.

    Together they are the mask exactly: each 4-connected part goes to the smallest box that it lies in, or to the
    nearest one. None where a box would have no part; boxes made by BoxRule all have one.
    """
    rings: list[list[tuple[PointXy, ...]]] = [[] for _ in boxes]
    for part in mask_to_polygons(trim(mask, (0, 0), 1.0)).geoms:
        left, top, right, bottom = part.bounds

        def reach(index: int, *, bounds: BoxXyxy = (left, top, right, bottom)) -> tuple[float, float]:
            x1, y1, x2, y2 = boxes[index]
            outside = max(0.0, x1 - bounds[0], y1 - bounds[1], bounds[2] - x2, bounds[3] - y2)
            return outside, (x2 - x1) * (y2 - y1)

        own = min(range(len(boxes)), key=reach)
        for ring in (part.exterior, *part.interiors):
            rings[own].append(tuple((float(x), float(y)) for x, y in ring.coords[:-1]))
    return tuple(tuple(own) for own in rings) if all(rings) else None
