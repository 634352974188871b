"""From sources of every kind to tables, report and catalogue, through the real run: rasters as archives have them."""

from __future__ import annotations

import json
import math
import warnings
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import pystac
import pytest
import rasterio
import shapely
from affine import Affine
from batch_world import write_script
from finished_batch import UTM, write_raster
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning

from remotereasoner.batch.executors.inline import InlineExecutor
from remotereasoner.batch.items import Recipe
from remotereasoner.batch.run import BatchOutcome, run_batch
from remotereasoner.batch.sources import Source
from remotereasoner.errors import InputError

QUESTION = "Where can a ship dock?"
COS, SIN = math.cos(math.radians(30)), math.sin(math.radians(30))
PLACES: dict[str, tuple[int | None, Affine | None]] = {
    "a/utm.tif": UTM,
    "a/rotated.tif": (32618, Affine(10 * COS, 10 * SIN, 400_000, 10 * SIN, -10 * COS, 4_200_000)),
    "a/south-up.tif": (32733, Affine(10, 0, 400_000, 0, 10, 6_200_000)),
    "b/over-180.tif": (4326, Affine(0.01, 0, 179.9, 0, -0.01, 10)),
    "b/no-crs.tif": (None, None),
}


def write_gcps(path: Path) -> Path:
    corners = [(0, 0, 14.0, 46.0), (0, 80, 14.1, 46.0), (60, 0, 14.0, 45.9), (60, 80, 14.1, 45.9)]
    points = [GroundControlPoint(row=row, col=col, x=x, y=y, z=0) for row, col, x, y in corners]
    profile = {"driver": "GTiff", "height": 60, "width": 80, "count": 3, "dtype": "uint8"}
    pixels = np.random.default_rng(4).integers(0, 255, (3, 60, 80), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as file:
            file.write(pixels)
            file.gcps = (points, "EPSG:4326")
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    for name, place in PLACES.items():
        write_raster(root / name, *place)
    write_gcps(root / "b" / "gcps.tif")
    (root / "b" / "text.tif").write_text("this is no raster")
    (root / "b" / "cut.tif").write_bytes((root / "a" / "utm.tif").read_bytes()[:600])
    (root / "b" / "empty.png").touch()
    return root


def run(
    source: Source, out: Path, *questions: str, formats: tuple[str, ...] = ("overlay",), **options: str
) -> BatchOutcome:
    out.parent.mkdir(exist_ok=True)
    script = write_script(out.parent)
    recipe = Recipe(model=script, segmenter="box", formats=formats)
    return run_batch(source, questions, out, recipe=recipe, executor=InlineExecutor(), stac=True, **options)


def test_a_folder_of_all_sorts(archive: Path, tmp_path: Path) -> None:
    outcome = run(archive, tmp_path / "out", QUESTION)
    assert (outcome.ending, outcome.done, outcome.failed) == ("complete", 6, 3)
    out = tmp_path / "out"
    findings = geopandas.read_parquet(out / "findings.parquet")
    items = geopandas.read_parquet(out / "items.parquet")
    report = json.loads((out / "report.json").read_text())
    assert len(findings) == report["findings"]["count"] == items["count"].sum() == 6
    assert len(items) == report["entries"]["total"] == 9
    assert report["failures"]["by_code"] == {
        "unknown_format": {"count": 2, "first": ["b/empty.png", "b/text.tif"]},
        "broken": {"count": 1, "first": ["b/cut.tif"]},
    }
    assert report["scenes"]["mixed_crs"]
    assert report["scenes"]["without_crs"] == {"count": 1, "first": ["b/no-crs.tif"]}
    assert report["scenes"]["notes"] == {
        "affine fitted to 4 ground control points": {"count": 1, "first": ["b/gcps.tif"]}
    }
    # Each finding is where the box [4, 6, 20, 25] of its scene lies.
    for row in findings.itertuples():
        if row.image == "b/no-crs.tif":
            assert row.geometry is None
            assert shapely.from_wkb(row.outline_px).equals(shapely.box(4, 6, 20, 25))
            continue
        assert row.geometry.is_valid
        place = PLACES.get(row.image, (4326, Affine(0.1 / 80, 0, 14, 0, -0.1 / 60, 46)))
        corners = [place[1] @ corner for corner in ((4, 6), (20, 6), (20, 25), (4, 25))]
        there = geopandas.GeoSeries([shapely.Polygon(corners)], crs=f"EPSG:{place[0]}")
        if row.image != "b/over-180.tif":
            there = there.to_crs("OGC:CRS84")
            assert row.geometry.intersection(there[0]).area / row.geometry.union(there[0]).area > 0.999
        else:
            east, west = sorted(row.geometry.geoms, key=lambda part: -part.bounds[0])
            assert (round(east.bounds[0], 6), round(west.bounds[2], 6)) == (179.94, -179.9)
    items_there = list(pystac.Catalog.from_file(str(out / "stac" / "catalog.json")).get_items(recursive=True))
    assert sorted(str(item.properties["title"]) for item in items_there) == sorted([*PLACES, "b/gcps.tif"])
    again = run(archive, tmp_path / "out", QUESTION)
    assert (again.done, again.concluded) == (6, 0)


def test_outputs_are_the_same_whatever_the_source_was(archive: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    names = [path.relative_to(archive).as_posix() for path in sorted(archive.rglob("*.*")) if path.is_file()]
    listed.write_text("\n".join(names))
    run(archive, tmp_path / "1", QUESTION)
    (archive / "list.txt").write_text("\n".join(names))
    run(archive / "list.txt", tmp_path / "2", QUESTION)
    frames = [geopandas.read_parquet(tmp_path / number / "findings.parquet") for number in "12"]
    assert (
        frames[0]
        .sort_values("item", ignore_index=True)
        .drop(columns="seq")
        .equals(frames[1].sort_values("item", ignore_index=True).drop(columns="seq"))
    )


def test_a_catalogue_of_three_levels_with_broken_links(archive: Path, tmp_path: Path) -> None:
    root = pystac.Catalog("archive", "all of it")
    for name in ("a", "b"):
        extent = pystac.Extent(pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]]))
        collection = pystac.Collection(name, "a part", extent)
        root.add_child(collection)
        for path in sorted((archive / name).glob("*.tif")):
            item = pystac.Item(path.stem, None, None, datetime(2026, 3, 4, tzinfo=UTC), {})
            item.add_asset("image", pystac.Asset(str(path), media_type="image/tiff", roles=["data"]))
            collection.add_item(item)
    away = pystac.Item("away", None, None, datetime(2026, 3, 4, tzinfo=UTC), {})
    away.add_asset("image", pystac.Asset("https://example.com/x.tif", media_type="image/tiff", roles=["data"]))
    root.add_item(away)
    root.normalize_and_save(str(tmp_path / "stac"), pystac.CatalogType.SELF_CONTAINED)
    (tmp_path / "stac" / "a" / "rotated" / "rotated.json").unlink()
    outcome = run(tmp_path / "stac" / "catalog.json", tmp_path / "out", QUESTION, asset="image")
    assert outcome.failures == {"broken": 1, "broken_link": 1, "remote_href": 1, "unknown_format": 1}
    assert outcome.done == 5
    items = list(pystac.Catalog.from_file(str(tmp_path / "out" / "stac" / "catalog.json")).get_items(recursive=True))
    assert {item.datetime for item in items} == {datetime(2026, 3, 4, tzinfo=UTC)}
    assert {str(item.properties["title"]) for item in items} == {"utm", "south-up", "over-180", "no-crs", "gcps"}
    for item in items:
        (link,) = [link for link in item.links if link.rel == "derived_from"]
        assert Path(link.absolute_href).resolve() == (
            tmp_path / "stac" / str(item.properties["remotereasoner:source_collection"]) / item.properties["title"]
            / f"{item.properties['title']}.json"
        ).resolve()  # fmt: skip


def test_a_sample_file_and_two_questions_about_one_scene(archive: Path, tmp_path: Path) -> None:
    lines = [{"id": str(k), "image": "a/utm.tif", "query": f"Where is pier {k}?", "boxes": []} for k in range(2)]
    (archive / "s.jsonl").write_text("\n".join(map(json.dumps, lines)))
    outcome = run(archive / "s.jsonl", tmp_path / "out")
    assert (outcome.done, outcome.failed) == (2, 0)
    items = list(pystac.Catalog.from_file(str(tmp_path / "out" / "stac" / "catalog.json")).get_items(recursive=True))
    assert {item.properties["remotereasoner:question"] for item in items} == {"Where is pier 0?", "Where is pier 1?"}
    assert items[0].geometry == items[1].geometry


def test_a_source_that_is_not_there_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file or folder"):
        run(tmp_path / "nowhere", tmp_path / "out", QUESTION)
    assert not (tmp_path / "out").exists()
