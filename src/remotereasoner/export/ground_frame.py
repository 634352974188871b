"""Pixels to metres, for what is said in metres but done in a plane: tolerances and right angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyproj import Geod

from remotereasoner.errors import UsageError
from remotereasoner.scene.grid import Grid
from remotereasoner.transform.findings import Finding
from remotereasoner.types import FloatArray

__all__ = ["ground_matrices", "largest_stretch"]

_WGS84 = Geod(ellps="WGS84")
_STEP_PX = 0.5


def ground_matrices(grid: Grid, points_xy: FloatArray) -> FloatArray:
    """(N, 2, 2): at each of ``points_xy`` (N, 2), the matrix from pixels to metres east and north on WGS84.

    Raises :class:`~remotereasoner.errors.UsageError` for a grid without a usable CRS and
    :class:`~remotereasoner.errors.CoordinateError` where a point lies outside the projection.
    """
    if not grid.is_georeferenced:
        raise UsageError(f"metres need a CRS that leads to longitude and latitude, and {grid.name} has none")
    columns = []
    for step in (np.array([_STEP_PX, 0.0]), np.array([0.0, _STEP_PX])):
        ahead, behind = (_offsets_m(grid, points_xy, side * step) for side in (1, -1))
        columns.append((ahead - behind) / (2 * _STEP_PX))
    return np.stack(columns, axis=2)


def _offsets_m(grid: Grid, points_xy: FloatArray, step_xy: FloatArray) -> FloatArray:
    """(N, 2) metres east and north, as seen from each point: at a pole, that is along any one meridian."""
    here, there = grid.pixel_to_lonlat(points_xy), grid.pixel_to_lonlat(points_xy + step_xy)
    azimuth_deg, _, metres = _WGS84.inv(here[:, 0], here[:, 1], there[:, 0], there[:, 1])
    azimuth = np.radians(azimuth_deg)
    return np.column_stack([metres * np.sin(azimuth), metres * np.cos(azimuth)])


def largest_stretch(grid: Grid, findings: Sequence[Finding]) -> FloatArray:
    """(2, 2): pixels to a plane in which no distance near any of ``findings`` is shorter than on the ground.

    So what stays within a tolerance there does so on the ground, everywhere: the matrix of the first finding's centre,
    enlarged by the most that any other's differs from it. Raises as :func:`ground_matrices`.
    """
    centres = np.array([[(x1 + x2) / 2, (y1 + y2) / 2] for x1, y1, x2, y2 in (item.box_xyxy for item in findings)])
    matrices = ground_matrices(grid, centres)
    relative = matrices @ np.linalg.inv(matrices[0])
    enlarged: FloatArray = matrices[0] * max(1.0, float(np.linalg.norm(relative, ord=2, axis=(1, 2)).max()))
    return enlarged
