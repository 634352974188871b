"""Pixels, map and globe: round trips over 14 kinds of grid, and PROJ asked by another path."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Proj

from remotereasoner.errors import CoordinateError
from remotereasoner.scene._gdal import gdal_env  # before rasterio
from remotereasoner.scene.grid import Grid, is_usable

import rasterio.control  # isort: skip
import rasterio.transform  # isort: skip

SIZE_HW = (3000, 4000)


def from_control_points() -> Affine:
    corners = [(0, 0), (0, 4000), (3000, 0), (3000, 4000)]
    points = [
        rasterio.control.GroundControlPoint(row, column, 5e5 + 2 * column + 0.3 * row, 4e6 + 0.2 * column - 2 * row)
        for row, column in corners
    ]
    with gdal_env():
        return rasterio.transform.from_gcps(points)


GRIDS: dict[str, tuple[Affine, int]] = {
    "utm north": (Affine(10, 0, 435_730, 0, -10, 4_179_460), 32618),
    "utm south": (Affine(0.3, 0, 312_000, 0, -0.3, 6_250_000), 32756),
    "polar north": (Affine(250, 0, -500_000, 0, -250, 400_000), 3413),
    "polar south": (Affine(100, 0, 1_000_000, 0, -100, -900_000), 3031),
    "web mercator": (Affine(1.19, 0, 1_480_000, 0, -1.19, 6_890_000), 3857),
    "geographic": (Affine(1e-4, 0, 13.1, 0, -1e-4, 52.6), 4326),
    "rotated": (Affine.translation(5e5, 4e6) @ Affine.rotation(30) @ Affine.scale(2, -2), 32618),
    "sheared": (Affine.translation(5e5, 4e6) @ Affine.shear(20, 5) @ Affine.scale(2, -2), 32618),
    "south-up": (Affine(10, 0, 435_730, 0, 10, 4_159_990), 32618),
    "not square": (Affine(30, 0, 400_000, 0, -2.5, 5_000_000), 32633),
    "control points": (from_control_points(), 32618),
    "antimeridian": (Affine(1e-3, 0, 178.5, 0, -1e-3, -16), 4326),
    "tiny pixels": (Affine(0.01, 0, 691_000, 0, -0.01, 5_334_000), 32632),
    "huge pixels": (Affine(0.08, 0, -170, 0, -0.05, 80), 4326),
}


def random_points(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform((0, 0), SIZE_HW[::-1], (1000, 2))


def test_there_are_fourteen() -> None:
    assert len(GRIDS) == 14


@pytest.mark.parametrize("name", GRIDS)
def test_round_trip(name: str) -> None:
    transform, code = GRIDS[name]
    grid = Grid(transform, CRS.from_epsg(code), SIZE_HW)
    points = random_points()
    assert np.abs(grid.map_to_pixel(grid.pixel_to_map(points)) - points).max() < 0.01
    lonlat = grid.pixel_to_lonlat(points)
    assert np.abs(lonlat[:, 0]).max() <= 180.0
    assert np.abs(grid.lonlat_to_pixel(lonlat) - points).max() < 0.01


@pytest.mark.parametrize("name", GRIDS)
def test_agrees_with_proj_by_another_path(name: str) -> None:
    transform, code = GRIDS[name]
    crs = CRS.from_epsg(code)
    points = random_points(2)
    x, y = rasterio.transform.xy(transform, points[:, 1], points[:, 0], offset="ul")
    expected = np.column_stack([x, y] if crs.is_geographic else Proj(crs)(x, y, inverse=True))
    difference = Grid(transform, crs, SIZE_HW).pixel_to_lonlat(points) - expected
    difference[:, 0] = (difference[:, 0] + 180) % 360 - 180
    assert np.abs(difference).max() < 1e-7


def test_mercator_across_the_antimeridian() -> None:
    """Beyond 180 degrees east, x goes on growing in the file and must do so here."""
    grid = Grid(Affine(100, 0, 20_000_000, 0, -100, 0), CRS.from_epsg(3857), (1000, 1000))
    points = np.array([(0.0, 0.0), (999.0, 500.0)])
    lonlat = grid.pixel_to_lonlat(points)
    assert lonlat[0, 0] > 179
    assert lonlat[1, 0] < -179
    assert grid.lonlat_to_pixel(lonlat) == pytest.approx(points, abs=1e-6)
    west, _, east, _ = grid.bounds_lonlat
    assert west > 179
    assert east < -179


def test_map_bounds_of_a_rotated_grid() -> None:
    grid = Grid(Affine.rotation(90), None, (10, 20))
    assert grid.bounds == pytest.approx((-10, 0, 0, 20))
    with pytest.raises(CoordinateError):
        grid.pixel_to_lonlat([(0, 0)])


@pytest.mark.parametrize(
    ("transform", "usable"),
    [
        (Affine(10, 0, 0, 0, -10, 0), True),
        (Affine(0, 10, 0, 10, 0, 0), True),
        (Affine(1, 2, 0, 2, 4, 0), False),
        (Affine(np.inf, 0, 0, 0, 1, 0), False),
        (Affine(1e-320, 0, 0, 0, 1e-320, 0), False),
    ],
)
def test_usable_transforms(transform: Affine, usable: bool) -> None:
    assert is_usable(transform) is usable
