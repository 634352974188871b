"""A result as one JSON document and back, without loss.

Masks are runs (COCO's uncompressed form) with their offset; polygons are not stored: they follow from the masks.
Numbers that JSON has no word for (a nodata value of NaN) are written as text: ``"nan"``, ``"inf"``, ``"-inf"``.
A saved result is a file like any other: reading trusts nothing in it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from affine import Affine
from pyproj import CRS
from shapely import MultiPolygon

from remotereasoner.errors import CoordinateError, ResultFormatError
from remotereasoner.export.rle import decode_rle, encode_rle
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, PolicyIdentity, Sampling
from remotereasoner.provenance import Provenance
from remotereasoner.scene.crs import crs_from_wkt
from remotereasoner.scene.grid import Grid, is_usable
from remotereasoner.scene.scene import Rendering
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.findings import Finding, Views
from remotereasoner.transform.polygons import masks_to_polygons
from remotereasoner.types import BoxXyxy, WindowPx

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["FORMAT", "FORMAT_VERSION", "result_fields", "result_to_dict"]

FORMAT = "remotereasoner-result"
FORMAT_VERSION = 1
_MEASURES = ("area_m2", "perimeter_m", "width_m", "length_m")


def _out(number: float | None) -> float | str | None:
    return number if number is None or math.isfinite(number) else str(float(number))


def _finding_to_dict(finding: Finding) -> dict[str, Any]:
    return {
        "index": finding.index,
        "label": finding.label,
        "score": finding.score,
        "score_source": finding.score_source,
        "box_xyxy": list(finding.box_xyxy),
        "area_px": finding.area_px,
        "centroid_xy": list(finding.centroid_xy),
        "centroid_lonlat": None if finding.centroid_lonlat is None else list(finding.centroid_lonlat),
        **{name: getattr(finding, name) for name in _MEASURES},
        "mask": {
            **encode_rle(finding.mask.mask),
            "offset_xy": list(finding.mask.offset_xy),
            "score": finding.mask.score,
        },
        **({} if finding.views is None else {"views": asdict(finding.views)}),
    }


def _scene_to_dict(scene: Grid, rendered: Rendering) -> dict[str, Any]:
    rendering = asdict(rendered)
    rendering["limits"] = [[_out(low), _out(high)] for low, high in rendered.limits]
    rendering["source_nodata"] = _out(rendered.source_nodata)
    rendering["window"] = list(rendered.window)
    return {
        "size_hw": list(scene.size_hw),
        "transform": list(scene.transform)[:6],
        "crs": None if scene.crs is None else (scene.crs.to_string() if scene.crs.to_epsg() else scene.crs.name),
        "crs_wkt": None if scene.crs is None else scene.crs.to_wkt(),
        "rendering": rendering,
    }


def result_to_dict(result: Result) -> dict[str, Any]:
    """The document: only dicts, lists, text, numbers, booleans and None."""
    answer = asdict(result.answer)
    document = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "question": result.question,
        "status": result.status,
        "answer": answer,
        "findings": [_finding_to_dict(finding) for finding in result.findings],
        "scene": _scene_to_dict(result.grid, result.rendering),
        "completion": asdict(result.completion),
        "provenance": asdict(result.provenance),
    }
    # Tuples become lists here, so that a document compares equal to itself after a trip through a file.
    plain: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    return plain


def _box(values: Any) -> BoxXyxy:
    x1, y1, x2, y2 = (float(value) for value in values)
    return x1, y1, x2, y2


def _pair(values: Any) -> tuple[float, float]:
    first, second = (float(value) for value in values)
    return first, second


def _float(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _optional(value: Any) -> float | None:
    return None if value is None else _float(value)


def _answer(raw: dict[str, Any]) -> Answer:
    return Answer(
        **{
            **raw,
            "boxes_xyxy": tuple(_box(box) for box in raw["boxes_xyxy"]),
            "points_xy": tuple(tuple(_pair(point) for point in points) for points in raw["points_xy"]),
            "labels": tuple(str(label) for label in raw["labels"]),
            "scores": tuple(_optional(score) for score in raw["scores"]),
        }
    )


def _mask(raw: dict[str, Any], size_hw: tuple[int, int]) -> InstanceMask:
    x, y = (int(value) for value in raw["mask"]["offset_xy"])
    pixels = decode_rle(raw["mask"])
    if x < 0 or y < 0 or x + pixels.shape[1] > size_hw[1] or y + pixels.shape[0] > size_hw[0]:
        raise ValueError("a mask reaches out of the scene")
    return InstanceMask(pixels, (x, y), _float(raw["mask"]["score"]))


def _findings(raw: list[dict[str, Any]], size_hw: tuple[int, int]) -> tuple[Finding, ...]:
    masks = [_mask(one, size_hw) for one in raw]
    outlines = masks_to_polygons(masks)  # of all at once: a call of GDAL costs as much as a mask
    return tuple(_finding(one, mask, outline) for one, mask, outline in zip(raw, masks, outlines, strict=True))


def _finding(raw: dict[str, Any], mask: InstanceMask, outline: MultiPolygon) -> Finding:
    if raw["score_source"] not in ("answer", "segmenter"):
        raise ValueError("score_source must be answer or segmenter")
    return Finding(
        index=int(raw["index"]),
        box_xyxy=_box(raw["box_xyxy"]),
        mask=mask,
        polygons=outline,
        score=_float(raw["score"]),
        score_source=raw["score_source"],
        label=None if raw["label"] is None else str(raw["label"]),
        area_px=int(raw["area_px"]),
        centroid_xy=_pair(raw["centroid_xy"]),
        centroid_lonlat=None if raw["centroid_lonlat"] is None else _pair(raw["centroid_lonlat"]),
        **{name: _optional(raw[name]) for name in _MEASURES},
        views=None if raw.get("views") is None else _views(raw["views"]),
    )


def _views(raw: dict[str, Any]) -> Views:
    return Views(
        windows_seen=int(raw["windows_seen"]),
        windows_visible=int(raw["windows_visible"]),
        agreement=_optional(raw["agreement"]),
        overview_iou=_optional(raw["overview_iou"]),
    )


def _scene(raw: dict[str, Any]) -> tuple[Grid, Rendering]:
    shown = raw["rendering"]
    rendering = Rendering(
        **{
            **shown,
            "bands": tuple(int(band) for band in shown["bands"]),
            "band_names": tuple(None if name is None else str(name) for name in shown["band_names"]),
            "limits": tuple((float(low), float(high)) for low, high in shown["limits"]),
            "percentiles": None if shown["percentiles"] is None else _pair(shown["percentiles"]),
            "window": WindowPx(*(int(value) for value in shown["window"])),
            "source_hw": (int(shown["source_hw"][0]), int(shown["source_hw"][1])),
            "notes": tuple(str(note) for note in shown["notes"]),
            "source_nodata": None if shown["source_nodata"] is None else float(shown["source_nodata"]),
        }
    )
    crs: CRS | None = None if raw["crs_wkt"] is None else crs_from_wkt(raw["crs_wkt"])
    height, width = (int(value) for value in raw["size_hw"])
    if min(height, width) < 1:
        raise ValueError("a scene has at least one pixel")
    transform = Affine(*(_float(value) for value in raw["transform"]))
    if not is_usable(transform):
        raise ValueError("the transform has no inverse")
    return Grid(transform, crs, (height, width), rendering.source), rendering


def _completion(raw: dict[str, Any]) -> Completion:
    return Completion(
        **{
            **raw,
            "grid_hw": (int(raw["grid_hw"][0]), int(raw["grid_hw"][1])),
            "references": tuple(_box(box) for box in raw["references"]),
            "reference_scores": tuple(_float(score) for score in raw["reference_scores"]),
            "reference_labels": tuple(str(label) for label in raw["reference_labels"]),
        }
    )


def _provenance(raw: dict[str, Any]) -> Provenance:
    return Provenance(
        **{**raw, "model": PolicyIdentity(**raw["model"]), "sampling": Sampling(**raw["sampling"])},
    )


def result_fields(text: str | bytes, *, with_findings: bool = True) -> dict[str, Any]:
    """The fields of a result from its document; without findings it is read several times faster.

    Raises :class:`~remotereasoner.errors.ResultFormatError`.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResultFormatError(f"this is not a saved result: not JSON ({error})") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ResultFormatError(f"this is not a saved result: its format is not {FORMAT!r}")
    if raw.get("version") != FORMAT_VERSION:
        raise ResultFormatError(f"a saved result of version {raw.get('version')!r}: only {FORMAT_VERSION} is read")
    try:
        grid, rendering = _scene(raw["scene"])
        return {
            "question": str(raw["question"]),
            "answer": _answer(raw["answer"]),
            "findings": _findings(list(raw["findings"]), grid.size_hw) if with_findings else (),
            "grid": grid,
            "rendering": rendering,
            "completion": _completion(raw["completion"]),
            "provenance": _provenance(raw["provenance"]),
        }
    except KeyError as error:
        raise ResultFormatError(f"the saved result lacks {error}") from None
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError, CoordinateError) as error:
        raise ResultFormatError(f"the saved result is damaged: {error}") from None
