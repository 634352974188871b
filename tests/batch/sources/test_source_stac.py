"""STAC on disk: a catalogue of three levels that pystac itself wrote, item collections, and what is broken in them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources import json_stream, open_entries
from remotereasoner.batch.sources.json_stream import FaultError, stream_members
from remotereasoner.batch.sources.stac_items import entry_of_item
from remotereasoner.errors import InputError

GEOTIFF = "image/tiff; application=geotiff"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield


def item_of(name: str, **assets: tuple[str, list[str]]) -> pystac.Item:
    item = pystac.Item(name, None, None, datetime(2026, 3, 4, 10, 30, tzinfo=UTC), {})
    for key, (href, roles) in assets.items():
        item.add_asset(key, pystac.Asset(href, media_type=GEOTIFF, roles=roles))
    return item


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def faults(entries: list[Entry]) -> list[str | None]:
    return [entry.fault[0] if entry.fault else None for entry in entries]


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A catalogue, two collections, four items; relative links; files beside the items."""
    root = pystac.Catalog("archive", "all of it")
    for name in ("north", "south"):
        extent = pystac.Extent(pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]]))
        collection = pystac.Collection(name, "a part", extent)
        root.add_child(collection)
        collection.add_items(item_of(f"{name}-{number}", image=("./scene.tif", ["data"])) for number in (1, 2))
    root.normalize_and_save(str(tmp_path / "stac"), pystac.CatalogType.SELF_CONTAINED)
    for file in (tmp_path / "stac").rglob("*-?.json"):
        (file.parent / "scene.tif").touch()
    return tmp_path / "stac" / "catalog.json"


def test_a_catalogue_of_three_levels(catalogue: Path) -> None:
    found = list(open_entries(catalogue))
    assert [entry.name for entry in found] == ["north-1", "north-2", "south-1", "south-2"]
    assert faults(found) == [None] * 4
    assert found[0].paths == (str(catalogue.parent / "north" / "north-1" / "scene.tif"),)
    assert found[0].extra == {
        "item_id": "north-1",
        "stac_file": str(catalogue.parent / "north" / "north-1" / "north-1.json"),
        "datetime": "2026-03-04T10:30:00Z",
        "collection": "north",
        "asset": "image",
    }
    assert [entry.name for entry in open_entries(catalogue.parent / "south" / "collection.json")] == [
        "south-1",
        "south-2",
    ]


def test_broken_parts_of_a_catalogue_are_faults_and_the_rest_goes_on(catalogue: Path) -> None:
    south = catalogue.parent / "south"
    (south / "south-1" / "south-1.json").unlink()
    (south / "south-2" / "south-2.json").write_text('{"type": "Feature", "id": ')
    document = json.loads(catalogue.read_text())
    document["links"][1:1] = [
        {"rel": "child", "href": "./gone/catalog.json"},
        {"rel": "child", "href": "https://user:secret@example.com/catalog.json?sig=secret"},
        {"rel": "child", "href": "/vsicurl/http://example.com/c.json"},
        {"rel": "child", "href": "./catalog.json"},  # itself
        {"rel": "item", "href": "./north/collection.json"},
        {"rel": "child", "href": "./pipe.json"},
        {"rel": "item", "href": "a\0b"},
        {"rel": "child", "href": "./list.json"},
    ]
    catalogue.write_text(json.dumps(document))
    os.mkfifo(catalogue.parent / "pipe.json")
    (catalogue.parent / "list.json").write_text("[1, 2]")
    found = list(open_entries(catalogue))
    assert faults(found) == [
        *("broken_link", "remote_href", "refused_path", "bad_item", "not_a_file", "refused_path", "bad_json"),
        *(None, None, "broken_link", "bad_json"),
    ]
    assert [entry.name for entry in found if entry.fault is None] == ["north-1", "north-2"]
    assert "secret" not in repr(found)


def test_catalogues_nested_too_deeply_and_in_circles(tmp_path: Path) -> None:
    for level in range(40):
        links = [{"rel": "child", "href": f"./{level + 1}.json"}] * 2  # 2^40 ways down
        raw = {"type": "Catalog", "stac_version": "1.1.0", "id": str(level), "description": "-", "links": links}
        write_json(tmp_path / f"{level}.json", raw)
    (entry,) = open_entries(tmp_path / "0.json")
    assert entry.fault is not None
    assert entry.fault[0] == "too_deep"


def test_which_asset(tmp_path: Path) -> None:
    def found(asset: str | None = None, **assets: tuple[str, list[str]]) -> Entry:
        for href, _ in assets.values():
            if "//" not in href:
                (tmp_path / href).touch()
        path = write_json(tmp_path / "item.json", item_of("i", **assets).to_dict())
        (entry,) = open_entries(path, asset=asset)
        return entry

    bands = {name: (f"{name}.jp2", ["data"]) for name in ("B02", "B03", "B04")}
    assert found(**bands, visual=("tci.tif", ["visual"])).extra["asset"] == "visual"
    assert found(one=("1.tif", ["data"]), visual=("tci.tif", ["visual"])).extra["asset"] == "one"
    assert found(one=("1.tif", []), thumbnail=("t.png", ["thumbnail"])).extra["asset"] == "one"
    several = found(**bands)
    assert several.fault == (
        "which_asset",
        "several assets are rasters: choose one of B02, B03, B04, or several with commas",
    )
    chosen = found("B04, B03,B02", **bands)
    assert chosen.paths == tuple(str(tmp_path / f"{name}.jp2") for name in ("B04", "B03", "B02"))
    assert chosen.extra["asset"] == "B04,B03,B02"
    missing = found("B08", **bands)
    assert missing.fault == ("no_asset", "no asset 'B08': this item has B02, B03, B04")
    assert faults([found(only=("t.png", ["thumbnail"]))]) == ["no_asset"]
    assert faults([found(away=("s3://bucket/x.tif", ["data"]))]) == ["remote_href"]
    assert faults([found(away=("//server/share/x.tif", ["data"]))]) == ["remote_href"]


@pytest.mark.parametrize(
    ("href", "code"),
    [
        ("http://example.com/a.tif", "remote_href"),
        ("HTTPS://u:p@example.com/a.tif?k=secret", "remote_href"),
        (" https://[bad/a.tif", "remote_href"),
        ("gs://b/a.tif", "remote_href"),
        ("/vsis3/bucket/a.tif", "refused_path"),
        (" /vsizip/a.zip/b.tif", "refused_path"),
        ("file:///etc/passwd", "refused_path"),
        ("vrt:///x.tif", "remote_href"),
        ("GTIFF_DIR:1:a.tif", "refused_path"),
        ("<VRTDataset/>", "refused_path"),
        ("a\0.tif", "refused_path"),
        ("", "refused_path"),
        ("x" * 5000, "refused_path"),
        ("gone.tif", "not_found"),
        (".", "not_a_file"),
        ("../" * 40 + "dev/zero", "not_a_file"),
    ],
)
def test_hrefs_that_are_not_followed(href: str, code: str, tmp_path: Path) -> None:
    raw = item_of("i", image=("x.tif", ["data"])).to_dict()
    raw["assets"]["image"]["href"] = href
    entry = entry_of_item(raw, tmp_path / "item.json", None)
    assert faults([entry]) == [code]
    assert "secret" not in repr(entry)
    assert entry.extra["datetime"] == "2026-03-04T10:30:00Z"


def test_an_item_collection_is_streamed(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    features = [item_of(f"i{number}", image=("a.tif", ["data"])).to_dict() for number in range(2000)]
    document: dict[str, Any] = {"type": "FeatureCollection", "features": features, "context": {"returned": 2000}}
    path = write_json(tmp_path / "items.json", document)
    with path.open("r+") as file:  # broken far behind the first item
        file.truncate(path.stat().st_size - 20)
    walk = open_entries(path)
    assert next(walk).name == "i0"
    rest = list(walk)
    assert [entry.name for entry in rest[:-1]] == [f"i{number}" for number in range(1, 2000)]
    assert faults(rest) == [None] * 1999 + ["bad_json"]
    write_json(path, {"features": features[:3], "type": "FeatureCollection"})
    assert len(list(open_entries(path))) == 3


def test_broken_items_of_a_collection(tmp_path: Path) -> None:
    good = item_of("good", image=("a.tif", ["data"])).to_dict()
    (tmp_path / "a.tif").touch()
    features = [
        1, None, [], {}, {**good, "properties": None}, {**good, "properties": {"datetime": "yesterday"}},
        {**good, "assets": [1]}, {**good, "assets": {"image": {}}}, {**good, "links": 3}, {**good, "type": "Point"},
        {**good, "properties": {"datetime": None}}, {**good, "id": 7}, good,
    ]  # fmt: skip
    found = list(open_entries(write_json(tmp_path / "items.json", {"type": "FeatureCollection", "features": features})))
    assert len(found) == len(features)
    assert faults(found)[-1] is None
    assert set(faults(found)[:4]) == {"bad_item"}
    assert all(entry.fault is None or entry.fault[0] == "bad_item" for entry in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it ends too early"),
        ("{", "not usable JSON"),
        ("[]", "{ is missing"),
        ('{"type" "Feature"}', ": is missing"),
        ('{"type": "Polygon"}', "no STAC item"),
        ('{"type": "Feature"} x', "something follows"),
        ('{"type": "Feature", "a": ' + "9" * 5000 + "}", "not usable JSON"),
        ('{"id": ' + "[" * 100_000, "nested too deeply"),
        ('{"type": "FeatureCollection", "features": []}', "has no items"),
        ('{"type": "Catalog", "id": "c", "stac_version": "1.1.0", "description": "", "links": []}', "has no items"),
        ('{"type": "Catalog", "id": "c", "links": 7, "stac_version": "1.1.0"}', "broken STAC catalogue"),
    ],
)
def test_files_that_cannot_be_used(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=words):
        open_entries(tmp_path / "x.json")


def test_what_is_not_utf8_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.json").write_bytes(b'{"type": "\xff"}')
    with pytest.raises(InputError, match="not UTF-8"):
        open_entries(tmp_path / "x.json")
    monkeypatch.setattr(json_stream, "MAX_BYTES", 1 << 20)
    (tmp_path / "x.json").write_text('{"type": "Catalog", "id": "' + "x" * (1 << 21) + '"}')
    with pytest.raises(InputError, match="larger than 1 MiB"):
        open_entries(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"type": "FeatureCollection", "features": ["' + "x" * (1 << 21) + '"]}')
    (entry,) = open_entries(tmp_path / "x.json")
    assert faults([entry]) == ["too_large"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=6), JSON, max_size=5), st.integers(1, 7))
def test_streaming_reads_what_json_reads(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("stream") / "x.json"
    path.write_text(
        json.dumps(document, ensure_ascii=False, indent=chunk % 3 or None), encoding="utf-8", errors="replace"
    )
    expected = json.loads(path.read_text(encoding="utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK_CHARS", chunk)
        assert dict(stream_members(path)) == expected
        path.write_bytes(path.read_bytes()[:-1])  # without its last brace
        with pytest.raises(FaultError):
            dict(stream_members(path))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_item_is_an_entry_whatever_is_in_it(data: st.DataObject) -> None:
    raw = item_of("good", image=("a.tif", ["data"])).to_dict()
    where: Any = raw
    while True:
        key = data.draw(st.sampled_from(sorted(where)))
        if isinstance(where[key], dict) and where[key] and data.draw(st.booleans()):
            where = where[key]
            continue
        where[key] = data.draw(JSON)
        break
    entry = entry_of_item(raw, Path("/nowhere/item.json"), None)
    assert entry.fault is not None
    json.dumps(entry.extra, allow_nan=False).encode()
