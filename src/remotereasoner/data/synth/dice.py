"""Random numbers of one scene: a stream that depends on the world's seed and the scene's number only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Dice"]

_T = TypeVar("_T")


class Dice:
    """Scalars at a tenth of the cost of a numpy generator's. Python keeps ``random()`` of a seed stable."""

    def __init__(self, seed: str) -> None:
        self._next = random.Random(seed).random  # noqa: S311  pictures, not secrets

    def uniform(self, low: float, high: float) -> float:
        """In [low, high)."""
        return low + (high - low) * self._next()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._next() < probability

    def integer(self, low: int, high: int) -> int:
        """In [low, high], both included."""
        return low + int((high - low + 1) * self._next())

    def pick(self, items: Sequence[_T]) -> _T:
        """One of them."""
        return items[int(len(items) * self._next())]

    def weighted(self, items: Sequence[tuple[_T, float]]) -> _T:
        """One of (item, weight)."""
        left = self._next() * sum(weight for _, weight in items)
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][0]

    def shuffled(self, items: Sequence[_T]) -> list[_T]:
        """In random order."""
        return [item for _, item in sorted(((self._next(), n), item) for n, item in enumerate(items))]

    def jitter(self, value: float, share: float) -> float:
        """``value`` up to ``share`` larger or smaller."""
        return value * (1 + self.uniform(-share, share))
