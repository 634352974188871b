"""Whether "nothing is there" is said exactly where it holds: :class:`NoTarget`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row

__all__ = ["NoTarget"]


@dataclass(frozen=True)
class NoTarget(AnswerReward):
    """1 where answer and truth are both empty or both not; else 0. An answer that cannot be read is not empty."""

    name: str = "no_target"

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None:
            return None
        reading, truth = known
        return float(reading.status == ("answered" if len(truth) else "no_target"))
