"""GeoParquet 1.1.0: WKB in the scene's CRS (PROJJSON), and each row's rectangle as ``bbox`` for readers that skip.

https://geoparquet.org/releases/v1.1.0/. Written with pyarrow alone. Coordinates are x, y whatever the CRS's own order
of axes; a layer without CRS says ``"crs": null``, because leaving it out would mean longitude and latitude.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import shapely

from remotereasoner.errors import ExportError
from remotereasoner.export.extras import vector_module
from remotereasoner.export.layer import COLUMNS, Layer

__all__ = ["ABOUT_KEY", "geo_metadata", "geoparquet_bytes"]

ABOUT_KEY = "remotereasoner"
"""Key of the file's metadata under which JSON says what holds for the whole."""
_GEOMETRY = "geometry"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_ROWS_PER_GROUP = 50_000


def geo_metadata(layer: Layer) -> dict[str, Any]:
    """The ``geo`` document of the file."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"] if len(layer.geometry) else [],
        "crs": None if layer.crs is None else layer.crs.to_json_dict(),
        "orientation": "counterclockwise",
        "edges": "planar",
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    if len(layer.geometry):
        column["bbox"] = shapely.total_bounds(layer.geometry).tolist()
    return {"version": "1.1.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}}


def geoparquet_bytes(layer: Layer) -> bytes:
    """``layer`` as GeoParquet, compressed with zstandard.

    Raises :class:`~remotereasoner.errors.MissingExtraError` and :class:`~remotereasoner.errors.ExportError`.
    """
    arrow = vector_module("pyarrow", "writing GeoParquet")
    parquet = vector_module("pyarrow.parquet", "writing GeoParquet")
    types = {"integer": arrow.int64(), "number": arrow.float64(), "text": arrow.string()}
    bounds = shapely.bounds(layer.geometry).reshape(-1, 4)
    columns = [
        arrow.array(values, type=types[COLUMNS[name]], from_pandas=True) for name, values in layer.columns.items()
    ]
    sides = [arrow.array(np.ascontiguousarray(side), type=arrow.float64()) for side in bounds.T]
    columns.append(arrow.StructArray.from_arrays(sides, names=list(_SIDES)))
    columns.append(arrow.array(list(shapely.to_wkb(layer.geometry)), type=arrow.binary()))
    about = json.dumps(layer.about, ensure_ascii=False, allow_nan=False)
    table = arrow.table(columns, names=[*layer.columns, "bbox", _GEOMETRY])
    table = table.replace_schema_metadata({"geo": json.dumps(geo_metadata(layer), allow_nan=False), ABOUT_KEY: about})
    buffer = io.BytesIO()
    try:
        parquet.write_table(table, buffer, compression="zstd", row_group_size=_ROWS_PER_GROUP)
    except arrow.ArrowException as error:
        raise ExportError(f"GeoParquet could not be written: {error}") from error
    return buffer.getvalue()
