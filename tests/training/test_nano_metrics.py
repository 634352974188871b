from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.training.nano.metrics import f1_at_half, interval, iou_matrix


def test_iou_is_continuous() -> None:
    a = np.array([[0, 0, 2, 2], [0, 0, 0.5, 0.5]])
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [2, 0, 4, 2]], float)
    assert iou_matrix(a, b) == pytest.approx(np.array([[1 / 7, 1, 0], [0, 1 / 16, 0]]))
    assert iou_matrix(a, np.zeros((0, 4))).shape == (2, 0)


A, B, C = [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ([], [], 1.0),
        ([A], [], 0.0),
        ([], [A], 0.0),
        ([A], [A], 1.0),
        ([A, B], [B, A], 1.0),
        ([A, C], [A, B], 0.5),
        ([A], [A, B], 2 / 3),
        ([A, A], [A], 2 / 3),  # the second finds nothing left
        ([[0, 0, 10, 5]], [A], 1.0),  # exactly a half
        ([[0, 0, 10, 4.9]], [A], 0.0),
    ],
)
def test_f1_of_sets(predicted: list[list[float]], truth: list[list[float]], expected: float) -> None:
    assert f1_at_half(predicted, truth) == pytest.approx(expected)


def test_an_interval_resamples_images_not_questions() -> None:
    lone = interval([("a", 1.0), ("a", 0.0)] * 50)
    assert (lone["mean"], lone["low"], lone["high"], lone["n"]) == (0.5, 0.5, 0.5, 100)
    many = interval([(str(k), float(k % 2)) for k in range(100)])
    assert many["mean"] == 0.5
    assert 0.36 < many["low"] < 0.44
    assert 0.56 < many["high"] < 0.64
    assert many == interval([(str(k), float(k % 2)) for k in range(100)])


def test_the_mean_counts_every_question_once() -> None:
    rows = [("a", 1.0)] * 3 + [("b", 0.0)]
    assert interval(rows)["mean"] == 0.75
