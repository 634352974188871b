"""Which fragments of different windows are the same object: :func:`group_fragments`.

A fragment is what one window's answer shows of one object. Two windows that overlap both see the zone they share, so
there they can be compared: two fragments are parts of one object if, *inside the zone*, they are the same shape. That
is more than touching: objects that touch are different shapes in any zone, and a cut object is the same shape in it
whatever each window shows of it elsewhere. In detail, for two windows and their zone:

1. Fragments are clipped to the zone and taken apart into connected parts. A part of one window and a part of the other
   match if their IoU is 0.5 or more and each is the other's best. Parts, because an object may enter the zone twice
   (the arms of a U) and be two fragments for one window and one for the other.
2. Matching parts join their fragments if both are cut by their window's edge; or one is, and matching parts are at
   least half of what it shows in the zone; or they are that for both. So a speck in the mask of a large object does not
   swallow a small object that is seen whole.
3. What is left without a match is joined by containment: nine tenths of the smaller in the larger, and IoU 0.3.

Windows without overlap share only a line. Fragments that end on it are joined where they touch along at least half of
the shorter trace; that two objects meet exactly there cannot be ruled out, which is why there is an overlap.

Exactness: let each window show every object's part in it without error, and windows overlap by a pixel or more. Then
every two 4-connected pixels of an object lie in a common window, and parts in a zone are the same for both windows, so
that all fragments of an object are joined; parts of different objects have IoU 0, so that none else are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import MultiPolygon, Polygon, STRtree

from remotereasoner.types import BoolArray, FloatArray, SizeHw

__all__ = ["EDGE_PX", "cut_by_window", "group_fragments"]

SAME_IOU = 0.5
CONTAINED = 0.9
CONTAINED_IOU = 0.3
SHARE = 0.5
EDGE_PX = 2.0  # models end a box a pixel or two before the edge that cuts the object

IntArray = npt.NDArray[np.intp]


def cut_by_window(bounds: FloatArray, windows: FloatArray, size_hw: SizeHw) -> BoolArray:
    """(N,) whether each of ``bounds`` (N, 4) reaches an edge of its window (N, 4) that is not the scene's edge."""
    scene = np.array([0.0, 0.0, size_hw[1], size_hw[0]])
    inner = np.abs(windows - scene) > 0.5
    reaches = np.empty(bounds.shape, dtype=np.bool_)
    reaches[:, :2] = bounds[:, :2] <= windows[:, :2] + EDGE_PX
    reaches[:, 2:] = bounds[:, 2:] >= windows[:, 2:] - EDGE_PX
    return np.asarray((reaches & inner).any(axis=1), dtype=np.bool_)


def group_fragments(
    shapes: Sequence[Polygon | MultiPolygon],
    window_of: npt.ArrayLike,
    windows_xyxy: FloatArray,
    cut: BoolArray,
) -> list[tuple[int, ...]]:
    """Positions in ``shapes`` that are one object each, ascending in a group, groups by their first.

    ``shapes``: (N,) in pixels of the level, not empty, inside their window; ``window_of``: (N,) row in
    ``windows_xyxy`` (W, 4) of each; ``cut``: (N,) as :func:`cut_by_window` says. What comes out depends on the shapes
    and their windows, not on the order in which windows finished, as long as the caller sorts by window.
    """
    if not len(shapes):
        return []
    geometries = np.array(shapes, dtype=object)
    owners = np.asarray(window_of, dtype=np.intp)
    bounds = shapely.bounds(geometries)
    first, second = STRtree(geometries).query(geometries)
    keep = (first < second) & (owners[first] != owners[second])
    first, second = first[keep], second[keep]
    zones = _zones(windows_xyxy[owners[first]], windows_xyxy[owners[second]])
    extent = zones[:, 2:] - zones[:, :2]
    shared = (extent > 0).all(axis=1)
    joined = [_joined_in_zones(geometries, bounds, owners, cut, first[shared], second[shared], zones[shared])]
    seam = ~shared & (extent.max(axis=1, initial=0) > 0) & cut[first] & cut[second]
    # Windows that are side by side and not merely next but one: those have a third window over the line.
    seam &= ~_covered(windows_xyxy, zones) if seam.any() else seam
    joined.append(_joined_at_seams(geometries, first[seam], second[seam], zones[seam]))
    links = np.concatenate(joined)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(geometries),) * 2)
    labels = connected_components(graph, directed=False)[1]
    groups: dict[int, list[int]] = {}
    for position, label in enumerate(labels.tolist()):
        groups.setdefault(label, []).append(position)
    return [tuple(group) for group in groups.values()]


def _zones(first: FloatArray, second: FloatArray) -> FloatArray:
    """(P, 4) what two windows share: no area where they only touch."""
    return np.hstack([np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])])


@dataclass(frozen=True, eq=False)
class _Parts:
    """Connected parts of fragments clipped to zones. A side is one fragment in one zone."""

    geometry: npt.NDArray[np.object_]
    side: IntArray
    area: FloatArray
    bounds: FloatArray
    start: IntArray
    """(S,) first part of each side."""
    count: IntArray
    side_area: FloatArray


def _joined_in_zones(
    geometries: npt.NDArray[np.object_],
    bounds: FloatArray,
    owners: IntArray,
    cut: BoolArray,
    first: IntArray,
    second: IntArray,
    zones: FloatArray,
) -> IntArray:
    """(L, 2) pairs of fragments that are one object."""
    apart = (
        np.maximum(bounds[first, :2], bounds[second, :2]) >= np.minimum(bounds[first, 2:], bounds[second, 2:])
    ).any(1)
    first, second, zones = first[~apart], second[~apart], zones[~apart]
    if not len(first):
        return np.empty((0, 2), dtype=np.intp)
    width = int(owners.max()) + 1
    keys = np.concatenate([first * width + owners[second], second * width + owners[first]])
    unique, where, side = np.unique(keys, return_index=True, return_inverse=True)
    parts = _clipped(geometries, bounds, unique // width, np.vstack([zones, zones])[where])
    side_a, side_b = side[: len(first)], side[len(first) :]

    number = parts.count[side_a] * parts.count[side_b]
    pair = np.repeat(np.arange(len(first)), number)
    turn = np.arange(len(pair)) - np.repeat(np.cumsum(number) - number, number)
    across = parts.count[side_b][pair]
    part_a = parts.start[side_a][pair] + turn // np.maximum(across, 1)
    part_b = parts.start[side_b][pair] + turn % np.maximum(across, 1)

    reach = np.minimum(parts.bounds[part_a, 2:], parts.bounds[part_b, 2:])
    reach -= np.maximum(parts.bounds[part_a, :2], parts.bounds[part_b, :2])
    most = np.prod(np.maximum(reach, 0.0), axis=1)
    possible = most >= CONTAINED_IOU * np.maximum(parts.area[part_a], parts.area[part_b])
    possible &= most > 0
    pair, part_a, part_b, most = pair[possible], part_a[possible], part_b[possible], most[possible]
    overlap = _overlap(parts, part_a, part_b, most)
    iou = overlap / (parts.area[part_a] + parts.area[part_b] - overlap)

    same = (iou >= SAME_IOU) & _mutually_best(part_a, part_b, iou, len(parts.side))
    matched = np.bincount(pair[same], np.maximum(parts.area[part_a], parts.area[part_b])[same], minlength=len(first))
    share_a, share_b = (
        np.bincount(pair[same], parts.area[part][same], minlength=len(first)) / parts.side_area[side_of]
        for part, side_of in ((part_a, side_a), (part_b, side_b))
    )
    enough_a, enough_b = share_a >= SHARE, share_b >= SHARE
    cut_a, cut_b = cut[first], cut[second]
    join = (matched > 0) & ((cut_a & cut_b) | (cut_a & enough_a) | (cut_b & enough_b) | (enough_a & enough_b))

    alone = np.ones(len(parts.side), dtype=np.bool_)
    alone[part_a[same]] = alone[part_b[same]] = False
    inside = overlap >= CONTAINED * np.minimum(parts.area[part_a], parts.area[part_b])
    inside &= (iou >= CONTAINED_IOU) & alone[part_a] & alone[part_b]
    inside &= _mutually_best(part_a, part_b, np.where(inside, iou, -1.0), len(parts.side))
    join[pair[inside]] = True
    return np.column_stack([first[join], second[join]])


def _clipped(geometries: npt.NDArray[np.object_], bounds: FloatArray, fragment: IntArray, zones: FloatArray) -> _Parts:
    clipped = geometries[fragment]
    own = bounds[fragment]
    outside = (own[:, :2] < zones[:, :2]).any(axis=1) | (own[:, 2:] > zones[:, 2:]).any(axis=1)
    clipped[outside] = shapely.intersection(clipped[outside], shapely.box(*zones[outside].T))
    geometry, side = shapely.get_parts(clipped, return_index=True)
    area = shapely.area(geometry)
    solid = area > 0  # touching the zone's edge leaves lines and points
    geometry, side, area = geometry[solid], side[solid], area[solid]
    count = np.bincount(side, minlength=len(fragment))
    return _Parts(
        geometry=geometry,
        side=side,
        area=area,
        bounds=shapely.bounds(geometry),
        start=np.cumsum(count) - count,
        count=count,
        side_area=np.maximum(np.bincount(side, area, minlength=len(fragment)), np.finfo(float).tiny),
    )


def _overlap(parts: _Parts, part_a: IntArray, part_b: IntArray, most: FloatArray) -> FloatArray:
    """(P,) area that two parts share, or 0 where that cannot matter; ``most``: what their bounds share."""
    overlap = most.copy()  # which it is where both are rectangles
    frames = np.prod(parts.bounds[:, 2:] - parts.bounds[:, :2], axis=1)
    is_rectangle = np.isclose(frames, parts.area, rtol=1e-12)
    open_rows = np.flatnonzero(~(is_rectangle[part_a] & is_rectangle[part_b]))
    a, b = part_a[open_rows], part_b[open_rows]
    # Most pairs are the same outline seen twice, which is told ten times faster than an intersection.
    alike = (parts.bounds[a] == parts.bounds[b]).all(axis=1) & np.isclose(parts.area[a], parts.area[b], rtol=1e-12)
    alike[alike] = _are_twins(parts.geometry[a[alike]], parts.geometry[b[alike]])
    overlap[open_rows[alike]] = parts.area[a[alike]]
    # Who has a twin matches nobody else, so that what else it overlaps need not be known.
    settled = np.zeros(len(parts.side), dtype=np.bool_)
    settled[a[alike]] = settled[b[alike]] = True
    overlap[open_rows[~alike & (settled[a] | settled[b])]] = 0.0
    rest = open_rows[~alike & ~settled[a] & ~settled[b]]
    overlap[rest] = shapely.area(shapely.intersection(parts.geometry[part_a[rest]], parts.geometry[part_b[rest]]))
    return overlap


def _are_twins(first: npt.NDArray[np.object_], second: npt.NDArray[np.object_]) -> BoolArray:
    """(P,) whether outlines are the same, wherever they begin."""
    same: BoolArray = shapely.equals_exact(first, second)
    differ = ~same
    same[differ] = shapely.equals_exact(shapely.normalize(first[differ]), shapely.normalize(second[differ]))
    return same


def _mutually_best(part_a: IntArray, part_b: IntArray, value: FloatArray, parts: int) -> BoolArray:
    """(P,) whether each is the best partner of the other; of equals, the one that comes first."""
    best = []
    for one, other in ((part_a, part_b), (part_b, part_a)):
        order = np.lexsort((other, -value, one))
        chosen = np.full(parts, -1, dtype=np.intp)
        leads = np.flatnonzero(np.diff(one[order], prepend=-1))
        chosen[one[order][leads]] = order[leads]
        best.append(chosen[one] == np.arange(len(one)))
    return np.asarray(best[0] & best[1], dtype=np.bool_)


def _covered(windows: FloatArray, zones: FloatArray) -> BoolArray:
    """(P,) whether some window has the middle of the line ``zones`` (P, 4) in its inside."""
    middle = shapely.points((zones[:, :2] + zones[:, 2:]) / 2)
    covered = np.zeros(len(zones), dtype=np.bool_)
    covered[STRtree(shapely.box(*windows.T)).query(middle, predicate="within")[0]] = True
    return covered


def _joined_at_seams(
    geometries: npt.NDArray[np.object_], first: IntArray, second: IntArray, zones: FloatArray
) -> IntArray:
    """(L, 2) pairs of fragments that end on the line between two windows and touch along half of the shorter trace."""
    lines = shapely.linestrings(zones.reshape(-1, 2, 2))
    traces = [shapely.intersection(geometries[one], lines) for one in (first, second)]
    shorter = np.minimum(shapely.length(traces[0]), shapely.length(traces[1]))
    touching = shapely.length(shapely.intersection(*traces)) if len(first) else shorter
    join = (shorter > 0) & (touching >= SHARE * shorter)
    return np.column_stack([first[join], second[join]])
