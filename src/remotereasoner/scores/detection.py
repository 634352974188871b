"""COCO average precision of scored boxes, as ``pycocotools.cocoeval`` computes it (tests hold the two together).

Ten IoU thresholds from 0.5 to 0.95, 101 levels of recall, at most 100 boxes an image, the size of an object by its
area: small below 32² px, medium up to 96², large above. One class: the question says what is looked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from remotereasoner.errors import UsageError
from remotereasoner.scores.boxes import Boxes, as_boxes, pairwise_iou
from remotereasoner.types import BoolArray, FloatArray

__all__ = ["AREAS", "IOU_THRESHOLDS", "Detections", "SizeName", "size_of"]

IOU_THRESHOLDS: FloatArray = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0.0, 1.0, 101)
_MAX_BOXES = 100
SizeName = Literal["all", "small", "medium", "large"]
AREAS: dict[SizeName, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


def size_of(area_px: float) -> SizeName:
    """``small``, ``medium`` or ``large``."""
    return "small" if area_px < 32**2 else "medium" if area_px < 96**2 else "large"


class Detections:
    """Images one by one, then precision over all of them. Keeps 25 bytes a box, no boxes."""

    def __init__(self) -> None:
        self._scores = array("d")
        self._images = array("q")
        self._flags: dict[SizeName, bytearray] = {name: bytearray() for name in AREAS}
        self._targets: dict[SizeName, array[int]] = {name: array("q") for name in AREAS}

    @property
    def n_images(self) -> int:
        return len(self._targets["all"])

    def add(self, predicted: Boxes, scores: Sequence[float], truth: Boxes) -> None:
        """One image: (M, 4) boxes with M scores, (N, 4) true boxes."""
        boxes, wanted = as_boxes(predicted), as_boxes(truth)
        if len(scores) != len(boxes):
            raise UsageError(f"{len(boxes)} boxes need as many scores, got {len(scores)}")
        order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="mergesort")[:_MAX_BOXES]
        boxes = boxes[order]
        iou = pairwise_iou(boxes, wanted)
        area, wanted_area = _areas(boxes), _areas(wanted)
        self._images.extend([self.n_images] * len(boxes))
        self._scores.extend(float(scores[i]) for i in order)
        for name, (low, high) in AREAS.items():
            ignored = (wanted_area < low) | (wanted_area > high)
            self._targets[name].append(len(wanted) - int(ignored.sum()))
            if len(boxes):
                self._flags[name].extend(_judged(iou, ignored, (area < low) | (area > high)).tobytes())

    def average_precision(
        self, iou: float | None = None, size: SizeName = "all", weights: npt.NDArray[np.int64] | None = None
    ) -> float | None:
        """AP in [0, 1]: the mean over the ten thresholds, or at ``iou``; None without a true object of that size.

        ``weights`` (n_images,): how often each image counts, for resampling.
        """
        levels = range(10) if iou is None else [int(np.argmin(np.abs(IOU_THRESHOLDS - iou)))]
        targets = np.frombuffer(self._targets[size], dtype=np.int64) if self.n_images else np.empty(0, np.int64)
        n_targets = int(targets.sum() if weights is None else targets @ weights)
        if n_targets == 0:
            return None
        if not len(self._scores):
            return 0.0
        order = np.argsort(-np.frombuffer(self._scores, dtype=np.float64), kind="mergesort")
        flags = np.frombuffer(bytes(self._flags[size]), dtype=np.uint8).reshape(-1, 20)[order].astype(np.bool_)
        each = None if weights is None else weights[np.frombuffer(self._images, dtype=np.int64)[order]]
        return float(np.mean([_ap(flags[:, t], flags[:, 10 + t], n_targets, each) for t in levels]))


def _areas(boxes: FloatArray) -> FloatArray:
    sides = boxes[:, 2:] - boxes[:, :2]
    area: FloatArray = sides[:, 0] * sides[:, 1]
    return area


def _judged(iou: FloatArray, ignored: BoolArray, outside: BoolArray) -> npt.NDArray[np.uint8]:
    """(M, 20): per box and threshold, whether it is matched, and then whether it does not count.

    Boxes in order of score take the free object that they overlap most, of the wrong size only where no other is left.
    """
    n_boxes, n_targets = iou.shape
    flags = np.zeros((n_boxes, 20), dtype=np.uint8)
    flags[:, 10:] = outside[:, None]
    if n_targets == 0:
        return flags
    free = np.ones((10, n_targets), dtype=np.bool_)
    limits = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    for box in range(n_boxes):
        if iou[box].max() < limits[0]:
            continue
        able = free & (iou[box][None, :] >= limits[:, None])
        wanted = able & ~ignored
        able = np.where(wanted.any(axis=1)[:, None], wanted, able)
        # The last of equal ones, as the reference's loop ends.
        best = n_targets - 1 - np.argmax(np.where(able, iou[box], -1.0)[:, ::-1], axis=1)
        hit = able.any(axis=1)
        free[hit, best[hit]] = False
        flags[box, :10] = hit
        flags[box, 10:] = np.where(hit, ignored[best], outside[box])
    return flags


def _ap(matched: BoolArray, ignored: BoolArray, n_targets: int, each: npt.NDArray[np.int64] | None) -> float:
    counted = ~ignored
    hits = (matched & counted).astype(np.int64)
    misses = (~matched & counted).astype(np.int64)
    if each is not None:
        hits, misses = hits * each, misses * each
    right, wrong = np.cumsum(hits), np.cumsum(misses)
    precision = right / np.maximum(right + wrong, np.finfo(np.float64).eps)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / n_targets, _RECALLS, side="left")
    return float(np.where(at < len(envelope), envelope[np.minimum(at, len(envelope) - 1)], 0.0).mean())
