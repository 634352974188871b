"""Pixels of a raster on the map and on the globe: :class:`Grid`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS, Geod

from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.scene.crs import from_lonlat, lonlat_transformer, to_lonlat, wrap_longitude
from remotereasoner.types import BoundsXyxy, FloatArray, SizeHw

__all__ = ["Grid", "as_points", "is_usable"]

_WGS84 = Geod(ellps="WGS84")
_EDGE_POINTS = 32  # per edge of the footprint: a UTM edge of 100 km bends by less than a pixel between two of them


@dataclass(frozen=True)
class Grid:
    """``size_hw`` pixels, ``transform`` from their corners to ``crs``. Points are (N, 2) float64, x first."""

    transform: Affine
    crs: CRS | None
    size_hw: SizeHw
    name: str = "the raster"

    @cached_property
    def is_georeferenced(self) -> bool:
        """True where pixels have a longitude and latitude: a CRS that is there and leads to WGS84."""
        return self.crs is not None and lonlat_transformer(self.crs) is not None

    def pixel_to_map(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Pixels to coordinates of ``crs``; without a CRS, to whatever ``transform`` leads to."""
        return _apply(self.transform, as_points(points_xy))

    def map_to_pixel(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Coordinates of ``crs`` to pixels; not clipped to the raster."""
        return _apply(~self.transform, as_points(points_xy))

    def pixel_to_lonlat(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Pixels to WGS84 longitude and latitude in degrees, longitude in [-180, 180].

        Raises :class:`~remotereasoner.errors.CoordinateError` without a CRS, or for points outside its projection.
        """
        lonlat = to_lonlat(self._crs(), self.pixel_to_map(points_xy))
        lonlat[:, 0] = wrap_longitude(lonlat[:, 0])
        return lonlat

    def lonlat_to_pixel(self, points_lonlat: npt.ArrayLike) -> FloatArray:
        """WGS84 longitude and latitude in degrees to pixels; not clipped. Raises as :meth:`pixel_to_lonlat`."""
        crs = self._crs()
        lonlat = as_points(points_lonlat).copy()
        lonlat[:, 0] = wrap_longitude(lonlat[:, 0], self._centre_lon_deg)
        return self.map_to_pixel(from_lonlat(crs, lonlat))

    def ground_sample_distance_m(self) -> float | None:
        """Side of a square of a pixel's area at the centre of the raster, in metres on the WGS84 ellipsoid.

        None without a CRS, and where the centre is outside its projection.
        """
        if not self.is_georeferenced:
            return None
        height, width = self.size_hw
        corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        corners += np.array([width / 2, height / 2])
        try:
            lonlat = self.pixel_to_lonlat(corners)
        except CoordinateError:
            return None
        area_m2, _ = _WGS84.polygon_area_perimeter(lonlat[:, 0], lonlat[:, 1])
        return float(np.sqrt(abs(area_m2)))

    @property
    def bounds(self) -> BoundsXyxy:
        """(west, south, east, north) on the map, whichever way rows and columns go."""
        height, width = self.size_hw
        corners = self.pixel_to_map([(0, 0), (width, 0), (0, height), (width, height)])
        (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
        return float(west), float(south), float(east), float(north)

    @property
    def footprint_lonlat(self) -> FloatArray:
        """(N, 2) lon, lat around the raster's edge, closed, clockwise as seen in the image; each edge is densified.

        Longitudes are continuous, so that they may leave [-180, 180] where the raster crosses the antimeridian.
        """
        height, width = self.size_hw
        steps = np.linspace(0.0, 1.0, _EDGE_POINTS, endpoint=False)
        ends = np.array([(0, 0), (width, 0), (width, height), (0, height), (0, 0)], dtype=np.float64)
        ring = np.concatenate([a + steps[:, np.newaxis] * (b - a) for a, b in pairwise(ends)])
        lonlat = self.pixel_to_lonlat(np.vstack([ring, ends[:1]]))
        lonlat[:, 0] = np.unwrap(lonlat[:, 0], period=360.0)
        return lonlat

    @property
    def bounds_lonlat(self) -> BoundsXyxy:
        """(west, south, east, north) in degrees; west > east where the raster crosses the antimeridian (RFC 7946, 5.2).

        A scene around a pole gets all longitudes and reaches the pole. Raises as :meth:`pixel_to_lonlat`.
        """
        ring = self.footprint_lonlat
        south, north = float(ring[:, 1].min()), float(ring[:, 1].max())
        if abs(ring[-1, 0] - ring[0, 0]) > 180.0:  # the edge goes once around a pole
            return (-180.0, south, 180.0, 90.0) if north + south > 0 else (-180.0, -90.0, 180.0, north)
        west, east = float(ring[:, 0].min()), float(ring[:, 0].max())
        if east - west >= 360.0:
            return -180.0, south, 180.0, north
        wrapped = wrap_longitude(np.array([west, east]))
        return float(wrapped[0]), south, float(wrapped[1]), north

    def _crs(self) -> CRS:
        if self.crs is None:
            raise CoordinateError(f"{self.name} has no CRS: its pixels have no longitude and latitude")
        return self.crs

    @cached_property
    def _centre_lon_deg(self) -> float:
        height, width = self.size_hw
        return float(to_lonlat(self._crs(), self.pixel_to_map([(width / 2, height / 2)]))[0, 0])


def as_points(points_xy: npt.ArrayLike) -> FloatArray:
    points = np.asarray(points_xy, dtype=np.float64)
    if points.size == 0:
        return np.zeros((0, 2), dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise UsageError(f"points must be (N, 2), got {points.shape}")
    return points


def _apply(transform: Affine, points_xy: FloatArray) -> FloatArray:
    a, b, c, d, e, f = transform[:6]
    x, y = points_xy[:, 0], points_xy[:, 1]
    return np.column_stack([a * x + b * y + c, d * x + e * y + f])


def is_usable(transform: Affine) -> bool:
    """True for a transform that is finite and has a finite inverse."""
    if not np.isfinite(transform[:6]).all() or transform.is_degenerate:
        return False
    return bool(np.isfinite((~transform)[:6]).all())
