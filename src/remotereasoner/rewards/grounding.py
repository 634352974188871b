"""How well the boxes fit: :class:`Grounding`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import above_shortcut, soft_grounding, whole_image_score

__all__ = ["Grounding"]


@dataclass(frozen=True)
class Grounding(AnswerReward):
    """Σ IoU of Hungarian pairs / max(M, N), M with the boxes that the parser dropped; a right empty answer earns 1.

    ``above_whole_image``: what is paid is the part above the score of one box around the whole image, so that this box
    earns nothing (the shortcut rule of RS-EoT). What cannot be read earns 0. None for questions in words.
    """

    name: str = "grounding"
    above_whole_image: bool = False

    def judge(self, row: Row) -> float | None:
        if (known := row.places) is None:
            return None
        reading, truth = known
        if not reading.is_readable:
            return 0.0
        score = soft_grounding(reading.boxes, truth, spurious=reading.spurious)
        if score > 0 and self.above_whole_image and row.image_hw is not None:
            return above_shortcut(score, whole_image_score(truth, row.image_hw))
        return score
