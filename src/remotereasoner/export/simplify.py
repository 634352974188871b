"""Outlines with fewer vertices, none of them further from where it was than a tolerance; shared borders stay shared.

Outlines that touch without overlapping form a coverage and are simplified together (Visvalingam and Whyatt 1993, by
GEOS' coverage simplifier), so that no gap and no overlap opens between neighbours. All others are simplified one by one
(Douglas and Peucker 1973) with their topology kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import MultiPolygon

from remotereasoner.types import FloatArray

__all__ = ["simplify_outlines"]

_HALVINGS = 6
_Shapes = npt.NDArray[np.object_]


def simplify_outlines(
    polygons_px: Sequence[MultiPolygon], tolerance_m: float, to_metres: FloatArray
) -> list[MultiPolygon]:
    """``polygons_px`` simplified, in order. Every vertex that goes was within ``tolerance_m`` of the new outline.

    ``to_metres``: (2, 2) matrix from pixels to metres. Empty outlines stay empty, and none becomes so.
    """
    shapes = np.full(len(polygons_px), MultiPolygon(), dtype=object)
    for number, polygons in enumerate(polygons_px):
        shapes[number] = polygons
    if tolerance_m == 0 or not len(shapes):
        return list(shapes)
    simplified = shapes.copy()
    for group in _touching(shapes):
        simplified[group] = _simplified(shapes[group], tolerance_m, to_metres)
    return [geometry if isinstance(geometry, MultiPolygon) else MultiPolygon([geometry]) for geometry in simplified]


def _touching(shapes: _Shapes) -> list[npt.NDArray[np.intp]]:
    """Indices of the outlines in groups that are connected by touching or overlapping."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(len(shapes), len(shapes)))
    count, group_of = connected_components(links, directed=False)
    order = np.argsort(group_of, kind="stable")
    return np.split(order, np.searchsorted(group_of[order], np.arange(1, count)))


def _simplified(shapes: _Shapes, tolerance_m: float, to_metres: FloatArray) -> _Shapes:
    """One group, in pixels."""
    if len(shapes) > 1:
        matched = _edge_matched(shapes)
        if shapely.coverage_is_valid(matched):
            return _as_coverage(shapes, matched, tolerance_m, to_metres)
    return _one_by_one(shapes, tolerance_m, to_metres)


def _one_by_one(shapes: _Shapes, tolerance_m: float, to_metres: FloatArray) -> _Shapes:
    """GEOS moves a ring's first vertex a little further than it was told, so that its tolerance is halved there too."""
    on_ground = np.asarray(shapely.transform(shapes, lambda xy: xy @ to_metres.T), dtype=object)
    inverse = np.linalg.inv(to_metres)
    simplified, open_ones = shapes.copy(), np.flatnonzero(~shapely.is_empty(shapes))
    for halving in range(_HALVINGS):
        thin = shapely.simplify(on_ground[open_ones], tolerance_m / 2**halving, preserve_topology=True)
        back = np.asarray(shapely.transform(thin, lambda xy: _on_lattice(xy @ inverse.T)), dtype=object)
        good = shapely.is_valid(back) & (_distances(on_ground[open_ones], thin) <= tolerance_m)
        simplified[open_ones[good]] = back[good]
        open_ones = open_ones[~good]
        if not len(open_ones):
            break
    return simplified


def _edge_matched(shapes: _Shapes) -> _Shapes:
    """With a vertex at every pixel's corner: outlines have vertices at their own turns only, not at a neighbour's."""
    return np.asarray(shapely.transform(shapely.segmentize(shapes, 1.0), _on_lattice), dtype=object)


def _on_lattice(xy: FloatArray) -> FloatArray:
    near = np.round(xy)
    return np.where(np.abs(xy - near) < 1e-9, near, xy)


def _as_coverage(shapes: _Shapes, matched: _Shapes, tolerance_m: float, to_metres: FloatArray) -> _Shapes:
    """The area that goes with a vertex does not bound how far it was, so the tolerance is halved until it does.

    ``shapes`` as they came where nothing may go.
    """
    on_ground = np.asarray(shapely.transform(matched, lambda xy: xy @ to_metres.T), dtype=object)
    inverse = np.linalg.inv(to_metres)
    area_tolerance = tolerance_m
    for _ in range(_HALVINGS):
        thin = shapely.coverage_simplify(on_ground, area_tolerance)
        back = np.asarray(shapely.transform(thin, lambda xy: _on_lattice(xy @ inverse.T)), dtype=object)
        sound = shapely.is_valid(back).all() and not shapely.is_empty(back).any()
        if sound and _distances(on_ground, thin).max() <= tolerance_m and shapely.coverage_is_valid(back):
            return back
        area_tolerance /= 2
    return shapes


def _distances(before: _Shapes, after: _Shapes) -> FloatArray:
    """(N,) how far a vertex of each of ``before`` is from the boundary of its ``after``, at most; infinite if empty."""
    boundaries = shapely.boundary(after)
    shapely.prepare(boundaries)
    points, owner = shapely.get_coordinates(before, return_index=True)
    furthest = np.zeros(len(before))
    distances = shapely.distance(shapely.points(points), boundaries[owner])
    np.maximum.at(furthest, owner, np.where(np.isnan(distances), np.inf, distances))
    return furthest
