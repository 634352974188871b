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
from shapely import LinearRing, MultiPoint, MultiPolygon

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
        centre = self._on_ellipsoid(np.array([polygons.centroid.coords[0]]))
        if centre is None:
            return None
        chord_px = self._chord_px(polygons)
        if chord_px is None:
            return None
        area = perimeter = 0.0
        for part in polygons.geoms:
            for ring, sign in ((part.exterior, 1.0), *((hole, -1.0) for hole in part.interiors)):
                measured = self._ring(ring, chord_px)
                if measured is None:
                    return None
                area += sign * measured[0]
                perimeter += measured[1]
        sides = self._rectangle(polygons, centre[0])
        return GroundSize(area, perimeter, *(sides if sides is not None else (None, None)))

    def _on_ellipsoid(self, points_xy: FloatArray) -> FloatArray | None:
        """(N, 2) pixels to (N, 2) longitude, latitude in degrees; None if any of them is not on the ellipsoid."""
        mapped = points_xy @ self._matrix.T + self._origin
        lonlat = np.column_stack(self._to_ellipsoid.transform(mapped[:, 0], mapped[:, 1]))
        if not np.isfinite(lonlat).all() or np.abs(lonlat[:, 1]).max() > 90 + 1e-9:
            return None
        return lonlat

    def _chord_px(self, polygons: MultiPolygon) -> float | None:
        x1, y1, x2, y2 = polygons.bounds
        corners = self._on_ellipsoid(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]))
        if corners is None:
            return None
        diagonal_px = math.hypot(x2 - x1, y2 - y1)
        sides_m = self._geod.line_lengths(
            np.append(corners[:, 0], corners[0, 0]), np.append(corners[:, 1], corners[0, 1])
        )
        sides_px = np.array([x2 - x1, y2 - y1, x2 - x1, y2 - y1])
        coarsest_m_per_px = float((np.asarray(sides_m)[:4] / sides_px).max())
        if coarsest_m_per_px == 0.0:
            return diagonal_px
        return max(CHORD_M / coarsest_m_per_px, diagonal_px / CHORDS_PER_DIAGONAL)

    def _ring(self, ring: LinearRing, chord_px: float) -> tuple[float, float] | None:
        lonlat = self._on_ellipsoid(shapely.get_coordinates(shapely.segmentize(ring, chord_px)))
        if lonlat is None:
            return None
        area, perimeter = self._geod.polygon_area_perimeter(lonlat[:, 0], lonlat[:, 1])
        return abs(area), perimeter

    def _rectangle(self, polygons: MultiPolygon, centre: FloatArray) -> tuple[float, float] | None:
        """Both sides of the smallest rotated rectangle, in the azimuthal equidistant plane of ``centre``."""
        hull = self._on_ellipsoid(shapely.get_coordinates(polygons.convex_hull))
        if hull is None:
            return None
        lon, lat = np.full(len(hull), centre[0]), np.full(len(hull), centre[1])
        azimuth_deg, _, distance = self._geod.inv(lon, lat, hull[:, 0], hull[:, 1])
        if np.max(distance) > LARGEST_RADIUS_M:
            return None
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
