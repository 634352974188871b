"""How far windows agree about each object, and the overview with them: :func:`views_of`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely import MultiPolygon, Polygon, STRtree

from remotereasoner.tiling.assemble import Merged
from remotereasoner.transform.findings import Views
from remotereasoner.types import BoxXyxy, FloatArray

__all__ = ["best_ious", "views_of"]

_TO_BE_SEEN = 0.1


def views_of(
    merged: Sequence[Merged],
    outlines: Sequence[Polygon | MultiPolygon],
    asked: Sequence[int],
    windows_xyxy: FloatArray,
    overview_boxes: Sequence[BoxXyxy] | None,
) -> list[Views]:
    """One for each object.

    ``outlines``: of each object, not empty; ``asked``: indices into ``windows_xyxy`` of windows whose answer could be
    read; ``overview_boxes``: in pixels of the level, None where there was no overview. See
    :class:`~remotereasoner.transform.findings.Views` for what the numbers mean.
    """
    shapes: npt.NDArray[np.object_] = np.array(outlines, dtype=object)
    chosen = np.asarray(asked, dtype=np.intp)
    overview: list[float | None] = [None] * len(merged)
    if overview_boxes is not None:
        overview = list(best_ious([item.box_xyxy for item in merged], overview_boxes))
    if not len(merged):
        return []
    windows = shapely.box(*windows_xyxy[chosen].T)
    item, position = STRtree(windows).query(shapes)
    order = np.lexsort((position, item))
    item, position = item[order], position[order]
    visible = _clipped(shapes[item], windows[position])
    area = shapely.area(visible)
    limit = _TO_BE_SEEN * np.minimum(shapely.area(shapes)[item], shapely.area(windows)[position])
    keep = area >= np.maximum(limit, np.finfo(float).tiny)
    item, position, visible = item[keep], position[keep], visible[keep]
    number = np.bincount(item, minlength=len(merged))
    shown = _shown(merged)
    ious = np.zeros(len(item))
    rows = [
        row
        for row in np.flatnonzero(number[item] > 1).tolist()
        if (int(item[row]), int(chosen[position[row]])) in shown
    ]
    if rows:
        found = np.array([shown[int(item[row]), int(chosen[position[row]])] for row in rows], dtype=object)
        ious[rows] = _ious(found, visible[rows])
    total = np.bincount(item, ious, minlength=len(merged))
    return [
        Views(
            windows_seen=len({fragment.window for fragment in one.fragments}),
            windows_visible=int(number[k]),
            agreement=float(min(1.0, total[k] / number[k])) if number[k] > 1 else None,
            overview_iou=overview[k],
        )
        for k, one in enumerate(merged)
    ]


def _clipped(shapes: npt.NDArray[np.object_], windows: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """(N,) each of ``shapes`` as far as it lies in its window; most lie in it as a whole."""
    own, window = shapely.bounds(shapes), shapely.bounds(windows)
    outside = (own[:, :2] < window[:, :2]).any(axis=1) | (own[:, 2:] > window[:, 2:]).any(axis=1)
    clipped = shapes.copy()
    clipped[outside] = shapely.intersection(shapes[outside], windows[outside])
    return clipped


def _ious(first: npt.NDArray[np.object_], second: npt.NDArray[np.object_]) -> FloatArray:
    """(N,) IoU of shapes that have an area. Many are the same outline, told faster than by an intersection."""
    ious = np.ones(len(first))
    differ = ~np.asarray(shapely.equals_exact(first, second), dtype=np.bool_)
    differ[differ] = ~shapely.equals_exact(shapely.normalize(first[differ]), shapely.normalize(second[differ]))
    a, b = first[differ], second[differ]
    common = shapely.area(shapely.intersection(a, b))
    ious[differ] = common / (shapely.area(a) + shapely.area(b) - common)
    return ious


def _shown(merged: Sequence[Merged]) -> dict[tuple[int, int], Polygon | MultiPolygon]:
    """What each window shows of each object; objects of one window are left out: nobody asks for theirs."""
    shown: dict[tuple[int, int], Polygon | MultiPolygon] = {}
    for k, one in enumerate(merged):
        for fragment in one.fragments:
            earlier = shown.get((k, fragment.window))
            outline = fragment.outline
            shown[k, fragment.window] = outline if earlier is None else shapely.union(earlier, outline)
    return shown


def best_ious(boxes: Sequence[BoxXyxy], others: Sequence[BoxXyxy]) -> list[float]:
    """Of each box, its largest IoU with one of ``others``; 0 without any."""
    best = np.zeros(len(boxes))
    if not len(boxes) or not len(others):
        return best.tolist()
    first, second = np.array(boxes), np.array(others)
    a, b = STRtree(shapely.box(*second.T)).query(shapely.box(*first.T))
    extent = np.minimum(first[a, 2:], second[b, 2:]) - np.maximum(first[a, :2], second[b, :2])
    common = np.prod(np.maximum(extent, 0.0), axis=1)
    areas = [np.prod(corners[:, 2:] - corners[:, :2], axis=1) for corners in (first, second)]
    np.maximum.at(best, a, common / np.maximum(areas[0][a] + areas[1][b] - common, np.finfo(float).tiny))
    return [float(value) for value in best]
