"""Findings as a COCO data set: images, categories (the labels), annotations with boxes and masks in pixels.

Masks are run lengths of the whole image, which is exact and keeps holes; ``segmentation="polygons"`` writes outlines
where there are no holes, for programs that read nothing else. Boxes are ``[x, y, width, height]``. Each annotation has
the ``score`` too, so that ``annotations`` is also what COCO calls results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely

from remotereasoner.errors import UsageError
from remotereasoner.export.layer import storable
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.findings import Finding
from remotereasoner.types import SizeHw

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["UNLABELLED", "Segmentation", "coco_bytes", "frame_runs", "results_to_coco"]

Segmentation = Literal["rle", "polygons"]
UNLABELLED = "finding"
"""Category of findings to which the model gave no label."""


def frame_runs(mask: InstanceMask, size_hw: SizeHw) -> dict[str, Any]:
    """``mask`` in its frame as COCO's uncompressed runs, column by column, without drawing the frame."""
    height, width = size_hw
    column, row = np.nonzero(mask.mask.T)  # column-major order, as the runs have it
    x, y = mask.offset_xy
    positions = (column.astype(np.int64) + x) * height + (row + y)
    if not len(positions):
        return {"size": [height, width], "counts": [height * width]}
    breaks = np.flatnonzero(np.diff(positions) != 1)
    starts = positions[np.concatenate([[0], breaks + 1])]
    stops = positions[np.concatenate([breaks, [len(positions) - 1]])] + 1
    edges = np.column_stack([starts, stops]).ravel()
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    if counts[-1] == 0:
        counts.pop()
    return {"size": [height, width], "counts": counts}


def _segmentation(finding: Finding, size_hw: SizeHw, kind: Segmentation) -> Any:
    has_holes = any(len(part.interiors) for part in finding.polygons.geoms)
    if kind == "rle" or has_holes or finding.polygons.is_empty:
        return frame_runs(finding.mask, size_hw)
    return [shapely.get_coordinates(part.exterior)[:-1].ravel().tolist() for part in finding.polygons.geoms]


def _image(result: Result, number: int) -> dict[str, Any]:
    height, width = result.grid.size_hw
    return {
        "id": number,
        "width": width,
        "height": height,
        "file_name": storable(PurePath(result.rendering.source).name),
        "window": list(result.rendering.window),
        "questions": [],
    }


def results_to_coco(results: Sequence[Result], segmentation: Segmentation = "rle") -> dict[str, Any]:
    """One data set of all ``results``; those about the same pixels of the same source share an image.

    An image without findings is there all the same. ``questions`` of an image says what was asked and how it ended.
    Raises :class:`~remotereasoner.errors.UsageError` for another kind of ``segmentation``.
    """
    if segmentation not in ("rle", "polygons"):
        raise UsageError(f"unknown kind of segmentation {segmentation!r}: give rle or polygons")
    images: dict[Any, dict[str, Any]] = {}
    categories: dict[str, int] = {}
    annotations: list[dict[str, Any]] = []
    for result in results:
        seen = (result.rendering.source, result.rendering.window, result.grid.size_hw)
        image = images.setdefault(seen, _image(result, len(images) + 1))
        model = result.provenance.model
        asked = {"question": storable(result.question), "status": result.status, "count": result.count}
        image["questions"].append({**asked, "model": storable(model.model), "model_revision": storable(model.revision)})
        for finding in result.findings:
            label = storable(finding.label) or UNLABELLED
            x1, y1, x2, y2 = finding.box_xyxy
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": categories.setdefault(label, len(categories) + 1),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": finding.area_px,
                    "segmentation": _segmentation(finding, result.grid.size_hw, segmentation),
                    "iscrowd": 0,
                    "score": finding.score,
                    "question": asked["question"],
                    "area_m2": finding.area_m2,
                    "perimeter_m": finding.perimeter_m,
                }
            )
    created = max((result.provenance.finished_utc for result in results), default="")
    return {
        "info": {"description": "findings of remotereasoner", "version": "1.0", "date_created": created},
        "licenses": [],
        "images": list(images.values()),
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
        "annotations": annotations,
    }


def coco_bytes(results: Sequence[Result], segmentation: Segmentation = "rle") -> bytes:
    """:func:`results_to_coco` as JSON."""
    return json.dumps(results_to_coco(results, segmentation), ensure_ascii=False, allow_nan=False).encode()
