from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from remotereasoner.policy.nano.regions import Region, regions_of

HW = (12, 20)


def regions(marks: list[tuple[tuple[slice, slice], float]], **changes: Any) -> list[Region]:
    probs = np.zeros(HW)
    for place, value in marks:
        probs[place] = value
    rules: dict[str, Any] = {"sure": 0.5, "goes_on": 0.25, "min_cells": 0, "min_of_largest": 0.0}
    return regions_of(probs, **(rules | changes))


def test_a_region_goes_on_where_it_may_be() -> None:
    sure = (slice(4, 6), slice(2, 6))
    doubtful = (slice(4, 6), slice(6, 10))
    (region,) = regions([(sure, 0.9), (doubtful, 0.3)])
    assert region.box_xyxy == (2, 4, 10, 6)
    assert region.cells == 16
    assert region.score == pytest.approx(0.6)
    (alone,) = regions([(sure, 0.9), (doubtful, 0.2)])
    assert alone.box_xyxy == (2, 4, 6, 6)


def test_two_sure_parts_are_one_where_a_doubtful_one_joins_them() -> None:
    parts = [(np.s_[4:6, 2:6], 0.9), (np.s_[4:6, 9:14], 0.8)]
    assert len(regions(parts)) == 2
    assert [r.box_xyxy for r in regions([*parts, (np.s_[4:6, 6:9], 0.26)])] == [(2, 4, 14, 6)]


def test_what_is_nowhere_sure_is_no_region() -> None:
    assert regions([(np.s_[4:9, 2:9], 0.49)]) == []
    assert len(regions([(np.s_[4:9, 2:9], 0.49), (np.s_[5:6, 5:6], 0.5)])) == 1
    assert regions([]) == []


def test_corners_do_not_join() -> None:
    found = regions([(np.s_[2:4, 2:4], 0.9), (np.s_[4:6, 4:6], 0.9)])
    assert [r.cells for r in found] == [4, 4]


@pytest.mark.parametrize(("share", "kept"), [(0.0, 3), (0.1, 3), (0.11, 2), (0.5, 2), (0.51, 1)])
def test_crumbs_of_the_largest_go(share: float, kept: int) -> None:
    found = regions([(np.s_[0:4, 0:5], 0.9), (np.s_[6:8, 0:5], 0.9), (np.s_[10:11, 0:2], 0.9)], min_of_largest=share)
    assert [r.cells for r in found] == [20, 10, 2][:kept]


def test_the_largest_that_counts_is_a_sure_one() -> None:
    found = regions([(np.s_[0:4, 0:20], 0.4), (np.s_[6:8, 0:4], 0.9)], min_of_largest=0.5)
    assert [r.cells for r in found] == [8]


def test_small_ones_go() -> None:
    marks = [(np.s_[0:4, 0:5], 0.9), (np.s_[6:8, 0:5], 0.9)]
    assert [r.cells for r in regions(marks, min_cells=11)] == [20]
    assert regions(marks, min_cells=21) == []


def test_the_point_lies_on_the_region() -> None:
    hook = [(np.s_[1:2, 1:18], 0.9), (np.s_[1:11, 17:18], 0.9)]
    (region,) = regions(hook)
    x, y = region.point_xy
    assert (int(y), int(x)) in {(1, c) for c in range(1, 18)} | {(r, 17) for r in range(1, 11)}
