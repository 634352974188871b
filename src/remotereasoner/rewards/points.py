"""Whether the points lie on the objects: :class:`Points`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import point_in_box_score

__all__ = ["Points"]


@dataclass(frozen=True)
class Points(AnswerReward):
    """Share of each box's positive points inside the true box it is matched with, divided by max(M, N)."""

    name: str = "points"
    per_box: int | None = None
    """So many points are asked for; a box with another number of them earns nothing. None: any number."""

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None:
            return None
        reading, truth = known
        if not reading.is_readable:
            return 0.0
        points = reading.points_xy
        if self.per_box is not None:
            points = tuple(own if len(own) == self.per_box else () for own in points)
        return point_in_box_score(reading.boxes, points, truth, spurious=reading.spurious)
