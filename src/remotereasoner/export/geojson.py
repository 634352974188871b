"""Findings as GeoJSON (RFC 7946): longitude and latitude on WGS84, for maps and GIS.

One feature per finding, in the answer's order. Status, question and reasoning are foreign members of the collection
(RFC 7946, 6.1), because an empty collection alone does not say whether nothing is there or nothing could be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry import box

from remotereasoner.errors import CoordinateError, ExportError
from remotereasoner.export.lonlat import LonLatShape, to_lonlat_shape
from remotereasoner.scene.grid import Grid
from remotereasoner.transform.findings import Finding

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["finding_outline", "result_header", "result_to_geojson", "result_to_pixel_json"]

_PIXELS = "pixels of the scene: origin at the top left corner, x right, y down"


def finding_outline(finding: Finding) -> tuple[Polygon | MultiPolygon, str]:
    """The mask's outline, or the box where the segmenter found nothing in it."""
    if finding.polygons.is_empty:
        return box(*finding.box_xyxy), "box"
    parts = finding.polygons.geoms
    return (parts[0] if len(parts) == 1 else finding.polygons), "mask"


def _coordinates(geometry: Polygon | MultiPolygon) -> list[Any]:
    if isinstance(geometry, MultiPolygon):
        return [_coordinates(part) for part in geometry.geoms]
    return [shapely.get_coordinates(ring).tolist() for ring in (geometry.exterior, *geometry.interiors)]


def _properties(finding: Finding, source: str) -> dict[str, Any]:
    return {
        "index": finding.index,
        "label": finding.label,
        "score": round(finding.score, 6),
        "score_source": finding.score_source,
        "box_px": [round(value, 3) for value in finding.box_xyxy],
        "area_px": finding.area_px,
        "area_m2": finding.area_m2,
        "perimeter_m": finding.perimeter_m,
        "width_m": finding.width_m,
        "length_m": finding.length_m,
        "geometry_from": source,
    }


def result_header(result: Result) -> dict[str, Any]:
    """What holds for all findings of a result, and for none."""
    model = result.provenance.model
    return {
        "status": result.status,
        "question": result.question,
        "reasoning": result.reasoning,
        "text": result.text,
        "model": {"engine": model.engine, "name": model.model, "revision": model.revision},
        "segmenter": result.provenance.segmenter,
        "source": result.rendering.source,
        "created": result.provenance.finished_utc,
    }


def _place(outline: Polygon | MultiPolygon, grid: Grid, near_lon_deg: float) -> LonLatShape | None:
    try:
        return to_lonlat_shape(outline, grid.pixel_to_lonlat, near_lon_deg=near_lon_deg)
    except CoordinateError:
        return None  # beyond the edge of the projection: RFC 7946 calls this an unlocated feature


def _feature(finding: Finding, grid: Grid, near_lon_deg: float) -> dict[str, Any]:
    outline, source = finding_outline(finding)
    shape = _place(outline, grid, near_lon_deg)
    feature: dict[str, Any] = {"type": "Feature", "id": finding.index}
    if shape is not None:
        feature["bbox"] = list(shape.bbox)
    feature["geometry"] = (
        None if shape is None else {"type": shape.geometry.geom_type, "coordinates": _coordinates(shape.geometry)}
    )
    feature["properties"] = _properties(finding, source)
    return feature


def _scene_longitude(result: Result) -> float:
    """Longitude next to which parts are unrolled: that of the first finding's box."""
    x1, y1, x2, y2 = result.findings[0].box_xyxy
    try:
        lonlat = result.grid.pixel_to_lonlat(np.array([[(x1 + x2) / 2, (y1 + y2) / 2]]))
    except CoordinateError:
        return 0.0
    return float(lonlat[0, 0])


def result_to_geojson(result: Result) -> dict[str, Any]:
    """A FeatureCollection. Raises :class:`~remotereasoner.errors.ExportError` where the scene has no usable CRS."""
    if not result.grid.is_georeferenced:
        raise ExportError("GeoJSON needs lon/lat, and this scene has no CRS that leads there: use to_pixel_json")
    near = _scene_longitude(result) if result.findings else 0.0
    features = [_feature(finding, result.grid, near) for finding in result.findings]
    return {"type": "FeatureCollection", **result_header(result), "features": features}


def result_to_pixel_json(result: Result) -> dict[str, Any]:
    """The same findings in pixels, for scenes without a place on the Earth. Not GeoJSON, and not named so."""
    findings = []
    for finding in result.findings:
        outline, source = finding_outline(finding)
        parts = list(outline.geoms) if isinstance(outline, MultiPolygon) else [outline]
        findings.append({**_properties(finding, source), "polygons_px": [_coordinates(part) for part in parts]})
    height, width = result.grid.size_hw
    frame = {"type": "PixelFindings", "coordinates": _PIXELS, "size_hw": [height, width]}
    return {**frame, **result_header(result), "findings": findings}
