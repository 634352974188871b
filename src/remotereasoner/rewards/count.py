"""Whether as many boxes are drawn as there are: :class:`Count`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import count_agreement

__all__ = ["Count"]


@dataclass(frozen=True)
class Count(AnswerReward):
    """min(M, N) / max(M, N), M with the boxes that the parser dropped. Only beside a reward of the places: it does not
    look at them.
    """

    name: str = "count"

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None:
            return None
        reading, truth = known
        return count_agreement(len(reading.boxes) + reading.spurious, len(truth)) if reading.is_readable else 0.0
