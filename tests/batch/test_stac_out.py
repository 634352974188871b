"""The catalogue of results: read, walked and validated by pystac with its own schemas; nothing is fetched."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pystac
import pytest
import shapely
from finished_batch import GRIDS, QUESTION, UTM, FinishedBatch, discs, mixed_batch, write_raster
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation.local_validator import get_local_schema_cache
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from remotereasoner.batch.sources import open_entries
from remotereasoner.batch.stac_item import stac_item_id
from remotereasoner.batch.stac_out import write_stac
from remotereasoner.errors import ResultFormatError
from result_fixtures import MakeResult


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield


def validator() -> JsonSchemaSTACValidator:
    found = JsonSchemaSTACValidator()
    found.schema_cache = get_local_schema_cache()
    return found


def validate(document: dict[str, Any]) -> None:
    """Against the core schemas that pystac brings with it."""
    kind = pystac.STACObjectType(document["type"])
    validator().validate_core(document, kind, "1.1.0")


def write(batch: FinishedBatch, **options: Any) -> Path:
    with batch.view() as view:
        return write_stac(batch.out, view, **options)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json"))}


def items_of(root: Path) -> dict[str, pystac.Item]:
    return {
        str(item.properties["title"]): item for item in pystac.Catalog.from_file(str(root)).get_items(recursive=True)
    }


def test_every_document_is_valid_and_every_link_leads_somewhere(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    root = write(batch, entries_per_part=4)
    paths = sorted((batch.out / "stac").rglob("*.json"))
    assert len(paths) == 1 + 1 + 2 + 7
    for path in paths:
        document = json.loads(path.read_text())
        validate(document)
        hrefs = [link["href"] for link in document["links"]]
        hrefs += [asset["href"] for asset in document.get("assets", {}).values()]
        for href in hrefs:
            assert not urlsplit(href).scheme
            assert not href.startswith("/")
            assert (path.parent / href).is_file(), href
    catalogue = pystac.Catalog.from_file(str(root))
    assert [child.id for child in catalogue.get_children()] == ["results"]
    assert sum(1 for _ in catalogue.get_items(recursive=True)) == 7
    (collection,) = catalogue.get_children()
    for item in collection.get_items(recursive=True):
        assert item.collection_id == "results"
        assert item.get_collection() is not None


def test_a_validator_that_refuses(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    write(batch)
    item = next(path for path in (batch.out / "stac").rglob("utm*.json"))
    document = json.loads(item.read_text())
    del document["bbox"]
    with pytest.raises(pystac.STACValidationError):
        validate(document)


def test_an_item_says_what_was_asked_and_what_came_out(make_result: MakeResult, tmp_path: Path) -> None:
    batch, results = mixed_batch(tmp_path, make_result)
    items = items_of(write(batch))
    assert set(items) == {*GRIDS, "nothing.tif"}
    item, result = items["utm.tif"], results["utm.tif"]
    assert item.properties["remotereasoner:question"] == QUESTION
    assert item.properties["remotereasoner:status"] == "answered"
    assert item.properties["remotereasoner:count"] == 2
    assert item.properties["remotereasoner:score"] == max(finding.score for finding in result.findings)
    assert item.properties["remotereasoner:area_m2"] == result.total_area_m2
    assert item.properties["remotereasoner:model"] == "a script"
    assert item.properties["processing:software"]["scripted: a script"] == "abc"
    assert item.properties["datetime"] == "2026-03-04T10:30:00Z"
    assert items["nothing.tif"].properties["remotereasoner:status"] == "no_target"
    assert items["nothing.tif"].properties["remotereasoner:count"] == 0
    (source,) = [link for link in item.links if link.rel == "derived_from"]
    assert Path(source.absolute_href).resolve() == (batch.images / "utm.tif").resolve()
    assert {name: (asset.media_type, asset.roles) for name, asset in item.assets.items()} == {
        "result": ("application/json", ["metadata"]),
        "mask": ("image/tiff; application=geotiff; profile=cloud-optimized", ["data"]),
        "overlay": ("image/png", ["overview"]),
    }
    for asset in item.assets.values():
        content = Path(asset.get_absolute_href() or "").read_bytes()
        about = FileExtension.ext(asset)
        assert (about.size, about.checksum) == (len(content), "1220" + hashlib.sha256(content).hexdigest())


def test_where_scenes_lie(make_result: MakeResult, tmp_path: Path) -> None:
    batch, results = mixed_batch(tmp_path, make_result)
    items = items_of(write(batch))
    for name, (epsg, transform) in GRIDS.items():
        item, grid = items[name], results[name].grid
        place = ProjectionExtension.ext(item)
        assert place.code == (None if epsg is None else f"EPSG:{epsg}")
        assert place.shape == list(grid.size_hw)
        if transform is None:
            assert (item.geometry, item.bbox, place.transform) == (None, None, None)
            continue
        assert place.transform == list(transform)[:6]
        geometry = shapely.geometry.shape(item.geometry)
        assert geometry.is_valid
        height, width = grid.size_hw
        inside = np.random.default_rng(1).uniform((0.02 * width, 0.02 * height), (0.98 * width, 0.98 * height), (50, 2))
        assert all(geometry.covers(shapely.Point(point)) for point in grid.pixel_to_lonlat(inside))
        np.testing.assert_allclose(item.bbox, grid.bounds_lonlat, atol=1e-2)
    over = items["over-180.tif"]
    assert over.geometry is not None
    assert over.geometry["type"] == "MultiPolygon"
    assert over.bbox is not None
    assert over.bbox[0] > over.bbox[2]


def test_the_collection_spans_its_items(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "a.tif", *UTM)
    write_raster(batch.images / "b.tif", UTM[0], UTM[1] @ UTM[1].translation(1000, 0))
    early = batch.plan("a.tif", datetime="2020-01-01T00:00:00Z")
    late = batch.plan("b.tif", start_datetime="2021-01-01T00:00:00Z", end_datetime="2021-02-01T00:00:00Z")
    batch.complete()
    batch.claim()
    bounds = [batch.done(one).grid.bounds_lonlat for one in (early, late)]
    root = write(batch, entries_per_part=1)
    collection = json.loads((root.parent / "results" / "collection.json").read_text())
    assert collection["extent"]["temporal"]["interval"] == [["2020-01-01T00:00:00Z", "2021-02-01T00:00:00Z"]]
    (west, south, east, north) = collection["extent"]["spatial"]["bbox"][0]
    assert west == pytest.approx(min(one[0] for one in bounds), abs=1e-5)
    assert east == pytest.approx(max(one[2] for one in bounds), abs=1e-5)
    assert south < north


def test_a_time_that_is_not_known_is_not_made_up(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    item = items_of(write(batch))["nothing.tif"]
    assert item.datetime is None
    assert item.properties["remotereasoner:datetime_known"] is False
    assert item.properties["start_datetime"] < "1900"
    assert item.properties["end_datetime"] > "9000"


def test_two_questions_about_one_scene_and_equal_scenes(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    path = write_raster(batch.images / "a b" / "ü.tif", *UTM)
    (batch.images / "a-b-ü.tif").write_bytes(path.read_bytes())
    planned = [batch.plan("a b/ü.tif"), batch.plan("a b/ü.tif", question="Where are ships?")]
    twin = batch.plan("a-b-ü.tif")
    assert twin.key == planned[0].key
    batch.complete()
    batch.claim()
    for one in planned:
        batch.done(one, discs(1))
    with batch.view() as view:
        names = [stac_item_id(row) for row in view.finished()]
    assert len(set(names)) == 3
    assert all(name.startswith("a-b-tif") or name.isascii() for name in names)
    root = write(batch)
    assert len(list(pystac.Catalog.from_file(str(root)).get_items(recursive=True))) == 3


def test_what_came_from_stac_points_back_to_it(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    image = write_raster(batch.images / "scene.tif", *UTM)
    source = pystac.Item("S2", None, None, pystac.utils.str_to_datetime("2026-01-02T03:04:05Z"), {}, collection="l2a")
    source.add_asset("visual", pystac.Asset(str(image), media_type="image/tiff; application=geotiff", roles=["visual"]))
    (tmp_path / "item.json").write_text(json.dumps(source.to_dict()))
    (entry,) = open_entries(tmp_path / "item.json")
    planned = batch.plan("scene.tif", **entry.extra)
    batch.complete()
    batch.claim()
    batch.done(planned)
    (item,) = items_of(write(batch)).values()
    (link,) = [link for link in item.links if link.rel == "derived_from"]
    assert Path(link.absolute_href).resolve() == (tmp_path / "item.json").resolve()
    assert item.datetime == source.datetime
    assert item.properties["remotereasoner:source_collection"] == "l2a"
    # And what we write, we read.
    (back,) = open_entries(tmp_path / "out" / "stac" / "catalog.json", asset="overlay")
    assert back.fault is not None
    assert back.fault[0] == "no_asset"
    assert back.extra["datetime"] == "2026-01-02T03:04:05Z"


def test_parts_are_kept_made_again_and_removed(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    root = write(batch, entries_per_part=2)
    before = {path: path.stat().st_ino for path in root.parent.rglob("part-*/*.json")}
    write(batch, entries_per_part=2)
    assert before == {path: path.stat().st_ino for path in before}
    part = root.parent / "results" / "part-00000"
    (part / "catalog.json").write_text("{torn")
    (part / ".x.json.0123abcd.tmp").touch()
    (part / "old.json").touch()
    (root.parent / "results" / "part-00077").mkdir()
    write(batch, entries_per_part=2)
    assert sorted(path.name[:4] for path in part.iterdir()) == ["cata", "sout", "utm."]
    assert not (root.parent / "results" / "part-00077").exists()
    validate(json.loads((part / "catalog.json").read_text()))


def test_the_bytes_tell_nothing_of_the_order(make_result: MakeResult, tmp_path: Path) -> None:
    forth, _ = mixed_batch(tmp_path / "1", make_result)
    back, _ = mixed_batch(tmp_path / "2", make_result, backwards=True)
    write(forth)
    write(back)
    assert files_of(forth.out / "stac") == files_of(back.out / "stac")


def test_hostile_texts(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "..%2f$(x).tif", *UTM)
    planned = batch.plan("..%2f$(x).tif", collection="<script>", question="a\x00b \u202e" + "x" * 10_000)
    batch.complete()
    batch.claim()
    batch.done(planned, reasoning="half \ud83d a pair")
    write(batch)
    (path,) = (batch.out / "stac" / "results" / "part-00000").glob("*x*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    validate(document)
    assert path.name.startswith("2f-x-.tif-")
    assert len(document["properties"]["remotereasoner:question"]) <= 4000
    assert document["properties"]["remotereasoner:reasoning"] == "half \ufffd a pair"


def test_nothing_done_and_a_result_that_is_gone(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path / "1", make_result)
    batch.plan("gone.tif", fault=("not_found", "gone"))
    batch.complete()
    root = write(batch)
    for path in root.parent.rglob("*.json"):
        validate(json.loads(path.read_text()))
    assert list(pystac.Catalog.from_file(str(root)).get_items(recursive=True)) == []
    batch, _ = mixed_batch(tmp_path / "2", make_result)
    next((batch.out / "items").rglob("result.json")).unlink()
    with pytest.raises(ResultFormatError):
        write(batch)
