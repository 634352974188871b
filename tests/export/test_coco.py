"""COCO read by pycocotools: masks, areas and boxes are its own reading of the file."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from vector_cases import HOSTILE, SIZE, Located, expected_text, hostile, located, read

from remotereasoner import Result
from remotereasoner.errors import UsageError
from remotereasoner.export.coco import UNLABELLED, Segmentation, coco_bytes, frame_runs, results_to_coco
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import paste
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]

# Its arrays are older than numpy's rule.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def opened(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.mark.parametrize("name", ["utm", "rotated", "around a pole", "no place"])
def test_pycocotools_draws_the_masks(name: str, located: Located, tmp_path: Path) -> None:
    result = located(name)
    coco = opened(read(tmp_path / "a.json", coco_bytes([result])))
    annotations = coco.loadAnns(coco.getAnnIds())
    assert len(annotations) == result.count
    for finding, annotation in zip(result.findings, annotations, strict=True):
        frame = np.zeros(SIZE, dtype=bool)
        paste(finding.mask, frame)
        assert (coco.annToMask(annotation).astype(bool) == frame).all()
        assert annotation["area"] == frame.sum()
        x1, y1, x2, y2 = finding.box_xyxy
        assert annotation["bbox"] == [x1, y1, x2 - x1, y2 - y1]
    assert coco.imgs[1]["file_name"] == "noise.tif"
    assert (coco.imgs[1]["height"], coco.imgs[1]["width"]) == SIZE


def test_polygons_where_there_are_no_holes(located: Located, tmp_path: Path) -> None:
    result = located("utm")
    coco = opened(read(tmp_path / "a.json", coco_bytes([result], "polygons")))
    kinds = [type(annotation["segmentation"]) for annotation in coco.loadAnns(coco.getAnnIds())]
    assert kinds == [dict, list, list, kinds[3], dict]
    two_parts = coco.loadAnns([3])[0]
    assert len(two_parts["segmentation"]) == 2
    # Its polygons run through pixel centres: within a pixel of the outline.
    drawn = coco.annToMask(two_parts).sum()
    assert abs(int(drawn) - two_parts["area"]) <= result.findings[2].polygons.length


def test_annotations_are_results_too(located: Located, tmp_path: Path) -> None:
    coco = opened(read(tmp_path / "a.json", coco_bytes([located("utm")])))
    with contextlib.redirect_stdout(io.StringIO()):
        found = coco.loadRes(json.loads((tmp_path / "a.json").read_text())["annotations"])
    assert [found.anns[number]["score"] for number in range(1, 6)] == [
        finding.score for finding in located("utm").findings
    ]


@pytest.mark.parametrize("seed", range(20))
def test_runs_of_the_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 12, 2)
    mask = rng.random((height, width)) > rng.random()
    x, y = (int(value) for value in rng.integers(0, 4, 2))
    size = (int(y + height + rng.integers(0, 3)), int(x + width + rng.integers(0, 3)))
    frame = np.zeros(size, dtype=bool)
    paste(InstanceMask(mask, (x, y), 1.0), frame)
    runs = frame_runs(InstanceMask(mask, (x, y), 1.0), size)
    values = np.zeros(len(runs["counts"]), dtype=bool)
    values[1::2] = True
    assert runs["size"] == list(size)
    assert (np.repeat(values, runs["counts"]).reshape(size, order="F") == frame).all()


def test_several_questions_about_one_image(located: Located, make_scene: MakeScene, make_result: MakeResult) -> None:
    first, second = located("utm"), located("utm", question="Where else?")
    elsewhere = replace(first, rendering=replace(first.rendering, source="folder/other.tif"))
    none = make_result(make_scene(SIZE), question="Any ships?")
    document = results_to_coco([first, second, elsewhere, none])
    assert [image["file_name"] for image in document["images"]] == ["noise.tif", "other.tif"]
    questions = document["images"][0]["questions"]
    assert [(asked["question"], asked["status"], asked["count"]) for asked in questions] == [
        ("Where is oil stored?", "answered", 5),
        ("Where else?", "answered", 5),
        ("Any ships?", "no_target", 0),
    ]
    assert [annotation["id"] for annotation in document["annotations"]] == list(range(1, 16))
    assert {annotation["image_id"] for annotation in document["annotations"]} == {1, 2}


def test_labels_are_categories(hostile: Result, located: Located) -> None:
    document = json.loads(coco_bytes([hostile]))
    assert [category["name"] for category in document["categories"]] == [expected_text(text) for text in HOSTILE]
    unnamed = results_to_coco([located("utm", labels=())])
    assert [category["name"] for category in unnamed["categories"]] == [UNLABELLED]


def test_nothing_found_is_an_image_without_annotations(
    make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    coco = opened(read(tmp_path / "a.json", coco_bytes([make_result(make_scene())])))
    assert (len(coco.imgs), len(coco.anns), len(coco.cats)) == (1, 0, 0)
    assert coco.imgs[1]["questions"][0]["status"] == "no_target"


def test_another_kind_of_segmentation_is_refused(located: Located) -> None:
    kind: Segmentation = "boxes"  # type: ignore[assignment]
    with pytest.raises(UsageError, match="boxes"):
        results_to_coco([located("utm")], kind)
