from __future__ import annotations

import numpy as np
import pytest
from shapely import MultiPolygon, Polygon

from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim, union
from remotereasoner.transform.polygons import exteriors, mask_to_polygons, polygons_to_frame, polygons_to_mask
from remotereasoner.types import BoolArray


def random_mask(rng: np.random.Generator) -> InstanceMask:
    """Salt and pepper of any density, or smooth blobs: with holes, islands in holes and parts that touch at corners."""
    height, width = (int(v) for v in rng.integers(1, 33, size=2))
    field = rng.random((height, width))
    if rng.random() < 0.5:
        for axis in (0, 1):
            field = field + np.roll(field, 1, axis) + np.roll(field, -1, axis)
    mask = field > np.quantile(field, rng.random())
    offset_xy = (int(rng.integers(0, 5000)), int(rng.integers(0, 5000)))
    return InstanceMask(mask, offset_xy, 1.0)


def components(mask: BoolArray, *, diagonal: bool) -> int:
    """Connected components by flooding: written apart from GDAL."""
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(mask), strict=True)}
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)] + ([(1, 1), (1, -1), (-1, 1), (-1, -1)] if diagonal else [])
    count = 0
    while left:
        count += 1
        front = [left.pop()]
        while front:
            r, c = front.pop()
            for dr, dc in steps:
                if (r + dr, c + dc) in left:
                    left.remove((r + dr, c + dc))
                    front.append((r + dr, c + dc))
    return count


def check_round_trip(rng: np.random.Generator) -> None:
    mask = random_mask(rng)
    polygons = mask_to_polygons(mask)
    assert polygons.is_valid
    assert polygons.area == mask.mask.sum()
    assert len(polygons.geoms) == components(mask.mask, diagonal=False)
    # Holes of 4-connected objects are 4-connected in GDAL, too: two that touch at a corner stay two rings or share one.
    back = polygons_to_mask(polygons)
    expected = trim(mask.mask, mask.offset_xy, 1.0)
    assert back.offset_xy == expected.offset_xy
    assert np.array_equal(back.mask, expected.mask)
    again = mask_to_polygons(back)
    assert len(again.geoms) == len(polygons.geoms)
    assert [len(p.interiors) for p in again.geoms] == [len(p.interiors) for p in polygons.geoms]


def test_2000_random_masks_survive_the_round_trip() -> None:
    rng = np.random.default_rng(1)
    for _ in range(2000):
        check_round_trip(rng)


@pytest.mark.slow
def test_50000_random_masks_survive_the_round_trip() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50_000):
        check_round_trip(rng)
