from __future__ import annotations

import numpy as np
import pytest
from rasterio.features import rasterize

from remotereasoner.data.synth.areas import MIN_REGION_PX
from remotereasoner.data.synth.canvas import MIN_AREA_PX, MIN_SIDE_PX
from remotereasoner.data.synth.families import FAMILIES, GROUND_SIZES
from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.scene import DrawnScene, draw_scene
from remotereasoner.data.synth.trace import rings_of, rings_of_all
from remotereasoner.data.synth.vocabulary import ALL_CLASSES, AREA_CLASSES

SIDE = 256


def scene_of(family: str, number: int = 0, gsd: float | None = None, seed: int = 5, side: int = SIDE) -> DrawnScene:
    gsds = None if gsd is None else (gsd, gsd)
    return draw_scene(WorldOptions(seed=seed, side=side, families=(family,), gsd_m=gsds), number)


def filled(rings: list[list[int]], side: int) -> np.ndarray:
    """Even-odd, by the rule of pixel centres."""
    mask = np.zeros((side, side), np.uint8)
    for ring in rings:
        points = [list(p) for p in zip(ring[::2], ring[1::2], strict=True)]
        mask ^= rasterize([{"type": "Polygon", "coordinates": [[*points, points[0]]]}], (side, side), dtype="uint8")
    return mask > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_at_every_ground_size(family: str) -> None:
    sizes = FAMILIES[family].ground_sizes
    assert sizes
    for gsd in sizes:
        scene = scene_of(family, gsd=gsd, side=160)
        assert scene.gsd_m == gsd
        assert scene.pixels.shape == (160, 160, 4)
        assert scene.pixels.std() > 3
        assert {o.category for o in scene.objects} <= set(ALL_CLASSES)


def test_the_families_cover_all_ground_sizes() -> None:
    assert {g for f in FAMILIES.values() for g in f.ground_sizes} == set(GROUND_SIZES)


@pytest.mark.parametrize("family", FAMILIES)
def test_masks_boxes_and_polygons_agree(family: str) -> None:
    for number in range(2):
        scene = scene_of(family, number)
        assert scene.objects
        together = rings_of_all(scene.objects)
        for thing, rings in zip(scene.objects, together, strict=True):
            x1, y1, x2, y2 = thing.box
            assert 0 <= x1 < x2 <= SIDE
            assert 0 <= y1 < y2 <= SIDE
            mask = np.zeros((SIDE, SIDE), bool)
            mask[y1:y2, x1:x2] = thing.mask > 0
            ys, xs = np.nonzero(mask)
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == thing.box
            assert len(ys) == thing.area_px
            if thing.category in AREA_CLASSES:
                assert thing.area_px >= MIN_REGION_PX
            else:
                assert min(x2 - x1, y2 - y1) >= MIN_SIDE_PX
                assert thing.area_px >= MIN_AREA_PX
            assert sorted(rings) == sorted(rings_of(thing.mask, x1, y1))
            assert np.array_equal(filled(rings, SIDE), mask), (family, number, thing.category)


@pytest.mark.parametrize("family", FAMILIES)
def test_standing_things_do_not_overlap(family: str) -> None:
    """What stands on the ground is seen whole: nothing labelled lies under another one of these."""
    solid = {"airplane", "ship", "vehicle", "storage_tank", "building", "tree", "wind_turbine"}
    for number in range(3):
        scene = scene_of(family, number, seed=8)
        count = np.zeros((SIDE, SIDE), int)
        for thing in scene.objects:
            if thing.category in solid:
                x1, y1, x2, y2 = thing.box
                count[y1:y2, x1:x2] += thing.mask > 0
        assert count.max() <= 1


def test_a_scene_does_not_depend_on_the_one_before() -> None:
    options = WorldOptions(seed=2, side=192)
    alone = draw_scene(options, 7)
    for number in range(3):
        draw_scene(options, number)
    again = draw_scene(options, 7)
    assert np.array_equal(alone.pixels, again.pixels)
    assert [o.box for o in alone.objects] == [o.box for o in again.objects]
    assert not np.array_equal(alone.pixels, draw_scene(WorldOptions(seed=3, side=192), 7).pixels)


def test_sizes_are_true_to_scale() -> None:
    """Metres of the long side of what is wholly in view: cars, courts, planes, tracks."""
    wanted = {
        "vehicle": (3.9, 17.5),
        "tennis_court": (20.0, 29.5),
        "airplane": (8.0, 75.0),
        "ground_track_field": (125, 180),
    }
    seen: dict[str, list[float]] = {name: [] for name in wanted}
    for family, gsd in (("parking", 0.2), ("sports", 0.5), ("airport", 0.8), ("sports", 0.8)):
        for number in range(6):
            scene = scene_of(family, number, gsd, side=384)
            for thing in scene.objects:
                x1, y1, x2, y2 = thing.box
                if thing.category in wanted and x1 > 0 and y1 > 0 and x2 < 384 and y2 < 384:
                    seen[thing.category].append(float(np.hypot(x2 - x1, y2 - y1)) * gsd)
    for name, (low, high) in wanted.items():
        assert seen[name], name
        assert all(low <= length * 1.02 + 0.6 and length * 0.68 <= high for length in seen[name]), (name, seen[name])


def test_woods_at_fine_ground_sizes_leave_trees_unlabelled() -> None:
    assert "tree" not in scene_of("forest", gsd=0.5).exhaustive_for
    assert "tree" in scene_of("forest", gsd=10.0).exhaustive_for
