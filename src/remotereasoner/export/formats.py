"""The vector formats by name, and one way to write any of them: whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from remotereasoner.errors import ExportError, UsageError
from remotereasoner.export.atomic import write_files
from remotereasoner.export.coco import coco_bytes
from remotereasoner.export.extras import vector_module
from remotereasoner.export.flatgeobuf import flatgeobuf_bytes
from remotereasoner.export.geojson import result_to_geojson
from remotereasoner.export.geopackage import geopackage_bytes
from remotereasoner.export.geoparquet import geoparquet_bytes
from remotereasoner.export.label_studio import label_studio_bytes
from remotereasoner.export.layer import layer_of, storable
from remotereasoner.export.measurements_csv import csv_bytes
from remotereasoner.export.shaping import Shaped, shape_result

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["FORMATS", "FORMAT_FILES", "VectorFormat", "export_result", "format_bytes", "format_of", "require_formats"]

VectorFormat = Literal["geojson", "gpkg", "fgb", "parquet", "coco", "label-studio", "csv"]
FORMATS: tuple[VectorFormat, ...] = get_args(VectorFormat)
FORMAT_FILES: dict[VectorFormat, str] = {
    "geojson": "findings.geojson",
    "gpkg": "findings.gpkg",
    "fgb": "findings.fgb",
    "parquet": "findings.parquet",
    "coco": "coco.json",
    "label-studio": "label_studio.json",
    "csv": "measurements.csv",
}
"""What the file of each is called in a result's folder."""
_SUFFIXES: dict[str, VectorFormat] = {
    ".geojson": "geojson",
    ".gpkg": "gpkg",
    ".fgb": "fgb",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".csv": "csv",
}


def _geojson_bytes(shaped: Shaped) -> bytes:
    document = result_to_geojson(shaped.result)
    if shaped.simplified_m is not None:
        document["simplified_m"] = shaped.simplified_m
    for feature, attempt in zip(document["features"], shaped.right_angles, strict=True):
        if attempt is not None:
            feature["properties"]["right_angles"] = "applied" if attempt.changed else "refused"
            feature["properties"]["right_angles_iou"] = attempt.iou
    return str(storable(json.dumps(document, ensure_ascii=False, allow_nan=False))).encode()


_WRITERS: dict[VectorFormat, Callable[[Shaped], bytes]] = {
    "geojson": _geojson_bytes,
    "gpkg": lambda shaped: geopackage_bytes(layer_of(shaped)),
    "fgb": lambda shaped: flatgeobuf_bytes(layer_of(shaped)),
    "parquet": lambda shaped: geoparquet_bytes(layer_of(shaped)),
    "coco": lambda shaped: coco_bytes([shaped.result]),
    "label-studio": lambda shaped: label_studio_bytes([shaped.result]),
    "csv": lambda shaped: csv_bytes(layer_of(shaped)),
}

_MODULES: dict[VectorFormat, str] = {"gpkg": "pyogrio.raw", "fgb": "pyogrio.raw", "parquet": "pyarrow.parquet"}


def require_formats(names: Sequence[VectorFormat]) -> None:
    """Raises :class:`~remotereasoner.errors.MissingExtraError` where one of ``names`` cannot be written here."""
    for name in names:
        if name in _MODULES:
            vector_module(_MODULES[name], f"writing {FORMAT_FILES[name]}")


def format_of(path: Path) -> VectorFormat:
    """The format that a file's name says. Raises :class:`~remotereasoner.errors.UsageError` where it says none."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path.name!r} says no vector format: give it by name, one of {', '.join(FORMATS)}")
    return found


def format_bytes(shaped: Shaped, name: VectorFormat) -> bytes:
    """One file's content. Raises what the format's module says, UsageError for an unknown ``name``."""
    writer = _WRITERS.get(name)
    if writer is None:
        raise UsageError(f"unknown vector format {name!r}: give one of {', '.join(FORMATS)}")
    return writer(shaped)


def export_result(
    result: Result,
    path: Path,
    *,
    as_format: VectorFormat | None = None,
    overwrite: bool = False,
    simplify_m: float | None = None,
    right_angles_iou: float | None = None,
) -> Path:
    """See :meth:`remotereasoner.result.Result.export`."""
    chosen = as_format if as_format is not None else format_of(path)
    if not overwrite and (path.exists() or path.is_symlink()):
        raise ExportError(f"{path} is there already: choose another name, or overwrite it")
    payload = format_bytes(shape_result(result, simplify_m=simplify_m, right_angles_iou=right_angles_iou), chosen)
    return write_files(path.parent, {path.name: payload})[path.name]
