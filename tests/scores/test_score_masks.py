"""IoU and its means on cases that a person can count."""

from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.scores.masks import ciou, mean_iou, overlap, overlaps, precision_at, resized, squashed
from remotereasoner.scores.runs import Runs


def bar(columns: slice, size_hw: tuple[int, int] = (4, 10)) -> Runs:
    mask = np.zeros(size_hw, dtype=np.bool_)
    mask[:, columns] = True
    return Runs.of_mask(mask)


def test_means_of_four_counted_pairs() -> None:
    none = Runs.empty((4, 10))
    predicted = [bar(slice(0, 6)), bar(slice(0, 2)), none, bar(slice(0, 5))]
    truth = [bar(slice(0, 10)), none, none, bar(slice(0, 5))]
    pairs = overlaps(predicted, truth)
    assert pairs.intersection.tolist() == [24, 0, 0, 20]
    assert pairs.union.tolist() == [40, 8, 0, 20]
    assert pairs.iou().tolist() == [0.6, 0.0, 1.0, 1.0]
    assert mean_iou(pairs) == pytest.approx(2.6 / 4)
    assert mean_iou(pairs, empty=0.0) == pytest.approx(1.6 / 4)
    assert ciou(pairs) == pytest.approx(44 / 68)
    assert precision_at(pairs, 0.6) == 0.75
    assert precision_at(pairs, 0.6, strict=True) == 0.5
    assert overlap(predicted[0], truth[0]) == (24, 40)


def test_nothing_to_compare_has_no_score() -> None:
    pairs = overlaps([], [])
    assert (mean_iou(pairs), ciou(pairs), precision_at(pairs, 0.5)) == (None, None, None)
    assert ciou(overlaps([Runs.empty((2, 2))], [Runs.empty((2, 2))])) is None


def test_resizing_takes_the_pixel_under_the_centre() -> None:
    mask = np.array([[True, False, False], [False, False, True]])
    np.testing.assert_array_equal(resized(mask, (4, 6)), np.kron(mask, np.ones((2, 2))).astype(bool))
    np.testing.assert_array_equal(resized(mask, (1, 1)), [[False]])
    assert squashed(bar(slice(0, 5)), (840, 840)).area_px == 840 * 420
    same = bar(slice(0, 5))
    assert squashed(same, (4, 10)) is same
