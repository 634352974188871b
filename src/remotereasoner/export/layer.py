"""A result as one table of outlines in the scene's own CRS: what GeoPackage, FlatGeobuf, GeoParquet and frames hold.

Nothing is reprojected: an outline along pixel edges stays exactly that, on rotated and polar grids too, and one that
crosses the antimeridian stays whole. Where the scene has no CRS, coordinates are what its transform leads to; without a
transform either, they are pixels with y negated, as GIS programs place a picture that has no place: up is up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS
from shapely import MultiPolygon

from remotereasoner.export.geojson import finding_outline, result_header
from remotereasoner.export.right_angles import RightAngled
from remotereasoner.plain_text import well_formed
from remotereasoner.scene.grid import Grid
from remotereasoner.transform.findings import Finding
from remotereasoner.types import FloatArray

if TYPE_CHECKING:
    from remotereasoner.export.shaping import Shaped

__all__ = ["COLUMNS", "Frame", "Kind", "Layer", "frame_of", "layer_of", "storable"]

Kind = Literal["integer", "number", "text"]
Frame = Literal["crs", "transform without crs", "pixels, y negated"]

COLUMNS: dict[str, Kind] = {
    "index": "integer",
    "label": "text",
    "question": "text",
    "status": "text",
    "score": "number",
    "score_source": "text",
    "area_m2": "number",
    "perimeter_m": "number",
    "width_m": "number",
    "length_m": "number",
    "centroid_lon": "number",
    "centroid_lat": "number",
    "agreement": "number",
    "windows_seen": "number",
    "windows_visible": "number",
    "overview_iou": "number",
    "count": "integer",
    "area_px": "integer",
    "centroid_x_px": "number",
    "centroid_y_px": "number",
    "box_x1_px": "number",
    "box_y1_px": "number",
    "box_x2_px": "number",
    "box_y2_px": "number",
    "geometry_from": "text",
    "simplified_m": "number",
    "right_angles": "text",
    "right_angles_iou": "number",
    "model": "text",
    "model_revision": "text",
    "engine": "text",
    "segmenter": "text",
    "version": "text",
    "source": "text",
    "created": "text",
}
"""Names and kinds of the attributes, in order, the same for every format and for a result without findings."""

_VIEWS = ("agreement", "windows_seen", "windows_visible", "overview_iou")


@dataclass(frozen=True, eq=False)
class Layer:
    """``columns``: (N,) arrays under the names of :data:`COLUMNS`: int64, float64 (NaN is null), text or None."""

    name: str
    columns: dict[str, npt.NDArray[Any]]
    geometry: npt.NDArray[np.object_]
    """(N,) shapely MultiPolygons, valid, exteriors counter-clockwise in x right, y up."""
    crs: CRS | None
    frame: Frame
    about: dict[str, Any]
    """What holds for the whole, so that an empty layer says how the question ended: status, question, reasoning, …"""


def storable(text: str | None) -> str | None:
    """``text`` without what no file format can hold: NUL and halves of surrogate pairs become U+FFFD."""
    if text is None:
        return None
    return well_formed(text).replace("\x00", "\ufffd")


def frame_of(grid: Grid) -> tuple[Frame, Callable[[FloatArray], FloatArray]]:
    """How coordinates are meant, and the way from pixels (N, 2) to them."""
    if grid.crs is not None:
        return "crs", grid.pixel_to_map
    if grid.transform != Affine.identity():
        return "transform without crs", grid.pixel_to_map
    return "pixels, y negated", lambda xy: xy * np.array([1.0, -1.0])


def _geometry(findings: Sequence[Finding], project: Callable[[FloatArray], FloatArray]) -> npt.NDArray[np.object_]:
    outlines = np.full(len(findings), MultiPolygon(), dtype=object)
    for number, finding in enumerate(findings):
        outlines[number] = finding_outline(finding)[0]
    placed = np.asarray(shapely.transform(outlines, project), dtype=object)
    invalid = ~shapely.is_valid(placed)  # where a vertex lies on another's edge, rounding can move it across
    placed[invalid] = shapely.make_valid(placed[invalid], method="structure", keep_collapsed=False)
    oriented = np.empty(len(findings), dtype=object)
    for number, geometry in enumerate(shapely.orient_polygons(placed)):
        oriented[number] = geometry if isinstance(geometry, MultiPolygon) else MultiPolygon([geometry])
    return oriented


def _common(shaped: Shaped) -> dict[str, Any]:
    result = shaped.result
    model = result.provenance.model
    return {
        "question": storable(result.question),
        "status": result.status,
        "count": result.count,
        "simplified_m": shaped.simplified_m,
        "model": storable(model.model),
        "model_revision": storable(model.revision),
        "engine": model.engine,
        "segmenter": storable(result.provenance.segmenter),
        "version": result.provenance.versions.get("remotereasoner"),
        "source": storable(result.rendering.source),
        "created": result.provenance.finished_utc,
    }


def _own(finding: Finding, attempt: RightAngled | None) -> dict[str, Any]:
    lon, lat = finding.centroid_lonlat if finding.centroid_lonlat is not None else (None, None)
    return {
        "index": finding.index,
        "label": storable(finding.label),
        "score": finding.score,
        "score_source": finding.score_source,
        "area_m2": finding.area_m2,
        "perimeter_m": finding.perimeter_m,
        "width_m": finding.width_m,
        "length_m": finding.length_m,
        "centroid_lon": lon,
        "centroid_lat": lat,
        "area_px": finding.area_px,
        "centroid_x_px": finding.centroid_xy[0],
        "centroid_y_px": finding.centroid_xy[1],
        **dict(zip(("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px"), finding.box_xyxy, strict=True)),
        **{name: getattr(finding.views, name, None) for name in _VIEWS},
        "geometry_from": finding_outline(finding)[1],
        "right_angles": None if attempt is None else "applied" if attempt.changed else "refused",
        "right_angles_iou": None if attempt is None else attempt.iou,
    }


def _column(kind: Kind, values: Sequence[Any]) -> npt.NDArray[Any]:
    if kind == "integer":
        return np.array(values, dtype=np.int64)
    if kind == "number":
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def layer_of(shaped: Shaped, name: str = "findings") -> Layer:
    """The findings of ``shaped`` in the answer's order, with :data:`COLUMNS` even where there are none."""
    result = shaped.result
    frame, project = frame_of(result.grid)
    common = _common(shaped)
    own = [_own(finding, attempt) for finding, attempt in zip(result.findings, shaped.right_angles, strict=True)]
    columns = {
        column: _column(kind, [row[column] if column in row else common[column] for row in own])
        for column, kind in COLUMNS.items()
    }
    header = {key: storable(value) if isinstance(value, str) else value for key, value in result_header(result).items()}
    about = {
        **header,
        "reason": storable(result.answer.reason),
        "count": result.count,
        "version": common["version"],
        "coordinates": frame,
        "size_hw": list(result.grid.size_hw),
        "simplified_m": shaped.simplified_m,
    }
    return Layer(name, columns, _geometry(result.findings, project), result.grid.crs, frame, about)
