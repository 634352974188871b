"""The files of an item, as bytes that are the same whoever makes them and whenever, and its line for the report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from remotereasoner.batch.items import Recipe
from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.export.folder import FILE_NAMES, MAX_FRAME_PX
from remotereasoner.export.formats import FORMATS, VectorFormat, format_bytes, require_formats
from remotereasoner.export.geojson import result_to_pixel_json
from remotereasoner.export.mask_raster import mask_tiff
from remotereasoner.export.pictures import contour_png, overlay_png
from remotereasoner.export.shaping import shape_result
from remotereasoner.provenance import Provenance

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["ITEM_FORMATS", "NO_TIME", "check_formats", "item_files", "item_summary"]

ITEM_FORMATS = (*get_args(VectorFormat), "mask", "contour", "overlay")
"""What ``Recipe.formats`` may name, beside the result itself."""
NO_TIME = "1970-01-01T00:00:00.000Z"
"""Stands where a result says when it was made: GeoPackage has no word for never. The true times are in the ledger."""


_LIBRARIES = {
    "embedded": frozenset({"torch", "transformers"}),
    "transformers": frozenset({"torch", "transformers"}),
    "vllm": frozenset({"torch", "transformers", "vllm"}),
    "sam2": frozenset({"torch", "transformers"}),
}
"""What an engine or a segmenter computes with, beside what every result needs."""


def check_formats(names: tuple[str, ...]) -> None:
    """Raises :class:`~remotereasoner.errors.UsageError` for a name that is none, and
    :class:`~remotereasoner.errors.MissingExtraError` for one that cannot be written here.
    """
    for name in names:
        if name not in ITEM_FORMATS:
            raise UsageError(f"unknown format {name!r}: give some of {', '.join(ITEM_FORMATS)}")
    require_formats([one for one in FORMATS if one in names])


def item_files(result: Result, recipe: Recipe) -> dict[str, bytes]:
    """File name to content: ``result.json``, and what ``recipe.formats`` names as far as the result has it.

    Only ``locate`` has vectors, masks and contours. A scene that has no CRS gets findings_px.json for geojson, and
    one without a readable answer, or larger than a mask can be, no mask and no contour.
    """
    timeless = without_times(result)
    payloads = {"json": timeless.to_json().encode()}
    if "overlay" in recipe.formats:
        payloads["overlay"] = overlay_png(timeless)
    if result.task == "locate":
        payloads |= _vectors(timeless, recipe)
        height, width = result.grid.size_hw
        if result.status in ("answered", "no_target") and height * width <= MAX_FRAME_PX:
            if "mask" in recipe.formats:
                payloads["mask"] = mask_tiff(timeless)
            if "contour" in recipe.formats:
                payloads["contour"] = contour_png(timeless)
    return {FILE_NAMES[kind]: payload for kind, payload in payloads.items()}


def _vectors(result: Result, recipe: Recipe) -> dict[str, bytes]:
    wanted = [name for name in FORMATS if name in recipe.formats]
    if not wanted:
        return {}
    found: dict[str, bytes] = {}
    if "geojson" in wanted and not result.grid.is_georeferenced:
        wanted.remove("geojson")
        text = json.dumps(result_to_pixel_json(result), ensure_ascii=False, allow_nan=False)
        found["pixels"] = text.encode()
    shaped = shape_result(result, simplify_m=recipe.simplify_m, right_angles_iou=recipe.right_angles_iou)
    return found | {str(name): format_bytes(shaped, name) for name in wanted}


def without_times(result: Result) -> Result:
    """The same result, its times blanked; of its versions, those of libraries that had a part in it."""
    provenance = replace(
        result.provenance,
        started_utc=NO_TIME,
        finished_utc=NO_TIME,
        seconds={},
        versions=_versions_of_use(result.provenance),
    )
    return replace(result, provenance=provenance, completion=replace(result.completion, seconds=None))


def _versions_of_use(provenance: Provenance) -> dict[str, str]:
    """Without libraries that this process has loaded for something else: another one may not have."""
    segmenter = (provenance.segmenter or "").partition(" ")[0].partition(":")[0]
    used = _LIBRARIES.get(provenance.model.engine, frozenset()) | _LIBRARIES.get(segmenter, frozenset())
    optional = frozenset().union(*_LIBRARIES.values())
    return {name: version for name, version in provenance.versions.items() if name not in optional or name in used}


def item_summary(result: Result) -> dict[str, Any]:
    """Plain values for the ledger and the report."""
    grid, survey = result.grid, result.provenance.survey
    located = grid.is_georeferenced
    try:
        bounds = list(grid.bounds_lonlat) if located else None
    except CoordinateError:  # an edge of the raster lies outside its projection
        bounds = None
    scores = [finding.score for finding in result.findings]
    return {
        "count": result.count if result.task == "locate" else None,
        "area_m2": result.total_area_m2 if result.task == "locate" else None,
        "max_score": max(scores) if scores else None,
        "text": None if result.text is None else result.text[:500],
        "reason": result.answer.reason,
        "crs": None if grid.crs is None else (grid.crs.to_string() if grid.crs.to_epsg() else grid.crs.name),
        "bbox_lonlat": bounds,
        "size_hw": list(grid.size_hw),
        "gsd_m": grid.ground_sample_distance_m(),
        "share_looked_at": 1.0 if survey is None else survey["share_looked_at"],
        "windows": None if survey is None else survey["windows_asked"],
        "notes": list(result.rendering.notes),
    }
