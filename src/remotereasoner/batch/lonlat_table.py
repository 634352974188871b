"""A table with geometry in lon/lat as GeoParquet 1.1, in pieces: what parts, the merged view and the items share.

https://geoparquet.org/releases/v1.1.0/. ``bbox`` is each row's rectangle within ±180°: of what crosses the antimeridian
it spans all longitudes, so that a reader who filters by it misses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from remotereasoner.errors import ExportError
from remotereasoner.export.extras import vector_module
from remotereasoner.export.geoparquet import ABOUT_KEY
from remotereasoner.export.layer import Kind

__all__ = ["about_of", "arrow_table", "file_metadata", "geo_of", "merged_geo", "parquet_module"]

_GEOMETRY = "geometry"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_PURPOSE = "writing a batch's tables"


def parquet_module() -> Any:
    """Raises :class:`~remotereasoner.errors.MissingExtraError` without ``[vector]``."""
    return vector_module("pyarrow.parquet", _PURPOSE)


def arrow_table(columns: Mapping[str, Kind], rows: Sequence[Mapping[str, Any]], *, pixel_outlines: bool) -> Any:
    """``rows`` as a pyarrow table without metadata: ``columns``, ``outline_px`` if wanted, ``bbox``, ``geometry``."""
    arrow = vector_module("pyarrow", _PURPOSE)
    types = {"integer": arrow.int64(), "number": arrow.float64(), "text": arrow.string()}
    arrays = [arrow.array([row[name] for row in rows], type=types[kind]) for name, kind in columns.items()]
    names = list(columns)
    if pixel_outlines:
        arrays.append(arrow.array([row["outline_px"] for row in rows], type=arrow.binary()))
        names.append("outline_px")
    geometry = np.empty(len(rows), dtype=object)
    geometry[:] = [row[_GEOMETRY] for row in rows]
    absent = np.array([one is None for one in geometry], dtype=np.bool_)
    sides = [arrow.array(np.ascontiguousarray(side), type=arrow.float64()) for side in _bounds(geometry).T]
    arrays.append(arrow.StructArray.from_arrays(sides, names=list(_SIDES), mask=arrow.array(absent)))
    arrays.append(arrow.array(list(shapely.to_wkb(geometry)), type=arrow.binary()))
    return arrow.table(arrays, names=[*names, "bbox", _GEOMETRY])


def _bounds(geometry: Any) -> Any:
    return shapely.bounds(geometry).reshape(-1, 4)


def geo_of(table: Any) -> dict[str, Any]:
    """The ``geo`` document of what :func:`arrow_table` made."""
    geometry = shapely.from_wkb(np.array(table[_GEOMETRY].to_pylist(), dtype=object))
    there = geometry[[one is not None for one in geometry]]
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"] if len(there) else [],
        "crs": CRS.from_user_input("OGC:CRS84").to_json_dict(),
        "orientation": "counterclockwise",
        "edges": "planar",
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    if len(there):
        column["bbox"] = shapely.total_bounds(there).tolist()
    return {"version": "1.1.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}}


def merged_geo(documents: Sequence[dict[str, Any]], empty: dict[str, Any]) -> dict[str, Any]:
    """The ``geo`` document of several tables one behind the other; ``empty``: that of none."""
    boxes = [one["columns"][_GEOMETRY]["bbox"] for one in documents if "bbox" in one["columns"][_GEOMETRY]]
    merged: dict[str, Any] = json.loads(json.dumps(empty))
    if boxes:
        corners = np.array(boxes, dtype=np.float64)
        column = merged["columns"][_GEOMETRY]
        column["geometry_types"] = ["MultiPolygon"]
        column["bbox"] = [*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist()]
    return merged


def file_metadata(geo: dict[str, Any], about: dict[str, Any]) -> dict[str, str]:
    """What a file says of itself. ``about``: plain values; kept beside ``geo``, see :func:`about_of`."""
    return {"geo": json.dumps(geo, allow_nan=False), ABOUT_KEY: json.dumps(about, ensure_ascii=False, allow_nan=False)}


def about_of(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(``geo``, ``about``) of a file of ours; None where there is none, or one that somebody else wrote or tore."""
    parquet = parquet_module()
    arrow = vector_module("pyarrow", _PURPOSE)
    try:
        metadata = parquet.read_metadata(path).metadata or {}
        return json.loads(metadata[b"geo"]), json.loads(metadata[ABOUT_KEY.encode()])
    except FileNotFoundError:
        return None
    except (arrow.ArrowInvalid, KeyError, ValueError):
        return None
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror or error}") from error
