"""The value that carries pixels, validity, georeference and how they came about: :class:`Scene`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS, Geod

from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.scene.crs import from_lonlat, lonlat_transformer, to_lonlat, wrap_longitude
from remotereasoner.types import BoolArray, BoundsXyxy, FloatArray, SizeHw, UInt8Array, WindowPx

__all__ = ["Rendering", "Scene"]

_WGS84 = Geod(ellps="WGS84")
_EDGE_POINTS = 32  # per edge of the footprint: a UTM edge of 100 km bends by less than a pixel between two of them


@dataclass(frozen=True)
class Rendering:
    """How pixels were made from the source: goes into the provenance, because it changes the answer."""

    source: str
    """File name(s) without folders."""
    driver: str
    bands: tuple[int, ...]
    """1-based band numbers rendered as R, G, B; of a scene of several files, 1-based positions in the list of files."""
    band_names: tuple[str | None, ...]
    dtype: str
    stretch: Literal["none", "percentile"]
    limits: tuple[tuple[float, float], ...]
    """Per rendered band, the source values that become 0 and 255."""
    percentiles: tuple[float, float] | None
    window: WindowPx
    """Part of the source that was read."""
    source_hw: SizeHw
    source_nodata: float | None = None
    notes: tuple[str, ...] = ()
    """What else changed the pixels or their place: resampling, an affine fitted to GCPs, EXIF rotation not applied."""


@dataclass(frozen=True, eq=False)
class Scene:
    """``pixels`` (H, W, 3) uint8 RGB; ``valid`` (H, W) bool; ``transform`` from scene pixel corners to ``crs``.

    Pixel coordinates of all methods are of this scene: origin at the top left corner, x right, y down. Points are
    (N, 2) float64. Raises :class:`~remotereasoner.errors.UsageError` where the parts do not fit together.
    """

    pixels: UInt8Array
    valid: BoolArray
    transform: Affine
    crs: CRS | None
    rendering: Rendering

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8 or not self.pixels.size:
            raise UsageError(
                f"pixels must be (H, W, 3) uint8 and not empty, got {self.pixels.shape} {self.pixels.dtype}"
            )
        if self.valid.shape != self.pixels.shape[:2] or self.valid.dtype != np.bool_:
            raise UsageError(
                f"valid must be {self.pixels.shape[:2]} bool to fit the pixels, "
                f"got {self.valid.shape} {self.valid.dtype}"
            )
        if not np.isfinite(self.transform[:6]).all() or self.transform.is_degenerate:
            raise UsageError(f"transform must be finite and invertible, got {tuple(self.transform[:6])}")

    @classmethod
    def from_array(
        cls,
        pixels: UInt8Array,
        valid: BoolArray | None = None,
        transform: Affine | None = None,
        crs: CRS | None = None,
        source: str = "array",
    ) -> Scene:
        """A scene from (H, W, 3) or grey (H, W) uint8; ``valid`` None: all of it; ``transform`` None: none, no CRS."""
        rgb = np.repeat(pixels[:, :, np.newaxis], 3, axis=2) if pixels.ndim == 2 else pixels
        if crs is not None and transform is None:
            raise UsageError("a CRS without a transform places nothing: give both or neither")
        rendering = Rendering(
            source=source,
            driver="array",
            bands=(1, 1, 1) if pixels.ndim == 2 else (1, 2, 3),
            band_names=(None, None, None),
            dtype=str(pixels.dtype),
            stretch="none",
            limits=((0.0, 255.0),) * 3,
            percentiles=None,
            window=WindowPx(0, 0, rgb.shape[1] if rgb.ndim > 1 else 0, rgb.shape[0]),
            source_hw=(rgb.shape[0], rgb.shape[1] if rgb.ndim > 1 else 0),
        )
        return cls(
            pixels=rgb,
            valid=np.ones(rgb.shape[:2], dtype=np.bool_) if valid is None else valid,
            transform=Affine.identity() if transform is None else transform,
            crs=crs,
            rendering=rendering,
        )

    @property
    def size_hw(self) -> SizeHw:
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def source_window(self) -> WindowPx:
        """Part of the source raster, in its pixels, that this scene shows."""
        return self.rendering.window

    @cached_property
    def is_georeferenced(self) -> bool:
        """True where pixels have a longitude and latitude: a CRS that is there and leads to WGS84."""
        return self.crs is not None and lonlat_transformer(self.crs) is not None

    def pixel_to_map(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Pixels to coordinates of ``crs``; without a CRS, to whatever ``transform`` leads to."""
        return _apply(self.transform, _points(points_xy))

    def map_to_pixel(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Coordinates of ``crs`` to pixels; not clipped to the scene."""
        return _apply(~self.transform, _points(points_xy))

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
        lonlat = _points(points_lonlat).copy()
        lonlat[:, 0] = wrap_longitude(lonlat[:, 0], self._centre_lon_deg)
        return self.map_to_pixel(from_lonlat(crs, lonlat))

    def ground_sample_distance_m(self) -> float | None:
        """Side of a square of a pixel's area at the centre of the scene, in metres on the WGS84 ellipsoid.

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
    def footprint_lonlat(self) -> FloatArray:
        """(N, 2) lon, lat around the scene's edge, closed, clockwise as seen in the image; each edge is densified.

        Longitudes are continuous, so that they may leave [-180, 180] where the scene crosses the antimeridian.
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
        """(west, south, east, north) in degrees; west > east where the scene crosses the antimeridian (RFC 7946, 5.2).

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
            raise CoordinateError(f"{self.rendering.source} has no CRS: its pixels have no longitude and latitude")
        return self.crs

    @cached_property
    def _centre_lon_deg(self) -> float:
        height, width = self.size_hw
        return float(to_lonlat(self._crs(), self.pixel_to_map([(width / 2, height / 2)]))[0, 0])


def _points(points_xy: npt.ArrayLike) -> FloatArray:
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
