"""The rule that makes boxes out of masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniatures import A, B, mask_of

from remotereasoner.data.boxes_from_masks import BoxRule, boxes_of_mask
from remotereasoner.errors import UsageError

PLAIN = BoxRule(min_area_px=0, merge_px=0)


def test_one_box_a_component_from_edge_to_edge() -> None:
    assert boxes_of_mask(mask_of(B, A), PLAIN) == (tuple(map(float, A)), tuple(map(float, B)))


def test_no_target_no_box() -> None:
    assert boxes_of_mask(np.zeros((4, 5), bool), BoxRule()) == ()


def test_touching_corners_are_one() -> None:
    assert boxes_of_mask(mask_of((0, 0, 2, 2), (2, 2, 4, 4)), PLAIN) == ((0.0, 0.0, 4.0, 4.0),)


@pytest.mark.parametrize("gap", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("is_vertical", [False, True])
def test_parts_are_joined_up_to_the_distance_exactly(gap: int, is_vertical: bool) -> None:
    mask = mask_of((3, 5, 8, 9), (8 + gap, 5, 20 + gap, 9))
    mask = mask.T if is_vertical else mask
    assert len(boxes_of_mask(mask, BoxRule(0, gap))) == 1
    assert len(boxes_of_mask(mask, BoxRule(0, gap - 1))) == 2


def test_joining_does_not_make_boxes_larger() -> None:
    assert boxes_of_mask(mask_of((3, 5, 8, 9), (10, 5, 20, 9)), BoxRule(0, 6)) == ((3.0, 5.0, 20.0, 9.0),)


def test_specks_are_left_out_by_the_area_of_their_group() -> None:
    mask = mask_of((0, 0, 2, 2), (30, 0, 34, 4), (35, 0, 37, 2))
    assert boxes_of_mask(mask, BoxRule(min_area_px=17, merge_px=1)) == ((30.0, 0.0, 37.0, 4.0),)
    assert len(boxes_of_mask(mask, BoxRule(min_area_px=5, merge_px=1))) == 1
    assert len(boxes_of_mask(mask, BoxRule(min_area_px=4, merge_px=0))) == 3


def test_a_target_never_becomes_no_target() -> None:
    assert boxes_of_mask(mask_of((0, 0, 1, 1), (9, 9, 11, 10)), BoxRule(1000, 0)) == ((9.0, 9.0, 11.0, 10.0),)


def test_the_rule_is_recorded_with_its_parameters() -> None:
    assert BoxRule(7, 3).record() == {"rule": "components", "connectivity": 8, "min_area_px": 7, "merge_px": 3}


@pytest.mark.parametrize(("area", "merge"), [(-1, 0), (0, -1), (0, 5000)])
def test_parameters_out_of_range(area: int, merge: int) -> None:
    with pytest.raises(UsageError, match=r"min_area_px must be 0 or more"):
        BoxRule(area, merge)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 30))
def test_boxes_hold_all_pixels_but_specks(seed: int, merge_px: int, min_area_px: int) -> None:
    mask = np.random.default_rng(seed).random((30, 40)) > 0.93
    boxes = boxes_of_mask(mask, BoxRule(min_area_px, merge_px))
    outside = mask.copy()
    for x1, y1, x2, y2 in boxes:
        part = mask[int(y1) : int(y2), int(x1) : int(x2)]
        assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()
        outside[int(y1) : int(y2), int(x1) : int(x2)] = False
    if min_area_px == 0:
        assert not outside.any()
    assert bool(boxes) == bool(mask.any())
