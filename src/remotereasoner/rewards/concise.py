"""Whether an answer comes to the point: :class:`Concise`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.errors import UsageError
from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row

__all__ = ["Concise"]


@dataclass(frozen=True)
class Concise(AnswerReward):
    """1 up to ``target`` tokens, falling in a straight line to 0 at ``limit``; 0 for what cannot be read.

    Words are counted where the trainer does not hand over the tokens.
    """

    name: str = "concise"
    target: int = 256
    limit: int = 512

    def __post_init__(self) -> None:
        if not 0 <= self.target < self.limit:
            raise UsageError(f"target must be below limit, not {self.target} and {self.limit}")

    def judge(self, row: Row) -> float | None:
        if row.reading is None:
            return None
        if not row.reading.is_readable:
            return 0.0
        length = len(row.completion.split()) if row.tokens is None else row.tokens
        return min(1.0, max(0.0, (self.limit - length) / (self.limit - self.target)))
