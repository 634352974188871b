"""Whether a question in words is answered rightly: :class:`AnswerMatch`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.answers import answer_match

__all__ = ["AnswerMatch"]


@dataclass(frozen=True)
class AnswerMatch(AnswerReward):
    """1 where the answer is one of the accepted ones (:func:`~remotereasoner.scores.answers.answer_match`), else 0.

    None for other tasks and without an accepted answer.
    """

    name: str = "answer"
    relative_tolerance: float = 0.0

    def judge(self, row: Row) -> float | None:
        if row.task != "vqa" or not row.answers or row.reading is None:
            return None
        return answer_match(row.reading.text or "", row.answers, relative_tolerance=self.relative_tolerance)
