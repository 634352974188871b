from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.errors import UsageError
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import box_window, empty_mask, paste, points_per_box, trim, union, within

SIZE_HW = (20, 30)


@pytest.mark.parametrize(
    ("box_xyxy", "window"),
    [
        ((2.0, 3.0, 5.0, 7.0), (2, 3, 3, 4)),
        ((2.4, 3.0, 5.4, 7.0), (2, 3, 3, 4)),  # centres of columns 2, 3, 4
        ((2.5, 3.0, 5.5, 7.0), (2, 3, 3, 4)),  # half-open: 2.5 is in, 5.5 is out
        ((2.6, 3.0, 5.6, 7.0), (3, 3, 3, 4)),
        ((4.0, 0.0, 5.0, 20.0), (4, 0, 1, 20)),
        ((4.6, 3.0, 5.2, 7.0), (4, 3, 1, 4)),  # misses every centre: the column that its own centre is in
        ((4.9, 3.1, 5.3, 3.3), (5, 3, 1, 1)),
        ((29.7, 19.7, 30.0, 20.0), (29, 19, 1, 1)),
        ((-5.0, -5.0, 500.0, 500.0), (0, 0, 30, 20)),
    ],
)
def test_box_window_takes_the_pixels_whose_centres_are_inside(box_xyxy, window) -> None:
    assert box_window(box_xyxy, SIZE_HW) == window


@pytest.mark.parametrize(
    "box_xyxy",
    [
        (5.0, 5.0, 5.0, 9.0),
        (5.0, 5.0, 4.0, 9.0),
        (5.0, 9.0, 9.0, 9.0),
        (30.0, 0.0, 40.0, 9.0),
        (-9.0, 0.0, 0.0, 9.0),
        (float("nan"), 0.0, 4.0, 9.0),
        (0.0, 0.0, float("inf"), 9.0),
    ],
)
def test_box_window_of_nothing(box_xyxy) -> None:
    assert box_window(box_xyxy, SIZE_HW) is None


def test_box_window_agrees_with_the_definition_on_random_boxes() -> None:
    rng = np.random.default_rng(0)
    centres_x, centres_y = np.arange(30) + 0.5, np.arange(20) + 0.5
    for _ in range(500):
        x1, y1 = rng.uniform(-5, 25), rng.uniform(-5, 15)
        x2, y2 = x1 + rng.uniform(1, 12), y1 + rng.uniform(1, 12)
        columns = np.flatnonzero((centres_x >= x1) & (centres_x < x2))
        rows = np.flatnonzero((centres_y >= y1) & (centres_y < y2))
        if columns.size and rows.size:
            assert box_window((x1, y1, x2, y2), SIZE_HW) == (columns[0], rows[0], columns.size, rows.size)


def test_trim_cuts_to_the_content_and_owns_its_pixels() -> None:
    frame = np.zeros((10, 12), dtype=np.bool_)
    frame[3:5, 7:9] = True
    mask = trim(frame, (100, 200), 0.5)
    assert mask.offset_xy == (107, 203)
    assert mask.mask.shape == (2, 2)
    assert mask.mask.all()
    assert mask.score == 0.5
    assert mask.mask.base is None


def test_trim_of_nothing_is_the_empty_mask() -> None:
    mask = trim(np.zeros((4, 4), dtype=np.bool_), (3, 3), 0.9)
    assert mask.mask.shape == (0, 0)
    assert mask.score == 0.0
    assert trim(np.zeros((0, 0), dtype=np.bool_), (3, 3), 0.9).mask.shape == (0, 0)


def test_union_keeps_what_is_there_where_masks_overlap() -> None:
    ring = np.ones((3, 3), dtype=np.bool_)
    ring[1, 1] = False
    frame = union(
        [InstanceMask(np.ones((2, 2), np.bool_), (1, 1), 1.0), InstanceMask(ring, (1, 1), 1.0), empty_mask()], (6, 6)
    )
    assert frame.sum() == 9


def test_paste_refuses_a_mask_that_reaches_out() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        paste(InstanceMask(np.ones((2, 2), np.bool_), (5, 0), 1.0), np.zeros((6, 6), dtype=np.bool_))


def test_within_keeps_what_is_valid() -> None:
    valid = np.ones((6, 8), dtype=np.bool_)
    valid[:, :3] = False
    inside = InstanceMask(np.ones((2, 2), np.bool_), (4, 1), 0.5)
    assert within(inside, valid) is inside
    cut = within(InstanceMask(np.ones((2, 4), np.bool_), (1, 1), 0.5), valid)
    assert (cut.offset_xy, cut.mask.shape, cut.score) == ((3, 1), (2, 2), 0.5)
    assert within(InstanceMask(np.ones((2, 2), np.bool_), (0, 0), 0.5), valid).mask.shape == (0, 0)
    assert within(empty_mask(), valid).mask.shape == (0, 0)


def test_points_of_each_box() -> None:
    boxes = [(0.0, 0.0, 1.0, 1.0), (2.0, 2.0, 3.0, 3.0)]
    assert points_per_box([], None) == []
    assert points_per_box(boxes, None) == [[], []]
    assert points_per_box(boxes, [[(0.5, 0.5), (float("nan"), 0.2)], ()]) == [[(0.5, 0.5)], []]
    with pytest.raises(UsageError, match="0 lists of points for 2 boxes"):
        points_per_box(boxes, [])
