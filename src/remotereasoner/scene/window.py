"""Which part of a raster is read, and how large it comes out."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine
from pyproj import CRS

from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.scene.crs import from_lonlat, parse_crs, to_lonlat, wrap_longitude
from remotereasoner.scene.grid import Grid
from remotereasoner.types import BoundsXyxy, FloatArray, SizeHw, WindowPx

__all__ = ["choose_window", "output_size", "scene_transform"]

_EDGE_POINTS = 21


def choose_window(
    grid: Grid,
    *,
    window: WindowPx | tuple[int, int, int, int] | None = None,
    bounds: BoundsXyxy | None = None,
    bounds_crs: str | CRS | None = None,
) -> WindowPx:
    """The part of ``grid`` to read, clipped to it: ``window`` in pixels, or all pixels that ``bounds`` touch, or all.

    ``bounds`` are (west, south, east, north) in ``bounds_crs``, the raster's own CRS if that is None; in a geographic
    CRS, west > east means across the antimeridian. Raises :class:`~remotereasoner.errors.UsageError` for both at
    once and :class:`~remotereasoner.errors.CoordinateError` for parts that do not touch the raster.
    """
    height, width = grid.size_hw
    if window is not None and bounds is not None:
        raise UsageError("give window or bounds, not both")
    if window is not None:
        columns, rows = (window[0], window[0] + window[2]), (window[1], window[1] + window[3])
        if any(value != int(value) for value in window) or window[2] < 1 or window[3] < 1:
            raise UsageError(f"window must be whole pixels (col_off, row_off, width, height) with a size, got {window}")
        shown = str(tuple(window))
    elif bounds is not None:
        pixels = _bounds_in_pixels(grid, bounds, bounds_crs)
        # A millionth of a pixel: bounds written by the raster's own software must not pull in a neighbouring row.
        low, high = np.floor(pixels.min(axis=0) + 1e-6), np.ceil(pixels.max(axis=0) - 1e-6)
        limit = float(max(width, height)) + 1.0
        low, high = np.clip(low, -1.0, limit), np.clip(np.maximum(high, low + 1), -1.0, limit)
        columns, rows = (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))
        shown = str(tuple(bounds))
    else:
        return WindowPx(0, 0, width, height)
    left, right = max(0, int(columns[0])), min(width, int(columns[1]))
    top, bottom = max(0, int(rows[0])), min(height, int(rows[1]))
    if right <= left or bottom <= top:
        raise CoordinateError(f"{shown} does not touch {grid.name}, which has {width} x {height} pixels")
    return WindowPx(left, top, right - left, bottom - top)


def _bounds_in_pixels(grid: Grid, bounds: BoundsXyxy, bounds_crs: str | CRS | None) -> FloatArray:
    """(N, 2) pixels along the edges of ``bounds``, which are curves in another CRS."""
    if len(bounds) != 4 or not all(math.isfinite(value) for value in bounds):
        raise CoordinateError(f"bounds must be four finite numbers (west, south, east, north), got {bounds!r}")
    west, south, east, north = bounds
    crs = parse_crs(bounds_crs) if isinstance(bounds_crs, str) else bounds_crs
    if crs is not None and grid.crs is None:
        raise CoordinateError(f"{grid.name} has no CRS: give bounds without bounds_crs, or a window in pixels")
    crs = crs if crs is not None else grid.crs
    if west > east and crs is not None and crs.is_geographic:
        east += 360.0
    if west >= east or south >= north:
        raise CoordinateError(
            f"bounds must be (west, south, east, north) with west < east, south < north, got {bounds}"
        )
    steps = np.linspace(0.0, 1.0, _EDGE_POINTS)
    x, y = west + steps * (east - west), south + steps * (north - south)
    edges = [
        (x, np.full_like(x, south)),
        (x, np.full_like(x, north)),
        (np.full_like(y, west), y),
        (np.full_like(y, east), y),
    ]
    ring = np.concatenate([np.column_stack(edge) for edge in edges])
    middle_px = [(grid.size_hw[1] / 2, grid.size_hw[0] / 2)]
    if crs is None or grid.crs is None or crs == grid.crs:
        if crs is not None and crs.is_geographic:
            ring[:, 0] += _turns_towards(ring[:, 0], grid.pixel_to_map(middle_px)[0, 0])
        return grid.map_to_pixel(ring)
    lonlat = to_lonlat(crs, ring)
    lonlat[:, 0] += _turns_towards(lonlat[:, 0], to_lonlat(grid.crs, grid.pixel_to_map(middle_px))[0, 0])
    return grid.map_to_pixel(from_lonlat(grid.crs, lonlat))


def _turns_towards(lon_deg: FloatArray, centre_deg: float) -> float:
    """Degrees, a multiple of 360, that bring a ring as a whole to the raster's side of the globe, in one piece."""
    middle = float(lon_deg.min() + lon_deg.max()) / 2
    return float(wrap_longitude(np.array([middle]), centre_deg)[0]) - middle


def output_size(window: WindowPx, max_side_px: int | None) -> SizeHw:
    """(height, width) of the scene: the window's, or smaller with its longer side at ``max_side_px``."""
    if max_side_px is None:
        return window.height, window.width
    if max_side_px < 1:
        raise UsageError(f"max_side_px must be 1 or more, got {max_side_px}")
    factor = max_side_px / max(window.height, window.width)
    if factor >= 1.0:
        return window.height, window.width
    return max(1, round(window.height * factor)), max(1, round(window.width * factor))


def scene_transform(transform: Affine, window: WindowPx, size_hw: SizeHw) -> Affine:
    """From pixels of the scene to the map, for a window of the raster read at ``size_hw``."""
    scale = Affine.scale(window.width / size_hw[1], window.height / size_hw[0])
    return transform @ Affine.translation(window.col_off, window.row_off) @ scale
