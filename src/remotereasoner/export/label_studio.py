"""Findings as predictions for Label Studio, to be corrected by people: tasks with rectangles and polygons.

Coordinates are per cent of the image's width and height. A polygon there has no holes and one part, so that a finding
in several parts gives several regions with one ``parentID``: its rectangle.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import shapely

from remotereasoner.export.coco import UNLABELLED
from remotereasoner.export.layer import storable
from remotereasoner.plain_text import printable
from remotereasoner.transform.findings import Finding
from remotereasoner.types import SizeHw

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["label_config", "label_studio_bytes", "results_to_label_studio"]

_BOXES, _OUTLINES, _IMAGE = "box", "outline", "image"


def _label(finding: Finding) -> str:
    return printable(storable(finding.label) or "").strip() or UNLABELLED


def _regions(finding: Finding, size_hw: SizeHw) -> list[dict[str, Any]]:
    height, width = size_hw
    common = {
        "to_name": _IMAGE,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": finding.score,
    }
    x1, y1, x2, y2 = finding.box_xyxy
    rectangle = {
        "x": 100 * x1 / width,
        "y": 100 * y1 / height,
        "width": 100 * (x2 - x1) / width,
        "height": 100 * (y2 - y1) / height,
        "rotation": 0,
        "rectanglelabels": [_label(finding)],
    }
    key = f"finding-{finding.index + 1}"
    regions = [{"id": key, "type": "rectanglelabels", "from_name": _BOXES, **common, "value": rectangle}]
    for number, part in enumerate(finding.polygons.geoms, start=1):
        points = (shapely.get_coordinates(part.exterior)[:-1] * (100 / width, 100 / height)).tolist()
        value = {"points": points, "closed": True, "polygonlabels": [_label(finding)]}
        identity = {"id": f"{key}-part-{number}", "parentID": key, "type": "polygonlabels", "from_name": _OUTLINES}
        regions.append({**identity, **common, "value": value})
    return regions


def results_to_label_studio(results: Sequence[Result], image_prefix: str = "") -> list[dict[str, Any]]:
    """One task per result; ``image_prefix`` goes before the name of the source's file to make the image's URL.

    A result whose answer could not be read has no prediction: nothing found would be a statement.
    """
    tasks = []
    for result in results:
        model = result.provenance.model
        version = storable(model.model if model.revision is None else f"{model.model} {model.revision}")
        regions = [region for finding in result.findings for region in _regions(finding, result.grid.size_hw)]
        scores = [finding.score for finding in result.findings]
        prediction = {"model_version": version, "result": regions, "score": min(scores, default=None)}
        if not scores:
            del prediction["score"]
        name = storable(PurePath(result.rendering.source).name)
        data = {"image": f"{image_prefix}{name}", "question": storable(result.question), "status": result.status}
        stated = result.status in ("answered", "no_target")
        tasks.append({"data": data, "predictions": [prediction] if stated else []})
    return tasks


def label_config(results: Sequence[Result]) -> str:
    """The labelling interface (XML) of a project that takes these tasks: all labels of ``results``."""
    labels = list(dict.fromkeys(_label(finding) for result in results for finding in result.findings)) or [UNLABELLED]
    view = ET.Element("View")
    ET.SubElement(view, "Header", value="$question")
    ET.SubElement(view, "Image", name=_IMAGE, value="$image")
    for tag, name in (("RectangleLabels", _BOXES), ("PolygonLabels", _OUTLINES)):
        control = ET.SubElement(view, tag, name=name, toName=_IMAGE)
        for label in labels:
            ET.SubElement(control, "Label", value=label)
    return ET.tostring(view, encoding="unicode")


def label_studio_bytes(results: Sequence[Result]) -> bytes:
    """:func:`results_to_label_studio` as JSON."""
    return json.dumps(results_to_label_studio(results), ensure_ascii=False, allow_nan=False).encode()
