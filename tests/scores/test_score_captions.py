"""BLEU, ROUGE-L and CIDEr-D against the COCO caption tools, fed with the same words."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from remotereasoner.scores.captions import CiderD, bleu_counts, bleu_score
from remotereasoner.scores.rouge import rouge_l, words_of

_TEXT = "a the of two three ships planes lie beside runway harbour red roofs and near trees road river bridge"
WORDS = _TEXT.split()


def corpus(seed: int, n: int = 30) -> tuple[list[str], list[list[str]]]:
    rng = np.random.default_rng(seed)

    def sentence(k: int) -> list[str]:
        return list(rng.choice(WORDS, k))

    predicted, references = [], []
    for _ in range(n):
        wanted = [sentence(rng.integers(5, 14)) for _ in range(rng.integers(1, 5))]
        found = [word for word in wanted[0] if rng.random() < 0.85] + sentence(rng.integers(0, 3))
        predicted.append(" ".join(found).capitalize() + ".")
        references.append([" ".join(words) for words in wanted])
    return predicted, references


def as_theirs(predicted: list[str], references: list[list[str]]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    truth = {i: [" ".join(words_of(text)) for text in texts] for i, texts in enumerate(references)}
    return truth, {i: [" ".join(words_of(text))] for i, text in enumerate(predicted)}


@pytest.mark.parametrize("seed", range(3))
def test_bleu(seed: int) -> None:
    predicted, references = corpus(seed)
    counts = [bleu_counts(text, texts) for text, texts in zip(predicted, references, strict=True)]
    sums = [np.array([getattr(count, name) for count in counts], dtype=float).sum(axis=0) for name in counts[0]._fields]
    with contextlib.redirect_stdout(io.StringIO()):
        theirs, _ = Bleu(4).compute_score(*as_theirs(predicted, references))
    assert [float(bleu_score(n, *sums)) for n in (1, 2, 3, 4)] == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_cider_d(seed: int) -> None:
    predicted, references = corpus(seed)
    scorer = CiderD(references)
    ours = [scorer.score(text, texts) for text, texts in zip(predicted, references, strict=True)]
    mean, each = Cider().compute_score(*as_theirs(predicted, references))
    assert ours == pytest.approx(each.tolist(), abs=1e-9)
    assert np.mean(ours) == pytest.approx(mean)


def test_rouge_l() -> None:
    # Theirs takes the best precision and the best recall of different references; with one reference both agree.
    predicted, references = corpus(5)
    single = [texts[:1] for texts in references]
    _, each = Rouge().compute_score(*as_theirs(predicted, single))
    ours = [rouge_l(text, texts, beta=1.2) for text, texts in zip(predicted, single, strict=True)]
    assert ours == pytest.approx(each.tolist(), abs=1e-9)


def test_nothing_in_common() -> None:
    counts = bleu_counts("", ["two ships"])
    assert counts == ((0, 0, 0, 0), (0, 0, 0, 0), 0, 2)
    zeros = [np.array(value, dtype=float) for value in counts]
    assert bleu_score(1, *zeros) == 0.0
    scorer = CiderD([["two ships"], ["a road"]])
    assert scorer.score("", ["two ships"]) == 0.0
    assert scorer.score("two ships", []) == 0.0
    assert bleu_counts("a b", []).reference_words == 0
