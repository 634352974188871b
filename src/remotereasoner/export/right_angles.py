"""Outlines of buildings with right angles only, and how much of them that changes.

Per part: the outline is thinned, turned so that its main direction lies along the axes, each edge is made horizontal or
vertical, neighbours that became parallel are joined, and corners are put where the remaining edges' lines cross. Two
main directions are tried, that of the smallest rotated rectangle and the length-weighted mean of the edges' directions
modulo 90°, each with a few strengths of thinning. The attempt with the best IoU less 0.01 for each corner counts: any
shape can be drawn exactly with right angles if there are as many of them as it has pixels along its edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from remotereasoner.types import FloatArray

__all__ = ["RightAngled", "with_right_angles"]

_THINNINGS = (0.02, 0.05, 0.1)  # of the square root of the part's area
_LEAST_THINNING_PX = 0.75  # the steps of a slanting edge in pixels are not corners of the building
_PER_CORNER = 0.01


class RightAngled(NamedTuple):
    """``polygons`` in pixels; ``changed``: whether they are the attempt; ``iou``: its IoU with the outline before."""

    polygons: MultiPolygon
    iou: float
    changed: bool


def with_right_angles(polygons_px: MultiPolygon, least_iou: float, to_metres: FloatArray) -> RightAngled:
    """``polygons_px`` with right angles on the ground, or as it is where the IoU would fall under ``least_iou``.

    ``to_metres``: (2, 2) matrix from pixels to metres. ``iou`` is that of the attempt even where it is refused;
    0 where there was none worth the name. An outline must have an area.
    """
    on_ground = shapely.transform(polygons_px, lambda xy: xy @ to_metres.T)
    pixel_m = float(np.linalg.norm(to_metres, axis=0).max())
    parts = [_squared(part, pixel_m) for part in on_ground.geoms]
    squared = shapely.union_all([part for part in parts if part is not None])
    if any(part is None for part in parts) or not isinstance(squared, Polygon | MultiPolygon):
        return RightAngled(polygons_px, 0.0, False)
    iou = _iou(squared, on_ground)
    back = shapely.transform(squared, lambda xy: xy @ np.linalg.inv(to_metres).T)
    if iou < least_iou or not back.is_valid:
        return RightAngled(polygons_px, iou, False)
    return RightAngled(back if isinstance(back, MultiPolygon) else MultiPolygon([back]), iou, True)


def _iou(one: shapely.Geometry, other: shapely.Geometry) -> float:
    union = shapely.union(one, other).area
    return float(shapely.intersection(one, other).area / union) if union > 0 else 0.0


def _squared(part: Polygon, pixel_m: float) -> Polygon | None:
    """The best attempt at one part; None where none encloses an area."""
    attempts = list(_attempts(part, pixel_m))
    if not attempts:
        return None
    return max(attempts, key=lambda one: _iou(one, part) - _PER_CORNER * shapely.get_num_coordinates(one))


def _attempts(part: Polygon, pixel_m: float) -> Iterator[Polygon]:
    size = math.sqrt(part.area)
    for tolerance in {max(share * size, _LEAST_THINNING_PX * pixel_m): None for share in _THINNINGS}:
        thin = shapely.simplify(part, tolerance, preserve_topology=True)
        for angle in _directions(thin):
            turned = _rotation(-angle)
            shell = _axis_aligned(shapely.get_coordinates(thin.exterior) @ turned.T)
            if shell is None:
                continue
            holes = [_axis_aligned(shapely.get_coordinates(hole) @ turned.T) for hole in thin.interiors]
            attempt = shapely.difference(
                Polygon(shell), shapely.union_all([Polygon(h) for h in holes if h is not None])
            )
            if isinstance(attempt, Polygon) and not attempt.is_empty:
                yield shapely.transform(attempt, lambda xy, back=turned: xy @ back)


def _rotation(angle: float) -> FloatArray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _directions(part: Polygon) -> list[float]:
    """Angles in radians that its edges may run along."""
    edges = np.diff(shapely.get_coordinates(part.exterior), axis=0)
    lengths = np.hypot(*edges.T)
    fourfold = float(np.angle((lengths * np.exp(4j * np.arctan2(edges[:, 1], edges[:, 0]))).sum()))
    rectangle = np.diff(shapely.get_coordinates(part.minimum_rotated_rectangle), axis=0)[0]
    return [math.atan2(rectangle[1], rectangle[0]), fourfold / 4]


def _axis_aligned(ring: FloatArray) -> FloatArray | None:
    """A closed ring with horizontal and vertical edges only; None where nothing valid with an area is left."""
    edges = np.diff(ring, axis=0)
    flat = np.abs(edges[:, 0]) >= np.abs(edges[:, 1])
    if flat.all() or not flat.any():
        return None
    # Begin where the direction changes, so that no run of parallel edges is cut in two.
    start = int(np.flatnonzero(flat != np.roll(flat, 1))[0])
    edges, flat = np.roll(edges, -start, axis=0), np.roll(flat, -start)
    middles = np.roll((ring[:-1] + ring[1:]) / 2, -start, axis=0)
    run = np.cumsum(np.concatenate([[0], flat[1:] != flat[:-1]]))
    count = int(run[-1]) + 1
    lengths = np.hypot(*edges.T)
    across = np.where(flat, middles[:, 1], middles[:, 0])  # where the edge's line lies: y if flat, x if upright
    lines = np.bincount(run, weights=across * lengths, minlength=count) / np.bincount(run, lengths, minlength=count)
    upright_first = not flat[0]
    after = np.roll(lines, -1)
    is_upright = (np.arange(count) % 2 == 0) == upright_first
    corners = np.column_stack([np.where(is_upright, lines, after), np.where(is_upright, after, lines)])
    if len(corners) < 4:
        return None
    closed = np.vstack([corners, corners[:1]])
    squared = Polygon(closed)
    return closed if squared.is_valid and squared.area > 0 else None
