"""Scene: construction and coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.scene.scene import Scene

UTM18 = CRS.from_epsg(32618)
NORTH_UP = Affine(10, 0, 600_000, 0, -10, 4_500_000)


def scene(height: int = 40, width: int = 60, transform: Affine | None = None, crs: CRS | None = None) -> Scene:
    return Scene.from_array(np.zeros((height, width, 3), np.uint8), transform=transform, crs=crs)


def test_grey_becomes_rgb_and_all_valid() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    made = Scene.from_array(grey)
    assert made.size_hw == (2, 3)
    assert (made.pixels == grey[:, :, None]).all()
    assert made.valid.all()
    assert made.source_window == (0, 0, 3, 2)


@pytest.mark.parametrize(
    ("pixels", "valid", "transform", "expected"),
    [
        (np.zeros((4, 5, 4), np.uint8), None, None, r"\(4, 5, 4\)"),
        (np.zeros((4, 5, 3), np.float32), None, None, "float32"),
        (np.zeros((0, 5, 3), np.uint8), None, None, r"\(0, 5, 3\)"),
        (np.zeros((4, 5, 3), np.uint8), np.ones((5, 4), np.bool_), None, r"\(4, 5\).*\(5, 4\)"),
        (np.zeros((4, 5, 3), np.uint8), np.ones((4, 5), np.uint8), None, "uint8"),
        (np.zeros((4, 5, 3), np.uint8), None, Affine(1, 1, 0, 1, 1, 0), "invertible"),
        (np.zeros((4, 5, 3), np.uint8), None, Affine(np.nan, 0, 0, 0, 1, 0), "finite"),
    ],
)
def test_parts_that_do_not_fit_are_refused(pixels, valid, transform, expected) -> None:
    with pytest.raises(UsageError, match=expected):
        Scene.from_array(pixels, valid=valid, transform=transform)


def test_crs_without_transform_is_refused() -> None:
    with pytest.raises(UsageError, match="transform"):
        scene(crs=UTM18)


def test_corners_and_centres() -> None:
    made = scene(transform=NORTH_UP, crs=UTM18)
    assert made.pixel_to_map([(0, 0), (1.5, 2)]).tolist() == [[600_000, 4_500_000], [600_015, 4_499_980]]
    assert made.map_to_pixel([(600_015, 4_499_980)]).tolist() == [[1.5, 2.0]]
    assert made.pixel_to_map([]).shape == (0, 2)
    with pytest.raises(UsageError, match=r"\(3,\)"):
        made.pixel_to_map([1, 2, 3])


def test_without_crs_there_is_no_lonlat() -> None:
    made = scene()
    assert not made.is_georeferenced
    assert made.ground_sample_distance_m() is None
    for call in (made.pixel_to_lonlat, made.lonlat_to_pixel):
        with pytest.raises(CoordinateError, match="no CRS"):
            call([(1, 1)])


@pytest.mark.parametrize("wkt", ['LOCAL_CS["site grid",UNIT["metre",1]]', CRS.from_epsg(4978).to_wkt()])
def test_crs_that_leads_nowhere(wkt: str) -> None:
    made = scene(transform=NORTH_UP, crs=CRS.from_wkt(wkt))
    assert not made.is_georeferenced
    assert made.ground_sample_distance_m() is None
    with pytest.raises(CoordinateError, match="no way"):
        made.pixel_to_lonlat([(0, 0)])


def test_points_outside_the_projection() -> None:
    made = scene(transform=Affine(1e6, 0, 1e9, 0, -1e6, 1e9), crs=CRS.from_epsg(3035))
    with pytest.raises(CoordinateError, match="outside"):
        made.pixel_to_lonlat([(0, 0)])
    assert made.ground_sample_distance_m() is None


def test_ground_sample_distance() -> None:
    utm = scene(transform=NORTH_UP, crs=UTM18).ground_sample_distance_m()
    assert utm == pytest.approx(10.0, rel=1e-3)
    # Web Mercator at 60 degrees north: a pixel of 10 m covers about 5 m of ground.
    x, y = 0.0, 8_399_737.9
    mercator = scene(transform=Affine(10, 0, x, 0, -10, y), crs=CRS.from_epsg(3857)).ground_sample_distance_m()
    assert mercator == pytest.approx(5.0, rel=5e-3)
    degrees = scene(transform=Affine(1e-4, 0, 10, 0, -1e-4, 0), crs=CRS.from_epsg(4326)).ground_sample_distance_m()
    assert degrees == pytest.approx(11.09, rel=5e-3)


def test_bounds_across_the_antimeridian_and_around_the_pole() -> None:
    across = scene(10, 10, Affine(0.1, 0, 179.5, 0, -0.1, 10), CRS.from_epsg(4326))
    west, south, east, north = across.bounds_lonlat
    assert (west, east) == pytest.approx((179.5, -179.5))
    assert (south, north) == pytest.approx((9, 10))
    polar = scene(100, 100, Affine(1e4, 0, -5e5, 0, -1e4, 5e5), CRS.from_epsg(3413))
    assert polar.bounds_lonlat[::2] == (-180.0, 180.0)
    assert polar.bounds_lonlat[3] == 90.0
    south_polar = scene(100, 100, Affine(1e4, 0, -5e5, 0, -1e4, 5e5), CRS.from_epsg(3031))
    assert south_polar.bounds_lonlat[1] == -90.0
    world = scene(18, 36, Affine(10, 0, -180, 0, -10, 90), CRS.from_epsg(4326))
    assert world.bounds_lonlat == (-180.0, -90.0, 180.0, 90.0)


def test_footprint_is_closed_and_around() -> None:
    ring = scene(transform=NORTH_UP, crs=UTM18).footprint_lonlat
    assert ring[0] == pytest.approx(ring[-1])
    assert len(ring) > 100
