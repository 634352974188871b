"""Relations against a slow reading of their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.relations import Relation, relations_of
from remotereasoner.data.synth.scene import DrawnScene, draw_scene
from remotereasoner.data.synth.thing import Thing

SIDE = 128


def pixels(thing: Thing) -> np.ndarray:
    ys, xs = np.nonzero(thing.mask)
    return np.stack((xs + thing.x, ys + thing.y), 1)


def gap(scene: DrawnScene, one: int, landmark: Relation) -> float:
    others = (
        [k for k, o in enumerate(scene.objects) if o.category == "water"]
        if landmark.of_object is None
        else [landmark.of_object]
    )
    there = np.concatenate([pixels(scene.objects[k]) for k in others])
    return float(cdist(pixels(scene.objects[one]), there).min())


def inside(scene: DrawnScene, one: int, other: int) -> float:
    there = {tuple(p) for p in pixels(scene.objects[other]).tolist()}
    mine = pixels(scene.objects[one]).tolist()
    return sum(tuple(p) in there for p in mine) / len(mine)


KEYS = {
    "largest": lambda o: o.area_px,
    "smallest": lambda o: -o.area_px,
    "northernmost": lambda o: -o.centre[1],
    "southernmost": lambda o: o.centre[1],
    "westernmost": lambda o: -o.centre[0],
    "easternmost": lambda o: o.centre[0],
    "nearest_center": lambda o: -math.dist(o.centre, (SIDE / 2, SIDE / 2)),
    "top_left": lambda o: -math.dist(o.centre, (0, 0)),
    "top_right": lambda o: -math.dist(o.centre, (SIDE, 0)),
    "bottom_left": lambda o: -math.dist(o.centre, (0, SIDE)),
    "bottom_right": lambda o: -math.dist(o.centre, (SIDE, SIDE)),
}
BEYOND = {
    "north_of": lambda a, b: a[3] <= b[1],
    "south_of": lambda a, b: a[1] >= b[3],
    "west_of": lambda a, b: a[2] <= b[0],
    "east_of": lambda a, b: a[0] >= b[2],
}


def check(scene: DrawnScene, relation: Relation) -> None:
    members = [k for k, o in enumerate(scene.objects) if o.category == relation.category]
    objects = scene.objects
    assert set(relation.objects) <= set(members)
    if relation.kind in KEYS:
        assert max(members, key=lambda k: KEYS[relation.kind](objects[k])) == relation.objects[0]
    elif relation.kind == "most_isolated":
        nearest = {k: min(math.dist(objects[k].centre, objects[j].centre) for j in members if j != k) for k in members}
        assert max(nearest, key=lambda k: nearest[k]) == relation.objects[0]
    elif relation.kind in ("nearest", "nearest_water"):
        assert min(members, key=lambda k: gap(scene, k, relation)) == relation.objects[0]
    elif relation.kind == "on":
        assert relation.of_object is not None
        shares = {k: inside(scene, k, relation.of_object) for k in members}
        assert {k for k in members if shares[k] >= 0.8} == set(relation.objects)
        assert all(share >= 0.8 or share <= 0.2 for share in shares.values())
    elif relation.kind == "next_to":
        gaps = {k: gap(scene, k, relation) for k in members}
        assert {k for k in members if 0 < gaps[k] <= 0.03 * SIDE} == set(relation.objects)
        assert all(0 < g <= 0.03 * SIDE or g >= 0.06 * SIDE for g in gaps.values())
    else:
        assert relation.of_object is not None
        holds = BEYOND[relation.kind]
        there = objects[relation.of_object].box
        assert {k for k in members if holds(objects[k].box, there)} == set(relation.objects)


def test_relations_hold_by_their_definitions() -> None:
    kinds: set[str] = set()
    for family in ("harbor", "bridge", "overpass", "roads", "parking", "airport", "sports", "coast", "dam"):
        for number in range(4):
            scene = draw_scene(WorldOptions(seed=1, side=SIDE, families=(family,)), number)
            for relation in relations_of(scene.objects, SIDE):
                check(scene, relation)
                kinds.add(relation.kind)
    assert kinds >= {*KEYS, "most_isolated", "nearest_water", "nearest", "on", "next_to", "north_of", "east_of"}


@pytest.mark.parametrize(("second", "found"), [(100, False), (80, True)])
def test_what_is_nearly_as_large_leaves_no_largest(second: int, found: bool) -> None:
    a = Thing("ship", 0, 0, np.full((10, 10), 255, np.uint8), 100)
    b = Thing("ship", 50, 50, np.full((10, 10), 255, np.uint8), second)
    assert any(r.kind == "largest" for r in relations_of([a, b], SIDE)) is found
