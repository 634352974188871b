from __future__ import annotations

import math

import numpy as np
import pytest

from remotereasoner.policy.nano.listing import (
    RELATION_WORDS,
    RELATIONS,
    ListedObject,
    Listing,
    list_objects,
    make_listing,
)
from remotereasoner.policy.nano.proposals import Perception, Proposal
from remotereasoner.policy.nano.vocabulary import CLASSES, THINGS

SHIP, HARBOR, WATER = (CLASSES.index(name) for name in ("ship", "harbor", "water"))


def item(class_index: int, box: tuple[float, float, float, float], score: float = 0.5, source: int = 0) -> ListedObject:
    return ListedObject(class_index, box, (box[2] - box[0]) * (box[3] - box[1]), score, source)


def random_objects(rng: np.random.Generator, count: int) -> list[ListedObject]:
    objects = []
    for n in range(count):
        x1, y1 = rng.uniform(0, 0.8, 2)
        width, height = rng.uniform(0.01, 0.2, 2)
        box = (float(x1), float(y1), float(x1 + width), float(y1 + height))
        objects.append(item(int(rng.choice([0, SHIP, HARBOR, WATER])), box, float(rng.random()), n))
    return objects


def centre(o: ListedObject) -> tuple[float, float]:
    return (o.box_01[0] + o.box_01[2]) / 2, (o.box_01[1] + o.box_01[3]) / 2


def gap(a: ListedObject, b: ListedObject) -> float:
    """Distance between two boxes, 0 where they touch."""
    dx = max(a.box_01[0] - b.box_01[2], b.box_01[0] - a.box_01[2], 0)
    dy = max(a.box_01[1] - b.box_01[3], b.box_01[1] - a.box_01[3], 0)
    return math.hypot(dx, dy)


def flags(listing: Listing, number: int) -> set[str]:
    return {r for r, v in zip(RELATIONS, listing.relations[number], strict=True) if v}


def test_numbers_go_by_class_then_size_then_origin() -> None:
    objects = [
        item(HARBOR, (0.0, 0.0, 0.5, 0.5), source=0),
        item(SHIP, (0.0, 0.0, 0.1, 0.1), source=1),
        item(SHIP, (0.0, 0.0, 0.3, 0.3), source=2),
        item(SHIP, (0.5, 0.5, 0.6, 0.6), source=3),
        item(0, (0.0, 0.0, 0.01, 0.01), source=4),
    ]
    objects[3] = ListedObject(SHIP, objects[3].box_01, objects[1].size_01, 0.5, 3)
    listing = make_listing(objects)
    assert [o.source for o in listing.objects] == [4, 2, 1, 3, 0]
    assert [(g.class_index, g.first, g.last, g.count) for g in listing.groups] == [
        (0, 0, 0, 1),
        (SHIP, 1, 3, 3),
        (HARBOR, 4, 4, 1),
    ]
    assert [g.words for g in listing.groups] == ["1 airplane", "3 ships", "1 harbor"]
    assert list(listing.groups[1].numbers) == [1, 2, 3]
    assert listing.group_of(SHIP) is listing.groups[1]
    assert listing.group_of(WATER) is None


@pytest.mark.parametrize("seed", range(12))
def test_relations_agree_with_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    listing = make_listing(random_objects(rng, int(rng.integers(1, 40))))
    water = [o for o in listing.objects if o.class_index == WATER]
    corners = {"top_left": (0, 0), "top_right": (1, 0), "bottom_left": (0, 1), "bottom_right": (1, 1)}
    for group in listing.groups:
        mine = [listing.objects[k] for k in group.numbers]
        keys = {
            "largest": lambda o: -o.size_01,
            "smallest": lambda o: o.size_01,
            "northernmost": lambda o: centre(o)[1],
            "southernmost": lambda o: -centre(o)[1],
            "westernmost": lambda o: centre(o)[0],
            "easternmost": lambda o: -centre(o)[0],
            "nearest_center": lambda o: math.dist(centre(o), (0.5, 0.5)),
        } | {name: lambda o, at=at: math.dist(centre(o), at) for name, at in corners.items()}
        if len(mine) > 1:
            keys["most_isolated"] = lambda o, mine=mine: (
                -min(math.dist(centre(o), centre(p)) for p in mine if p is not o)
            )
        else:
            keys["most_isolated"] = lambda _o: 0
        if water and group.class_index != WATER:
            keys["nearest_water"] = lambda o: min(gap(o, w) for w in water)
        for column, relation in enumerate(RELATIONS):
            got = listing.relations[group.first : group.last + 1, column].tolist()
            if relation not in keys:
                assert got == [0.0] * group.count, relation
                continue
            values = [keys[relation](o) for o in mine]
            best = min(values)
            assert sum(got) == 1, relation
            assert values[got.index(1.0)] == pytest.approx(best, abs=1e-12), relation


def test_the_nearest_to_the_water_is_found_by_the_gap_not_the_centre() -> None:
    long = item(SHIP, (0.0, 0.0, 0.58, 0.1))  # reaches to the water, its centre is far away
    near = item(SHIP, (0.4, 0.05, 0.5, 0.1))
    listing = make_listing([long, near, item(WATER, (0.6, 0.0, 1.0, 1.0))])
    assert listing.objects[0] is long
    assert "nearest_water" in flags(listing, 0)
    assert "nearest_water" not in flags(listing, 1)


def test_without_water_nothing_is_nearest_to_it() -> None:
    listing = make_listing([item(SHIP, (0.0, 0.0, 0.1, 0.1)), item(SHIP, (0.5, 0.5, 0.6, 0.6))])
    assert not listing.relations[:, RELATIONS.index("nearest_water")].any()


def test_an_only_child_is_everything() -> None:
    listing = make_listing([item(SHIP, (0.2, 0.2, 0.3, 0.3))])
    assert flags(listing, 0) == set(RELATIONS) - {"nearest_water"}


@pytest.mark.parametrize("most", [1, 5, 64])
def test_the_most_certain_objects_stay(most: int) -> None:
    objects = random_objects(np.random.default_rng(3), 90)
    listing = make_listing(objects, max_objects=most)
    expected = sorted(o.score for o in objects)[-most:]
    assert sorted(o.score for o in listing.objects) == expected
    assert sum(g.count for g in listing.groups) == most


def test_words_of_a_group_say_who_is_what() -> None:
    small, large = (0.0, 0.0, 0.1, 0.1), (0.5, 0.5, 0.9, 0.9)
    listing = make_listing(
        [item(SHIP, small), item(SHIP, large), item(HARBOR, large), item(WATER, (0.0, 0.0, 0.3, 0.3))]
    )
    ships, harbor, _ = listing.groups
    named = dict(listing.named(ships))
    assert set(named) == set(RELATION_WORDS.values())
    assert (named["largest"], named["smallest"]) == (0, 1)
    assert (named["north"], named["southeast"], named["shore"]) == (1, 0, 1)
    assert listing.named(harbor) == []


def test_nothing_is_a_listing_too() -> None:
    listing = make_listing([])
    assert listing.groups == listing.objects == ()
    assert listing.relations.shape == (0, len(RELATIONS))


def test_a_perception_is_listed_in_shares_with_its_origin() -> None:
    none = (0.0,) * len(THINGS)
    proposals = (
        Proposal((10, 20, 30, 40), SHIP, 0.5, 400, (20, 30), none),
        Proposal((0, 0, 200, 100), WATER, 0.9, 5000, (5, 5), none),
        Proposal((50, 50, 110, 90), SHIP, 0.4, 2400, (80, 70), none),
    )
    listing = list_objects(Perception(proposals), (100, 200))
    assert [o.source for o in listing.objects] == [2, 0, 1]
    assert listing.objects[1].box_01 == (0.05, 0.2, 0.15, 0.4)
    assert listing.objects[2].size_01 == 0.25  # of the region, not of its box
