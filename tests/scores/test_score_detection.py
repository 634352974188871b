"""Average precision against pycocotools on random images."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from remotereasoner.errors import UsageError
from remotereasoner.scores.detection import Detections, size_of

Image = tuple[np.ndarray, list[float], np.ndarray]


def random_images(rng: np.random.Generator, n: int) -> list[Image]:
    images: list[Image] = []
    for _ in range(n):
        corner = rng.uniform(0, 300, (rng.integers(0, 7), 2))
        truth = np.hstack([corner, corner + rng.choice([15.0, 60.0, 150.0], (len(corner), 1)) * rng.uniform(0.8, 1.2)])
        near = truth[rng.random(len(truth)) < 0.8]
        near = near + rng.normal(0, 6, near.shape)
        far = rng.uniform(0, 300, (rng.integers(0, 4), 2))
        far = np.hstack([far, far + rng.uniform(5, 200, far.shape)])
        boxes = np.vstack([near, far]) if len(near) + len(far) else np.empty((0, 4))
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        scores = np.round(rng.random(len(boxes)), 1).tolist()  # ties on purpose
        images.append((boxes, scores, truth))
    return images


def theirs(images: list[Image]) -> np.ndarray:
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for i, (boxes, scores, wanted) in enumerate(images, start=1):
        for box in wanted:
            x, y, w, h = box[0], box[1], box[2] - box[0], box[3] - box[1]
            one = {"image_id": i, "category_id": 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}
            truth.append({**one, "id": len(truth) + 1})
        for box, score in zip(boxes, scores, strict=True):
            wh = [box[2] - box[0], box[3] - box[1]]
            found.append({"image_id": i, "category_id": 1, "bbox": [box[0], box[1], *wh], "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i + 1} for i in range(len(images))],
            "categories": [{"id": 1, "name": "target"}],
            "annotations": truth,
            "info": {},
        }
        coco.createIndex()
        judged = COCOeval(coco, coco.loadRes(found), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return np.asarray(judged.stats)


@pytest.mark.parametrize("seed", range(4))
def test_as_pycocotools(seed: int) -> None:
    images = random_images(np.random.default_rng(seed), 40)
    ours = Detections()
    for image in images:
        ours.add(*image)
    stats = theirs(images)
    assert ours.average_precision() == pytest.approx(stats[0], abs=1e-12)
    assert ours.average_precision(0.5) == pytest.approx(stats[1], abs=1e-12)
    assert ours.average_precision(0.75) == pytest.approx(stats[2], abs=1e-12)
    for size, value in zip(("small", "medium", "large"), stats[3:6], strict=True):
        assert ours.average_precision(size=size) == pytest.approx(value, abs=1e-12)  # type: ignore[arg-type]


def test_weights_are_repeated_images() -> None:
    images = random_images(np.random.default_rng(9), 12)
    weights = np.array([0, 2, 1, 3, 1, 0, 1, 1, 2, 0, 1, 1])
    once, repeated = Detections(), Detections()
    for image, weight in zip(images, weights, strict=True):
        # No ties between images: repeated images would otherwise stand in another order.
        distinct = (image[0], [s + np.random.default_rng(len(image[0])).random() * 1e-3 for s in image[1]], image[2])
        once.add(*distinct)
        for _ in range(weight):
            repeated.add(*distinct)
    assert once.average_precision(weights=weights) == pytest.approx(repeated.average_precision(), abs=0.02)


def test_edges() -> None:
    nothing = Detections()
    assert nothing.average_precision() is None
    nothing.add([], [], [])
    nothing.add([(0, 0, 5, 5)], [0.5], [])
    assert nothing.average_precision() is None
    missed = Detections()
    missed.add([], [], [(0, 0, 5, 5)])
    assert missed.average_precision() == 0.0
    right = Detections()
    right.add([(0, 0, 5, 5)], [0.5], [(0, 0, 5, 5)])
    assert right.average_precision() == pytest.approx(1.0)
    assert right.average_precision(size="large") is None
    with pytest.raises(UsageError, match="as many scores"):
        right.add([(0, 0, 5, 5)], [], [])


def test_sizes() -> None:
    assert [size_of(area) for area in (10, 1024, 9215, 9216)] == ["small", "medium", "medium", "large"]
