"""Box scores against cases worked out by hand, and what must hold for all."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotereasoner.errors import UsageError
from remotereasoner.scores.boxes import (
    above_shortcut,
    acc_at,
    as_boxes,
    count_agreement,
    counting_error,
    hits_at,
    match_boxes,
    mean_matched_iou,
    pairwise_iou,
    point_in_box_score,
    set_f1,
    soft_grounding,
    whole_image_score,
)
from remotereasoner.types import BoxXyxy

A: BoxXyxy = (0.0, 0.0, 10.0, 10.0)
HALF: BoxXyxy = (0.0, 0.0, 10.0, 5.0)  # IoU 0.5 with A
FAR: BoxXyxy = (50.0, 50.0, 60.0, 60.0)


def test_iou_is_continuous_and_the_inclusive_convention_is_on_request() -> None:
    assert pairwise_iou(as_boxes([A]), as_boxes([HALF, A, FAR])).tolist() == [[0.5, 1.0, 0.0]]
    # Inclusive: 11 x 6 of 11 x 11 pixels.
    assert pairwise_iou(as_boxes([A]), as_boxes([HALF]), plus_px=1.0)[0, 0] == pytest.approx(66 / 121)
    touching = as_boxes([(10, 0, 20, 10)])
    assert pairwise_iou(as_boxes([A]), touching)[0, 0] == 0.0
    assert pairwise_iou(as_boxes([A]), touching, plus_px=1.0)[0, 0] == pytest.approx(11 / 231)


def test_a_box_without_area_overlaps_nothing_not_even_itself() -> None:
    point, turned = as_boxes([(5, 5, 5, 5)]), as_boxes([(8, 8, 2, 2)])
    assert pairwise_iou(point, point)[0, 0] == 0.0
    assert pairwise_iou(turned, turned)[0, 0] == 0.0
    assert pairwise_iou(turned, as_boxes([A]))[0, 0] == 0.0


def test_leading_axes_are_batches() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0, 50, (4, 3, 4)), rng.uniform(0, 50, (4, 5, 4))
    first[..., 2:] += first[..., :2]
    second[..., 2:] += second[..., :2]
    batched = pairwise_iou(first, second)
    assert batched.shape == (4, 3, 5)
    for one, a, b in zip(batched, first, second, strict=True):
        np.testing.assert_array_equal(one, pairwise_iou(a, b))


@pytest.mark.parametrize(
    ("predicted", "truth", "soft", "f1", "mean"),
    [
        ([], [], 1.0, 1.0, None),
        ([A], [], 0.0, 0.0, None),
        ([], [A], 0.0, 0.0, None),
        ([A], [A], 1.0, 1.0, 1.0),
        ([HALF], [A], 0.5, 1.0, 0.5),  # 0.5 is enough for 0.5
        ([FAR], [A], 0.0, 0.0, None),
        ([A, FAR], [A], 0.5, 2 / 3, 1.0),  # one too many
        ([A], [A, FAR], 0.5, 2 / 3, 1.0),  # one missing
        ([A, A, A], [A], 1 / 3, 0.5, 1.0),  # repeats
        ([FAR, HALF], [A, FAR], 0.75, 1.0, 0.75),
        ([A, HALF, FAR], [A, FAR], 2 / 3, 0.8, 1.0),
    ],
)
def test_sets(predicted: list[BoxXyxy], truth: list[BoxXyxy], soft: float, f1: float, mean: float | None) -> None:
    assert soft_grounding(predicted, truth) == pytest.approx(soft)
    assert set_f1(predicted, truth) == pytest.approx(f1)
    assert mean_matched_iou(predicted, truth) == pytest.approx(mean)
    assert counting_error(predicted, truth) == len(predicted) - len(truth)


def test_matching_is_the_best_one_not_the_greedy_one() -> None:
    # Greedy takes the pair of 0.9 and leaves 0 for the other; together the crossed pairs have more.
    truth = [(0.0, 0.0, 10.0, 10.0), (10.0, 0.0, 20.0, 10.0)]
    predicted = [(1.0, 0.0, 11.0, 10.0), (-8.0, 0.0, 2.0, 10.0)]
    iou = pairwise_iou(as_boxes(predicted), as_boxes(truth))
    best = max(iou[0, 0] + iou[1, 1], iou[0, 1] + iou[1, 0])
    pairs = match_boxes(predicted, truth)
    assert pairs.iou.sum() == pytest.approx(best)
    assert soft_grounding(predicted, truth) == pytest.approx(best / 2)


def test_f1_counts_the_most_hits_even_where_the_sum_of_iou_prefers_fewer() -> None:
    truth = [(0.0, 0.0, 10.0, 1.0), (3.8, 0.0, 13.8, 1.0)]
    predicted = [(0.5, 0.0, 10.5, 1.0), (-3.3, 0.0, 6.7, 1.0)]
    # IoU 0.905 and 0.170 straight (sum 1.075, one hit at 0.5), 0.504 twice crossed (sum 1.008, two hits).
    assert match_boxes(predicted, truth).truth.tolist() == [0, 1]
    assert match_boxes(predicted, truth, threshold=0.5).truth.tolist() == [1, 0]
    assert hits_at(predicted, truth, 0.5) == 2 and set_f1(predicted, truth) == 1.0


def test_spurious_boxes_count_as_drawn() -> None:
    assert soft_grounding([A], [A], spurious=3) == 0.25
    assert soft_grounding([], [], spurious=1) == 0.0
    assert soft_grounding([A], [A, FAR], spurious=1) == 0.5
    assert point_in_box_score([A], [[(5, 5)]], [A], spurious=1) == 0.5


def test_accuracy_is_for_one_target() -> None:
    assert acc_at([A], [A, FAR]) is None and acc_at([], []) is None
    assert acc_at([], [A]) == 0.0
    assert acc_at([HALF], [A]) == 1.0 and acc_at([HALF], [A], 0.51) == 0.0
    many = [FAR, A]
    assert acc_at(many, [A]) == 0.0
    assert acc_at(many, [A], which="first") == 0.0 and acc_at([A, FAR], [A], which="first") == 1.0
    assert acc_at(many, [A], which="any") == 1.0


def test_counts() -> None:
    assert count_agreement(0, 0) == 1.0 and count_agreement(0, 3) == 0.0 and count_agreement(3, 0) == 0.0
    assert count_agreement(2, 4) == count_agreement(4, 2) == 0.5


def test_points() -> None:
    assert point_in_box_score([], [], []) == 1.0
    assert point_in_box_score([A], [], [A]) == 0.0
    assert point_in_box_score([A], [[]], [A]) == 0.0
    assert point_in_box_score([A], [[(5, 5), (70, 70)]], [A]) == 0.5
    assert point_in_box_score([A], [[(5, 5), (5, 6)]], [A, FAR]) == 0.5
    assert point_in_box_score([HALF], [[(5, 7)]], [A]) == 0.0  # on the object, but outside its own box
    assert point_in_box_score([FAR, A], [[(5, 5)], [(55, 55)]], [A, FAR]) == 0.0  # swapped
    with pytest.raises(UsageError, match="2 lists of points for 1 boxes"):
        point_in_box_score([A], [[], []], [A])


def test_the_whole_image_is_worth_nothing_above_itself() -> None:
    truth = [(0.0, 0.0, 80.0, 50.0)]
    shortcut = whole_image_score(truth, (100, 100))
    assert shortcut == 0.4 == soft_grounding([(0, 0, 100, 100)], truth)
    assert above_shortcut(0.4, shortcut) == 0.0 and above_shortcut(0.2, shortcut) == 0.0
    assert above_shortcut(1.0, shortcut) == 1.0 and above_shortcut(0.7, shortcut) == pytest.approx(0.5)
    assert whole_image_score([*truth, FAR], (100, 100)) == pytest.approx(0.2)
    assert whole_image_score([], (100, 100)) == 0.0
    # A truth that is the whole image can only be answered so.
    assert above_shortcut(1.0, 1.0) == 1.0 and above_shortcut(0.9, 0.95) == 0.9


@pytest.mark.parametrize("bad", [[1, 2, 3, 4], [[1, 2, 3]], [[1, 2, 3, math.nan]], [[1, 2, math.inf, 4]]])
def test_what_is_no_set_of_boxes_is_refused(bad: list[float]) -> None:
    with pytest.raises(UsageError, match="boxes must be"):
        as_boxes(bad)  # type: ignore[arg-type]


def test_no_boxes_have_four_columns() -> None:
    assert as_boxes([]).shape == as_boxes(np.empty((0, 4))).shape == (0, 4)


coordinates = st.floats(0, 500, allow_subnormal=False)
sides = st.floats(1, 200)
some_boxes = st.lists(st.tuples(coordinates, coordinates, sides, sides), max_size=5).map(
    lambda found: [(x, y, x + w, y + h) for x, y, w, h in found]
)


def by_trying_all(predicted: list[BoxXyxy], truth: list[BoxXyxy]) -> float:
    """The definition, word for word."""
    if not predicted or not truth:
        return float(not predicted and not truth)
    few, many = sorted([predicted, truth], key=len)

    def iou(a: BoxXyxy, b: BoxXyxy) -> float:
        w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        overlap = max(w, 0) * max(h, 0)
        return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)

    best = max(
        sum(iou(a, b) for a, b in zip(few, chosen, strict=True)) for chosen in itertools.permutations(many, len(few))
    )
    return best / len(many)


@settings(deadline=None)
@given(predicted=some_boxes, truth=some_boxes, scale=st.floats(0.1, 50), data=st.data())
def test_what_holds_for_all(predicted: list[BoxXyxy], truth: list[BoxXyxy], scale: float, data: st.DataObject) -> None:
    score = soft_grounding(predicted, truth)
    assert 0.0 <= score <= 1.0 and score == pytest.approx(by_trying_all(predicted, truth))
    assert soft_grounding(truth, predicted) == pytest.approx(score)
    shuffled = data.draw(st.permutations(predicted))
    assert soft_grounding(shuffled, truth) == pytest.approx(score)
    assert set_f1(shuffled, truth) == set_f1(predicted, truth)
    scaled = soft_grounding(np.array(predicted) * scale, np.array(truth) * scale)
    assert scaled == pytest.approx(score)
    assert soft_grounding(truth, truth) == pytest.approx(1.0)
