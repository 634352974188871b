"""How well the segmenter's mask of the answer fits: :class:`MaskIou`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.rewards.base import BatchReward
from remotereasoner.rewards.reading import Reading, Row, column
from remotereasoner.rewards.scenes import ScenePool, true_mask
from remotereasoner.scores.boxes import above_shortcut, pairwise_iou
from remotereasoner.scores.masks import overlaps
from remotereasoner.scores.runs import Runs, union_runs
from remotereasoner.transform.base import Segmenter
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, SizeHw

__all__ = ["MaskIou", "suppressed"]

_Prompt = tuple[BoxXyxy, tuple[PointXy, ...]]


class _Case(NamedTuple):
    """An answer with boxes, its image and its true mask."""

    row: int
    reading: Reading
    image_hw: SizeHw | None
    image: Any
    polygons: Any
    mask: Any


@dataclass(frozen=True)
class MaskIou(BatchReward):
    """IoU of the union of the segmenter's masks with the true mask; a right empty answer earns 1.

    The truth is ``polygons`` or ``mask`` (a path below ``root``); None where a sample with boxes has neither, and for
    questions in words. All boxes of all completions about one image are one call of the segmenter, each box once; the
    scenes of the last images are kept (:class:`~remotereasoner.rewards.scenes.ScenePool`).
    """

    name: str = "mask"
    segmenter: Segmenter = field(kw_only=True)
    pool: ScenePool = field(kw_only=True)
    above_whole_image: bool = False
    """Pay the part above the score of a mask of the whole image only, as for the boxes."""
    suppress_iou: float | None = None
    """Drop boxes that overlap a larger kept one by more than this first (Think2Seg: 0.5)."""

    def judge_rows(self, rows: Sequence[Row], columns: Mapping[str, Any]) -> list[float | None]:
        """One call of the segmenter for each image."""
        n = len(rows)
        polygons, masks = column(columns, "polygons", n), column(columns, "mask", n)
        images = [
            several[0] if image is None and several else image
            for image, several in zip(column(columns, "image", n), column(columns, "images", n), strict=True)
        ]
        rewards = [_without_mask(row) for row in rows]
        by_image: defaultdict[str, list[_Case]] = defaultdict(list)
        for i, (row, image) in enumerate(zip(rows, images, strict=True)):
            if rewards[i] is None and row.reading is not None and row.places and (polygons[i] or masks[i]):
                if image is None:
                    raise UsageError("the mask reward needs the column image")
                case = _Case(i, row.reading, row.image_hw, image, polygons[i], masks[i])
                by_image[self.pool.key(image)].append(case)
        for key, cases in by_image.items():
            for case, value in zip(cases, self._judge_image(key, cases), strict=True):
                rewards[case.row] = value
        return rewards

    def _judge_image(self, key: str, cases: Sequence[_Case]) -> list[float]:
        """The rewards of all answers about one image."""
        scene = self.pool.scene(key, cases[0].image)
        size_hw = scene.size_hw
        for case in cases:
            if case.image_hw != size_hw:
                raise UsageError(f"image_hw is {case.image_hw}, the image {size_hw} (height, width)")
        own = [self._prompts(case.reading) for case in cases]
        prompts = list(dict.fromkeys(prompt for one in own for prompt in one))
        points = [points for _, points in prompts] if any(points for _, points in prompts) else None
        found = self.segmenter.segment(scene, [box for box, _ in prompts], points)
        runs = {prompt: Runs.of_instance(mask, size_hw) for prompt, mask in zip(prompts, found, strict=True)}
        drawn = [union_runs([runs[prompt] for prompt in one], size_hw) for one in own]
        truths = self._truths(cases, size_hw)
        scores: list[float] = overlaps(drawn, truths).iou().tolist()
        if not self.above_whole_image:
            return scores
        # The share of the image that is target is the IoU of a mask of the whole image.
        shortcuts = [truth.area_px / (size_hw[0] * size_hw[1]) for truth in truths]
        return [above_shortcut(score, shortcut) for score, shortcut in zip(scores, shortcuts, strict=True)]

    def _truths(self, cases: Sequence[_Case], size_hw: SizeHw) -> list[Runs]:
        """The true mask of each case; the generations of one sample share theirs."""
        known: dict[str, Runs] = {}
        names = [repr(case.polygons or case.mask) for case in cases]
        for name, case in zip(names, cases, strict=True):
            if name not in known:
                dense = true_mask(case.polygons, size_hw) if case.polygons else self.pool.mask(case.mask, size_hw)
                known[name] = Runs.of_mask(dense)
        return [known[name] for name in names]

    def _prompts(self, reading: Reading) -> list[_Prompt]:
        boxes = reading.boxes
        chosen = range(len(boxes)) if self.suppress_iou is None else suppressed(boxes, self.suppress_iou)
        points = reading.points_xy or ((),) * len(boxes)
        return [(_box(boxes[i]), tuple(points[i])) for i in chosen]


def _without_mask(row: Row) -> float | None:
    """What is certain without a mask; None: nothing is."""
    if (known := row.places) is None:
        return None
    reading, truth = known
    if len(truth) == 0:
        return float(reading.status == "no_target")
    return None if len(reading.boxes) else 0.0


def suppressed(boxes: FloatArray, iou: float) -> list[int]:
    """Indices of the boxes (M, 4) that stay, from large to small, where one that overlaps a kept one by more goes."""
    overlap = pairwise_iou(boxes, boxes)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    for i in np.argsort(-area, kind="stable").tolist():
        if not kept or overlap[i, kept].max() <= iou:
            kept.append(i)
    return kept


def _box(row: FloatArray) -> BoxXyxy:
    x1, y1, x2, y2 = row.tolist()
    return x1, y1, x2, y2
