from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotereasoner.scores.rouge import longest_common, rouge_l, words_of


def test_words() -> None:
    assert words_of("Two ships, 3.5 m long — in the Harbour!") == [
        *("two", "ships", "3", "5", "m", "long", "in", "the", "harbour")
    ]


@pytest.mark.parametrize(
    ("predicted", "references", "score"),
    [
        ("police killed the gunman", ["police kill the gunman"], 0.75),  # Lin 2004, 3.1: S2
        ("the gunman kill police", ["police killed the gunman"], 0.5),  # S3
        ("a harbour", ["A harbour."], 1.0),
        ("", ["a harbour"], 0.0),
        ("a harbour", [], 0.0),
        ("a harbour", [""], 0.0),
        ("ships", ["a port", "ships", "ships at sea"], 1.0),
        ("one two three four", ["one two"], 2 * 0.5 * 1.0 / 1.5),
    ],
)
def test_by_hand(predicted: str, references: list[str], score: float) -> None:
    assert rouge_l(predicted, references) == pytest.approx(score)


def test_beta_weighs_recall() -> None:
    precision, recall, square = 0.5, 1.0, 1.2**2
    wanted = (1 + square) * precision * recall / (recall + square * precision)
    assert rouge_l("one two three four", ["one two"], beta=1.2) == pytest.approx(wanted)


def test_a_long_text_is_cut() -> None:
    assert rouge_l("ship " * 1_000_000, ["ship"]) == pytest.approx(2 / 1_001)


def by_table(first: list[str], second: list[str]) -> int:
    row = [0] * (len(second) + 1)
    for a in first:
        last = row[:]
        for j, b in enumerate(second):
            row[j + 1] = last[j] + 1 if a == b else max(last[j + 1], row[j])
    return row[-1]


letters = st.lists(st.sampled_from("abcd"), max_size=80)


@settings(deadline=None)
@given(first=letters, second=letters)
def test_the_common_subsequence_is_the_textbook_one(first: list[str], second: list[str]) -> None:
    assert longest_common(first, second) == by_table(first, second)
