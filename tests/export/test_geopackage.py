"""GeoPackages read by GDAL (pyogrio) and by SQLite alone, against the standard's own tables."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pyogrio
import pytest
from vector_cases import (
    GRIDS,
    HOSTILE,
    Located,
    assert_where_the_masks_are,
    expected_text,
    hostile,
    located,
    plain,
    read,
)

from remotereasoner import Result
from remotereasoner.errors import ExportError
from remotereasoner.export.geopackage import geopackage_bytes
from remotereasoner.export.layer import COLUMNS, layer_of
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


@pytest.mark.parametrize("name", GRIDS)
def test_read_back(name: str, located: Located, tmp_path: Path) -> None:
    result = located(name)
    frame = pyogrio.read_dataframe(
        read(tmp_path / "a.gpkg", geopackage_bytes(layer_of(plain(result)))), layer="findings"
    )
    assert_where_the_masks_are(result, list(frame.geometry), GRIDS[name][1])
    assert frame["label"].tolist() == [finding.label for finding in result.findings]
    assert [column for column in frame.columns if column != "geometry"] == list(COLUMNS)
    if result.grid.crs is None:
        assert frame.crs is None or frame.crs.is_engineering
        assert frame["area_m2"].isna().all()
    else:
        assert frame.crs.to_epsg() == GRIDS[name][0]
        assert frame["area_m2"].tolist() == [finding.area_m2 for finding in result.findings]


def test_the_tables_of_the_standard(located: Located, tmp_path: Path) -> None:
    path = read(tmp_path / "a.gpkg", geopackage_bytes(layer_of(plain(located("utm")))))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (0x47504B47,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        contents = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
        assert contents == {"findings": "features", "layer_styles": "attributes"}
        geometry = database.execute("SELECT column_name, geometry_type_name, srs_id FROM gpkg_geometry_columns")
        assert geometry.fetchall() == [("geom", "MULTIPOLYGON", 32618)]
        assert ("gpkg_rtree_index",) in database.execute("SELECT extension_name FROM gpkg_extensions").fetchall()
        assert database.execute('SELECT fid, "index" FROM findings').fetchall() == [(n + 1, n) for n in range(5)]
        about = database.execute("SELECT description FROM gpkg_contents WHERE table_name = 'findings'").fetchone()
        assert json.loads(about[0])["status"] == "answered"


def test_the_style_is_the_layers_default(located: Located, tmp_path: Path) -> None:
    path = read(tmp_path / "a.gpkg", geopackage_bytes(layer_of(plain(located("utm")))))
    with closing(sqlite3.connect(path)) as database:
        columns = "f_table_name, f_geometry_column, useAsDefault, styleQML, styleSLD"
        rows = database.execute(f"SELECT {columns} FROM layer_styles").fetchall()  # noqa: S608
    assert [row[:3] for row in rows] == [("findings", "geom", 1)]
    style = pyogrio.read_dataframe(path, layer="layer_styles").iloc[0]  # as QGIS looks for it, through GDAL
    assert (style["f_table_schema"], style["f_table_name"], style["f_geometry_column"]) == ("", "findings", "geom")
    assert style["useAsDefault"]
    assert str(style["update_time"]).startswith("2026-01-31 12:00:01")
    assert ElementTree.fromstring(rows[0][3]).find("renderer-v2") is not None  # noqa: S314
    assert ElementTree.fromstring(rows[0][4]).tag.endswith("StyledLayerDescriptor")  # noqa: S314


def test_text_of_others_stays_text(hostile: Result, tmp_path: Path) -> None:
    path = read(tmp_path / "a.gpkg", geopackage_bytes(layer_of(plain(hostile))))
    frame = pyogrio.read_dataframe(path, layer="findings")
    assert frame["label"].tolist() == [expected_text(text) for text in HOSTILE]
    assert set(frame["question"]) == {HOSTILE[1]}
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["findings", "layer_styles"]


def test_nothing_found_is_an_empty_layer_with_its_columns(
    make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    path = read(tmp_path / "a.gpkg", geopackage_bytes(layer_of(plain(make_result(make_scene())))))
    info = pyogrio.read_info(path, layer="findings")
    assert (info["features"], info["geometry_type"], info["crs"]) == (0, "MultiPolygon", "EPSG:32618")
    assert info["fields"].tolist() == list(COLUMNS)


def test_the_same_result_gives_the_same_bytes(located: Located) -> None:
    """Whenever it is written: across a full second, GDAL stamps its tables once more."""
    layer = layer_of(plain(located("utm")))
    end, written = time.monotonic() + 2.2, set()
    while time.monotonic() < end:
        written.add(geopackage_bytes(layer))
    assert len(written) == 1


def test_a_driver_that_fails_is_an_export_error(located: Located, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyogrio.raw

    def fail(*_: object, **__: object) -> None:
        raise pyogrio.errors.DataSourceError("no space left")

    monkeypatch.setattr(pyogrio.raw, "write", fail)
    with pytest.raises(ExportError, match="no space left"):
        geopackage_bytes(layer_of(plain(located("utm"))))
