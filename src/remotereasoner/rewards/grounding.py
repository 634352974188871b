"""How well the boxes fit: :class:`Grounding`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remotereasoner.rewards.base import BatchReward
from remotereasoner.rewards.reading import Row
from remotereasoner.scores.boxes import above_shortcut, soft_groundings, whole_image_score
from remotereasoner.types import FloatArray

__all__ = ["Grounding"]


@dataclass(frozen=True)
class Grounding(BatchReward):
    """Σ IoU of Hungarian pairs / max(M, N), M with the boxes that the parser dropped; a right empty answer earns 1.

    ``above_whole_image``: what is paid is the part above the score of one box around the whole image, so that this box
    earns nothing (the shortcut rule of RS-EoT). What cannot be read earns 0. None for questions in words.
    """

    name: str = "grounding"
    above_whole_image: bool = False

    def judge_rows(self, rows: Sequence[Row], columns: Mapping[str, Any]) -> list[float | None]:  # noqa: ARG002
        """The whole batch is one computation."""
        rewards: list[float | None] = [None] * len(rows)
        judged: list[tuple[int, FloatArray, FloatArray, int]] = []
        for i, row in enumerate(rows):
            if (known := row.places) is not None:
                reading, truth = known
                rewards[i] = 0.0
                if reading.is_readable:
                    judged.append((i, reading.boxes, truth, reading.spurious))
        scores = soft_groundings([j[1] for j in judged], [j[2] for j in judged], [j[3] for j in judged])
        for (i, _, truth, _), score in zip(judged, scores, strict=True):
            image_hw = rows[i].image_hw
            if score > 0 and self.above_whole_image and image_hw is not None:
                rewards[i] = above_shortcut(score, whole_image_score(truth, image_hw))
            else:
                rewards[i] = score
        return rewards
