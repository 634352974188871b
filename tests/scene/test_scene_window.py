"""Windows: pixels, bounds of the map, bounds in another CRS."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.window import choose_window, output_size, scene_transform
from remotereasoner.types import WindowPx

UTM = Grid(Affine(10, 0, 435_000, 0, -10, 4_180_000), CRS.from_epsg(32618), (200, 300))


def test_all_of_it() -> None:
    assert choose_window(UTM) == (0, 0, 300, 200)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((-5, -5, 10, 10), (0, 0, 5, 5)),
        ((290, 190, 100, 100), (290, 190, 10, 10)),
        ((-10, -10, 1000, 1000), (0, 0, 300, 200)),
    ],
)
def test_windows_are_cut_to_the_raster(window, expected) -> None:
    assert choose_window(UTM, window=window) == expected


@pytest.mark.parametrize("window", [(300, 0, 5, 5), (0, 200, 5, 5), (-5, 0, 5, 5), (10**12, 0, 5, 5)])
def test_windows_outside(window) -> None:
    with pytest.raises(CoordinateError, match="does not touch"):
        choose_window(UTM, window=window)


@pytest.mark.parametrize("window", [(0, 0, 0, 5), (0, 0, 5, -1), (0.5, 0, 5, 5)])
def test_windows_that_are_none(window) -> None:
    with pytest.raises(UsageError, match="whole pixels"):
        choose_window(UTM, window=window)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((435_100, 4_179_700, 435_300, 4_179_900), (10, 10, 20, 20)),
        ((435_101, 4_179_701, 435_299, 4_179_899), (10, 10, 20, 20)),
        ((435_099.9, 4_179_700, 435_300, 4_179_900.1), (9, 9, 21, 21)),
        ((0, 0, 435_010, 4_179_999), (0, 0, 1, 200)),
        ((435_100.2, 4_179_899.2, 435_100.4, 4_179_899.4), (10, 10, 1, 1)),
    ],
)
def test_bounds_take_every_pixel_they_touch(bounds, expected) -> None:
    assert choose_window(UTM, bounds=bounds) == expected


def test_bounds_in_lonlat_cover_the_same_ground() -> None:
    to_lonlat = Transformer.from_crs(32618, 4326, always_xy=True)
    bounds = to_lonlat.transform_bounds(435_500, 4_178_500, 436_500, 4_179_500)
    window = choose_window(UTM, bounds=bounds, bounds_crs="EPSG:4326")
    assert window.col_off <= 50
    assert window.row_off <= 50
    assert window.col_off + window.width >= 150
    assert window.row_off + window.height >= 150
    assert window.width < 106  # the meridians are turned a little against the grid
    assert window == choose_window(UTM, bounds=bounds, bounds_crs=CRS.from_epsg(4326))


def test_bounds_of_a_rotated_and_a_south_up_raster() -> None:
    rotated = Grid(
        Affine.translation(1000, 1000) @ Affine.rotation(45) @ Affine.scale(1, -1), CRS.from_epsg(32618), (90, 90)
    )
    inside = rotated.pixel_to_map([(45, 45)])[0]
    window = choose_window(rotated, bounds=(inside[0] - 5, inside[1] - 5, inside[0] + 5, inside[1] + 5))
    assert (window.width, window.height) == pytest.approx((14, 14), abs=2)
    south_up = Grid(Affine(10, 0, 0, 0, 10, 0), None, (50, 50))
    assert choose_window(south_up, bounds=(100, 200, 150, 300)) == (10, 20, 5, 10)


@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_bounds_across_the_antimeridian(crs: str | None) -> None:
    pacific = Grid(Affine(0.1, 0, 175, 0, -0.1, 5), CRS.from_epsg(4326), (100, 100))
    assert choose_window(pacific, bounds=(179, -1, -179, 1), bounds_crs=crs) == (40, 40, 20, 20)
    other_side = Grid(Affine(0.1, 0, -185, 0, -0.1, 5), CRS.from_epsg(4326), (100, 100))
    assert choose_window(other_side, bounds=(179, -1, 180, 1), bounds_crs=crs) == (40, 40, 10, 20)
    mercator = Grid(Affine(1000, 0, 19_900_000, 0, -1000, 0), CRS.from_epsg(3857), (300, 300))
    window = choose_window(mercator, bounds=(179.5, -1, -179.5, -0.5), bounds_crs="EPSG:4326")
    assert window.width == pytest.approx(111.3, abs=2)
    assert window.col_off == pytest.approx(81, abs=2)


@pytest.mark.parametrize(
    ("bounds", "crs", "message"),
    [
        ((1, 2, 3), None, "four finite"),
        ((np.nan, 0, 1, 1), None, "four finite"),
        ((0, 0, np.inf, 1), None, "four finite"),
        ((5, 0, 1, 1), None, "west < east"),
        ((0, 5, 1, 1), None, "south < north"),
        ((0, 0, 1, 1), None, "does not touch"),
        ((0, 0, 1, 1), "EPSG:4326", "does not touch"),
        ((0, 0, 1, 1), "http://127.0.0.1/crs", "not an accepted name"),
        ((1e300, 1e300, 2e300, 2e300), None, "does not touch"),
    ],
)
def test_bounds_that_cannot_be_used(bounds, crs, message: str) -> None:
    with pytest.raises(CoordinateError, match=message):
        choose_window(UTM, bounds=bounds, bounds_crs=crs)


def test_lonlat_bounds_need_a_crs() -> None:
    with pytest.raises(CoordinateError, match="no CRS"):
        choose_window(Grid(Affine.identity(), None, (5, 5)), bounds=(0, 0, 1, 1), bounds_crs="EPSG:4326")


def test_not_both() -> None:
    with pytest.raises(UsageError, match="not both"):
        choose_window(UTM, bounds=(0, 0, 1, 1), window=(0, 0, 1, 1))


@pytest.mark.parametrize(
    ("max_side_px", "expected"),
    [(None, (200, 300)), (300, (200, 300)), (1000, (200, 300)), (150, (100, 150)), (100, (67, 100)), (1, (1, 1))],
)
def test_output_size(max_side_px: int | None, expected) -> None:
    assert output_size(WindowPx(0, 0, 300, 200), max_side_px) == expected


def test_output_size_refuses_zero() -> None:
    with pytest.raises(UsageError, match="max_side_px"):
        output_size(WindowPx(0, 0, 3, 2), 0)


def test_transform_keeps_the_corners() -> None:
    window = WindowPx(30, 20, 200, 100)
    transform = scene_transform(UTM.transform, window, (33, 67))
    assert transform @ (0, 0) == UTM.transform @ (30, 20)
    assert transform @ (67, 33) == pytest.approx(UTM.transform @ (230, 120))
