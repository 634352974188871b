"""VisionReasoner's accuracy reward: :class:`VisionReasonerAccuracy`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.frames import boxes_in_frame, centres, points_in_frame
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import pairwise_iou

__all__ = ["VisionReasonerAccuracy"]

_MAX_ITEMS = 120
_L1_PX, _POINT_PX, _IOU = 10.0, 30.0, 0.5


@dataclass(frozen=True)
class VisionReasonerAccuracy(AnswerReward):
    """Σ over Hungarian pairs of ([IoU⁺ > 0.5] + [mean |Δ| < 10 px] + [point within 30 px and in its own box]) / 3,
    divided by max(M, N), in a frame of 840 × 840 px.

    As there, an empty answer earns 0 even where it is right, and so does one in which a box has no point. Our samples
    have no points: the true box's centre stands for it.
    """

    name: str = "visionreasoner_accuracy"

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None or row.image_hw is None:
            return None
        reading, truth = known
        points = points_in_frame(reading, row.image_hw, per_box=1)
        if points is None or len(reading.boxes) == 0 or len(truth) == 0:
            return 0.0
        found = boxes_in_frame(reading.boxes, row.image_hw)[:_MAX_ITEMS]
        wanted = boxes_in_frame(truth, row.image_hw)[:_MAX_ITEMS]
        own = points[:_MAX_ITEMS, 0]
        near = np.abs(found[:, None] - wanted[None]).mean(axis=2) < _L1_PX
        close = np.linalg.norm(own[:, None] - centres(wanted)[None], axis=2) < _POINT_PX
        in_box = ((own >= found[:, :2]) & (own <= found[:, 2:])).all(axis=1, keepdims=True)
        earned = (pairwise_iou(found, wanted, plus_px=1.0) > _IOU) * 1.0 + near + (close & in_box)
        rows, columns = linear_sum_assignment(earned, maximize=True)
        most = min(max(len(reading.boxes) + reading.spurious, len(truth)), _MAX_ITEMS)
        return float(earned[rows, columns].sum()) / (3 * most)
