"""An item's findings as rows of the run's one table: its scene's own CRS no longer matters, all are in lon/lat.

``geometry`` is on WGS84 (x longitude, y latitude), cut at the antimeridian, so that scenes of many CRSs go together.
Findings without a place on the Earth have no geometry; their outline in pixels of the scene stands in ``outline_px``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from shapely import MultiPolygon

from remotereasoner.batch.ledger_view import FinishedRow
from remotereasoner.errors import CoordinateError
from remotereasoner.export.geojson import finding_outline
from remotereasoner.export.layer import COLUMNS, Kind, layer_of, storable
from remotereasoner.export.lonlat import to_lonlat_shape
from remotereasoner.export.shaping import Shaped, shape_result
from remotereasoner.result import Result
from remotereasoner.scene.grid import Grid
from remotereasoner.transform.findings import Finding

__all__ = ["FINDING_COLUMNS", "crs_name", "finding_rows", "source_facts"]

_OWN: dict[str, Kind] = {
    "seq": "integer",
    "image": "text",
    "item": "text",
    "collection": "text",
    "datetime": "text",
    "scene_crs": "text",
}
_LEFT_OUT = frozenset({"created", "source"})  # a time, and a name that ``image`` says better
_OF_RESULT = tuple(name for name in COLUMNS if name not in _LEFT_OUT)

FINDING_COLUMNS: dict[str, Kind] = {**_OWN, **{name: COLUMNS[name] for name in _OF_RESULT}}
"""Names and kinds of the table's columns, in order; ``outline_px``, ``bbox`` and ``geometry`` come behind them."""


def crs_name(grid: Grid) -> str | None:
    """``EPSG:32618``, or the CRS's name where it has no code; None without a CRS."""
    if grid.crs is None:
        return None
    code = grid.crs.to_epsg()
    return storable(grid.crs.name) if code is None else f"EPSG:{code}"


def source_facts(row: FinishedRow) -> list[Any]:
    """[collection, time of the image] as far as the source knows them."""
    extra = row.extra
    return [storable(extra.get("collection")), extra.get("datetime") or extra.get("start_datetime")]


def finding_rows(row: FinishedRow, result: Result, recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """One dict a finding: the columns, ``outline_px`` (WKB or None) and ``geometry`` (a MultiPolygon or None).

    Outlines are shaped as the recipe says, where the scene has metres for it.
    """
    if not result.findings:
        return []
    shaped = _shaped(result, recipe)
    layer = layer_of(shaped)
    collection, time = source_facts(row)
    own = {
        "seq": row.seq,
        "image": storable(row.name),
        "item": row.key,
        "collection": collection,
        "datetime": time,
        "scene_crs": crs_name(result.grid),
    }
    rows = []
    for number, finding in enumerate(shaped.result.findings):
        geometry = _lonlat(finding, result.grid)
        outline = None if geometry is not None else shapely.to_wkb(_multi(finding_outline(finding)[0]))
        columns = {name: _plain(layer.columns[name][number]) for name in _OF_RESULT}
        rows.append({**own, **columns, "outline_px": outline, "geometry": geometry})
    return rows


def _shaped(result: Result, recipe: dict[str, Any]) -> Shaped:
    simplify_m, iou = recipe.get("simplify_m"), recipe.get("right_angles_iou")
    if not result.grid.is_georeferenced:
        return shape_result(result)
    try:
        return shape_result(result, simplify_m=simplify_m, right_angles_iou=iou)
    except CoordinateError:  # a finding outside its projection has no metres
        return shape_result(result)


def _lonlat(finding: Finding, grid: Grid) -> MultiPolygon | None:
    if not grid.is_georeferenced:
        return None
    outline, _ = finding_outline(finding)
    near = 0.0 if finding.centroid_lonlat is None else finding.centroid_lonlat[0]
    try:
        shape = to_lonlat_shape(outline, grid.pixel_to_lonlat, near_lon_deg=near)
    except CoordinateError:
        return None
    return None if shape is None else _multi(shape.geometry)


def _multi(geometry: Any) -> MultiPolygon:
    return geometry if isinstance(geometry, MultiPolygon) else MultiPolygon([geometry])


def _plain(value: Any) -> Any:
    """A number or text of Python's; None for NaN, which means that it is not known."""
    if isinstance(value, np.floating | float):
        return None if np.isnan(value) else float(value)
    return int(value) if isinstance(value, np.integer) else value
