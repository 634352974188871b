"""Self-consistency: how far further sampled answers agree with the scored one, and whether that is a confidence.

The expected calibration error (Naeini et al. 2015) over ten bins of equal width: the mean distance between how sure
and how often right, weighted by the samples in each bin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remotereasoner.evaluation.predictions import Prediction, Vote
from remotereasoner.scores.answers import answer_match
from remotereasoner.scores.boxes import soft_grounding
from remotereasoner.scores.rouge import rouge_l
from remotereasoner.types import Task

__all__ = ["BINS", "Reliability", "agreement"]

BINS = 10


def agreement(prediction: Prediction, votes: Sequence[Vote], task: Task) -> float | None:
    """Mean likeness of the answer and each of ``votes``, in [0, 1]; None without votes.

    Places: Σ IoU of matched boxes / max(M, N). Words: the same answer. Captions: ROUGE-L. What could not be read is
    like nothing.
    """
    if not votes:
        return None
    return sum(_alike(prediction, vote, task) for vote in votes) / len(votes)


def _alike(prediction: Prediction, vote: Vote, task: Task) -> float:
    readable = ("answered", "no_target")
    if prediction.status not in readable or vote.status not in readable:
        return 0.0
    if task == "locate":
        return soft_grounding(prediction.boxes, vote.boxes)
    if prediction.text is None or vote.text is None:
        return float(prediction.text is vote.text)
    return answer_match(prediction.text, [vote.text]) if task == "vqa" else rouge_l(prediction.text, [vote.text])


class Reliability:
    """Confidence beside correctness, in ten bins."""

    def __init__(self) -> None:
        self._n = [0] * BINS
        self._confidence = [0.0] * BINS
        self._correct = [0] * BINS

    def add(self, confidence: float, correct: bool) -> None:
        """``confidence`` in [0, 1]; 1 belongs to the last bin."""
        k = min(int(confidence * BINS), BINS - 1)
        self._n[k] += 1
        self._confidence[k] += confidence
        self._correct[k] += correct

    @property
    def n(self) -> int:
        return sum(self._n)

    def ece(self) -> float | None:
        """None without a sample."""
        if not self.n:
            return None
        return sum(abs(c - r) for c, r in zip(self._confidence, self._correct, strict=True)) / self.n

    def to_dict(self) -> dict[str, Any]:
        """Bins without a sample are left out."""
        bins = [
            {
                "from": k / BINS,
                "to": (k + 1) / BINS,
                "n": n,
                "confidence": self._confidence[k] / n,
                "accuracy": self._correct[k] / n,
            }
            for k, n in enumerate(self._n)
            if n
        ]
        confidence = sum(self._confidence) / self.n if self.n else None
        accuracy = sum(self._correct) / self.n if self.n else None
        return {"n": self.n, "ece": self.ece(), "confidence": confidence, "accuracy": accuracy, "bins": bins}
