"""The value that carries pixels, validity, georeference and how they came about: :class:`Scene`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS

from remotereasoner.errors import UsageError
from remotereasoner.scene.grid import Grid, is_usable
from remotereasoner.types import BoolArray, BoundsXyxy, FloatArray, SizeHw, UInt8Array, WindowPx

__all__ = ["Rendering", "Scene"]


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
        if not is_usable(self.transform):
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
    def grid(self) -> Grid:
        """Where the pixels are."""
        return Grid(self.transform, self.crs, self.size_hw, self.rendering.source)

    @property
    def is_georeferenced(self) -> bool:
        """True where pixels have a longitude and latitude: a CRS that is there and leads to WGS84."""
        return self.grid.is_georeferenced

    def pixel_to_map(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Pixels to coordinates of ``crs``; without a CRS, to whatever ``transform`` leads to."""
        return self.grid.pixel_to_map(points_xy)

    def map_to_pixel(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Coordinates of ``crs`` to pixels; not clipped to the scene."""
        return self.grid.map_to_pixel(points_xy)

    def pixel_to_lonlat(self, points_xy: npt.ArrayLike) -> FloatArray:
        """Pixels to WGS84 longitude and latitude in degrees, longitude in [-180, 180].

        Raises :class:`~remotereasoner.errors.CoordinateError` without a CRS, or for points outside its projection.
        """
        return self.grid.pixel_to_lonlat(points_xy)

    def lonlat_to_pixel(self, points_lonlat: npt.ArrayLike) -> FloatArray:
        """WGS84 longitude and latitude in degrees to pixels; not clipped. Raises as :meth:`pixel_to_lonlat`."""
        return self.grid.lonlat_to_pixel(points_lonlat)

    def ground_sample_distance_m(self) -> float | None:
        """Side of a square of a pixel's area at the scene's centre, in metres on the ellipsoid; None if not known."""
        return self.grid.ground_sample_distance_m()

    @property
    def footprint_lonlat(self) -> FloatArray:
        """(N, 2) lon, lat around the scene's edge, closed, densified: see :attr:`Grid.footprint_lonlat`."""
        return self.grid.footprint_lonlat

    @property
    def bounds_lonlat(self) -> BoundsXyxy:
        """(west, south, east, north) in degrees; west > east across the antimeridian, see :class:`Grid`."""
        return self.grid.bounds_lonlat
