"""Outlines in pixels to outlines in longitude and latitude as RFC 7946 wants them.

An edge that is straight in pixels is not straight in lon/lat, where GeoJSON draws it: edges are halved until the
difference is under :data:`TOLERANCE_PX`. What crosses the antimeridian is cut there, what holds a pole is closed along
it. Rings are oriented last, because any of these steps can turn them round (RFC 7946, 3.1.6 and 3.1.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.affinity import translate
from shapely.geometry.polygon import orient

from remotereasoner.types import BoolArray, FloatArray

__all__ = ["DECIMALS", "TOLERANCE_PX", "LonLatShape", "Project", "to_lonlat_shape"]

DECIMALS = 7  # about 1 cm; GDAL's RFC7946 writer uses the same
TOLERANCE_PX = 0.05
_MAX_HALVINGS = 12
_SHORTEST_EDGE_PX = 0.25
_UNSEEN_RAD = 5e-10  # 3 mm: less than the last decimal can tell

Project = Callable[[FloatArray], FloatArray]
"""(N, 2) pixels to (N, 2) lon, lat in degrees."""


@dataclass(frozen=True)
class LonLatShape:
    """``geometry`` within ±180°, at most :data:`DECIMALS` decimals, valid, oriented."""

    geometry: Polygon | MultiPolygon
    bbox: tuple[float, float, float, float]
    """West, south, east, north in degrees; west > east where it crosses the antimeridian."""


def to_lonlat_shape(outline_px: Polygon | MultiPolygon, project: Project, *, near_lon_deg: float) -> LonLatShape | None:
    """``outline_px`` (scene pixels) on the map; None where nothing is left of it at :data:`DECIMALS` decimals.

    ``near_lon_deg``: longitude of the scene; parts are unrolled around it. Raises what ``project`` raises.
    """
    parts = list(outline_px.geoms) if isinstance(outline_px, MultiPolygon) else [outline_px]
    rings_px = [ring.coords for part in parts for ring in (part.exterior, *part.interiors)]
    rings = iter(_project_rings([np.asarray(ring, dtype=np.float64)[:, :2] for ring in rings_px], project))
    unrolled = []
    for part in parts:
        shell = _area_inside(next(rings), near_lon_deg)
        middle = (shell.bounds[0] + shell.bounds[2]) / 2
        unrolled.append(_with_holes(shell, [_area_inside(next(rings), middle) for _ in part.interiors]))
    geometry = _rounded(_polygons_of(piece for part in unrolled for piece in _cut_into_worlds(part)))
    if geometry.is_empty:
        return None
    return LonLatShape(geometry, _bbox(unrolled, geometry))


def _unit_vectors(lonlat_deg: FloatArray) -> FloatArray:
    lon, lat = np.radians(lonlat_deg[:, 0]), np.radians(lonlat_deg[:, 1])
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _unwrapped(lonlat: FloatArray, first: BoolArray) -> FloatArray:
    """Longitudes continuous along each ring; ``first`` (N,) marks where rings begin."""
    turns = np.zeros(len(lonlat))
    turns[1:] = -np.round(np.diff(lonlat[:, 0]) / 360.0)
    turns[first] = 0.0
    total = np.cumsum(turns)
    starts = np.flatnonzero(first)
    total -= np.repeat(total[starts], np.diff(np.append(starts, len(lonlat))))
    return np.column_stack([lonlat[:, 0] + 360.0 * total, lonlat[:, 1]])


def _project_rings(rings_px: list[FloatArray], project: Project) -> list[FloatArray]:
    """Closed rings in pixels to closed rings in lon, lat, with vertices added where edges bend; all in one go."""
    pixels = np.concatenate(rings_px)
    first = np.zeros(len(pixels), dtype=np.bool_)
    first[np.cumsum([0, *(len(ring) for ring in rings_px[:-1])])] = True
    lonlat = _unwrapped(project(pixels), first)
    edges = np.flatnonzero(~first[1:])  # from point i to point i + 1
    for _ in range(_MAX_HALVINGS):
        start, end = pixels[edges], pixels[edges + 1]
        middle_px = (start + end) / 2
        middle = project(middle_px)
        split = _bends(lonlat[edges], lonlat[edges + 1], middle, np.linalg.norm(end - start, axis=1))
        if not split.any():
            break
        where = edges[split] + 1
        pixels = np.insert(pixels, where, middle_px[split], axis=0)
        first = np.insert(first, where, False)
        lonlat = _unwrapped(np.insert(lonlat, where, middle[split], axis=0), first)
        # Only the halves of what was split can still bend.
        added = where + np.arange(len(where))
        edges = np.sort(np.concatenate([added - 1, added]))
    return np.split(lonlat, np.flatnonzero(first)[1:])


def _bends(start: FloatArray, end: FloatArray, middle: FloatArray, length_px: FloatArray) -> BoolArray:
    """(N,) whether an edge drawn straight in lon/lat misses its true ``middle`` by more than the tolerance.

    The miss is measured on the sphere and told in pixels by the edge's own scale.
    """
    length = np.linalg.norm(_unit_vectors(end) - _unit_vectors(start), axis=1)
    apart = np.linalg.norm(_unit_vectors(middle) - _unit_vectors((start + end) / 2), axis=1)
    bent: BoolArray = (
        (apart * length_px > TOLERANCE_PX * length) & (length_px > _SHORTEST_EDGE_PX) & (apart > _UNSEEN_RAD)
    )
    return bent


def _area_inside(ring: FloatArray, near_lon_deg: float) -> Polygon:
    """The area inside one ring, unrolled next to ``near_lon_deg``. A ring around a pole is closed along that pole."""
    ring[:, 0] -= 360.0 * np.round((ring[0, 0] - near_lon_deg) / 360.0)
    if abs(ring[-1, 0] - ring[0, 0]) > 180.0:
        pole = 90.0 if ring[:, 1].mean() > 0 else -90.0
        ring = np.vstack([ring, [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]])
    else:
        ring[-1] = ring[0]
    return Polygon(ring)


def _with_holes(shell: Polygon, holes: list[Polygon]) -> Polygon | MultiPolygon:
    if not holes:
        return shell
    if max(part.bounds[2] - part.bounds[0] for part in (shell, *holes)) < 180.0:
        return Polygon(shell.exterior, [hole.exterior for hole in holes])
    # Around a pole a hole may lie one turn away from where the shell was cut open.
    turned = [translate(hole, xoff=360.0 * turns) for hole in holes for turns in (-1, 0, 1)]
    return _polygons_of([shapely.difference(shapely.make_valid(shell), shapely.union_all(shapely.make_valid(turned)))])


def _polygons_of(geometries: Iterable[shapely.Geometry]) -> Polygon | MultiPolygon:
    """The areas among ``geometries``; lines and points that cutting left behind are dropped."""
    parts = [part for part in shapely.get_parts(list(geometries)) if isinstance(part, Polygon) and not part.is_empty]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def _cut_into_worlds(unrolled: Polygon | MultiPolygon) -> list[shapely.Geometry]:
    """Pieces of ``unrolled`` moved to −180 … 180, cut at the seams."""
    if unrolled.is_empty:
        return []
    west, south, east, north = unrolled.bounds
    first, last = int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east - 180.0) / 360.0))
    if first >= last:
        return [translate(unrolled, xoff=-360.0 * first)] if first else [unrolled]
    whole = shapely.make_valid(unrolled)
    worlds = range(first, last + 1)
    cuts = [shapely.box(360.0 * k - 180.0, south - 1.0, 360.0 * k + 180.0, north + 1.0) for k in worlds]
    pieces = [translate(shapely.intersection(whole, cut), xoff=-360.0 * k) for k, cut in zip(worlds, cuts, strict=True)]
    return [leaf for piece in pieces for leaf in shapely.get_parts(shapely.get_parts(piece))]


def _rounded(geometry: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """At most :data:`DECIMALS` decimals and still valid: snapping may move, join or drop parts smaller than that."""
    rounded = shapely.transform(geometry, lambda xy: np.round(xy, DECIMALS) + 0.0)
    if not rounded.is_valid:
        snapped = shapely.set_precision(shapely.make_valid(geometry), 10.0**-DECIMALS)
        rounded = shapely.transform(_polygons_of([snapped]), lambda xy: np.round(xy, DECIMALS) + 0.0)
    parts = rounded.geoms if isinstance(rounded, MultiPolygon) else [rounded]
    oriented = [orient(part, 1.0) for part in parts if part.area > 0]
    return oriented[0] if len(oriented) == 1 else MultiPolygon(oriented)


def _bbox(
    unrolled: list[Polygon | MultiPolygon], geometry: Polygon | MultiPolygon
) -> tuple[float, float, float, float]:
    _, south, _, north = geometry.bounds
    west = min(part.bounds[0] for part in unrolled if not part.is_empty)
    east = max(part.bounds[2] for part in unrolled if not part.is_empty)
    if east - west >= 360.0 - 1e-9:
        return -180.0, south, 180.0, north
    west, east = (round(lon - 360.0 * np.floor((lon + 180.0) / 360.0), DECIMALS) for lon in (west, east))
    return float(west), south, float(east if east > -180.0 else 180.0), north
