"""ROUGE-L (Lin 2004): how much of two texts runs in the same order."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["longest_common", "rouge_l", "words_of"]

_WORD = re.compile(r"\w+")
_MAX_WORDS = 1_000  # of each text: the table of a comparison stays small whatever a model writes


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers of ``text``, punctuation left out."""
    return _WORD.findall(text.lower())


def rouge_l(predicted: str, references: Sequence[str], *, beta: float = 1.0) -> float:
    """F-measure of the longest common subsequence of words, the best over ``references``; in [0, 1].

    ``beta`` weighs recall against precision: 1 by default, 1.2 in the COCO caption tools. Only the first 1,000 words of
    a text are looked at.
    """
    found = words_of(predicted)[:_MAX_WORDS]
    best = 0.0
    for reference in references:
        wanted = words_of(reference)[:_MAX_WORDS]
        common = longest_common(found, wanted)
        if common:
            precision, recall = common / len(found), common / len(wanted)
            best = max(best, (1 + beta**2) * precision * recall / (recall + beta**2 * precision))
    return best


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Bit-parallel (Hyyrö 2004): one integer operation a word of ``second`` stands for a row of the usual table.
    """
    where: dict[str, int] = {}
    for position, word in enumerate(first):
        where[word] = where.get(word, 0) | 1 << position
    everything = (1 << len(first)) - 1
    row = everything
    for word in second:
        matches = row & where.get(word, 0)
        row = ((row + matches) | (row - matches)) & everything
    return len(first) - row.bit_count()
