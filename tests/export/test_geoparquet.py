"""GeoParquet read by geopandas and pyarrow; the ``geo`` document against the rules of the published 1.1 schema."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet
import pytest
from pyproj import CRS
from vector_cases import (
    GRIDS,
    HOSTILE,
    Located,
    assert_counter_clockwise,
    assert_where_the_masks_are,
    expected_text,
    hostile,
    located,
    plain,
    read,
)

from remotereasoner import Result
from remotereasoner.export.geoparquet import ABOUT_KEY, geoparquet_bytes
from remotereasoner.export.layer import COLUMNS, layer_of
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


def metadata_of(payload: bytes) -> dict[bytes, bytes]:
    return dict(pyarrow.parquet.ParquetFile(io.BytesIO(payload)).schema_arrow.metadata)


def check_geo(document: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What the schema of version 1.1.0 asks for."""
    assert document["version"] == "1.1.0"
    assert set(document) == {"version", "primary_column", "columns"}
    assert document["primary_column"] in document["columns"]
    column = document["columns"][document["primary_column"]]
    known = {"encoding", "geometry_types", "crs", "edges", "orientation", "bbox", "epoch", "covering"}
    assert set(column) <= known
    assert column["encoding"] == "WKB"
    pattern = re.compile(r"^(GeometryCollection|(Multi)?(Point|LineString|Polygon))( Z)?$")
    assert all(pattern.match(kind) for kind in column["geometry_types"])
    assert len(set(column["geometry_types"])) == len(column["geometry_types"])
    assert column["edges"] in ("planar", "spherical")
    assert column["orientation"] == "counterclockwise"
    assert len(column.get("bbox", [0] * 4)) == 4
    covering = column["covering"]["bbox"]
    assert covering == {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}
    assert covering["xmin"][0] in names
    if column["crs"] is not None:
        assert column["crs"]["$schema"].startswith("https://proj.org/schemas/")
        CRS.from_json_dict(column["crs"])
    return column


@pytest.mark.parametrize("name", GRIDS)
def test_read_back(name: str, located: Located, tmp_path: Path) -> None:
    result = located(name)
    payload = geoparquet_bytes(layer_of(plain(result)))
    column = check_geo(
        json.loads(metadata_of(payload)[b"geo"]), pyarrow.parquet.read_table(io.BytesIO(payload)).column_names
    )
    frame = geopandas.read_parquet(read(tmp_path / "a.parquet", payload))
    assert_where_the_masks_are(result, list(frame.geometry), GRIDS[name][1])
    assert_counter_clockwise(frame.geometry)
    assert [name for name in frame.columns if name not in ("geometry", "bbox")] == list(COLUMNS)
    assert (column["crs"] is None) == (result.grid.crs is None)
    assert frame.crs == result.grid.crs
    np.testing.assert_array_equal(column["bbox"], frame.total_bounds)


def test_the_covering_is_each_rows_rectangle(located: Located, tmp_path: Path) -> None:
    path = read(tmp_path / "a.parquet", geoparquet_bytes(layer_of(plain(located("rotated")))))
    boxes = pyarrow.parquet.read_table(path, columns=["bbox"])["bbox"].to_pylist()
    frame = geopandas.read_parquet(path)
    for box, bounds in zip(boxes, frame.geometry.bounds.to_numpy(), strict=True):
        assert [box["xmin"], box["ymin"], box["xmax"], box["ymax"]] == bounds.tolist()
    west, south, _, _ = frame.geometry.iloc[3].bounds
    found = geopandas.read_parquet(path, bbox=(west - 1, south - 1, west, south))
    assert found["index"].tolist() == [3]


def test_what_is_not_known_is_null_and_not_nan(located: Located) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(geoparquet_bytes(layer_of(plain(located("no place"))))))
    assert table["area_m2"].null_count == 5
    assert table["version"].null_count == 5
    assert table["geometry"].null_count == 0


def test_text_of_others_stays_text(hostile: Result, tmp_path: Path) -> None:
    frame = geopandas.read_parquet(read(tmp_path / "a.parquet", geoparquet_bytes(layer_of(plain(hostile)))))
    assert frame["label"].tolist() == [expected_text(text) for text in HOSTILE]


@pytest.mark.parametrize("crs", [True, False])
def test_nothing_found_is_an_empty_table(
    crs: bool, make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result(make_scene() if crs else make_scene(crs=None))
    payload = geoparquet_bytes(layer_of(plain(result)))
    metadata = metadata_of(payload)
    assert check_geo(json.loads(metadata[b"geo"]), [*COLUMNS, "bbox"])["geometry_types"] == []
    about = json.loads(metadata[ABOUT_KEY.encode()])
    assert (about["status"], about["question"], about["count"]) == ("no_target", "Where is oil stored?", 0)
    frame = geopandas.read_parquet(read(tmp_path / "a.parquet", payload))
    assert len(frame) == 0
    assert [name for name in frame.columns if name not in ("geometry", "bbox")] == list(COLUMNS)
    assert frame.crs == result.grid.crs
