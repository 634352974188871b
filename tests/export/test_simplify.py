from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon

from remotereasoner.export.simplify import simplify_outlines
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.polygons import masks_to_polygons
from result_fixtures import disc

SIZE = (120, 160)
TEN_METRES = np.array([[10.0, 0.0], [0.0, -10.0]])
OBLONG = np.array([[26.0, -3.0], [15.0, 2.0]])  # rotated, sheared, not square


def outlines(frames: list[np.ndarray]) -> list[MultiPolygon]:
    return masks_to_polygons([InstanceMask(frame, (0, 0), 1.0) for frame in frames])


def mosaic(seed: int, count: int) -> list[np.ndarray]:
    """``count`` regions that cover the frame without gap or overlap: nearest of random points, ragged borders."""
    rng = np.random.default_rng(seed)
    points = rng.random((count, 2)) * [SIZE[1], SIZE[0]]
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    wobble = rng.normal(0, 1.5, (*SIZE, 1))
    nearest = (np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1]) + wobble).argmin(axis=-1)
    return [nearest == number for number in range(count) if (nearest == number).any()]


def furthest_m(before: MultiPolygon, after: MultiPolygon, to_metres: np.ndarray) -> float:
    one, other = (shapely.transform(shape, lambda xy: xy @ to_metres.T) for shape in (before, after))
    return float(shapely.distance(shapely.points(shapely.get_coordinates(one)), other.boundary).max())


@pytest.mark.parametrize("to_metres", [TEN_METRES, OBLONG])
@pytest.mark.parametrize("tolerance_m", [5.0, 12.0, 40.0])
def test_alone_within_the_tolerance(tolerance_m: float, to_metres: np.ndarray) -> None:
    (before,) = outlines([disc(SIZE, (80, 60), 50, hole=20)])
    (after,) = simplify_outlines([before], tolerance_m, to_metres)
    assert after.is_valid
    assert furthest_m(before, after, to_metres) <= tolerance_m + 1e-6
    assert len(after.geoms[0].interiors) == 1
    if tolerance_m > 10:
        assert shapely.get_num_coordinates(after) < shapely.get_num_coordinates(before) / 3


@pytest.mark.parametrize("to_metres", [TEN_METRES, OBLONG])
@pytest.mark.parametrize("seed", range(4))
def test_shared_borders_stay_shared(seed: int, to_metres: np.ndarray) -> None:
    before = outlines(mosaic(seed, 9))
    after = simplify_outlines(before, 25.0, to_metres)
    assert shapely.coverage_is_valid(after)  # no gap closed or opened along a border, no overlap
    assert all(outline.is_valid and not outline.is_empty for outline in after)
    assert max(furthest_m(*pair, to_metres) for pair in zip(before, after, strict=True)) <= 25.0 + 1e-6
    total = sum(shapely.get_num_coordinates(outline) for outline in after)
    assert total < 0.7 * sum(shapely.get_num_coordinates(outline) for outline in before)
    whole = shapely.union_all(after)
    assert whole.area == pytest.approx(sum(outline.area for outline in after), rel=1e-9)


def test_one_by_one_a_border_would_tear() -> None:
    """What the coverage is for: the same outlines simplified alone leave gaps and overlaps."""
    alone = [simplify_outlines([outline], 25.0, TEN_METRES)[0] for outline in outlines(mosaic(0, 9))]
    assert not shapely.coverage_is_valid(alone)


def test_an_island_in_a_hole_keeps_to_it() -> None:
    ring, island = outlines([disc(SIZE, (80, 60), 50, hole=20), disc(SIZE, (80, 60), 20)])
    one, other = simplify_outlines([ring, island], 15.0, TEN_METRES)
    assert shapely.intersection(one, other).area == pytest.approx(0)
    assert shapely.union(one, other).geom_type == "Polygon"
    assert not shapely.union(one, other).interiors


def test_overlapping_outlines_are_simplified_alone() -> None:
    before = outlines([disc(SIZE, (60, 60), 30), disc(SIZE, (80, 60), 30)])
    after = simplify_outlines(before, 15.0, TEN_METRES)
    for one, other in zip(before, after, strict=True):
        assert shapely.get_num_coordinates(other) < shapely.get_num_coordinates(one)
        assert furthest_m(one, other, TEN_METRES) <= 15.0 + 1e-6


def test_neighbours_far_away_do_not_matter() -> None:
    frames = [disc(SIZE, (30, 60), 20), disc(SIZE, (120, 60), 20)]
    both = simplify_outlines(outlines(frames), 15.0, TEN_METRES)
    alone = [simplify_outlines(outlines([frame]), 15.0, TEN_METRES)[0] for frame in frames]
    assert both == alone


@pytest.mark.parametrize("tolerance_m", [0.0, 1e-3, 1e6])
def test_extremes(tolerance_m: float) -> None:
    before = [
        *outlines([disc(SIZE, (80, 60), 30), np.pad(np.ones((1, 1), bool), ((5, 114), (7, 152)))]),
        MultiPolygon(),
    ]
    after = simplify_outlines(before, tolerance_m, TEN_METRES)
    assert [outline.is_empty for outline in after] == [False, False, True]
    assert all(outline.is_valid for outline in after)
    if tolerance_m < 1:
        assert [outline.area for outline in after] == pytest.approx([outline.area for outline in before])


def test_nothing_to_do() -> None:
    assert simplify_outlines([], 5.0, TEN_METRES) == []
