"""Whether a completion goes round in circles: :class:`NonRepeating`, :class:`NoSentenceTwice`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward, TextReward
from remotereasoner.rewards.reading import Row

__all__ = ["NoSentenceTwice", "NonRepeating"]


@dataclass(frozen=True)
class NonRepeating(AnswerReward):
    """Share of the runs of ``n`` words before the answer that come once, times the share of boxes that are no repeats.

    An answer that cannot be read earns 0: text that is only not repeated is worth nothing. In the spirit of VLM-R1's
    repetition penalty, turned into a reward.
    """

    name: str = "non_repeating"
    n: int = 6

    def judge(self, row: Row) -> float | None:
        if (reading := row.reading) is None:
            return None
        if not reading.is_readable:
            return 0.0
        words = row.completion.partition("<answer>")[0].lower().split()
        runs = list(zip(*(words[i:] for i in range(self.n)), strict=False))
        once = len(set(runs)) / len(runs) if runs else 1.0
        drawn = len(reading.boxes) + reading.spurious
        return once * (len(reading.boxes) / drawn if drawn else 1.0)


@dataclass(frozen=True)
class NoSentenceTwice(TextReward):
    """0 where two or more sentences are repeats of earlier ones, else 1 (VisionReasoner)."""

    name: str = "no_sentence_twice"

    def judge_text(self, text: str) -> float:
        counted = Counter(sentence for part in text.split(".") if (sentence := part.strip()))
        return float(sum(times - 1 for times in counted.values()) < 2)
