"""Areas and lengths on the ground, always geodesic: on the ellipsoid of the scene's CRS, never in the CRS's plane.

One way for every grid: the polygon's vertices go from pixels to the CRS by the scene's transform, from there to
longitude and latitude on the CRS's own ellipsoid, and are measured there (Karney 2013, "Algorithms for geodesics", by
pyproj's ``Geod``). So a UTM scale factor, web Mercator's inflation (×4 at 60°), degrees, US feet, rotation and shear
need no special case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer
from shapely import MultiPoint, MultiPolygon

from remotereasoner.scene.crs import lonlat_transformer
from remotereasoner.types import FloatArray, PointXy

__all__ = ["GroundSize", "Measurer"]

CHORD_M = 1000.0  # edges are cut so that no chord is longer; over 1 km, chord and straight line in any CRS differ by cm
CHORDS_PER_DIAGONAL = 64  # … but never into more than that of the polygon's diagonal: then the error is below 1e-5
LARGEST_RADIUS_M = 500_000.0  # beyond, a plane is no fair picture of the object and it has no width and length


@dataclass(frozen=True)
class GroundSize:
    """What one object measures on the ground, in m² and m."""

    area_m2: float
    perimeter_m: float
    """Of all boundaries, holes included. Boundaries follow pixel edges: a slanting edge is up to √2 too long."""
    width_m: float | None
    """Shorter side of the smallest rotated rectangle around the object; None where it is wider than 1,000 km."""
    length_m: float | None
    """Longer side of it."""


class Measurer:
    """Measures polygons of one grid: a transform from pixel corners to a CRS.

    Use :meth:`of`, which is None for a grid on which nothing can be measured.
    """

    def __init__(self, transform: Affine, geod: Geod, to_ellipsoid: Transformer, to_wgs84: Transformer | None) -> None:
        self._matrix = np.array([[transform.a, transform.b], [transform.d, transform.e]])
        self._origin = np.array([transform.c, transform.f])
        self._geod = geod
        self._to_ellipsoid = to_ellipsoid
        self._to_wgs84 = to_wgs84

    @classmethod
    def of(cls, transform: Affine, crs: CRS | None) -> Measurer | None:
        """None without a CRS, and for one that is no surface of an ellipsoid (local grids, heights, geocentric)."""
        found = None if crs is None else _ellipsoid(crs)
        if crs is None or found is None:
            return None
        geod, to_ellipsoid = found
        return cls(transform, geod, to_ellipsoid, lonlat_transformer(crs))

    def lonlat(self, point_xy: PointXy) -> PointXy | None:
        """Longitude and latitude (WGS84, degrees) of a pixel position, or None where the CRS does not reach there."""
        if self._to_wgs84 is None:
            return None
        return _finite_lonlat(self._to_wgs84.transform(*(self._matrix @ point_xy + self._origin)))

    def size(self, polygons: MultiPolygon) -> GroundSize | None:
        """Measure ``polygons`` in pixels. All zero for an empty one, None where the CRS does not reach all of it."""
        if polygons.is_empty:
            return GroundSize(0.0, 0.0, 0.0, 0.0)
        x1, y1, x2, y2 = polygons.bounds
        outline = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]])
        centre = shapely.get_coordinates(polygons.centroid)
        hull = shapely.get_coordinates(polygons.convex_hull)
        lonlat = self._on_ellipsoid(np.concatenate([outline, centre, hull]))
        if lonlat is None:
            return None
        cut = shapely.segmentize(polygons, self._chord_px(outline, lonlat[:5]))
        measured = self._rings(cut)
        if measured is None:
            return None
        width_m, length_m = self._rectangle(lonlat[6:], lonlat[5])
        return GroundSize(*measured, width_m, length_m)

    def _on_ellipsoid(self, points_xy: FloatArray) -> FloatArray | None:
        """(N, 2) pixels to (N, 2) longitude, latitude in degrees; None if any of them is not on the ellipsoid."""
        mapped = points_xy @ self._matrix.T + self._origin
        lonlat = np.column_stack(self._to_ellipsoid.transform(mapped[:, 0], mapped[:, 1]))
        if not np.isfinite(lonlat).all() or np.abs(lonlat[:, 1]).max() > 90 + 1e-9:
            return None
        return lonlat

    def _chord_px(self, outline_xy: FloatArray, lonlat: FloatArray) -> float:
        """How long an edge may be, in pixels, before it is cut; ``outline_xy``: the closed bounding rectangle."""
        sides_px = np.hypot(*np.diff(outline_xy, axis=0).T)
        sides_m = np.asarray(self._geod.line_lengths(lonlat[:, 0], lonlat[:, 1]))
        metres_per_pixel = float((sides_m / sides_px).max())
        shortest_px = math.hypot(sides_px[0], sides_px[1]) / CHORDS_PER_DIAGONAL
        return max(CHORD_M / metres_per_pixel, shortest_px) if metres_per_pixel > 0 else shortest_px

    def _rings(self, polygons: MultiPolygon) -> tuple[float, float] | None:
        """Area in m² and length of all boundaries in m."""
        rings, part = shapely.get_rings(shapely.get_parts(polygons), return_index=True)
        lonlat = self._on_ellipsoid(shapely.get_coordinates(rings))
        if lonlat is None:
            return None
        lon, lat = np.ascontiguousarray(lonlat.T)
        stops = np.cumsum(shapely.get_num_coordinates(rings)).tolist()
        is_shell = np.diff(part, prepend=-1) > 0
        area = perimeter = 0.0
        for start, stop, shell in zip([0, *stops], stops, is_shell.tolist(), strict=False):
            ring_area, ring_length = self._geod.polygon_area_perimeter(lon[start:stop], lat[start:stop])
            area += abs(ring_area) if shell else -abs(ring_area)
            perimeter += ring_length
        return area, perimeter

    def _rectangle(self, hull: FloatArray, centre: FloatArray) -> tuple[float | None, float | None]:
        """Sides of the smallest rotated rectangle, shorter first, in the azimuthal equidistant plane of ``centre``."""
        lon, lat = np.full(len(hull), centre[0]), np.full(len(hull), centre[1])
        azimuth_deg, _, distance = self._geod.inv(lon, lat, hull[:, 0], hull[:, 1])
        if np.max(distance) > LARGEST_RADIUS_M:
            return None, None
        azimuth = np.radians(azimuth_deg)
        plane = np.column_stack([distance * np.sin(azimuth), distance * np.cos(azimuth)])
        corners = shapely.get_coordinates(MultiPoint(plane).minimum_rotated_rectangle)
        sides = sorted(math.dist(corners[i], corners[i + 1]) for i in (0, 1))
        return sides[0], sides[1]


@lru_cache(maxsize=64)
def _ellipsoid(crs: CRS) -> tuple[Geod, Transformer] | None:
    """The CRS's ellipsoid and the way from its x, y to longitude, latitude in degrees there, without a datum shift."""
    geod = crs.get_geod()
    if geod is None or crs.is_geocentric:
        return None
    return geod, Transformer.from_crs(crs, CRS.from_dict({"proj": "longlat", "a": geod.a, "b": geod.b}), always_xy=True)


def _finite_lonlat(lonlat: tuple[float, float]) -> PointXy | None:
    lon, lat = lonlat
    if not (math.isfinite(lon) and math.isfinite(lat)) or abs(lat) > 90 + 1e-9:
        return None
    return (lon + 180.0) % 360.0 - 180.0, lat
