"""Sums by image, and intervals that can be checked by reasoning."""

from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.evaluation.bootstrap import Estimate, estimates, interval, paired_differences, weights_of
from remotereasoner.evaluation.table import Table


def table_of(values: list[float], *, per_image: int = 1, name: str = "x") -> Table:
    table = Table()
    for k, value in enumerate(values):
        table.add(f"image{k // per_image}", {name: (value, 1.0)}, {"half": "low" if value < 0.5 else "high"})
    return table


def test_columns_need_not_be_full() -> None:
    table = Table()
    table.add("a", {"x": (1.0, 2.0)}, {})
    table.add("b", {"y": (3.0, 4.0)}, {"g": "one"})
    table.add("a", {"x": (5.0, 6.0)}, {"g": "two"})
    assert (len(table), table.n_images, table.names, table.dimensions) == (3, 2, ("x", "y"), ("g",))
    assert [values.tolist() for values in table.column("y")] == [[0, 3, 0], [0, 4, 0]]
    assert {name: rows.tolist() for name, rows in table.groups("g").items()} == {
        "one": [False, True, False],
        "two": [False, False, True],
    }
    sums = table.sums()
    assert sums.numerators.tolist() == [[6, 0], [0, 3]]
    assert sums.denominators.tolist() == [[8, 0], [0, 4]]
    assert table.sums(np.array([False, True, True])).numerators.tolist() == [[5, 0], [0, 3]]
    found = estimates(sums, resamples=0)
    assert found["x"] == Estimate(0.75, None, None, 8.0)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).random(400)
    found = estimates(table_of(values.tolist()).sums(), resamples=2000, seed=3)["x"]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_questions_of_one_image_stay_together() -> None:
    # 50 images with 8 equal answers each: as uncertain as 50 answers, not as 400.
    values = np.repeat(np.random.default_rng(1).random(50), 8).tolist()
    by_image = estimates(table_of(values, per_image=8).sums(), resamples=1000)["x"]
    by_row = estimates(table_of(values).sums(), resamples=1000)["x"]
    assert by_image.low is not None
    assert by_image.high is not None
    assert by_row.low is not None
    assert by_row.high is not None
    assert (by_image.high - by_image.low) / (by_row.high - by_row.low) == pytest.approx(np.sqrt(8), rel=0.15)


def test_the_seed_decides() -> None:
    sums = table_of([0.1, 0.9, 0.4, 0.6, 0.3]).sums()
    assert estimates(sums, seed=1) == estimates(sums, seed=1)
    assert estimates(sums, seed=1) != estimates(sums, seed=2)
    drawn = np.concatenate(list(weights_of(5, resamples=7, seed=0)))
    assert drawn.shape == (7, 5)
    assert (drawn.sum(axis=1) == 5).all()


def test_what_cannot_be_judged() -> None:
    assert estimates(Table().sums()) == {}
    one = estimates(table_of([0.5, 0.7], per_image=2).sums())["x"]
    assert (one.value, one.low, one.high) == (pytest.approx(0.6), None, None)
    none = Table()
    none.add("a", {"x": (0.0, 0.0)}, {})
    none.add("b", {"x": (0.0, 0.0)}, {})
    assert estimates(none.sums())["x"].value is None
    assert interval(np.array([np.nan, 1.0])) == (None, None)


def test_a_derived_score_is_resampled_too() -> None:
    sums = table_of([0.2, 0.4, 0.6]).sums()
    found = estimates(sums, {"double": lambda num, den: 2 * num["x"] / den["x"]}, resamples=50)
    assert found["double"].value == pytest.approx(0.8)
    assert found["double"].low == pytest.approx(2 * (found["x"].low or 0))


def test_paired_differences_are_narrower_than_their_runs() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(200)
    second = first + 0.05 + rng.normal(0, 0.01, 200)
    gap, better = paired_differences(table_of(first.tolist()).sums(), table_of(second.tolist()).sums())["x"]
    assert gap.value == pytest.approx((second - first).mean())
    assert gap.low is not None
    assert gap.high is not None
    assert 0.045 < gap.low < gap.high < 0.055
    assert better == 1.0
    same, even = paired_differences(table_of(first.tolist()).sums(), table_of(first.tolist()).sums())["x"]
    assert (same.value, same.low, same.high, even) == (0.0, 0.0, 0.0, 0.5)


def test_only_shared_columns_are_compared() -> None:
    assert paired_differences(table_of([0.1, 0.2]).sums(), table_of([0.1, 0.2], name="y").sums()) == {}
