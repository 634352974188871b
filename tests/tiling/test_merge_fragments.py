"""Policies with errors: what is one object, and what is not."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
import shapely

from remotereasoner import InstanceMask
from remotereasoner.tiling import assemble
from remotereasoner.tiling.assemble import Merged, merge_fragments
from remotereasoner.tiling.looking import Fragment
from remotereasoner.tiling.windows import WindowPlan, plan_windows
from remotereasoner.transform.polygons import mask_to_polygons
from remotereasoner.types import BoxXyxy

SIDE_BY_SIDE = plan_windows((100, 180), 100, 20)  # x 0 to 100 and 80 to 180


def fragment(window: int, number: int, box: BoxXyxy, score: float | None = None, label: str | None = None) -> Fragment:
    x1, y1, x2, y2 = (int(v) for v in box)
    mask = InstanceMask(np.ones((y2 - y1, x2 - x1), np.bool_), (x1, y1), 1.0)
    return Fragment(window, number, box, mask, mask_to_polygons(mask), score, label)


def merged(fragments: Sequence[Fragment], plan: WindowPlan = SIDE_BY_SIDE) -> list[Merged]:
    return merge_fragments(fragments, plan.bounds, plan.size_hw)


def boxes(items: Sequence[Merged]) -> list[BoxXyxy]:
    return [item.box_xyxy for item in items]


def test_a_cut_object_is_put_together_though_its_ends_are_a_little_off() -> None:
    (one,) = merged([fragment(0, 0, (60, 40, 99, 60)), fragment(1, 0, (81, 42, 120, 61))])
    assert one.box_xyxy == (60.0, 40.0, 120.0, 61.0)
    assert len(one.fragments) == 2


def test_an_object_that_one_window_shows_whole_is_taken_from_there() -> None:
    (one,) = merged(
        [fragment(0, 0, (70, 40, 100, 60)), fragment(1, 0, (82, 40, 130, 62)), fragment(0, 1, (1, 1, 5, 5))]
    )[:1]
    assert one.box_xyxy == (70.0, 40.0, 130.0, 62.0)
    whole = merged([fragment(0, 0, (82, 40, 96, 60)), fragment(1, 0, (80, 39, 97, 61))])
    assert boxes(whole) == [(82.0, 40.0, 96.0, 60.0)]


def test_neighbours_that_touch_in_the_zone_stay_two() -> None:
    found = merged([
        fragment(0, 0, (60, 40, 90, 60)), fragment(0, 1, (90, 40, 100, 60)),
        fragment(1, 0, (80, 40, 90, 60)), fragment(1, 1, (90, 40, 130, 60)),
    ])  # fmt: skip
    assert boxes(found) == [(60.0, 40.0, 90.0, 60.0), (90.0, 40.0, 130.0, 60.0)]


def test_a_small_object_on_a_large_one_stays_its_own() -> None:
    """A ship in a harbour, the harbour cut by both windows, the ship seen by both, or by one."""
    harbour = [fragment(0, 0, (10, 10, 100, 90)), fragment(1, 0, (80, 10, 170, 90))]
    ship = [fragment(0, 1, (84, 40, 96, 50)), fragment(1, 1, (84, 40, 96, 50))]
    assert sorted(boxes(merged(harbour + ship))) == [(10.0, 10.0, 170.0, 90.0), (84.0, 40.0, 96.0, 50.0)]
    assert len(merged([*harbour, ship[1]])) == 2
    assert len(merged([*harbour, fragment(1, 1, (80, 40, 96, 50))])) == 2


def test_half_of_an_object_seen_again_is_not_counted_again() -> None:
    assert boxes(merged([fragment(0, 0, (84, 30, 96, 60)), fragment(1, 0, (84, 30, 96, 42))])) == [
        (84.0, 30.0, 96.0, 60.0)
    ]


def test_one_window_never_fuses_its_own_objects() -> None:
    assert len(merged([fragment(0, 0, (10, 10, 50, 50)), fragment(0, 1, (10, 10, 50, 49))])) == 2


def test_a_speck_of_a_mask_does_not_swallow_an_object() -> None:
    """The left window's mask has a speck where the right one shows a whole, small object."""
    large = InstanceMask(np.zeros((60, 60), np.bool_), (38, 20), 1.0)
    large.mask[:, :55] = True
    large.mask[:, 50:] = False
    large.mask[20:24, 54:58] = True
    stray = Fragment(0, 0, (38.0, 20.0, 98.0, 80.0), large, mask_to_polygons(large), None, None)
    seen_again = fragment(1, 1, (92, 40, 96, 44))
    found = merged([stray, fragment(1, 0, (80, 20, 88, 80)), seen_again])
    assert len(found) == 2


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_windows_finishing_does_not_matter(seed: int) -> None:
    plan = plan_windows((300, 300), 100, 30)
    rng = np.random.default_rng(seed)
    fragments = []
    for index in range(len(plan)):
        x, y, width, height = plan.window(index)
        for number in range(int(rng.integers(1, 6))):
            a, b = rng.integers(0, 80, 2)
            w, h = rng.integers(1, 20, 2)
            box = (float(x + a), float(y + b), float(min(x + a + w, x + width)), float(min(y + b + h, y + height)))
            fragments.append(fragment(index, number, box, score=float(rng.random()), label=str(number)))
    expected = [(item.box_xyxy, item.score, item.label) for item in merged(fragments, plan)]
    random.Random(seed).shuffle(fragments)
    assert [(item.box_xyxy, item.score, item.label) for item in merged(fragments, plan)] == expected


def test_scores_are_weighted_and_the_largest_fragment_names_it() -> None:
    (one,) = merged([fragment(0, 0, (60, 40, 100, 60), 0.9, "ship"), fragment(1, 0, (80, 40, 160, 60), 0.6, "boat")])
    assert one.score == pytest.approx((0.9 * 800 + 0.6 * 1600) / 2400)
    assert one.label == "boat"
    assert merged([fragment(0, 0, (1, 1, 5, 5))])[0].score is None


def test_without_overlap_touching_along_the_seam_decides() -> None:
    plan = plan_windows((100, 200), 100, 0)
    joined = merged([fragment(0, 0, (60, 40, 100, 60)), fragment(1, 0, (100, 42, 140, 62))], plan)
    assert boxes(joined) == [(60.0, 40.0, 140.0, 62.0)]
    assert len(merged([fragment(0, 0, (60, 40, 100, 60)), fragment(1, 0, (100, 58, 140, 98))], plan)) == 2
    assert len(merged([fragment(0, 0, (60, 40, 90, 60)), fragment(1, 0, (110, 40, 140, 60))], plan)) == 2


def test_touching_on_a_line_that_a_third_window_covers_joins_nothing() -> None:
    plan = plan_windows((100, 200), 100, 50)
    found = merged([
        fragment(0, 0, (60, 40, 100, 60)), fragment(1, 0, (60, 40, 100, 60)),
        fragment(1, 1, (100, 40, 140, 60)), fragment(2, 0, (100, 40, 140, 60)),
    ], plan)  # fmt: skip
    assert boxes(found) == [(60.0, 40.0, 100.0, 60.0), (100.0, 40.0, 140.0, 60.0)]


def test_objects_without_a_mask_are_their_boxes() -> None:
    bare = [
        Fragment(w, 0, box, InstanceMask(np.zeros((0, 0), np.bool_), (0, 0), 0.0), shapely.box(*box), None, None)
        for w, box in ((0, (60.0, 40.0, 100.0, 60.0)), (1, (80.0, 40.0, 120.0, 60.0)))
    ]
    (one,) = merged(bare)
    assert one.box_xyxy == (60.0, 40.0, 120.0, 60.0)
    assert one.mask.mask.size == 0
    assert not one.is_too_large


def test_an_object_too_large_for_a_mask_keeps_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field of 140 x 140 px over four windows, with a cap of 10,000 px; a road of 180 x 1 px is under it."""
    monkeypatch.setattr(assemble, "MAX_MASK_PX", 10_000)
    plan = plan_windows((180, 180), 100, 20)
    road = merged([fragment(0, 0, (0, 50, 100, 51)), fragment(1, 0, (80, 50, 180, 51))], plan)
    assert [item.is_too_large for item in road] == [False]
    corners = ((20, 20, 100, 100), (80, 20, 160, 100), (20, 80, 100, 160), (80, 80, 160, 160))
    (field,) = merged([fragment(window, 0, corner) for window, corner in enumerate(corners)], plan)
    assert field.is_too_large
    assert field.box_xyxy == (20.0, 20.0, 160.0, 160.0)
