from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from remotereasoner.errors import UsageError
from remotereasoner.policy.answer import Answer
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.transform.findings import build_findings
from remotereasoner.transform.masks import empty_mask

UTM = {"transform": Affine(10, 0, 500_000, 0, -10, 4_500_000), "crs": "EPSG:32618"}
BOXES = ((2.0, 3.0, 12.0, 8.0), (20.0, 10.0, 30.0, 30.0))


def answer(**given) -> Answer:
    return Answer(status="answered", task="locate", boxes_xyxy=BOXES, **given)


def test_every_granularity_of_every_box(make_scene) -> None:
    scene = make_scene(40, 50, **UTM)
    masks = BoxSegmenter().segment(scene, BOXES)
    first, second = build_findings(scene, answer(labels=("ship", "pier"), scores=(0.7, None)), masks)
    assert (first.index, second.index) == (0, 1)
    assert first.box_xyxy == BOXES[0]
    assert first.mask is masks[0]
    assert first.polygons.bounds == BOXES[0]
    assert first.area_px == 50
    assert (first.label, second.label) == ("ship", "pier")
    assert (first.score, first.score_source) == (0.7, "answer")
    assert (second.score, second.score_source) == (1.0, "segmenter")
    assert first.centroid_xy == (7.0, 5.5)
    # On the central meridian, where the grid's scale is 0.9996.
    assert first.area_m2 == pytest.approx(50 * 100 / 0.9996**2, rel=1e-4)
    assert first.length_m == pytest.approx(100 / 0.9996, rel=1e-4)
    assert first.width_m == pytest.approx(50 / 0.9996, rel=1e-4)
    assert first.perimeter_m == pytest.approx(300 / 0.9996, rel=1e-4)
    assert first.centroid_lonlat is not None
    assert first.centroid_lonlat[0] == pytest.approx(-75.0 + 70 / 84_000, abs=1e-4)
    assert first.centroid_lonlat[1] == pytest.approx(40.65, abs=0.01)


def test_without_a_crs_nothing_is_in_metres(make_scene) -> None:
    scene = make_scene(40, 50)
    for finding in build_findings(scene, answer(), BoxSegmenter().segment(scene, BOXES)):
        assert finding.area_px > 0
        assert finding.label is None
        assert finding.centroid_lonlat is None
        assert finding.area_m2 is finding.perimeter_m is finding.width_m is finding.length_m is None


def test_a_box_without_a_mask_still_stands(make_scene) -> None:
    scene = make_scene(40, 50, **UTM)
    found = build_findings(scene, answer(), [empty_mask(), InstanceMask(np.zeros((2, 2), np.bool_), (3, 3), 0.0)])
    for finding, box_xyxy in zip(found, BOXES, strict=True):
        assert finding.polygons.is_empty
        assert finding.area_px == 0
        assert finding.area_m2 == 0.0
        assert finding.score == 0.0
        assert finding.centroid_xy == ((box_xyxy[0] + box_xyxy[2]) / 2, (box_xyxy[1] + box_xyxy[3]) / 2)
        assert finding.centroid_lonlat is not None


def test_no_boxes_no_findings(make_scene) -> None:
    assert build_findings(make_scene(4, 4), Answer(status="no_target", task="locate"), []) == ()


def test_masks_must_match_the_boxes(make_scene) -> None:
    with pytest.raises(UsageError, match="2 boxes need as many masks, got 1"):
        build_findings(make_scene(4, 4), answer(), [empty_mask()])
