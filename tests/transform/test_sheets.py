from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.transform import sheets
from remotereasoner.transform.sheets import lay_out


@pytest.mark.parametrize("sheet_px", [1 << 22, 3000])
@pytest.mark.parametrize("most", [65_535, 7])
def test_everything_is_laid_out_once_and_nothing_overlaps(sheet_px, most, monkeypatch) -> None:
    monkeypatch.setattr(sheets, "SHEET_PX", sheet_px)
    monkeypatch.setattr(sheets, "MOST_ON_A_SHEET", most)
    rng = np.random.default_rng(0)
    sizes = [tuple(int(n) for n in size) for size in rng.integers(0, 60, size=(200, 2))]
    seen = []
    for sheet in lay_out(sizes):
        assert len(sheet.indices) == len(sheet.corners_xy) <= most
        frame = np.zeros(sheet.size_hw, dtype=np.uint8)
        for index, (x, y) in zip(sheet.indices, sheet.corners_xy, strict=True):
            height, width = sizes[index]
            part = frame[y : y + height, x : x + width]
            assert part.shape == (height, width)
            part += 1
        assert frame.max() == 1
        assert frame.mean() > 0.6 or len(sheet.indices) < 20
        seen += sheet.indices
    assert sorted(seen) == [i for i, (height, width) in enumerate(sizes) if height * width]


def test_a_large_one_is_alone_and_costs_its_own_size() -> None:
    large = (4000, 3000)
    sheets_made = list(lay_out([(10, 10), large, (20, 5)]))
    assert sorted(len(sheet.indices) for sheet in sheets_made) == [1, 2]
    assert next(sheet for sheet in sheets_made if sheet.indices == (1,)).size_hw == large


def test_nothing_needs_no_sheet() -> None:
    assert list(lay_out([])) == []
    assert list(lay_out([(0, 0), (0, 5)])) == []
