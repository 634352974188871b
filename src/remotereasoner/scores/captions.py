"""Captions against reference captions: BLEU-1…4 (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015).

Words are those of :func:`~remotereasoner.scores.rouge.words_of`: lower case, without punctuation. Published figures are
mostly made with the Stanford tokeniser, which differs in hyphens and contractions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from remotereasoner.scores.rouge import words_of

__all__ = ["MAX_N", "BleuCounts", "CiderD", "bleu_counts", "bleu_score", "ngrams"]

MAX_N = 4
_SIGMA = 6.0  # words of difference in length
_MAX_WORDS = 1_000
Ngram = tuple[str, ...]


def ngrams(text: str) -> list[Counter[Ngram]]:
    """How often each run of 1, 2, 3 and 4 words stands in the first 1,000 words of ``text``."""
    words = words_of(text)[:_MAX_WORDS]
    return [Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for n in range(1, MAX_N + 1)]


class BleuCounts(NamedTuple):
    """What BLEU of a corpus is made of: the sums of these over its captions."""

    matches: tuple[int, ...]
    """Of each n, n-grams that also stand in a reference, each at most as often as there."""
    totals: tuple[int, ...]
    words: int
    reference_words: int
    """Of the reference whose length is closest, the shorter one of two."""


def bleu_counts(predicted: str, references: Sequence[str]) -> BleuCounts:
    """Of one caption."""
    found = ngrams(predicted)
    known = [ngrams(reference) for reference in references]
    matches = []
    for n, counts in enumerate(found):
        most: Counter[Ngram] = Counter()
        for reference in known:
            most |= reference[n]
        matches.append(sum((counts & most).values()))
    words = sum(found[0].values())
    lengths = [sum(reference[0].values()) for reference in known]
    closest = min(lengths, key=lambda length: (abs(length - words), length), default=0)
    return BleuCounts(tuple(matches), tuple(sum(counts.values()) for counts in found), words, closest)


def bleu_score(
    n: int,
    matches: npt.NDArray[np.float64],
    totals: npt.NDArray[np.float64],
    words: npt.NDArray[np.float64],
    reference_words: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """BLEU-``n`` from sums over a corpus: ``matches``, ``totals`` (4, …), lengths (…); 0 where nothing matches."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(matches[:n] / totals[:n]).mean(axis=0)
        penalty = np.minimum(0.0, 1.0 - reference_words / words)
        score = np.exp(logs + penalty)
    return np.where((matches[:n] > 0).all(axis=0) & (words > 0), score, 0.0)


class CiderD:
    """CIDEr-D against the references of one corpus, whose rare words weigh most. Scores are in [0, 10]."""

    def __init__(self, references: Iterable[Sequence[str]]) -> None:
        """``references``: per image its captions."""
        self._images_with: Counter[Ngram] = Counter()
        images = 0
        for captions in references:
            images += 1
            self._images_with.update({gram for caption in captions for counts in ngrams(caption) for gram in counts})
        self._log_images = math.log(images) if images else 0.0

    def score(self, predicted: str, references: Sequence[str]) -> float:
        """Of one caption; the mean over its references."""
        if not references:
            return 0.0
        found, length = self._vectors(predicted)
        total = 0.0
        for reference in references:
            wanted, wanted_length = self._vectors(reference)
            alike = sum(_cosine(a, b) for a, b in zip(found, wanted, strict=True)) / MAX_N
            total += alike * math.exp(-((length - wanted_length) ** 2) / (2 * _SIGMA**2))
        return 10.0 * total / len(references)

    def _vectors(self, text: str) -> tuple[list[Mapping[Ngram, float]], int]:
        """Per n the weight of each n-gram, its count times the logarithm of how rare it is; and the length."""
        counts = ngrams(text)
        vectors: list[Mapping[Ngram, float]] = [
            {gram: k * (self._log_images - math.log(max(1, self._images_with[gram]))) for gram, k in grams.items()}
            for grams in counts
        ]
        return vectors, sum(counts[1].values())


def _cosine(found: Mapping[Ngram, float], wanted: Mapping[Ngram, float]) -> float:
    """Cosine in which a repeated n-gram earns no more than it stands in the reference."""
    dot = sum(min(weight, wanted[gram]) * wanted[gram] for gram, weight in found.items() if gram in wanted)
    norms = math.sqrt(sum(w * w for w in found.values()) * sum(w * w for w in wanted.values()))
    return dot / norms if norms else 0.0
