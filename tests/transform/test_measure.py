from __future__ import annotations

import math

import pytest
from affine import Affine
from pyproj import CRS, Geod, Proj, Transformer
from shapely import MultiPolygon, Polygon, box
from shapely.affinity import rotate

from remotereasoner.transform.measure import Measurer

WGS84 = Geod(ellps="WGS84")
UNIT = MultiPolygon([box(10, 20, 110, 60)])  # 100 x 40 px


def measurer(transform: Affine, crs: str) -> Measurer:
    found = Measurer.of(transform, CRS(crs))
    assert found is not None
    return found


def ground(lon: float, lat: float, crs: str) -> tuple[float, float]:
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return float(x), float(y)


def grid_at(lon: float, lat: float, crs: str, cell: float) -> Affine:
    x, y = ground(lon, lat, crs)
    return Affine(cell, 0, x, 0, -cell, y)


@pytest.mark.parametrize("lon", [-75.0, -74.0, -72.5])
def test_utm_is_geodesic_within_its_scale_factor(lon: float) -> None:
    size = measurer(grid_at(lon, 40.0, "EPSG:32618", 10.0), "EPSG:32618").size(UNIT)
    assert size is not None
    scale = Proj("EPSG:32618").get_factors(lon + 0.006, 40.0 - 0.0036).areal_scale
    assert size.area_m2 == pytest.approx(1000 * 400 / scale, rel=3e-5)
    assert size.length_m == pytest.approx(1000 / math.sqrt(scale), rel=1e-4)
    assert size.width_m == pytest.approx(400 / math.sqrt(scale), rel=1e-4)
    assert size.perimeter_m == pytest.approx(2800 / math.sqrt(scale), rel=1e-4)


def test_web_mercator_is_not_inflated() -> None:
    """At 60° N a web Mercator metre is 0.5 m on the sphere: planar area is four times too large."""
    size = measurer(grid_at(24.0, 60.0, "EPSG:3857", 1.0), "EPSG:3857").size(UNIT)
    utm = Transformer.from_crs("EPSG:3857", "EPSG:32635", always_xy=True)
    x0, y0 = ground(24.0, 60.0, "EPSG:3857")
    ring = [utm.transform(x0 + x, y0 - y) for x, y in UNIT.geoms[0].exterior.coords]
    assert size is not None
    assert size.area_m2 == pytest.approx(Polygon(ring).area, rel=1e-3)
    assert 990 < size.area_m2 < 1015
    assert size.length_m == pytest.approx(50.2, rel=5e-3)
    assert size.width_m == pytest.approx(20.05, rel=5e-3)


def test_geographic_cells_follow_the_ellipsoid() -> None:
    """A quadrangle of longitude and latitude has a closed formula (Snyder 1987, eq. 3-12 and after)."""
    a, e2 = WGS84.a, WGS84.es
    e = math.sqrt(e2)

    def q(lat_deg: float) -> float:
        s = math.sin(math.radians(lat_deg))
        return (1 - e2) * (s / (1 - e2 * s * s) - math.log((1 - e * s) / (1 + e * s)) / (2 * e))

    for west, south, cell, columns, rows in [
        (5.0, 45.0, 0.0001, 100, 40),
        (5.0, 60.0, 0.01, 300, 100),
        (170.0, 55.0, 0.1, 150, 90),
    ]:
        north = south + rows * cell
        size = measurer(Affine(cell, 0, west, 0, -cell, north), "EPSG:4326").size(
            MultiPolygon([box(0, 0, columns, rows)])
        )
        exact = a * a * math.radians(columns * cell) * (q(north) - q(south)) / 2
        assert size is not None
        assert size.area_m2 == pytest.approx(exact, rel=1e-5)


def test_the_ring_of_corners_agrees_for_small_objects() -> None:
    """Rotated, sheared, south-up and feet: the corners through pyproj, by another path."""
    for crs, matrix in [
        ("EPSG:32633", Affine.rotation(30) @ Affine.scale(0.5, -0.5)),
        ("EPSG:32633", Affine.shear(20, 5) @ Affine.scale(2, -2)),
        ("EPSG:32633", Affine.scale(2, 2)),
        ("EPSG:2263", Affine.scale(3, -3)),
        ("EPSG:3031", Affine.rotation(-70) @ Affine.scale(30, -20)),
        ("EPSG:4326", Affine.rotation(15) @ Affine.scale(1e-5, -2e-5)),
    ]:
        lon, lat = {"EPSG:2263": (-74.0, 40.7), "EPSG:3031": (140.0, -75.0)}.get(crs, (15.5, 47.0))
        transform = Affine.translation(*ground(lon, lat, crs)) @ matrix
        way = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        corners = [way.transform(*(transform @ (x, y))) for x, y in UNIT.geoms[0].exterior.coords]
        area, perimeter = WGS84.polygon_area_perimeter(*zip(*corners, strict=True))
        size = measurer(transform, crs).size(UNIT)
        assert size is not None
        assert size.area_m2 == pytest.approx(abs(area), rel=2e-5)
        assert size.perimeter_m == pytest.approx(perimeter, rel=2e-5)


def test_holes_are_taken_off_the_area_and_added_to_the_boundary() -> None:
    transform = grid_at(15.0, 45.0, "EPSG:32633", 1.0)
    ring = MultiPolygon([Polygon(box(0, 0, 30, 30).exterior, [box(10, 10, 20, 20).exterior])])
    island = MultiPolygon([*ring.geoms, box(14, 14, 16, 16)])
    size = measurer(transform, "EPSG:32633").size(ring)
    both = measurer(transform, "EPSG:32633").size(island)
    assert size is not None
    assert both is not None
    assert size.area_m2 == pytest.approx(800, rel=1e-3)
    assert size.perimeter_m == pytest.approx(160, rel=1e-3)
    assert both.area_m2 == pytest.approx(804, rel=1e-3)


def test_the_rectangle_turns_with_the_object() -> None:
    turned = MultiPolygon([rotate(UNIT.geoms[0], 33)])
    size = measurer(grid_at(15.0, 45.0, "EPSG:32633", 1.0), "EPSG:32633").size(turned)
    assert size is not None
    assert size.length_m == pytest.approx(100, rel=1e-3)
    assert size.width_m == pytest.approx(40, rel=1e-3)


def test_across_the_antimeridian() -> None:
    east = measurer(Affine(0.001, 0, 179.95, 0, -0.001, 10.0), "EPSG:4326").size(UNIT)
    middle = measurer(Affine(0.001, 0, 20.0, 0, -0.001, 10.0), "EPSG:4326").size(UNIT)
    assert east is not None
    assert middle is not None
    assert east.area_m2 == pytest.approx(middle.area_m2, rel=1e-9)
    assert measurer(Affine(0.001, 0, 179.95, 0, -0.001, 10.0), "EPSG:4326").lonlat((100.0, 0.0)) == pytest.approx(
        (-179.95, 10.0)
    )


def test_around_a_pole() -> None:
    """A square of 100 km with the pole inside, on the polar stereographic plane (scale 1 at 71° S)."""
    transform = Affine(1000, 0, -50_000, 0, -1000, 50_000)
    size = measurer(transform, "EPSG:3031").size(MultiPolygon([box(0, 0, 100, 100)]))
    assert size is not None
    scale = ((1 + math.sin(math.radians(71))) / 2) ** 2  # areal scale at the pole, on a sphere
    assert size.area_m2 == pytest.approx(1e10 / scale, rel=2e-3)
    assert size.length_m == pytest.approx(size.width_m, rel=1e-6)


def test_the_size_of_an_object_does_not_depend_on_how_finely_its_edges_are_cut() -> None:
    transform = grid_at(15.0, 45.0, "EPSG:32633", 30.0)
    coarse = MultiPolygon([box(0, 0, 2000, 3000)])
    fine = MultiPolygon([coarse.geoms[0].segmentize(1.0)])
    one, other = (measurer(transform, "EPSG:32633").size(p) for p in (coarse, fine))
    assert one is not None
    assert other is not None
    assert one.area_m2 == pytest.approx(other.area_m2, rel=1e-7)


def test_very_large_objects_have_no_width() -> None:
    size = measurer(Affine(1, 0, 0, 0, -1, 60), "EPSG:4326").size(MultiPolygon([box(0, 0, 40, 20)]))
    assert size is not None
    assert size.width_m is None
    assert size.length_m is None
    assert size.area_m2 > 1e12


def test_an_empty_object_measures_zero() -> None:
    size = measurer(grid_at(15.0, 45.0, "EPSG:32633", 1.0), "EPSG:32633").size(MultiPolygon())
    assert size is not None
    assert (size.area_m2, size.perimeter_m, size.width_m, size.length_m) == (0, 0, 0, 0)


def test_other_bodies_have_sizes_but_no_place_on_earth() -> None:
    moon = measurer(Affine(0.001, 0, 10, 0, -0.001, 0.05), "IAU_2015:30100")
    size = moon.size(MultiPolygon([box(0, 0, 100, 100)]))
    assert size is not None
    assert size.area_m2 == pytest.approx((math.radians(0.1) * 1_737_400) ** 2, rel=1e-4)
    assert moon.lonlat((5.0, 5.0)) is None


@pytest.mark.parametrize("crs", [None, 'LOCAL_CS["site",UNIT["metre",1]]', "EPSG:5703", "EPSG:4978"])
def test_no_measurements_where_there_is_no_ellipsoid_below(crs: str | None) -> None:
    assert Measurer.of(Affine.identity(), None if crs is None else CRS(crs)) is None


def test_outside_the_projection_there_is_no_size() -> None:
    off = measurer(Affine(1.0, 0, 0.0, 0, -1.0, 95.0), "EPSG:4326")
    assert off.size(MultiPolygon([box(0, 0, 3, 3)])) is None
    assert off.lonlat((0.0, 0.0)) is None
    half_off = MultiPolygon([box(0, 3, 3, 9)])  # its centre is on the Earth
    assert off.size(half_off) is None
    assert measurer(Affine(1e9, 0, 0, 0, -1e9, 0), "EPSG:32633").size(UNIT) is None
