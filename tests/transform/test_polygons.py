from __future__ import annotations

import numpy as np
import pytest
from shapely import MultiPolygon, Polygon, box, get_coordinates
from shapely.affinity import translate

from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim, union
from remotereasoner.transform.polygons import (
    exteriors,
    mask_to_polygons,
    masks_to_polygons,
    polygons_to_frame,
    polygons_to_mask,
)
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


def components(mask: BoolArray) -> int:
    """4-connected components by flooding: written apart from GDAL."""
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(mask), strict=True)}
    count = 0
    while left:
        count += 1
        front = [left.pop()]
        while front:
            r, c = front.pop()
            for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                if (r + dr, c + dc) in left:
                    left.remove((r + dr, c + dc))
                    front.append((r + dr, c + dc))
    return count


def check_round_trip(rng: np.random.Generator) -> None:
    mask = random_mask(rng)
    polygons = mask_to_polygons(mask)
    assert polygons.is_valid
    assert polygons.area == mask.mask.sum()
    assert len(polygons.geoms) == components(mask.mask)
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


def test_holes_are_counted_as_flooding_counts_them() -> None:
    """Per part, each 4-connected piece of what is not the part is a hole, but for the one outside."""
    rng = np.random.default_rng(3)
    holes = 0
    for _ in range(60):
        mask = random_mask(rng)
        for part in mask_to_polygons(mask).geoms:
            x, y = mask.offset_xy
            pixels = polygons_to_frame([translate(part, 1 - x, 1 - y)], tuple(n + 2 for n in mask.mask.shape))
            assert len(part.interiors) == components(~pixels) - 1
            holes += len(part.interiors)
    assert holes > 100


def test_many_masks_together_are_outlined_as_one_by_one() -> None:
    rng = np.random.default_rng(4)
    masks = [random_mask(rng) for _ in range(150)]
    masks[7] = empty_mask()
    together = masks_to_polygons(masks)
    assert len(together) == 150
    assert together[7].is_empty
    for mask, polygons in zip(masks, together, strict=True):
        alone = mask_to_polygons(mask)
        assert polygons.equals_exact(alone, 0)
        assert len(get_coordinates(polygons)) == len(get_coordinates(alone))
    assert masks_to_polygons([]) == []


def test_parts_come_in_the_order_of_their_first_pixels() -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        firsts = [min((y, x) for x, y in get_coordinates(part)) for part in mask_to_polygons(random_mask(rng)).geoms]
        assert firsts == sorted(firsts)


def test_small_objects_keep_their_area() -> None:
    pixel = mask_to_polygons(InstanceMask(np.ones((1, 1), np.bool_), (7, 9), 1.0))
    assert pixel.equals(box(7, 9, 8, 10))
    line = mask_to_polygons(InstanceMask(np.ones((1, 3), np.bool_), (0, 0), 1.0))
    assert line.area == 3


def test_a_hole_with_an_island() -> None:
    pixels = np.ones((7, 7), dtype=np.bool_)
    pixels[1:6, 1:6] = False
    pixels[3, 3] = True
    polygons = mask_to_polygons(InstanceMask(pixels, (10, 20), 1.0))
    assert sorted(len(part.interiors) for part in polygons.geoms) == [0, 1]
    assert polygons.area == 7 * 7 - 5 * 5 + 1
    assert exteriors(polygons).equals(box(10, 20, 17, 27))


def test_parts_that_touch_at_a_corner_stay_two() -> None:
    polygons = mask_to_polygons(InstanceMask(np.eye(2, dtype=np.bool_), (0, 0), 1.0))
    assert len(polygons.geoms) == 2
    assert polygons.is_valid
    assert len(exteriors(polygons).geoms) == 2


@pytest.mark.parametrize("mask", [empty_mask(), InstanceMask(np.zeros((3, 4), np.bool_), (1, 1), 0.3)])
def test_nothing_is_an_empty_multipolygon(mask: InstanceMask) -> None:
    polygons = mask_to_polygons(mask)
    assert isinstance(polygons, MultiPolygon)
    assert polygons.is_empty
    assert polygons_to_mask(polygons).mask.shape == (0, 0)
    assert exteriors(polygons).is_empty
    assert not polygons_to_frame([polygons], (4, 4)).any()


def test_polygons_between_pixel_centres_have_no_pixels() -> None:
    assert polygons_to_mask(MultiPolygon([box(2.6, 2.6, 2.9, 2.9)])).mask.shape == (0, 0)
    assert polygons_to_mask(MultiPolygon([Polygon([(2, 2), (2, 2), (2, 2), (2, 2)])])).mask.shape == (0, 0)


def test_frame_takes_what_is_inside_it() -> None:
    frame = polygons_to_frame([box(-5, -5, 2, 3), box(3, 3, 40, 40)], (4, 5))
    expected = np.zeros((4, 5), dtype=np.bool_)
    expected[:3, :2] = True
    expected[3:, 3:] = True
    assert np.array_equal(frame, expected)
    assert np.array_equal(frame, union([trim(frame, (0, 0), 1.0)], (4, 5)))
