"""Views of one image fused: what most of them show counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remotereasoner.policy.nano.fusing import Seen, fuse


def seen(*things: tuple[int, float, tuple[float, float, float, float]]) -> Seen:
    """Of (class of three, score, box)."""
    probs = np.zeros((len(things), 3))
    for row, (kind, score, _) in enumerate(things):
        probs[row, kind] = score
    return Seen(np.array([box for _, _, box in things], float).reshape(-1, 4), probs)


BOX = (10.0, 10.0, 30.0, 20.0)


def test_one_view_stays_as_it_is() -> None:
    one = seen((0, 0.4, BOX), (0, 0.3, BOX))
    assert fuse([one]) is one


def test_the_box_is_the_mean_by_score_and_the_score_the_mean_of_all_views() -> None:
    fused = fuse([seen((1, 0.8, BOX)), seen((1, 0.4, (13.0, 10.0, 33.0, 20.0))), seen()])
    assert fused.boxes_xyxy.shape == (1, 4)
    assert fused.boxes_xyxy[0] == pytest.approx([11.0, 10.0, 31.0, 20.0])
    assert fused.probs[0] == pytest.approx([0.0, 0.4, 0.0])


def test_classes_views_and_distant_boxes_stay_apart() -> None:
    other = (12.0, 10.0, 32.0, 20.0)
    two = seen((0, 0.9, BOX), (0, 0.8, other))  # two of one view are two things
    fused = fuse([two, seen((1, 0.7, BOX))])
    assert sorted(fused.probs.argmax(1).tolist()) == [0, 0, 1]
    assert len(fuse([seen((0, 0.9, BOX)), seen((0, 0.9, (22.0, 10.0, 42.0, 20.0)))]).boxes_xyxy) == 2


def test_the_nearest_is_taken() -> None:
    fused = fuse([seen((0, 0.9, BOX), (0, 0.85, (16.0, 10.0, 36.0, 20.0))), seen((0, 0.5, (15.0, 10.0, 35.0, 20.0)))])
    assert sorted(fused.probs[:, 0].tolist()) == pytest.approx([0.45, 0.675])
    assert fused.boxes_xyxy[fused.probs[:, 0].argmax()][0] == pytest.approx((0.85 * 16 + 0.5 * 15) / 1.35)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.floats(0.05, 1), st.integers(0, 50)), max_size=6),
        min_size=2,
        max_size=4,
    )
)
def test_nothing_is_lost_and_no_score_grows(views: list[list[tuple[int, float, int]]]) -> None:
    given_views = [seen(*((k, s, (x, 0.0, x + 20.0, 9.0)) for k, s, x in view)) for view in views]
    fused = fuse(given_views)
    total = sum(float(v.probs.sum()) for v in given_views) / len(views)
    assert float(fused.probs.sum()) == pytest.approx(total)
    assert len(fused.boxes_xyxy) <= sum(map(len, views))
    assert len(fused.boxes_xyxy) >= max(map(len, views))
    if len(fused.boxes_xyxy):
        assert fused.probs.max() <= max(v.probs.max(initial=0) for v in given_views) + 1e-12


def test_nothing_seen() -> None:
    assert fuse([seen(), seen()]).boxes_xyxy.shape == (0, 4)
    assert fuse([seen(), seen()]).probs.shape == (0, 3)
