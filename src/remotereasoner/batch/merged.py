"""One file of all parts: ``findings.parquet``; and one row for every item, found something or not: ``items.parquet``.

Both are streamed: a few parts, or one page of the ledger, are in memory at a time.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely import MultiPolygon

from remotereasoner.batch.finding_rows import FINDING_COLUMNS, source_facts
from remotereasoner.batch.ledger_view import FinishedRow, LedgerView
from remotereasoner.batch.lonlat_table import about_of, arrow_table, file_metadata, geo_of, merged_geo, parquet_module
from remotereasoner.batch.whole_files import whole_file
from remotereasoner.errors import ResultFormatError
from remotereasoner.export.extras import vector_module
from remotereasoner.export.layer import Kind, storable
from remotereasoner.types import BoundsXyxy

__all__ = ["FINDINGS_NAME", "ITEMS_TABLE_NAME", "ITEM_COLUMNS", "write_items_table", "write_merged"]

FINDINGS_NAME = "findings.parquet"
ITEMS_TABLE_NAME = "items.parquet"
_GROUP_ROWS = 50_000
_ITEM_GROUP_ROWS = 10_000  # these come through Python, a row at a time
_GROUP_BYTES = 64 << 20

ITEM_COLUMNS: dict[str, Kind] = {
    "seq": "integer",
    "image": "text",
    "item": "text",
    "question": "text",
    "task": "text",
    "state": "text",
    "status": "text",
    "count": "integer",
    "area_m2": "number",
    "code": "text",
    "message": "text",
    "scene_crs": "text",
    "collection": "text",
    "datetime": "text",
    "content_sha256": "text",
}


def write_merged(out: Path, parts: Sequence[Path]) -> Path:
    """``findings.parquet`` out of ``parts``, in their order; left as it is where it was made of the same ones.

    Raises :class:`~remotereasoner.errors.ResultFormatError` where a part is missing or damaged, and
    :class:`~remotereasoner.errors.ExportError`.
    """
    found = [_about(part) for part in parts]
    digest = hashlib.sha256(json.dumps([about["digest"] for _, about in found]).encode()).hexdigest()
    path = out / FINDINGS_NAME
    there = about_of(path)
    if there is not None and there[1].get("digest") == digest:
        return path
    parquet = parquet_module()
    none = arrow_table(FINDING_COLUMNS, [], pixel_outlines=True)
    about = {"parts": len(parts), "items": sum(int(about["items"]) for _, about in found), "digest": digest}
    metadata = file_metadata(merged_geo([geo for geo, _ in found], geo_of(none)), about)
    schema = none.schema.with_metadata(metadata)
    with whole_file(path) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for group in _groups(map(_table, parts)):
            writer.write_table(group.replace_schema_metadata(metadata))
    return path


def _about(part: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    found = about_of(part)
    if found is None:
        raise ResultFormatError(f"{part} is missing or damaged: run the same command again")
    return found


def _table(part: Path) -> Any:
    arrow = vector_module("pyarrow", "writing a batch's tables")
    try:
        return parquet_module().read_table(part)
    except (arrow.ArrowException, OSError) as error:
        raise ResultFormatError(f"{part} is damaged: remove it and run the same command again") from error


def _groups(tables: Iterable[Any]) -> Iterator[Any]:
    """Tables joined to what makes a good row group."""
    arrow = vector_module("pyarrow", "writing a batch's tables")
    held: list[Any] = []
    for table in tables:
        held.append(table.replace_schema_metadata(None))
        if sum(one.num_rows for one in held) >= _GROUP_ROWS or sum(one.nbytes for one in held) >= _GROUP_BYTES:
            yield arrow.concat_tables(held)
            held = []
    if any(one.num_rows for one in held):
        yield arrow.concat_tables(held)


def write_items_table(out: Path, view: LedgerView) -> Path:
    """``items.parquet``: a row for every finished entry; ``geometry`` is the rectangle of its scene in lon/lat.

    Raises :class:`~remotereasoner.errors.ExportError` and :class:`~remotereasoner.errors.MissingExtraError`.
    """
    parquet = parquet_module()
    path = out / ITEMS_TABLE_NAME
    rows = view.all_finished()
    schema = arrow_table(ITEM_COLUMNS, [], pixel_outlines=False).schema
    geos: list[dict[str, Any]] = []
    with whole_file(path) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
        total = 0
        while page := list(itertools.islice(rows, _ITEM_GROUP_ROWS)):
            table = arrow_table(ITEM_COLUMNS, [_item_row(row) for row in page], pixel_outlines=False)
            geos.append(geo_of(table))
            writer.write_table(table)
            total += len(page)
        geo = merged_geo(geos, geo_of(schema.empty_table()))
        # What the whole spans is known only now.
        writer.add_key_value_metadata(file_metadata(geo, {"items": total}))
    return path


def _item_row(row: FinishedRow) -> dict[str, Any]:
    summary = row.summary
    collection, time = source_facts(row)
    return {
        "seq": row.seq,
        "image": storable(row.name),
        "item": row.key,
        "question": storable(row.question),
        "task": row.task,
        "state": row.state,
        "status": row.status,
        "count": summary.get("count"),
        "area_m2": summary.get("area_m2"),
        "code": row.code,
        "message": storable(row.message),
        "scene_crs": summary.get("crs"),
        "collection": collection,
        "datetime": time,
        "content_sha256": row.content_sha256,
        "geometry": _rectangle(summary.get("bbox_lonlat")),
    }


def _rectangle(bounds: BoundsXyxy | None) -> MultiPolygon | None:
    """West, south, east, north as an area; two of them where west > east: across the antimeridian."""
    if bounds is None:
        return None
    west, south, east, north = bounds
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return MultiPolygon([shapely.box(start, south, end, north, ccw=True) for start, end in spans])
