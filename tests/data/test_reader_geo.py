"""Rasters with labels on the map."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from miniatures import NORTH, PIXEL_M, WEST, geo, geo_features, geo_raster, on_map, write_json
from pyproj import Transformer
from reader_results import read
from shapely.geometry import shape

from remotereasoner.errors import InputError, MissingExtraError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return geo(tmp_path)


HEADER = b"SQLite format 3\0".ljust(68, b"\0") + b"GPKG"
LABELS = "labels/all.geojson"


def by_image(items: list) -> dict:
    return {(item.sample.image, item.sample.category): item.sample for item in items}


def test_labels_come_into_pixels_and_are_cut_at_the_edge(root: Path) -> None:
    items, _ = read("geo", root, annotations=LABELS)
    found = by_image(items)
    left, right = found["left.tif", "field"], found["right.tif", "field"]
    assert left.boxes == ((10.0, 10.0, 30.0, 30.0), (54.0, 5.0, 64.0, 15.0))
    assert right.boxes == ((0.0, 5.0, 10.0, 15.0),)
    assert left.query == "Find every field in this image."
    assert left.attributes["gsd_m"] == pytest.approx(10.0, rel=1e-3)
    exterior, hole = left.polygons[0]
    assert shapely.Polygon(exterior).area == pytest.approx(400)
    assert shapely.Polygon(hole).area == pytest.approx(25)


def test_an_invalid_polygon_is_repaired(root: Path) -> None:
    tie = by_image(read("geo", root, annotations=LABELS)[0])["left.tif", "tie"]
    assert tie.boxes == ((0.0, 0.0, 8.0, 8.0),)
    assert len(tie.polygons[0]) == 2


def test_what_is_no_labelled_polygon_is_told(root: Path) -> None:
    _, bad = read("geo", root, annotations=LABELS)
    told = {record.reason.split(":")[0]: record.reason for record in bad if record.file == LABELS}
    assert set(told) == {"features[2]", "features[4]", "features[6]"}
    assert "a Point, not a polygon" in told["features[2]"]
    assert any(record.file == "unplaced.tif" and "no CRS" in record.reason for record in bad)


def lonlat_document() -> dict:
    transformer = Transformer.from_crs(32631, 4326, always_xy=True)
    features = geo_features()[:2]
    for feature in features:
        for ring in feature["geometry"]["coordinates"]:
            ring[:] = [list(transformer.transform(x, y)) for x, y in ring]
    return {"type": "FeatureCollection", "features": features}


def test_geojson_in_longitude_and_latitude_beside_each_raster(root: Path) -> None:
    write_json(root / "left.geojson", lonlat_document())
    items, bad = read("geo", root)
    assert by_image(items)["left.tif", "field"].boxes[0] == pytest.approx((10, 10, 30, 30), abs=0.01)
    assert {record.file for record in bad} == {"right.tif", "unplaced.tif"}


def test_geopackage_in_a_crs_of_its_own(root: Path) -> None:
    geometries = [shape(feature["geometry"]) for feature in geo_features()[:2]]
    frame = geopandas.GeoDataFrame({"kind": ["field", "field"]}, geometry=geometries, crs=32631).to_crs(3857)
    frame.to_file(root / "labels/all.gpkg", driver="GPKG")
    items, _ = read("geo", root, annotations="labels/all.gpkg", category_field="kind")
    found = by_image(items)
    assert np.allclose(found["left.tif", "field"].boxes, [(10, 10, 30, 30), (54, 5, 64, 15)], atol=0.01)


def test_a_geopackage_without_the_extra_names_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "labels/all.gpkg").write_bytes(HEADER)
    monkeypatch.setitem(__import__("sys").modules, "pyogrio", None)
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[vector\]"):
        read("geo", root, annotations="labels/all.gpkg")


def test_a_broken_geopackage(root: Path) -> None:
    (root / "labels/all.gpkg").write_bytes(HEADER + b"\0" * 200)
    with pytest.raises(InputError, match="cannot be read as a GeoPackage"):
        read("geo", root, annotations="labels/all.gpkg")
    (root / "labels/all.gpkg").write_bytes(b"SQLite format 3\0" + b"\0" * 200)
    with pytest.raises(InputError, match="no GeoPackage"):
        read("geo", root, annotations="labels/all.gpkg")


def test_text_that_gdal_would_follow_elsewhere_is_refused(root: Path, tmp_path: Path) -> None:
    secret = write_json(tmp_path / "secret.geojson", lonlat_document())
    layer = f'<OGRVRTLayer name="x"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>'
    (root / "labels/all.gpkg").write_text(f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>")
    with pytest.raises(InputError, match="not JSON"):
        read("geo", root, annotations="labels/all.gpkg")
    pipeline = {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {secret}"}
    (root / "labels/all.gpkg").write_text(json.dumps(pipeline))
    with pytest.raises(InputError, match="no GeoJSON FeatureCollection"):
        read("geo", root, annotations="labels/all.gpkg")


def test_a_crs_that_would_be_fetched_is_refused(root: Path) -> None:
    crs = {"type": "name", "properties": {"name": "http://127.0.0.1:9/crs"}}
    write_json(root / LABELS, {"type": "FeatureCollection", "crs": crs, "features": []})
    with pytest.raises(InputError, match="not an accepted name of a CRS"):
        read("geo", root, annotations=LABELS)


def test_the_column_must_be_there(root: Path) -> None:
    with pytest.raises(InputError, match="has no column 'label' but category"):
        read("geo", root, annotations=LABELS, category_field="label")


def test_labels_outside_the_projection_are_no_labels_of_the_raster(tmp_path: Path) -> None:
    geo_raster(tmp_path / "mercator.tif", 1, crs="EPSG:3857")
    pole = [[0.0, 90.0], [10.0, 90.0], [10.0, 89.99999], [0.0, 90.0]]
    here = np.array(on_map(10, 10, 30, 30))
    lonlat = np.column_stack(
        Transformer.from_crs(3857, 4326, always_xy=True).transform(here[:, 0], here[:, 1])
    ).tolist()
    assert (WEST, NORTH, PIXEL_M) == (500_000.0, 4_649_776.0, 10.0)
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"category": name}}
        for name, ring in (("ice", pole), ("field", lonlat))
    ]
    write_json(tmp_path / "mercator.geojson", {"type": "FeatureCollection", "features": features})
    items, bad = read("geo", tmp_path)
    assert not bad
    assert [item.sample.category for item in items] == ["field"]
