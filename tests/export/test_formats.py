"""Writing any format: whole or not at all, and into a result's folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import geopandas
import pyogrio
import pytest
from vector_cases import Located, hostile, located

from remotereasoner import Result
from remotereasoner.errors import ExportError, MissingExtraError, UsageError
from remotereasoner.export.formats import FORMAT_FILES, FORMATS, VectorFormat, format_of, require_formats
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_by_name(name: VectorFormat, located: Located, tmp_path: Path) -> None:
    path = located("utm").export(tmp_path / "deep" / FORMAT_FILES[name], as_format=name, simplify_m=20.0)
    assert names(tmp_path / "deep") == [FORMAT_FILES[name]]
    if name == "parquet":
        assert set(geopandas.read_parquet(path)["simplified_m"]) == {20.0}
    elif name in ("gpkg", "fgb"):
        assert set(pyogrio.read_dataframe(path, layer="findings")["simplified_m"]) == {20.0}
    elif name == "geojson":
        assert json.loads(path.read_text())["simplified_m"] == 20.0
    else:
        assert path.stat().st_size > 500


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("status", ["no_target", "unparseable"])
def test_nothing_found_is_written_too(
    name: VectorFormat, status: str, make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    make_result(make_scene(), status=status).export(tmp_path / "file", as_format=name)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", FORMATS)
def test_any_text_can_be_written(name: VectorFormat, hostile: Result, tmp_path: Path) -> None:
    path = hostile.export(tmp_path / "file", as_format=name)
    if name in ("geojson", "coco", "label-studio"):
        json.loads(path.read_bytes().decode("utf-8", "strict"))


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.gpkg", "gpkg"), ("A.FGB", "fgb"), ("a.b.parquet", "parquet"), ("a.geojson", "geojson"), ("a.csv", "csv")],
)
def test_the_name_says_the_format(file: str, name: str) -> None:
    assert format_of(Path(file)) == name


@pytest.mark.parametrize("file", ["a.json", "a", ".gpkg", "a.shp"])
def test_other_names_do_not(file: str) -> None:
    with pytest.raises(UsageError, match="says no vector format"):
        format_of(Path(file))


def test_an_unknown_format(located: Located, tmp_path: Path) -> None:
    name: VectorFormat = "shp"  # type: ignore[assignment]
    with pytest.raises(UsageError, match="shp"):
        located("utm").export(tmp_path / "a.gpkg", as_format=name)
    assert names(tmp_path) == []


def test_nothing_is_overwritten_unless_told(located: Located, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("mine")
    with pytest.raises(ExportError, match="is there already"):
        located("utm").export(path)
    assert path.read_text() == "mine"
    located("utm").export(path, overwrite=True)
    assert path.read_text().startswith("index,label")
    link = tmp_path / "b.csv"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="is there already"):
        located("utm").export(link)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_what_was_there(
    name: VectorFormat, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    result = located("utm")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="No space left"):
        result.export(path, as_format=name, overwrite=True)
    assert names(tmp_path) == ["file"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("name", ["geojson"])
def test_geojson_needs_a_place(name: VectorFormat, located: Located, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="CRS"):
        located("no place").export(tmp_path / "a", as_format=name)
    assert names(tmp_path) == []


def test_into_the_folder_of_a_result(located: Located, tmp_path: Path) -> None:
    result = located("utm")
    paths = result.write(tmp_path, formats=FORMATS, simplify_m=15.0, right_angles_iou=0.8)
    assert {*FORMAT_FILES, "json", "mask", "contour", "overlay"} == set(paths)
    assert Result.read(tmp_path).to_json() == result.to_json()  # shaping is for the vector files only
    feature = json.loads(paths["geojson"].read_text())["features"][0]
    assert feature["properties"]["right_angles"] in ("applied", "refused")
    # Another result without them takes them away.
    located("no place").write(tmp_path, formats=["csv"])
    assert names(tmp_path) == [
        "contour.png", "findings_px.json", "mask.tif", "measurements.csv", "overlay.png", "result.json",
    ]  # fmt: skip


def test_a_wish_that_cannot_be_met_writes_nothing(located: Located, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no CRS"):
        located("no place").write(tmp_path / "out", formats=["gpkg"], simplify_m=1.0)
    assert names(tmp_path) == []


def test_words_have_no_vector_files(make_scene: MakeScene, make_result: MakeResult, tmp_path: Path) -> None:
    here = make_result(make_scene(), status="answered", task="vqa", text="three")
    assert set(here.write(tmp_path, formats=FORMATS)) == {"json", "overlay"}


@pytest.mark.parametrize(("name", "module"), [("gpkg", "pyogrio.raw"), ("parquet", "pyarrow.parquet")])
def test_without_the_extra(
    name: VectorFormat, module: str, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = located("utm")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[vector\]"):
        result.export(tmp_path / "a", as_format=name)
    with pytest.raises(MissingExtraError):
        require_formats(["csv", name])
    require_formats(["csv", "coco"])
    assert names(tmp_path) == []
