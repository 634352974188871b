"""Parts, the merged view and the table of items, read by geopandas, pyarrow and GDAL."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet
import pyogrio
import pytest
import shapely
from affine import Affine
from finished_batch import GRIDS, QUESTION, SIZE, UTM, FinishedBatch, discs, mixed_batch, write_raster
from pyproj import Geod

from remotereasoner.batch import merged
from remotereasoner.batch.finding_rows import FINDING_COLUMNS
from remotereasoner.batch.items import Recipe
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.merged import ITEM_COLUMNS, write_items_table, write_merged
from remotereasoner.batch.parts import PartWriter, write_parts
from remotereasoner.errors import MissingExtraError, ResultFormatError
from result_fixtures import MakeResult


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def write_all(batch: FinishedBatch, **options: Any) -> Path:
    with batch.view() as view:
        path = write_merged(batch.out, write_parts(batch.out, view, **options))
        write_items_table(batch.out, view)
    return path


def test_many_crss_in_one_file(make_result: MakeResult, tmp_path: Path) -> None:
    batch, results = mixed_batch(tmp_path, make_result)
    frame = geopandas.read_parquet(write_all(batch))
    assert len(frame) == sum(result.count for result in results.values()) == 12
    assert frame.crs is not None
    assert frame.crs.to_string() == "OGC:CRS84"
    assert [name for name in frame.columns if name not in ("outline_px", "bbox", "geometry")] == list(FINDING_COLUMNS)
    assert frame["image"].tolist() == [name for name in GRIDS for _ in range(2)]
    assert frame["seq"].tolist() == [number for number in range(1, 7) for _ in range(2)]
    codes = [None if epsg is None else f"EPSG:{epsg}" for epsg, _ in GRIDS.values() for _ in range(2)]
    assert frame["scene_crs"].astype(object).where(frame["scene_crs"].notna(), None).tolist() == codes
    assert set(frame["question"]) == {QUESTION}
    assert set(frame["datetime"]) == {"2026-03-04T10:30:00Z"}
    for (name, number), group in frame.groupby(["image", "index"]):
        finding = results[name].findings[number]
        (row,) = group.itertuples()
        assert (row.score, row.label, row.area_px) == (finding.score, finding.label, finding.area_px)
        assert (row.box_x1_px, row.box_y2_px) == (finding.box_xyxy[0], finding.box_xyxy[3])
        if name == "no-place.tif":
            assert row.geometry is None
            assert np.isnan(row.area_m2)
            outline = shapely.from_wkb(row.outline_px)
            assert outline.area == finding.area_px
            continue
        assert row.outline_px is None
        assert row.geometry.is_valid
        area, _ = Geod(ellps="WGS84").geometry_area_perimeter(row.geometry)
        assert area == pytest.approx(finding.area_m2, rel=2e-3)
        if name != "over-180.tif":
            assert row.geometry.contains(shapely.Point(finding.centroid_lonlat)) == (
                finding.polygons.contains(shapely.Point(finding.centroid_xy))
            )


def test_what_crosses_the_antimeridian_lies_on_both_sides(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "a.tif", 4326, Affine(0.01, 0, 179.6, 0, -0.01, 10))
    planned = batch.plan("a.tif")
    batch.complete()
    batch.claim()
    frame_over = np.zeros(SIZE, dtype=bool)
    frame_over[20:30, 30:50] = True  # 179.9 to 180.1
    batch.done(planned, [frame_over])
    frame = geopandas.read_parquet(write_all(batch))
    (geometry,) = frame.geometry
    assert sorted(part.bounds for part in geometry.geoms) == [(-180.0, 9.7, -179.9, 9.8), (179.9, 9.7, 180.0, 9.8)]
    # Filters by rectangle find it from either side.
    for west, east in ((179.95, 179.96), (-179.96, -179.95)):
        assert len(geopandas.read_parquet(tmp_path / "out" / "findings.parquet", bbox=(west, 9.75, east, 9.76))) == 1
    items = geopandas.read_parquet(tmp_path / "out" / "items.parquet")
    spans = sorted((part.bounds[0], part.bounds[2]) for part in items.geometry[0].geoms)
    np.testing.assert_allclose(spans, [(-180.0, -179.6), (179.6, 180.0)])


def test_the_geo_document(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    path_of_all = write_all(batch, entries_per_part=2)
    for path in (path_of_all, batch.out / "items.parquet", *(batch.out / "findings").iterdir()):
        file = pyarrow.parquet.ParquetFile(path)
        geo = json.loads(file.metadata.metadata[b"geo"])
        assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
        column = geo["columns"]["geometry"]
        assert (column["encoding"], column["crs"]["name"]) == ("WKB", "WGS 84 (CRS84)")
        assert column["covering"] == {"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}}
        frame = geopandas.read_parquet(path)
        there = frame[frame.geometry.notna()]
        assert column["geometry_types"] == (["MultiPolygon"] if len(there) else [])
        if len(there):
            np.testing.assert_allclose(column["bbox"], there.total_bounds)
            boxes = file.read(columns=["bbox"])["bbox"].to_pylist()
            for box, geometry in zip(boxes, frame.geometry, strict=True):
                assert (box is None) == (geometry is None)
                if box is not None:
                    assert (box["xmin"], box["ymin"], box["xmax"], box["ymax"]) == geometry.bounds
    if "Parquet" in pyogrio.list_drivers():
        assert len(pyogrio.read_dataframe(path_of_all)) == 12


def test_the_bytes_tell_nothing_of_order_parts_or_interruption(make_result: MakeResult, tmp_path: Path) -> None:
    forth, _ = mixed_batch(tmp_path / "1", make_result)
    back, _ = mixed_batch(tmp_path / "2", make_result, backwards=True)
    for batch in (forth, back):
        write_all(batch, entries_per_part=2)
    assert len(contents(forth.out / "findings")) == 5
    assert contents(forth.out / "findings") == contents(back.out / "findings")
    assert contents(forth.out) == contents(back.out)
    whole = tmp_path / "3"
    batch, _ = mixed_batch(whole, make_result)
    write_all(batch)
    frames = [geopandas.read_parquet(root / "findings.parquet") for root in (whole / "out", forth.out)]
    assert frames[0].equals(frames[1])


def test_a_part_is_written_once_its_entries_are_finished(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    for number in range(5):
        write_raster(batch.images / f"{number}.tif", *UTM)
    planned = [batch.plan(f"{number}.tif") for number in range(5)]
    batch.claim()
    with batch.view() as view:
        writer = PartWriter(batch.out, view, entries_per_part=2)
        batch.done(planned[1], discs(1))
        batch.done(planned[4], discs(1))
        assert writer.update() == 0
        batch.done(planned[0], discs(2))
        assert writer.update() == 1
        batch.done(planned[2], discs(1))
        batch.done(planned[3], discs(1))
        assert writer.update() == 2
        assert list(contents(batch.out / "findings")) == ["part-00000.parquet", "part-00001.parquet"]
        batch.complete()  # before this, the last range might still grow
        assert (writer.update(), writer.written) == (3, 3)
        assert geopandas.read_parquet(batch.out / "findings" / "part-00000.parquet")["seq"].tolist() == [1, 1, 2]


def test_a_part_is_written_again_only_where_an_item_has_changed(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    whole = write_all(batch, entries_per_part=2)
    before = {path: path.stat().st_ino for path in (*(batch.out / "findings").iterdir(), whole)}
    write_all(batch, entries_per_part=2)
    assert before == {path: path.stat().st_ino for path in before}
    (batch.out / "findings" / "part-00001.parquet").write_bytes(b"torn")
    (batch.out / "findings" / "part-00099.parquet").write_bytes(b"of another plan")
    write_all(batch, entries_per_part=2)
    changed = {path.name for path, number in before.items() if path.stat().st_ino != number or path.stat().st_size < 99}
    assert changed <= {"part-00001.parquet"}
    assert len(contents(batch.out / "findings")) == 5
    assert len(geopandas.read_parquet(batch.out / "findings" / "part-00001.parquet")) == 4


def test_a_result_that_was_changed_or_is_gone_is_named(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    with batch.view() as view:
        key = view.finished()[0].key
        path = item_folder(batch.out, key) / "result.json"
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(ResultFormatError, match="has been changed since"):
            write_parts(batch.out, view)
        path.unlink()
        with pytest.raises(ResultFormatError, match=r"the ledger calls utm\.tif done, but"):
            write_parts(batch.out, view)
    with pytest.raises(ResultFormatError, match=r"part-00007\.parquet is missing or damaged"):
        write_merged(batch.out, [batch.out / "findings" / "part-00007.parquet"])


def test_outlines_are_shaped_as_the_recipe_says(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result, recipe=Recipe(simplify_m=15.0))
    write_raster(batch.images / "a.tif", *UTM)
    write_raster(batch.images / "b.tif", None, None)
    planned = [batch.plan("a.tif"), batch.plan("b.tif")]
    batch.complete()
    batch.claim()
    results = [batch.done(one, discs(1)) for one in planned]
    frame = geopandas.read_parquet(write_all(batch))
    assert frame["simplified_m"].tolist()[0] == 15.0
    assert np.isnan(frame["simplified_m"].tolist()[1])
    fewer = shapely.get_num_coordinates(frame.geometry[0])
    assert fewer < shapely.get_num_coordinates(results[0].polygons[0])
    assert shapely.from_wkb(frame["outline_px"][1]).equals(results[1].polygons[0])


def test_a_batch_that_found_nothing(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "a.tif", *UTM)
    planned = batch.plan("a.tif")
    batch.complete()
    batch.claim()
    batch.done(planned)
    frame = geopandas.read_parquet(write_all(batch))
    assert len(frame) == 0
    assert [name for name in frame.columns if name in FINDING_COLUMNS] == list(FINDING_COLUMNS)
    (row,) = geopandas.read_parquet(batch.out / "items.parquet").itertuples()
    assert (row.image, row.state, row.status, row.count, row.area_m2) == ("a.tif", "done", "no_target", 0, 0.0)


def test_the_merged_view_is_streamed_in_row_groups(
    make_result: MakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    whole = geopandas.read_parquet(write_all(batch, entries_per_part=1))
    (batch.out / "findings.parquet").unlink()
    monkeypatch.setattr(merged, "_GROUP_ROWS", 3)
    monkeypatch.setattr(merged, "_ITEM_GROUP_ROWS", 4)
    path = write_all(batch, entries_per_part=1)
    assert pyarrow.parquet.ParquetFile(path).num_row_groups == 3  # 12 findings, whole parts of 2
    assert geopandas.read_parquet(path).equals(whole)
    assert len(geopandas.read_parquet(batch.out / "items.parquet")) == 9
    assert pyarrow.parquet.ParquetFile(batch.out / "items.parquet").num_row_groups == 3


def test_a_batch_without_parts_yet(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "a.tif", *UTM)
    batch.plan("a.tif")
    assert len(geopandas.read_parquet(write_all(batch))) == 0
    assert len(geopandas.read_parquet(batch.out / "items.parquet")) == 0


def test_a_part_that_is_damaged_inside_is_named(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    with batch.view() as view:
        (part,) = write_parts(batch.out, view)
        content = bytearray(part.read_bytes())
        content[4:400] = bytes(396)  # pages; the metadata at the end is whole
        part.write_bytes(content)
        with pytest.raises(ResultFormatError, match="is damaged"):
            write_merged(batch.out, [part])
    assert not (batch.out / "findings.parquet").exists()
    assert not [path for path in batch.out.iterdir() if path.name.endswith(".tmp")]


def test_every_item_has_a_row(make_result: MakeResult, tmp_path: Path) -> None:
    batch, results = mixed_batch(tmp_path, make_result)
    write_all(batch)
    frame = geopandas.read_parquet(batch.out / "items.parquet")
    assert [name for name in frame.columns if name not in ("bbox", "geometry")] == list(ITEM_COLUMNS)
    assert frame["image"].tolist() == [*GRIDS, "nothing.tif", "gone.tif", "poison.tif"]
    assert frame["state"].tolist() == ["done"] * 7 + ["failed"] * 2
    assert frame["code"].tolist()[-2:] == ["not_found", "broken"]
    assert frame["count"].tolist()[:7] == [2.0] * 6 + [0.0]
    assert frame["count"].isna().tolist() == [False] * 7 + [True] * 2
    for row in frame.itertuples():
        if row.image in results and results[row.image].grid.is_georeferenced:
            west, south, east, north = results[row.image].grid.bounds_lonlat
            if west < east:
                np.testing.assert_allclose(row.geometry.bounds, (west, south, east, north))
        else:
            assert row.geometry is None


def test_hostile_texts_stay_texts(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "a.tif", *UTM)
    planned = batch.plan("a.tif", collection="=cmd|' /C calc'!A0")
    batch.complete()
    batch.claim()
    batch.done(planned, discs(2), labels=("<script>\x00", "half \ud83d a pair"))
    frame = geopandas.read_parquet(write_all(batch))
    assert frame["label"].tolist() == ["<script>\ufffd", "half \ufffd a pair"]
    assert set(frame["collection"]) == {"=cmd|' /C calc'!A0"}


def test_without_the_extra(make_result: MakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with batch.view() as view, pytest.raises(MissingExtraError, match=r"remotereasoner\[vector\]"):
        write_parts(batch.out, view)
