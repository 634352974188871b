"""GeoJSON against RFC 7946, three other readers of it, and GDAL's own RFC 7946 writer."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from geojson_pydantic import FeatureCollection
from pyproj import CRS
from shapely.geometry import shape

from remotereasoner import Result
from remotereasoner.errors import CoordinateError
from remotereasoner.export.geojson import result_to_geojson
from result_fixtures import MakeResult, MakeScene, disc

SIZE = (120, 160)
GEOGRAPHIC = CRS.from_epsg(4326)
POLAR = CRS.from_epsg(3995)  # arctic, the pole at (0, 0)
ANTARCTIC = CRS.from_epsg(3031)
COS, SIN = math.cos(math.radians(30)), math.sin(math.radians(30))

# name: CRS and transform of a scene of 120 × 160 pixels
GRIDS: dict[str, tuple[int, Affine]] = {
    "utm north": (32618, Affine(10, 0, 400_000, 0, -10, 4_200_000)),
    "utm south": (32733, Affine(10, 0, 400_000, 0, -10, 6_200_000)),
    "web mercator": (3857, Affine(20, 0, 1_000_000, 0, -20, 6_000_000)),
    "geographic": (4326, Affine(0.001, 0, 10, 0, -0.001, 50)),
    "geographic, coarse": (4326, Affine(0.5, 0, -30, 0, -0.5, 60)),
    "south-up": (32618, Affine(10, 0, 400_000, 0, 10, 4_200_000)),
    "rotated": (32618, Affine(10 * COS, 10 * SIN, 400_000, 10 * SIN, -10 * COS, 4_200_000)),
    "sheared": (32618, Affine(10, 3, 400_000, 2, -10, 4_200_000)),
    "non-square": (32618, Affine(30, 0, 400_000, 0, -10, 4_200_000)),
    "polar stereographic": (3995, Affine(1000, 0, 300_000, 0, -1000, -500_000)),
    "state plane, feet": (2263, Affine(2, 0, 980_000, 0, -2, 200_000)),
    "10 cm": (32618, Affine(0.1, 0, 400_000, 0, -0.1, 4_200_000)),
    "10 km": (6933, Affine(10_000, 0, 500_000, 0, -10_000, 4_200_000)),
    "antimeridian, utm": (32601, Affine(10, 0, 303_000, 0, -10, 6_000_000)),
    "antimeridian, over 180": (4326, Affine(0.01, 0, 179.2, 0, -0.01, 10)),
    "antimeridian, fiji": (3460, Affine(1000, 0, 2_060_000, 0, -1000, 4_060_000)),
    "antimeridian, polar": (3995, Affine(500, 0, -40_000, 0, -500, 1_500_000)),
}
# It warns of any box that crosses the antimeridian, as RFC 7946, 5.2 has it.
pytestmark = pytest.mark.filterwarnings("ignore:BBOX crossing the Antimeridian:UserWarning")
CROSSING = [name for name in GRIDS if name.startswith("antimeridian")]


def applied(transform: Affine, xy: np.ndarray) -> np.ndarray:
    matrix = np.array(transform).reshape(3, 3)
    return xy @ matrix[:2, :2].T + matrix[:2, 2]


def frames() -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    return [
        disc(SIZE, (80, 60), 40, hole=15),
        disc(SIZE, (20, 20), 9) | disc(SIZE, (130, 100), 12),  # one object in two parts
        disc(SIZE, (80, 60), 3),  # lies in the hole of the first
        np.kron(rng.random((12, 16)) > 0.6, np.ones((10, 10))).astype(bool),  # corners that touch, holes at the edge
        np.pad(rng.random((30, 30)) > 0.5, ((60, 30), (60, 70))),  # the worst outline there is
        np.pad(np.ones((1, 1), dtype=bool), ((5, SIZE[0] - 6), (7, SIZE[1] - 8))),  # one pixel
        np.ones(SIZE, dtype=bool),
        np.zeros(SIZE, dtype=bool),  # no mask: the box stands
    ]


@pytest.fixture
def on_grid(make_scene: MakeScene, make_result: MakeResult) -> Any:
    def make(name: str) -> Result:
        epsg, transform = GRIDS[name]
        return make_result(make_scene(SIZE, crs=CRS.from_epsg(epsg), transform=transform), frames())

    return make


def rings_of(geometry: dict[str, Any]) -> list[list[list[list[float]]]]:
    return geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]


def unrolled(geometry: Any, around: float = 180.0) -> Any:
    """With longitudes in around ± 180."""
    return shapely.transform(
        geometry, lambda xy: np.column_stack([(xy[:, 0] - around + 180) % 360 - 180 + around, xy[:, 1]])
    )


@pytest.mark.parametrize("name", GRIDS)
def test_rfc_7946(name: str, on_grid: Any) -> None:
    document = json.loads(json.dumps(on_grid(name).to_geojson(), allow_nan=False))
    FeatureCollection.model_validate(document)
    assert "crs" not in document
    assert [feature["id"] for feature in document["features"]] == list(range(len(frames())))
    for feature in document["features"]:
        geometry = feature["geometry"]
        assert geometry["type"] in ("Polygon", "MultiPolygon")
        assert shape(geometry).is_valid, shapely.is_valid_reason(shape(geometry))
        for polygon in rings_of(geometry):
            for number, ring in enumerate(polygon):
                assert len(ring) >= 4
                assert ring[0] == ring[-1]
                assert shapely.LinearRing(ring).is_ccw == (number == 0)
                for lon, lat in ring:
                    assert -180 <= lon <= 180
                    assert -90 <= lat <= 90
                    assert (lon, lat) == (round(lon, 7), round(lat, 7))
                    assert len(repr(lon).partition(".")[2]) <= 7 or "e" in repr(lon)


@pytest.mark.parametrize("name", GRIDS)
def test_it_lies_where_the_pixels_are(name: str, on_grid: Any) -> None:
    """Each outline, sent back to pixels by pyproj alone, covers the mask to a tenth of a pixel along its edge."""
    result = on_grid(name)
    epsg, transform = GRIDS[name]
    back = pyproj.Transformer.from_crs(4326, epsg, always_xy=True, force_over=True)
    for finding, feature in zip(result.findings, result.to_geojson()["features"], strict=True):
        if name == "antimeridian, polar" and finding.index == 6:
            continue  # its edge runs over the cut itself
        geometry = shape(feature["geometry"])
        if name in CROSSING and epsg == 4326:
            geometry = unrolled(geometry)

        def to_pixels(lonlat: np.ndarray) -> np.ndarray:
            x, y = back.transform(lonlat[:, 0], lonlat[:, 1])
            return applied(~transform, np.column_stack([x, y]))

        expected = shapely.box(*finding.box_xyxy) if finding.polygons.is_empty else finding.polygons
        got = shapely.make_valid(shapely.transform(shapely.segmentize(geometry, 0.05), to_pixels))
        difference = shapely.symmetric_difference(got, expected).area
        assert difference < 0.1 * expected.length


@pytest.mark.parametrize("name", GRIDS)
def test_against_gdals_own_writer(name: str, on_grid: Any, tmp_path: Path) -> None:
    """GDAL reprojects, cuts at the antimeridian, orients and rounds by itself; both must cover the same ground."""
    import geopandas

    result = on_grid(name)
    epsg, transform = GRIDS[name]
    kept = [finding for finding in result.findings if not finding.polygons.is_empty]
    # Densified in map units: GDAL does not add vertices of its own.
    on_map = [
        shapely.transform(shapely.segmentize(finding.polygons, 1.0), lambda xy: applied(transform, xy))
        for finding in kept
    ]
    frame = geopandas.GeoDataFrame({"index": [f.index for f in kept]}, geometry=on_map, crs=epsg)
    path = tmp_path / "gdal.geojson"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyogrio on layers without ids
        pyogrio.write_dataframe(frame, path, driver="GeoJSON", RFC7946="YES")
    theirs = {
        int(f["properties"]["index"]): gdals_shape(f["geometry"]) for f in json.loads(path.read_text())["features"]
    }
    ours = {f["id"]: shape(f["geometry"]) for f in result.to_geojson()["features"]}
    for finding in kept:
        mine = ours[finding.index]
        difference = shapely.symmetric_difference(shapely.make_valid(theirs[finding.index]), mine).area
        pixel = mine.area / finding.area_px
        # A tenth of a pixel along the outline, and the last decimal.
        assert difference < 0.1 * finding.polygons.length * pixel + 1e-7 * mine.length, finding.index


def gdals_shape(geometry: dict[str, Any]) -> Any:
    """Where all of a part lies beyond 180° GDAL leaves an empty polygon behind, at which shapely stumbles."""
    if geometry["type"] == "MultiPolygon":
        return shape({**geometry, "coordinates": [part for part in geometry["coordinates"] if part]})
    return shape(geometry)


@pytest.mark.parametrize("name", GRIDS)
def test_other_readers_take_it(name: str, on_grid: Any, tmp_path: Path) -> None:
    result = on_grid(name)
    path = result.write(tmp_path)["geojson"]
    frame = pyogrio.read_dataframe(path)
    assert len(frame) == result.count
    assert frame.crs == "EPSG:4326"
    assert frame.geometry.is_valid.all()
    assert list(frame["label"]) == [finding.label for finding in result.findings]


@pytest.mark.parametrize("name", CROSSING)
def test_cut_at_the_antimeridian(name: str, on_grid: Any) -> None:
    whole = on_grid(name).to_geojson()["features"][6]
    assert whole["geometry"]["type"] == "MultiPolygon"
    west, _, east, _ = whole["bbox"]
    assert west > east
    pieces = [shapely.Polygon(polygon[0]) for polygon in rings_of(whole["geometry"])]
    assert {round(max(abs(piece.bounds[0]), abs(piece.bounds[2])), 7) for piece in pieces} == {180.0}
    assert all(piece.bounds[2] - piece.bounds[0] < 180 for piece in pieces)


@pytest.mark.parametrize(("crs", "pole"), [(POLAR, 90.0), (ANTARCTIC, -90.0)])
def test_around_a_pole(crs: CRS, pole: float, make_scene: MakeScene, make_result: MakeResult) -> None:
    """A disc and a ring with the pole inside: areas on the sphere against those of the projection's own Geod."""
    scene = make_scene((200, 200), crs=crs, transform=Affine(10_000, 0, -1_000_000, 0, -10_000, 1_000_000))
    size = (200, 200)
    result = make_result(
        scene, [disc(size, (100, 100), 60), disc(size, (100, 100), 60, hole=30), disc(size, (101, 100), 2)]
    )
    features = result.to_geojson()["features"]
    FeatureCollection.model_validate(result.to_geojson())
    for feature in features[:2]:
        geometry = shape(feature["geometry"])
        assert geometry.is_valid
        assert feature["bbox"][0] == -180
        assert feature["bbox"][2] == 180
    full, ring, small = (shape(feature["geometry"]) for feature in features)
    assert full.contains(shapely.Point(12.3, pole * 0.999))
    assert not ring.contains(shapely.Point(12.3, pole * 0.999))
    # cos φ dφ dλ over the polygons, by the sphere's zone formula at the mean radius of the outline.
    outer = abs(np.asarray([p for part in rings_of(features[0]["geometry"]) for p in part[0]])[:, 1])
    assert outer.max() == 90.0
    assert full.area == pytest.approx(360 * (90 - np.median(outer[outer < 89.9])), rel=0.02)
    assert ring.area < full.area
    assert small.area > 0
    assert len(features[1]["geometry"]["coordinates"]) >= 1


def test_long_edges_are_bent(make_scene: MakeScene, make_result: MakeResult) -> None:
    """A rectangle of 1,600 km in Lambert's projection: four corners alone would be tens of pixels off."""
    scene = make_scene(SIZE, crs=CRS.from_epsg(3034), transform=Affine(10_000, 0, 3_000_000, 0, -10_000, 3_500_000))
    ring = make_result(scene, [np.ones(SIZE, dtype=bool)]).to_geojson()["features"][0]["geometry"]["coordinates"][0]
    assert len(ring) > 20
    small = make_scene(SIZE)
    exact = make_result(small, [np.ones(SIZE, dtype=bool)]).to_geojson()["features"][0]["geometry"]["coordinates"][0]
    assert len(exact) == 5  # 1.6 km in UTM need no more


def test_pixels_smaller_than_the_last_decimal(make_scene: MakeScene, make_result: MakeResult) -> None:
    """A microscope's scene: what cannot be told at 7 decimals is an unlocated feature, not an invalid one."""
    scene = make_scene(SIZE, transform=Affine(1e-6, 0, 400_000, 0, -1e-6, 4_200_000))
    features = make_result(scene, frames()).to_geojson()["features"]
    assert all(feature["geometry"] is None for feature in features)
    FeatureCollection.model_validate(make_result(scene, frames()).to_geojson())


@pytest.mark.parametrize("side_m", [0.004, 0.01, 0.02, 0.05])
def test_still_valid_where_rounding_moves_every_vertex(
    side_m: float, make_scene: MakeScene, make_result: MakeResult
) -> None:
    scene = make_scene(SIZE, transform=Affine(side_m, 0, 400_000, 0, -side_m, 4_200_000))
    for feature in make_result(scene, frames()).to_geojson()["features"]:
        if feature["geometry"] is not None:
            assert shape(feature["geometry"]).is_valid
            assert shape(feature["geometry"]).area > 0


def test_outside_of_the_projection_is_unlocated(make_scene: MakeScene, make_result: MakeResult) -> None:
    """A full-disc geostationary image: its corners look past the Earth."""
    disc_crs = CRS.from_proj4("+proj=geos +h=35785831 +lon_0=0 +ellps=WGS84 +units=m")
    side = 11_000_000 / 120
    scene = make_scene((120, 120), crs=disc_crs, transform=Affine(side, 0, -5_500_000, 0, -side, 5_500_000))
    here, away = np.zeros((120, 120), dtype=bool), np.zeros((120, 120), dtype=bool)
    here[55:65, 55:65] = True
    away[:4, :4] = True
    try:
        result = make_result(scene, [here, away])
    except CoordinateError:
        pytest.skip("findings outside the projection are not measured")
    located = [feature["geometry"] is not None for feature in result_to_geojson(result)["features"]]
    assert located == [True, False]


def test_what_a_feature_says(on_grid: Any) -> None:
    document = on_grid("utm north").to_geojson()
    assert document["status"] == "answered"
    assert document["question"] == "Where is oil stored?"
    assert document["model"] == {"engine": "scripted", "name": "a script", "revision": "abc"}
    first, *_, last = document["features"]
    assert first["properties"]["geometry_from"] == "mask"
    assert first["properties"]["area_m2"] == pytest.approx(100 * first["properties"]["area_px"], rel=1e-3)
    assert first["properties"]["box_px"] == [40.0, 20.0, 120.0, 100.0]
    assert last["properties"]["geometry_from"] == "box"
    assert last["properties"]["area_px"] == 0
