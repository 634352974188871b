"""RSVQA's ranges of numbers."""

from __future__ import annotations

import pytest

from remotereasoner.scores.buckets import area_bucket, bucket_match, count_bucket


def test_ranges() -> None:
    assert [count_bucket(n) for n in (0, 1, 10, 11, 100, 101, 1000, 1001)] == [
        "0", "1–10", "1–10", "11–100", "11–100", "101–1000", "101–1000", ">1000",
    ]  # fmt: skip
    assert [area_bucket(n) for n in (0, 3, 10, 11, 1000, 1001)] == [
        "0 m²", "≤10 m²", "≤10 m²", "≤100 m²", "≤1000 m²", ">1000 m²",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("predicted", "accepted", "score"),
    [
        ("7", "3", 1.0),
        ("three", "7 ", 1.0),
        ("12", "3", 0.0),
        ("0", "3", 0.0),
        ("between 0 and 10", "4", 1.0),
        ("more than 1000", "5000", 1.0),
        ("about 40 m2", "between 10m2 and 100m2", 1.0),
        ("40", "between 10m2 and 100m2", 1.0),
        ("7 m2", "between 10m2 and 100m2", 0.0),
        ("more than 1000m2", "2500m2", 1.0),
        ("0m2", "0m2", 1.0),
        ("rural", "3", 0.0),
        ("3", "rural", None),
        ("yes", "yes", None),
    ],
)
def test_match(predicted: str, accepted: str, score: float | None) -> None:
    assert bucket_match(predicted, accepted) == score
