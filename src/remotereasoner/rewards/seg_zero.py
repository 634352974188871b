"""Seg-Zero's three accuracy rewards for one box with two points: :class:`SegZeroTerm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.frames import boxes_in_frame, centres, points_in_frame
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import pairwise_iou

__all__ = ["SegZeroTerm"]

_IOU, _L1_PX, _POINT_PX = 0.5, 10.0, 100.0


@dataclass(frozen=True)
class SegZeroTerm(AnswerReward):
    """0 or 1 for the first box of an answer, in a frame of 840 × 840 px: one ``term`` of Seg-Zero's five.

    ``iou``: IoU⁺ > 0.5; ``l1``: mean |Δ| of the corners < 10 px; ``points``: both points lie in the predicted box, and
    their mean distance to the object's is < 100 px. Seg-Zero has the centres of the two largest inscribed circles for
    that; our samples have no points, so the true box's centre stands for both. None unless there is exactly one target.
    """

    name: str = "seg_zero"
    term: Literal["iou", "l1", "points"] = "iou"

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None or row.image_hw is None or len(known[1]) != 1:
            return None
        reading, truth = known
        if len(reading.boxes) == 0:
            return 0.0
        found = boxes_in_frame(reading.boxes, row.image_hw)[:1]
        wanted = boxes_in_frame(truth, row.image_hw)
        if self.term == "iou":
            return float(pairwise_iou(found, wanted, plus_px=1.0)[0, 0] > _IOU)
        if self.term == "l1":
            return float(np.abs(found - wanted).mean() < _L1_PX)
        points = points_in_frame(reading, row.image_hw, per_box=2)
        if points is None:
            return 0.0
        own = points[0]
        inside = bool(((own >= found[0, :2]) & (own <= found[0, 2:])).all())
        return float(inside and np.linalg.norm(own - centres(wanted), axis=1).mean() < _POINT_PX)
