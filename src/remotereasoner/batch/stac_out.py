"""The results of a batch as a STAC catalogue on disk: self-contained, all links relative, no file with endless links.

    stac/catalog.json ── stac/results/collection.json ── stac/results/part-00000/catalog.json ── items

A part holds the items of the same range of entries as the findings' part of that number. Every item that is done is
there, and nothing else. A part that was made of the same items is left as it is.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remotereasoner.batch.ledger_view import FinishedRow, LedgerView
from remotereasoner.batch.parts import ENTRIES_PER_PART, range_digest, read_head
from remotereasoner.batch.stac_item import STAC_VERSION, derived_from, stac_item
from remotereasoner.batch.whole_files import write_many
from remotereasoner.errors import ExportError
from remotereasoner.export.atomic import write_files
from remotereasoner.export.layer import storable
from remotereasoner.types import BoundsXyxy

__all__ = ["STAC_FOLDER", "write_stac"]

STAC_FOLDER = "stac"
_COLLECTION = "results"
_FORMAT = 1
_PART = re.compile(r"part-[0-9]{5,}")
_MAX_CATALOGUE_BYTES = 64 << 20
_JSON = "application/json"
_GEOJSON = "application/geo+json"


@dataclass
class _Part:
    """What the collection has to know of a part; kept in the part's catalogue, so that it is not made again."""

    name: str
    digest: str
    bounds: list[BoundsXyxy] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    """The earliest and the latest known, or none."""
    items: int = 0


def write_stac(out: Path, view: LedgerView, *, entries_per_part: int = ENTRIES_PER_PART) -> Path:
    """Write or bring up to date ``stac/`` below ``out``; returns the root catalogue's path.

    Raises :class:`~remotereasoner.errors.ExportError` and :class:`~remotereasoner.errors.ResultFormatError`.
    """
    root = out / STAC_FOLDER
    folder = root / _COLLECTION
    parts = [_part(out, folder, number, rows) for number, rows in _ranges(view, entries_per_part)]
    plan = view.plan()
    write_files(folder, {"collection.json": _encoded(_collection(parts, plan.questions, plan.identity))})
    child = {"rel": "child", "href": f"./{_COLLECTION}/collection.json", "type": _JSON}
    links = [{"rel": "root", "href": "./catalog.json", "type": _JSON}, child]
    write_files(root, {"catalog.json": _encoded(_catalogue("remotereasoner-batch", "Results of a batch", links))})
    _remove_others(folder, {part.name for part in parts})
    return root / "catalog.json"


def _ranges(view: LedgerView, size: int) -> Iterator[tuple[int, list[FinishedRow]]]:
    """The done entries of each range that has any."""
    for number in range(-(-view.total() // size)):
        first = number * size
        rows = [row for row in view.finished(first, size) if row.seq <= first + size and row.state == "done"]
        if rows:
            yield number, rows


def _part(out: Path, folder: Path, number: int, rows: list[FinishedRow]) -> _Part:
    name = f"part-{number:05d}"
    digest = range_digest(
        rows,
        [_FORMAT, STAC_VERSION],
        lambda row: [row.question, row.extra, [one["href"] for one in derived_from(row, folder / name)]],
    )
    if (known := _known(folder / name / "catalog.json", name, digest)) is not None:
        return known
    part = _Part(name, digest)
    documents: dict[str, bytes] = {}
    links = [_link("root", "../../catalog.json"), _link("parent", "../collection.json")]
    for row in rows:
        item = stac_item(row, read_head(out, row), out, folder / name)
        item["collection"] = _COLLECTION
        item["links"] = [
            _link("root", "../../catalog.json"),
            _link("parent", "./catalog.json"),
            _link("collection", "../collection.json"),
            *item["links"],
        ]
        file = f"{item['id']}.json"
        documents[file] = _encoded(item)
        title = item["properties"]["title"]
        links.append({"rel": "item", "href": f"./{file}", "type": _GEOJSON, "title": title})
        _take_in(part, item)
    catalogue = _catalogue(name, f"Entries {rows[0].seq} to {rows[-1].seq} of the batch's source", links)
    catalogue["remotereasoner:part"] = [digest, part.bounds, part.times, part.items]
    write_many(folder / name, documents, remove=_names(folder / name) - {"catalog.json"})
    # The catalogue comes last: it says that the items are there.
    write_files(folder / name, {"catalog.json": _encoded(catalogue)})
    return part


def _names(folder: Path) -> frozenset[str]:
    """What is there: items of before, and temporary files of a run that was killed."""
    try:
        return frozenset(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise ExportError(f"cannot read {folder}: {error.strerror or error}") from error


def _take_in(part: _Part, item: dict[str, Any]) -> None:
    part.items += 1
    if "bbox" in item:
        west, south, east, north = item["bbox"]
        part.bounds = _joined([*part.bounds, (west, south, east, north)])
    if "remotereasoner:datetime_known" not in item["properties"]:
        names = ("datetime", "start_datetime", "end_datetime")
        times = [time for name in names if (time := item["properties"].get(name)) is not None]
        known = sorted([*part.times, *times])
        part.times = [known[0], known[-1]]


def _joined(bounds: list[BoundsXyxy]) -> list[BoundsXyxy]:
    """One rectangle around all; all longitudes where one of them crosses the antimeridian and others do not."""
    wests, souths, easts, norths = zip(*bounds, strict=True)
    over = [west > east for west, _, east, _ in bounds]
    if any(over) and not all(over):
        return [(-180.0, min(souths), 180.0, max(norths))]
    return [(min(wests), min(souths), max(easts), max(norths))]


def _known(path: Path, name: str, digest: str) -> _Part | None:
    """The part as its catalogue tells, where that was made of the same items."""
    try:
        if path.stat().st_size > _MAX_CATALOGUE_BYTES:
            return None
        found, bounds, times, items = json.loads(path.read_bytes())["remotereasoner:part"]
        if found != digest:
            return None
        return _Part(name, digest, [_bounds(one) for one in bounds], [str(time) for time in times], int(items))
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return None  # not there, torn, or somebody else's: it is made anew


def _bounds(values: Any) -> BoundsXyxy:
    west, south, east, north = (float(value) for value in values)
    return west, south, east, north


def _collection(parts: list[_Part], questions: tuple[str, ...], identity: str) -> dict[str, Any]:
    bounds = [one for part in parts for one in part.bounds]
    times = sorted(time for part in parts for time in part.times)
    spatial = list(_joined(bounds)[0]) if bounds else [-180.0, -90.0, 180.0, 90.0]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": _COLLECTION,
        "title": "Results of a batch",
        "description": storable(f"{sum(part.items for part in parts)} results, by {identity}"),
        "license": "other",
        "extent": {
            "spatial": {"bbox": [spatial]},
            "temporal": {"interval": [[times[0], times[-1]] if times else [None, None]]},
        },
        "summaries": {"remotereasoner:question": [storable(one) for one in questions]} if questions else {},
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "../catalog.json"),
            *({"rel": "child", "href": f"./{part.name}/catalog.json", "type": _JSON} for part in parts),
        ],
    }


def _catalogue(name: str, description: str, links: list[dict[str, Any]]) -> dict[str, Any]:
    head = {"type": "Catalog", "stac_version": STAC_VERSION, "id": name, "description": description}
    return {**head, "links": links}


def _link(rel: str, href: str) -> dict[str, Any]:
    return {"rel": rel, "href": href, "type": _JSON}


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _remove_others(folder: Path, names: set[str]) -> None:
    """Parts of an earlier plan, and temporary files of a run that was killed."""
    try:
        for other in sorted(folder.iterdir()):
            if _PART.fullmatch(other.name) and other.name not in names and not other.is_symlink():
                shutil.rmtree(other)
            elif other.name.startswith(".") and other.name.endswith(".tmp"):
                other.unlink()
    except OSError as error:
        raise ExportError(f"cannot remove {other}: {error.strerror or error}") from error
