"""Coordinate reference systems: the only place that turns text into a CRS, and the way to lon/lat and back.

Text from users, files and services reaches :func:`parse_crs` only. It accepts an EPSG code and the OGC names of one, by
regular expression, because GDAL's own parser opens files and sends HTTP requests when it is handed a path or a URL.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from remotereasoner.errors import CoordinateError
from remotereasoner.types import FloatArray

__all__ = ["LONLAT", "crs_from_wkt", "from_lonlat", "lonlat_transformer", "parse_crs", "to_lonlat", "wrap_longitude"]

MAX_WKT_CHARS = 100_000
_ACCEPTED = "write it as EPSG:32618 or urn:ogc:def:crs:EPSG::32618"
_EPSG = re.compile(
    r"(?:EPSG:|urn:ogc:def:crs:EPSG:[0-9.]{0,8}:|https?://www\.opengis\.net/def/crs/EPSG/[0-9.]{1,8}/)([0-9]{4,6})",
    re.ASCII | re.IGNORECASE,
)
_CRS84 = re.compile(
    r"(?:OGC:CRS84|urn:ogc:def:crs:OGC:[0-9.]{0,8}:CRS84|https?://www\.opengis\.net/def/crs/OGC/[0-9.]{1,8}/CRS84)",
    re.ASCII | re.IGNORECASE,
)


@lru_cache(maxsize=256)
def _from_epsg(code: int) -> CRS:
    try:
        return CRS.from_epsg(code)
    except CRSError as error:
        raise CoordinateError(f"EPSG:{code} is not a coordinate reference system that PROJ knows") from error


LONLAT = _from_epsg(4326)
"""WGS84. Used with x first everywhere: lon, lat."""


def parse_crs(text: str) -> CRS:
    """A CRS from ``EPSG:n``, ``urn:ogc:def:crs:EPSG::n``, the same as opengis.net URI, or CRS84 in these three forms.

    Nothing is fetched and no file is opened: URIs are recognised, not followed. Raises
    :class:`~remotereasoner.errors.CoordinateError` for all else, paths, URLs, WKT and PROJ strings included.
    """
    if not isinstance(text, str):
        raise CoordinateError(f"a CRS must be text, not {type(text).__name__}: {_ACCEPTED}")
    match = _EPSG.fullmatch(text)
    if match is not None:
        return _from_epsg(int(match.group(1)))
    if _CRS84.fullmatch(text) is not None:
        return LONLAT
    raise CoordinateError(f"{text[:60]!r} is not an accepted name of a CRS: {_ACCEPTED}")


@lru_cache(maxsize=64)
def crs_from_wkt(wkt: str) -> CRS:
    """A CRS from WKT as a raster carries it. Raises :class:`~remotereasoner.errors.CoordinateError`."""
    if len(wkt) > MAX_WKT_CHARS:
        raise CoordinateError(f"the raster's CRS is {len(wkt)} characters long; {MAX_WKT_CHARS} are accepted")
    try:
        return CRS.from_wkt(wkt)
    except CRSError as error:
        raise CoordinateError("the raster's CRS cannot be understood") from error


def lonlat_transformer(crs: CRS) -> Transformer | None:
    """From ``crs`` (x, y) to WGS84 lon, lat; None where there is no way (local grids, other planets, geocentric)."""
    if crs.is_geocentric or crs.is_engineering or crs.is_vertical:
        return None
    return _transformer(crs)


@lru_cache(maxsize=64)
def _transformer(crs: CRS) -> Transformer | None:
    try:
        # force_over: grids that cross the antimeridian stay continuous; longitudes are wrapped afterwards.
        return Transformer.from_crs(crs, LONLAT, always_xy=True, force_over=True)
    except (ProjError, CRSError):
        return None


def wrap_longitude(lon_deg: FloatArray, around_deg: float = 0.0) -> FloatArray:
    """Longitudes within 180 degrees of ``around_deg``; those already within are returned bit for bit."""
    turns = np.where(np.abs(lon_deg - around_deg) > 180.0, np.round((lon_deg - around_deg) / 360.0), 0.0)
    return lon_deg - 360.0 * turns


def to_lonlat(crs: CRS, points_xy: FloatArray) -> FloatArray:
    """(N, 2) coordinates of ``crs`` to (N, 2) WGS84 lon, lat, not wrapped.

    Raises :class:`~remotereasoner.errors.CoordinateError` where there is no way or a point is outside the projection.
    """
    return _transform(crs, points_xy, inverse=False)


def from_lonlat(crs: CRS, points_lonlat: FloatArray) -> FloatArray:
    """(N, 2) WGS84 lon, lat to (N, 2) coordinates of ``crs``. Raises as :func:`to_lonlat`."""
    return _transform(crs, points_lonlat, inverse=True)


def _transform(crs: CRS, points_xy: FloatArray, *, inverse: bool) -> FloatArray:
    transformer = lonlat_transformer(crs)
    if transformer is None:
        raise CoordinateError(f"there is no way from the CRS {crs.name!r} to longitude and latitude")
    x, y = transformer.transform(points_xy[:, 0], points_xy[:, 1], direction="INVERSE" if inverse else "FORWARD")
    result = np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    if not np.isfinite(result).all():
        side = "longitude and latitude are" if inverse else "coordinates are"
        raise CoordinateError(f"some {side} outside the area of the CRS {crs.name!r}")
    return result
