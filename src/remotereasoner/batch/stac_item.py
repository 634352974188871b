"""A finished item of a batch as a STAC Item (1.1.0): where its scene lies, what was asked, what came out, the files.

Written as plain JSON: nothing here needs a STAC library. Two questions about one scene are two items.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from shapely import MultiPolygon, Polygon

from remotereasoner.batch.finding_rows import crs_name
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger_view import FinishedRow
from remotereasoner.errors import CoordinateError
from remotereasoner.export.folder import FILE_NAMES
from remotereasoner.export.layer import storable
from remotereasoner.export.lonlat import LonLatShape, to_lonlat_shape
from remotereasoner.result import Result
from remotereasoner.scene.grid import Grid

__all__ = ["STAC_VERSION", "derived_from", "stac_item", "stac_item_id"]

STAC_VERSION = "1.1.0"
_EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.1.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
# STAC has no word for "not known". An item without a time of its own spans from the first photograph out of the air to
# the end of the calendar, so that no search by time leaves it out; that it is not known, a property says.
_ANY_TIME = {"start_datetime": "1858-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}
_SHA256_MULTIHASH = "1220"
_TEXT_CHARS = 4_000
_ID_NAME_CHARS = 80
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]+")
_MEDIA: dict[str, tuple[str, tuple[str, ...]]] = {
    "json": ("application/json", ("metadata",)),
    "geojson": ("application/geo+json", ("data",)),
    "gpkg": ("application/geopackage+sqlite3", ("data",)),
    "fgb": ("application/vnd.flatgeobuf", ("data",)),
    "parquet": ("application/vnd.apache.parquet", ("data",)),
    "coco": ("application/json", ("data",)),
    "label-studio": ("application/json", ("data",)),
    "csv": ("text/csv", ("data",)),
    "pixels": ("application/json", ("data",)),
    "mask": ("image/tiff; application=geotiff; profile=cloud-optimized", ("data",)),
    "contour": ("image/png", ("overview",)),
    "overlay": ("image/png", ("overview",)),
}
_SOURCE_MEDIA = {
    ".tif": "image/tiff; application=geotiff",
    ".tiff": "image/tiff; application=geotiff",
    ".jp2": "image/jp2",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}


def stac_item_id(row: FinishedRow) -> str:
    """The image's name, as far as an id can hold it, and twelve hex digits that no other item of the batch has."""
    name = _NOT_IN_ID.sub("-", row.name).strip("-.")[-_ID_NAME_CHARS:] or "image"
    return f"{name}-{hashlib.sha256(f'{row.key} {row.name}'.encode()).hexdigest()[:12]}"


def stac_item(row: FinishedRow, head: Result, out: Path, folder: Path) -> dict[str, Any]:
    """The item's document without its links to catalogues. ``head``: its result, of which findings are not looked at.
    ``folder``: where the document is written; hrefs are relative to it.

    A scene without a place on the Earth gets no geometry and no rectangle, as RFC 7946 has it.
    """
    place = _footprint(head.grid)
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": list(_EXTENSIONS),
        "id": stac_item_id(row),
        "geometry": None if place is None else _geometry(place.geometry),
    }
    if place is not None:
        document["bbox"] = list(place.bbox)
    document["properties"] = {**_times(row.extra), **_of_result(row, head), **_projection(head.grid)}
    document["links"] = derived_from(row, folder)
    document["assets"] = _assets(row, out, folder)
    return document


def _footprint(grid: Grid) -> LonLatShape | None:
    if not grid.is_georeferenced:
        return None
    height, width = grid.size_hw
    try:
        near = float(grid.pixel_to_lonlat(np.array([[width / 2, height / 2]]))[0, 0])
        return to_lonlat_shape(shapely.box(0, 0, width, height), grid.pixel_to_lonlat, near_lon_deg=near)
    except CoordinateError:  # an edge lies outside the projection
        return None


def _geometry(shape: Polygon | MultiPolygon) -> dict[str, Any]:
    parts = list(shape.geoms) if isinstance(shape, MultiPolygon) else [shape]
    rings = [[shapely.get_coordinates(ring).tolist() for ring in (one.exterior, *one.interiors)] for one in parts]
    if isinstance(shape, MultiPolygon):
        return {"type": "MultiPolygon", "coordinates": rings}
    return {"type": "Polygon", "coordinates": rings[0]}


def _times(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The time of the image: what its source says; never that of the processing."""
    moment, start, end = (extra.get(name) for name in ("datetime", "start_datetime", "end_datetime"))
    if moment is not None or (start is not None and end is not None):
        span = {"start_datetime": start, "end_datetime": end} if start is not None and end is not None else {}
        return {"datetime": moment, **span}
    return {"datetime": None, **_ANY_TIME, "remotereasoner:datetime_known": False}


def _of_result(row: FinishedRow, head: Result) -> dict[str, Any]:
    model = head.provenance.model
    summary = row.summary
    software = {
        "remotereasoner": head.provenance.versions.get("remotereasoner"),
        f"{model.engine}: {model.model}": model.revision,
        "segmenter": head.provenance.segmenter,
    }
    found: dict[str, Any] = {
        "title": _text(row.name),
        "remotereasoner:item": row.key,
        "remotereasoner:question": _text(row.question),
        "remotereasoner:task": row.task,
        "remotereasoner:status": head.status,
        "remotereasoner:count": summary.get("count"),
        "remotereasoner:score": summary.get("max_score"),
        "remotereasoner:area_m2": summary.get("area_m2"),
        "remotereasoner:text": _text(head.text),
        "remotereasoner:reasoning": _text(head.reasoning),
        "remotereasoner:model": _text(model.model),
        "remotereasoner:model_revision": _text(model.revision),
        "remotereasoner:engine": model.engine,
        "remotereasoner:segmenter": _text(head.provenance.segmenter),
        "remotereasoner:source_collection": _text(row.extra.get("collection")),
        "processing:lineage": "A multimodal language model read image and question; places were made from its answer.",
        "processing:software": {str(_text(name)): str(_text(value)) for name, value in software.items() if value},
    }
    return {name: value for name, value in found.items() if value is not None}


def _text(value: str | None) -> str | None:
    """Text of others: what JSON and other programs can hold, and not endless."""
    return storable(None if value is None else value[:_TEXT_CHARS])


def _projection(grid: Grid) -> dict[str, Any]:
    """Of the scene that was looked at. ``proj:code`` is null where the CRS has no code, or there is none."""
    code = crs_name(grid)
    found: dict[str, Any] = {"proj:code": code if code is not None and code.startswith("EPSG:") else None}
    if grid.crs is not None and found["proj:code"] is None:
        found["proj:wkt2"] = storable(grid.crs.to_wkt())
    found["proj:shape"] = list(grid.size_hw)
    if grid.crs is not None or grid.transform != Affine.identity():
        found["proj:transform"] = list(grid.transform)[:6]
    return found


def derived_from(row: FinishedRow, folder: Path) -> list[dict[str, Any]]:
    """To the source's own STAC item where it came from one in a file of its own, else to the image's files."""
    stac_file = row.extra.get("stac_file")
    if isinstance(stac_file, str):
        return [{"rel": "derived_from", "href": _relative(Path(stac_file), folder), "type": "application/geo+json"}]
    links = []
    for path in map(Path, row.paths):
        media = _SOURCE_MEDIA.get(path.suffix.lower())
        links.append({"rel": "derived_from", "href": _relative(path, folder), **({"type": media} if media else {})})
    return links


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _assets(row: FinishedRow, out: Path, folder: Path) -> dict[str, Any]:
    kinds = {name: kind for kind, name in FILE_NAMES.items()}
    files = item_folder(out, row.key)
    assets = {}
    for name, file in sorted(row.files.items()):
        media, roles = _MEDIA[kinds[name]]
        assets["result" if kinds[name] == "json" else kinds[name]] = {
            "href": _relative(files / name, folder),
            "type": media,
            "roles": list(roles),
            "file:size": file.size,
            "file:checksum": f"{_SHA256_MULTIHASH}{file.sha256}",
        }
    return assets
