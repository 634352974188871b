"""How well the segmenter's mask of the answer fits: :class:`MaskIou`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.rewards.base import AnswerReward, Completions, text_of
from remotereasoner.rewards.reading import Row, column
from remotereasoner.rewards.scenes import ScenePool, true_mask
from remotereasoner.scores.boxes import above_shortcut, pairwise_iou
from remotereasoner.transform.base import InstanceMask, Segmenter
from remotereasoner.transform.masks import union
from remotereasoner.types import BoolArray, BoxXyxy, FloatArray, PointXy

__all__ = ["MaskIou", "suppressed"]

_Prompt = tuple[BoxXyxy, tuple[PointXy, ...]]


@dataclass(frozen=True)
class MaskIou(AnswerReward):
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

    def __call__(self, prompts: Sequence[Any], completions: Completions, **columns: Any) -> list[float | None]:  # noqa: ARG002
        """See :class:`~remotereasoner.rewards.base.Reward`."""
        n = len(completions)
        rows = self.reader.rows([text_of(completion) for completion in completions], columns)
        polygons, masks = column(columns, "polygons", n), column(columns, "mask", n)
        images = [
            several[0] if image is None and several else image
            for image, several in zip(column(columns, "image", n), column(columns, "images", n), strict=True)
        ]
        rewards: list[float | None] = [self.judge(row) for row in rows]
        wanted: defaultdict[str, list[int]] = defaultdict(list)
        for i, (row, reward) in enumerate(zip(rows, rewards, strict=True)):
            if reward is None and row.places is not None and (polygons[i] or masks[i]):
                if images[i] is None:
                    raise UsageError("the mask reward needs the column image")
                wanted[self.pool.key(images[i])].append(i)
        for key, members in wanted.items():
            self._judge_image(key, images[members[0]], members, rows, polygons, masks, rewards)
        return rewards

    def judge(self, row: Row) -> float | None:
        """What is certain without a mask; None: nothing is."""
        if (known := row.places) is None:
            return None
        reading, truth = known
        if len(truth) == 0:
            return float(reading.status == "no_target")
        return None if len(reading.boxes) else 0.0

    def _judge_image(
        self,
        key: str,
        image: Any,
        members: Sequence[int],
        rows: Sequence[Row],
        polygons: Sequence[Any],
        masks: Sequence[Any],
        rewards: list[float | None],
    ) -> None:
        scene = self.pool.scene(key, image)
        prompts: dict[_Prompt, None] = {}
        own: dict[int, list[_Prompt]] = {}
        for i in members:
            if rows[i].image_hw != scene.size_hw:
                raise UsageError(f"image_hw is {rows[i].image_hw}, the image {scene.size_hw} (height, width)")
            own[i] = self._prompts(rows[i])
            prompts.update(dict.fromkeys(own[i]))
        pointed = any(points for _, points in prompts)
        found = self.segmenter.segment(
            scene, [box for box, _ in prompts], [points for _, points in prompts] if pointed else None
        )
        instances: dict[_Prompt, InstanceMask] = dict(zip(prompts, found, strict=True))
        truths: dict[str, BoolArray] = {}
        for i in members:
            name = repr(polygons[i] or masks[i])
            if name not in truths:
                truths[name] = (
                    true_mask(polygons[i], scene.size_hw) if polygons[i] else self.pool.mask(masks[i], scene.size_hw)
                )
            drawn = union([instances[prompt] for prompt in own[i]], scene.size_hw)
            either = int(np.count_nonzero(drawn | truths[name]))
            iou = np.count_nonzero(drawn & truths[name]) / either if either else 1.0
            rewards[i] = above_shortcut(iou, float(truths[name].mean())) if self.above_whole_image else iou

    def _prompts(self, row: Row) -> list[_Prompt]:
        reading = row.reading
        if reading is None:
            return []
        kept = range(len(reading.boxes))
        chosen = list(kept) if self.suppress_iou is None else suppressed(reading.boxes, self.suppress_iou)
        points = reading.points_xy or ((),) * len(reading.boxes)
        return [(_box(reading.boxes[i]), tuple(points[i])) for i in chosen]


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
