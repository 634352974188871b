"""VLM-R1's accuracy reward: :class:`VlmR1Accuracy`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import pairwise_iou
from remotereasoner.types import FloatArray

__all__ = ["VlmR1Accuracy"]

_IOU = 0.5
_SHARE_IOU, _SHARE_COUNT = 0.7, 0.3


@dataclass(frozen=True)
class VlmR1Accuracy(AnswerReward):
    """One target: the IoU⁺ of the first box. Otherwise ``weighted_sum``: 0.7 · Σ matched IoU / N + 0.3 · (1 − (share
    missed + share of false alarms) / 2), pairs taken greedily from IoU 0.5 on; without a target 1 for ``[]``, else 0.

    An answer that cannot be read earns 0, and so does ``[]`` where there is something.
    """

    name: str = "vlm_r1_accuracy"

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None:
            return None
        reading, truth = known
        if len(truth) == 0:
            return float(reading.status == "no_target")
        if len(reading.boxes) == 0:
            return 0.0
        iou = pairwise_iou(reading.boxes, truth, plus_px=1.0)
        if len(truth) == 1:
            return float(iou[0, 0])
        matched = _greedy(iou)
        drawn = len(reading.boxes) + reading.spurious
        missed, false = 1 - len(matched) / len(truth), 1 - len(matched) / drawn
        return _SHARE_IOU * sum(matched) / len(truth) + _SHARE_COUNT * (1 - (missed + false) / 2)


def _greedy(iou: FloatArray) -> list[float]:
    """IoU of pairs from the highest down, each row and column once, none below the threshold."""
    left = iou.copy()
    matched: list[float] = []
    while (best := float(left.max())) >= _IOU:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        matched.append(best)
        left[row, :] = left[:, column] = -1.0
    return matched
