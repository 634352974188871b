"""How near a caption is to the reference captions: :class:`Caption`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.rouge import rouge_l

__all__ = ["Caption"]


@dataclass(frozen=True)
class Caption(AnswerReward):
    """ROUGE-L against the best reference. None for other tasks and without a reference."""

    name: str = "caption"

    def judge(self, row: Row) -> float | None:
        if row.task != "caption" or not row.answers or row.reading is None:
            return None
        return rouge_l(row.reading.text or "", row.answers)
