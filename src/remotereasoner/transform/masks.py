"""Cropped masks: which pixels a box covers, trimming, pasting into the frame; the points of each box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.transform.base import InstanceMask
from remotereasoner.types import BoolArray, BoxXyxy, PointXy, SizeHw, WindowPx

__all__ = ["box_window", "empty_mask", "paste", "points_per_box", "trim", "union", "within"]


def points_per_box(boxes_xyxy: Sequence[BoxXyxy], points_xy: Sequence[Sequence[PointXy]] | None) -> list[list[PointXy]]:
    """One list of points per box, empty without ``points_xy``; points that are not finite are left out.

    Raises :class:`UsageError` where there are points for some boxes only.
    """
    if points_xy is None:
        return [[] for _ in boxes_xyxy]
    if len(points_xy) != len(boxes_xyxy):
        raise UsageError(f"{len(points_xy)} lists of points for {len(boxes_xyxy)} boxes: give one list per box")
    return [[point for point in points if all(map(math.isfinite, point))] for points in points_xy]


def box_window(box_xyxy: BoxXyxy, size_hw: SizeHw) -> WindowPx | None:
    """The pixels of a scene of ``size_hw`` whose centres lie in the half-open box, or None where there are none.

    A box that is thinner than a pixel and misses every centre still gets the one column (or row) that its own centre
    lies in, so that no object vanishes by rounding. A box without area, with a number that is not finite, or outside
    the scene covers nothing.
    """
    if not all(map(math.isfinite, box_xyxy)):
        return None
    height, width = size_hw
    columns = _span(box_xyxy[0], box_xyxy[2], width)
    rows = _span(box_xyxy[1], box_xyxy[3], height)
    if columns is None or rows is None:
        return None
    return WindowPx(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


def _span(low: float, high: float, length: int) -> tuple[int, int] | None:
    low, high = max(low, 0.0), min(high, float(length))
    if high <= low:
        return None
    start, stop = math.ceil(low - 0.5), math.ceil(high - 0.5)
    if stop > start:
        return start, stop
    middle = min(math.floor((low + high) / 2), length - 1)
    return middle, middle + 1


def empty_mask() -> InstanceMask:
    """An object without any pixel; its score is 0."""
    return InstanceMask(np.zeros((0, 0), dtype=np.bool_), (0, 0), 0.0)


def trim(mask: BoolArray, offset_xy: tuple[int, int], score: float) -> InstanceMask:
    """``mask`` (h, w) bool, its top left pixel at ``offset_xy``, cut to the smallest rectangle that holds it.

    The result owns its pixels, so that a large frame is not kept alive. Without any pixel: :func:`empty_mask`.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return empty_mask()
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[y0:y1].any(axis=0))
    x0, x1 = int(columns[0]), int(columns[-1]) + 1
    return InstanceMask(mask[y0:y1, x0:x1].copy(), (offset_xy[0] + x0, offset_xy[1] + y0), score)


def within(mask: InstanceMask, frame: BoolArray) -> InstanceMask:
    """``mask`` without the pixels that are False in ``frame`` (H, W) bool, such as a scene's ``valid``."""
    height, width = mask.mask.shape
    x, y = mask.offset_xy
    part = frame[y : y + height, x : x + width]
    return mask if part.all() else trim(mask.mask & part, mask.offset_xy, mask.score)


def paste(mask: InstanceMask, frame: BoolArray) -> None:
    """Set the object's pixels in ``frame`` (H, W) bool, in place.

    Raises :class:`UsageError` where the mask reaches outside the frame.
    """
    height, width = mask.mask.shape
    if height == 0 or width == 0:
        return
    x, y = mask.offset_xy
    if x < 0 or y < 0 or y + height > frame.shape[0] or x + width > frame.shape[1]:
        raise UsageError(f"a mask of {width} x {height} px at ({x}, {y}) does not fit a frame of shape {frame.shape}")
    frame[y : y + height, x : x + width] |= mask.mask


def union(masks: Iterable[InstanceMask], size_hw: SizeHw) -> BoolArray:
    """(H, W) bool: the pixels of any of ``masks``."""
    frame = np.zeros(size_hw, dtype=np.bool_)
    for mask in masks:
        paste(mask, frame)
    return frame
