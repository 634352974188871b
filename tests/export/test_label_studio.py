from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from vector_cases import HOSTILE, SIZE, Located, hostile, located

from remotereasoner import Result
from remotereasoner.export.label_studio import label_config, label_studio_bytes, results_to_label_studio
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


def test_regions_lie_where_the_findings_are(located: Located) -> None:
    result = located("no place")
    (task,) = json.loads(label_studio_bytes([result]))
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == "a script abc"
    assert prediction["score"] == min(finding.score for finding in result.findings)
    regions = prediction["result"]
    assert len({region["id"] for region in regions}) == len(regions)
    for finding in result.findings:
        key = f"finding-{finding.index + 1}"
        (box,) = [region for region in regions if region["id"] == key]
        value = box["value"]
        x, y, width, height = (value[name] for name in ("x", "y", "width", "height"))
        got = np.array([x, y, x + width, y + height]) / 100 * [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]
        np.testing.assert_allclose(got, finding.box_xyxy)
        outlines = [region["value"] for region in regions if region.get("parentID") == key]
        drawn = [shapely.Polygon(np.array(outline["points"]) / 100 * [SIZE[1], SIZE[0]]) for outline in outlines]
        assert len(drawn) == len(finding.polygons.geoms)
        for polygon, part in zip(drawn, finding.polygons.geoms, strict=True):
            assert polygon.symmetric_difference(shapely.Polygon(part.exterior)).area < 1e-6
    for region in regions:
        assert (region["original_height"], region["original_width"]) == SIZE
        assert 0 <= region["score"] <= 1


@pytest.mark.parametrize("texts", [HOSTILE, ("a", "a", "b", "", "c", "c", "c")])
def test_the_interface_knows_every_name_and_label(texts: tuple[str, ...], hostile: Result, located: Located) -> None:
    from dataclasses import replace

    findings = tuple(replace(item, label=text) for item, text in zip(hostile.findings, texts, strict=True))
    result = replace(hostile, findings=findings)
    view = ElementTree.fromstring(label_config([result]))  # noqa: S314
    controls = {control.get("name"): control for control in view if control.get("toName") is not None}
    (image,) = view.findall("Image")
    for region in results_to_label_studio([result])[0]["predictions"][0]["result"]:
        control = controls[region["from_name"]]
        assert control.tag.lower() == region["type"]
        assert control.get("toName") == region["to_name"] == image.get("name")
        labels = [label.get("value") for label in control]
        assert region["value"][region["type"]][0] in labels
        assert len(set(labels)) == len(labels)
    assert view.find(".//script") is None


def test_unreadable_is_not_nothing(make_scene: MakeScene, make_result: MakeResult) -> None:
    scene = make_scene()
    nothing, unread = make_result(scene), make_result(scene, status="unparseable")
    tasks = results_to_label_studio([nothing, unread], image_prefix="/data/local-files/?d=")
    assert [len(task["predictions"]) for task in tasks] == [1, 0]
    assert tasks[0]["predictions"][0]["result"] == []
    assert "score" not in tasks[0]["predictions"][0]
    assert [task["data"]["status"] for task in tasks] == ["no_target", "unparseable"]
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=noise.tif"
