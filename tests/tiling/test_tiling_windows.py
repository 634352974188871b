from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.errors import UsageError
from remotereasoner.tiling.windows import MAX_ASPECT, Level, plan_windows


@pytest.mark.parametrize("size_hw", [(1, 1), (5, 9000), (64, 64), (65, 64), (333, 1000), (20_000, 31), (700, 701)])
@pytest.mark.parametrize(("tile", "overlap"), [(64, 0), (64, 1), (64, 63), (100, 25), (768, 192)])
def test_windows_cover_everything_and_share_what_they_should(size_hw: tuple[int, int], tile: int, overlap: int) -> None:
    plan = plan_windows(size_hw, tile, overlap)
    height, width = size_hw
    for starts, length, side, shared in (
        (plan.x_starts, width, plan.tile_wh[0], plan.overlap_wh[0]),
        (plan.y_starts, height, plan.tile_wh[1], plan.overlap_wh[1]),
    ):
        assert starts[0] == 0
        assert starts[-1] + side == length
        steps = np.diff(starts)
        assert (steps > 0).all()
        assert (steps <= side - shared).all()
        assert shared < side
    assert max(plan.tile_wh) <= MAX_ASPECT * min(plan.tile_wh)
    assert len(plan.bounds) == len(plan)
    last = plan.window(len(plan) - 1)
    assert (last.col_off + last.width, last.row_off + last.height) == (width, height)


def test_windows_of_a_ribbon_are_shorter_and_share_as_much_less() -> None:
    plan = plan_windows((2, 9000), 768, 192)
    assert plan.tile_wh == (200, 2)
    assert plan.overlap_wh == (50, 0)


def test_windows_around_a_box() -> None:
    plan = plan_windows((1000, 1000), 100, 20)
    assert plan.touching([(85, 5, 90, 6)]) == [0, 1]
    assert plan.touching([(80, 80, 80.5, 80.5), (999, 999, 1000, 1000)]) == [0, 1, 13, 14, len(plan) - 1]
    assert plan.touching([(-50, -50, 0, 0)]) == []
    assert plan.covered_px([0, 1]) == 180 * 100
    assert plan.covered_px([]) == 0
    assert plan.covered_px(range(len(plan))) == 1_000_000


def test_an_overlap_as_large_as_the_tile_is_refused() -> None:
    with pytest.raises(UsageError, match="less than the tile's 64 px, got 64"):
        plan_windows((300, 300), 64, 64)


def test_levels_have_whole_pixels_and_cover_the_scene() -> None:
    level = Level.of((1000, 777), 4)
    assert level.size_hw == (250, 195)
    assert level.scale_xy == (777 / 195, 4.0)
    assert Level.of((1000, 777), 1).is_native
    assert Level.of((1000, 3), 64).size_hw == (16, 1)
