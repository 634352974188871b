"""Outlines of squares at known distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from remotereasoner.scores.contours import apart, boundary_points, boundary_tolerance_px
from remotereasoner.scores.runs import Runs

FRAME = (32, 32)


def square(x: int, y: int, side: int) -> Runs:
    return Runs.of_crop(np.ones((side, side), dtype=np.bool_), (x, y), FRAME)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_the_outline_of_any_mask(mask: np.ndarray) -> None:
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    rows, columns = np.nonzero(mask & ~inner)
    wanted = sorted(zip((columns + 0.5).tolist(), (rows + 0.5).tolist(), strict=True))
    assert [tuple(point) for point in boundary_points(Runs.of_mask(mask)).tolist()] == wanted


def test_the_outline_of_a_square() -> None:
    points = boundary_points(square(10, 20, 4))
    assert len(points) == 12
    assert points.min(axis=0).tolist() == [10.5, 20.5]
    assert points.max(axis=0).tolist() == [13.5, 23.5]


def test_a_shift_is_its_own_hausdorff_distance() -> None:
    same = apart(square(5, 5, 8), square(5, 5, 8), tolerance_px=1)
    assert (same.boundary_f, same.mean_px, same.hausdorff_px) == (1.0, 0.0, 0.0)
    moved = apart(square(5, 5, 8), square(8, 5, 8), tolerance_px=1)
    assert moved.hausdorff_px == 3.0
    assert moved.mean_px is not None
    assert 0 < moved.mean_px < 3
    assert 0 < moved.boundary_f < 1
    assert apart(square(5, 5, 8), square(8, 5, 8), tolerance_px=3).boundary_f == 1.0


def test_mean_distance_by_hand() -> None:
    # One pixel at (0, 0); two pixels at (3, 0) and (4, 0): 3 one way, (3 + 4) / 2 back.
    one = square(0, 0, 1)
    two = Runs.of_crop(np.ones((1, 2), dtype=np.bool_), (3, 0), FRAME)
    found = apart(one, two, tolerance_px=3)
    assert found.mean_px == pytest.approx((3 + 3.5) / 2)
    assert found.hausdorff_px == 4.0
    assert found.boundary_f == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_empty_masks() -> None:
    assert apart(Runs.empty(FRAME), Runs.empty(FRAME), tolerance_px=1).boundary_f == 1.0
    alone = apart(Runs.empty(FRAME), square(0, 0, 3), tolerance_px=1)
    assert (alone.boundary_f, alone.mean_px, alone.hausdorff_px) == (0.0, None, None)


def test_tolerance_grows_with_the_frame() -> None:
    assert boundary_tolerance_px((10, 10)) == 1.0
    assert boundary_tolerance_px((3000, 4000)) == pytest.approx(40.0)
