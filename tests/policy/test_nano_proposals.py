from __future__ import annotations

import itertools
import math
from typing import cast

import numpy as np
import pytest
import torch

from nano_parts import ChosenTower, Thing
from remotereasoner.policy.nano.proposals import Perception, ProposalSettings, area_map, perceive, view_of
from remotereasoner.policy.nano.tower import PerceptionTower
from remotereasoner.policy.nano.vocabulary import AREAS, CLASSES, THINGS

Cell = tuple[int, int]


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def look(tower: ChosenTower, image: np.ndarray, settings: ProposalSettings | None = None) -> Perception:
    return perceive(cast("PerceptionTower", tower), image, settings)


@pytest.mark.parametrize(
    ("image_hw", "view_hw"),
    [
        ((300, 400), (300, 400)),  # as it is
        ((768, 500), (768, 500)),
        ((1000, 1536), (500, 768)),  # reduced
        ((96, 120), (144, 180)),  # enlarged by 1.5 at most
        ((320, 300), (384, 360)),  # enlarged towards 384
        ((3, 4000), (8, 768)),  # never thinner than a cell
    ],
)
def test_views(image_hw: tuple[int, int], view_hw: tuple[int, int]) -> None:
    assert view_of(image_hw, ProposalSettings()) == view_hw


@pytest.mark.parametrize(
    ("image_hw", "padded_hw"), [((300, 400), (320, 416)), ((1000, 1536), (512, 768)), ((96, 120), (160, 192))]
)
def test_boxes_come_back_in_pixels_of_the_image(image_hw: tuple[int, int], padded_hw: tuple[int, int]) -> None:
    height, width = image_hw
    view_h, view_w = view_of(image_hw, ProposalSettings())
    box = (10.0, 20.0, 101.0, 61.0)
    tower = ChosenTower([("ship", 0.8, box)])
    perception = look(tower, grey(height, width))
    assert tower.sizes == [padded_hw]
    sx, sy = width / view_w, height / view_h
    (ship,) = perception.proposals
    assert ship.box_xyxy == pytest.approx((10 * sx, 20 * sy, 101 * sx, 61 * sy), abs=1e-3)
    assert ship.class_index == CLASSES.index("ship")
    assert ship.score == pytest.approx(0.8, abs=1e-6)
    assert ship.size_px2 == pytest.approx(91 * 41 * sx * sy, rel=1e-5)
    assert ship.point_xy == pytest.approx((55.5 * sx, 40.5 * sy), abs=1e-3)
    assert len(ship.class_probs) == len(THINGS)
    assert ship.class_probs[THINGS.index("ship")] == ship.score


def test_the_view_is_padded_below_and_right_with_grey() -> None:
    tower = ChosenTower()
    look(tower, grey(300, 400))
    (x,) = tower.images
    assert (x[:, :, :300, :400] == 90).all()
    assert (x[:, :, 300:] == 114).all()
    assert (x[:, :, :, 400:] == 114).all()


def test_boxes_end_at_the_image_and_slivers_go() -> None:
    tower = ChosenTower(
        [
            ("ship", 0.9, (350.0, 250.0, 412.0, 315.0)),  # reaches into the padding
            ("tree", 0.9, (40.0, 40.0, 41.5, 90.0)),  # 1.5 px wide
            ("harbor", 0.9, (402.0, 100.0, 414.0, 110.0)),  # in the padding only
            ("bridge", 0.9, (60.0, 60.0, 62.0, 90.0)),
        ]
    )
    seen = {CLASSES[p.class_index]: p.box_xyxy for p in look(tower, grey(300, 400)).proposals}
    assert set(seen) == {"ship", "bridge"}
    assert seen["ship"] == pytest.approx((350, 250, 400, 300), abs=1e-3)


def pair_at(iou: float, first: str, second: str) -> list[Thing]:
    """Two boxes 100 px wide, shifted so that they overlap by ``iou``; the first is surer."""
    shift = 100 * (1 - iou) / (1 + iou)
    return [(first, 0.9, (40.0, 40.0, 140.0, 120.0)), (second, 0.6, (40.0 + shift, 40.0, 140.0 + shift, 120.0))]


@pytest.mark.parametrize(
    ("iou", "second", "kept"),
    [(0.45, "ship", 2), (0.55, "ship", 1), (0.55, "harbor", 2), (0.7, "harbor", 2), (0.8, "harbor", 1)],
)
def test_overlaps_are_thinned_out_within_a_class_and_across(iou: float, second: str, kept: int) -> None:
    proposals = look(ChosenTower(pair_at(iou, "ship", second)), grey(300, 400)).proposals
    assert len(proposals) == kept
    assert max(p.score for p in proposals) == pytest.approx(0.9, abs=1e-6)


def test_a_limit_of_overlap_per_class() -> None:
    limits = tuple(0.3 if name == "overpass" else 0.5 for name in THINGS)
    settings = ProposalSettings(class_ious=limits)
    for name, kept in (("overpass", 1), ("ship", 2)):
        assert len(look(ChosenTower(pair_at(0.4, name, name)), grey(300, 400), settings).proposals) == kept


def test_a_tower_brings_its_settings() -> None:
    facts = {
        "class_min_scores": [0.3] * len(THINGS),
        "class_ious": [0.4] * len(THINGS),
        "area_goes_on": [0.2, 0.5, 0.5, 0.5],
        "area_min_of_largest": 0.1,
    }
    settings = ProposalSettings.of_tower(facts)
    assert settings.class_ious == (0.4,) * len(THINGS)
    assert settings.area_goes_on == (0.2, 0.5, 0.5, 0.5)
    assert settings.area_min_of_largest == 0.1
    plain = ProposalSettings.of_tower({"class_min_scores": [0.3] * len(THINGS)})
    assert (plain.class_ious, plain.area_goes_on, plain.area_min_of_largest) == (None, None, 0.0)


def test_a_crumb_of_an_area_is_not_proposed() -> None:
    tower = ChosenTower(areas={"road": block(0, 0, 10, 20) + block(20, 20, 3, 5)})
    assert len(look(tower, grey(320, 416)).proposals) == 2
    assert len(look(tower, grey(320, 416), ProposalSettings(area_min_of_largest=0.1)).proposals) == 1


def test_suppressed_boxes_suppress_nothing() -> None:
    """Three in a row: the middle one goes, so that the last one stays although it overlapped the middle one."""
    row = [("ship", score, (x, 40.0, x + 100.0, 120.0)) for score, x in ((0.9, 40.0), (0.8, 65.0), (0.7, 90.0))]
    proposals = look(ChosenTower(row), grey(300, 400)).proposals
    assert [round(p.box_xyxy[0]) for p in proposals] == [40, 90]


def spread(*scored: tuple[str, float]) -> list[Thing]:
    return [(name, s, (10.0 + 30 * k, 16.0, 30.0 + 30 * k, 40.0)) for k, (name, s) in enumerate(scored)]


def test_one_threshold_for_all() -> None:
    things = spread(("ship", 0.2), ("ship", 0.3), ("tree", 0.6))
    assert len(look(ChosenTower(things), grey(300, 400)).proposals) == 2
    assert len(look(ChosenTower(things), grey(300, 400), ProposalSettings(min_score=0.5)).proposals) == 1


def test_a_threshold_per_class() -> None:
    limits = tuple(0.7 if name == "ship" else 0.1 for name in THINGS)
    settings = ProposalSettings(class_min_scores=limits)
    things = spread(("ship", 0.69), ("ship", 0.71), ("tree", 0.11), ("tree", 0.09))
    seen = [
        (CLASSES[p.class_index], round(p.score, 2))
        for p in look(ChosenTower(things), grey(300, 400), settings).proposals
    ]
    assert seen == [("ship", 0.71), ("tree", 0.11)]


def test_order_is_by_class_then_score() -> None:
    things = spread(("tree", 0.9), ("ship", 0.4), ("ship", 0.8), ("airplane", 0.3))
    seen = [(CLASSES[p.class_index], round(p.score, 1)) for p in look(ChosenTower(things), grey(300, 400)).proposals]
    assert seen == [("airplane", 0.3), ("ship", 0.8), ("ship", 0.4), ("tree", 0.9)]


def block(top: int, left: int, height: int, width: int) -> list[Cell]:
    return list(itertools.product(range(top, top + height), range(left, left + width)))


def test_areas_come_before_things_where_room_is_short() -> None:
    tower = ChosenTower(
        spread(("ship", 0.9), ("ship", 0.8), ("ship", 0.7)), {"water": block(20, 0, 4, 4), "road": block(20, 30, 4, 4)}
    )
    for most in range(1, 6):
        names = [
            CLASSES[p.class_index] for p in look(tower, grey(320, 416), ProposalSettings(max_proposals=most)).proposals
        ]
        assert len(names) == most
        assert sum(n in AREAS for n in names) == min(most, 2)
        assert names.count("ship") == max(0, most - 2)


def test_the_surest_things_fill_the_room() -> None:
    things = spread(*(("ship", 0.3 + 0.05 * k) for k in range(10)))
    proposals = look(ChosenTower(things), grey(300, 400), ProposalSettings(max_proposals=4)).proposals
    assert [round(p.score, 2) for p in proposals] == [0.75, 0.7, 0.65, 0.6]


def inside(point_xy: tuple[float, float], cells: list[Cell]) -> bool:
    return (math.floor(point_xy[1] / 8), math.floor(point_xy[0] / 8)) in cells


def test_an_area_has_its_box_size_and_a_point_well_inside() -> None:
    cells = block(4, 6, 10, 12)
    (water,) = look(ChosenTower(areas={"water": cells}), grey(320, 416)).proposals
    assert CLASSES[water.class_index] == "water"
    assert water.box_xyxy == (48, 32, 144, 112)
    assert water.size_px2 == 96 * 80
    assert water.score > 0.95
    assert set(water.class_probs) == {0.0}
    assert {type(v) for v in (*water.box_xyxy, *water.point_xy, water.score, water.size_px2)} == {float}
    assert 48 + 24 < water.point_xy[0] < 144 - 24
    assert 32 + 24 < water.point_xy[1] < 112 - 24


def test_areas_scale_with_their_view() -> None:
    (water,) = look(ChosenTower(areas={"water": block(4, 6, 10, 12)}), grey(640, 1536)).proposals
    assert water.box_xyxy == (96, 64, 288, 224)
    assert water.size_px2 == 4 * 96 * 80


def test_an_area_over_everything_ends_at_the_image() -> None:
    (land,) = look(ChosenTower(areas={"land": block(0, 0, 40, 52)}), grey(300, 397)).proposals
    assert land.box_xyxy == (0, 0, 397, 300)
    assert 0 <= land.point_xy[0] < 397
    assert 0 <= land.point_xy[1] < 300


RING = [c for c in block(3, 3, 11, 15) if c not in block(4, 4, 9, 13)]
SHAPES = {
    "ring": RING,
    "thick ring": [c for c in block(3, 3, 16, 16) if c not in block(7, 7, 8, 8)],
    "row": block(5, 0, 1, 50),
    "column": block(0, 7, 38, 1),
    "hook": block(2, 2, 1, 30) + block(2, 31, 20, 1),
    "comb": block(2, 2, 1, 21) + [c for k in range(0, 21, 2) for c in block(3, 2 + k, 12, 1)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_point_of_an_odd_shape_lies_on_it(name: str) -> None:
    cells = SHAPES[name]
    (road,) = look(ChosenTower(areas={"road": cells}), grey(320, 416)).proposals
    rows, cols = zip(*cells, strict=True)
    assert inside(road.point_xy, cells)
    assert road.size_px2 == 64 * len(set(cells))
    assert road.box_xyxy == (8 * min(cols), 8 * min(rows), 8 * max(cols) + 8, 8 * max(rows) + 8)


def flood(cells: set[Cell]) -> list[set[Cell]]:
    """4-connected parts."""
    parts, left = [], set(cells)
    while left:
        part, edge = set(), [left.pop()]
        while edge:
            row, col = edge.pop()
            part.add((row, col))
            for near in ((row + 1, col), (row - 1, col), (row, col + 1), (row, col - 1)):
                if near in left:
                    left.remove(near)
                    edge.append(near)
        parts.append(part)
    return parts


@pytest.mark.parametrize("seed", range(8))
def test_areas_are_the_connected_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = {(int(r), int(c)) for r, c in np.argwhere(rng.random((20, 26)) < rng.uniform(0.3, 0.7))}
    settings = ProposalSettings(area_min_share=0.0, max_areas_per_class=1000, max_proposals=1000, view_min_px=0)
    regions = look(ChosenTower(areas={"vegetation": list(cells)}), grey(160, 208), settings).proposals
    left = flood(cells)
    for region in regions:
        (mine,) = [part for part in left if inside(region.point_xy, list(part))]
        left.remove(mine)
        rows, cols = zip(*mine, strict=True)
        assert region.size_px2 == 64 * len(mine)
        assert region.box_xyxy == (8 * min(cols), 8 * min(rows), 8 * max(cols) + 8, 8 * max(rows) + 8)
    assert not left


def test_small_parts_go_and_the_largest_of_many_stay() -> None:
    blocks = [block(0, 9 * k, 3, n) for k, n in enumerate((3, 4, 5, 6))] + [block(10, 9 * k, 3, 7) for k in range(3)]
    crumb = block(20, 20, 1, 2)  # 128 px² of 133,120: under 0.4 %
    tower = ChosenTower(areas={"road": [c for b in [*blocks, crumb] for c in b]})
    sizes = sorted(p.size_px2 for p in look(tower, grey(320, 416)).proposals)
    assert sizes == [64 * 3 * n for n in (5, 6, 7, 7, 7)]
    all_of_them = look(tower, grey(320, 416), ProposalSettings(max_areas_per_class=99)).proposals
    assert sorted(p.size_px2 for p in all_of_them) == [64 * 3 * n for n in (3, 4, 5, 6, 7, 7, 7)]


def test_maps_of_areas_leave_the_padding_out() -> None:
    tower = ChosenTower(areas={"water": block(0, 0, 40, 25)})  # the left half, and all of the padding below it
    image = grey(300, 400)
    probabilities = area_map(cast("PerceptionTower", tower), image)
    assert probabilities.shape == (len(AREAS), 75, 100)
    water = probabilities[AREAS.index("water")] > 0.5
    assert water[:, :50].all()
    assert not water[:, 50:].any()


@pytest.mark.parametrize("image_hw", [(300, 400), (5, 5), (1, 900), (2000, 40)])
def test_nothing_seen_is_nothing_proposed(image_hw: tuple[int, int]) -> None:
    perception = look(ChosenTower(), grey(*image_hw))
    assert perception.proposals == ()


def test_a_real_tower_runs_through() -> None:
    torch.manual_seed(0)
    tower = PerceptionTower(16).eval()
    image = np.random.default_rng(0).integers(0, 255, (70, 50, 3), dtype=np.uint8)
    settings = ProposalSettings(min_score=0.0, view_min_px=0, max_proposals=12)
    perception = perceive(tower, image, settings)
    assert len(perception.proposals) == 12
    for p in perception.proposals:
        x1, y1, x2, y2 = p.box_xyxy
        assert 0 <= x1 < x2 <= 50
        assert 0 <= y1 < y2 <= 70
        assert x1 <= p.point_xy[0] <= x2
        assert y1 <= p.point_xy[1] <= y2
        assert 0 <= p.score <= 1
