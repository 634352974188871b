from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from remotereasoner.policy.nano.listing import ListedObject
from remotereasoner.policy.nano.tokens import MAX_OBJECTS
from remotereasoner.policy.nano.vocabulary import CLASSES, THINGS
from remotereasoner.training.nano.scenes import drawn_listing, labelled_objects, perturbed_listing

SHIP, ROAD, WATER = (CLASSES.index(n) for n in ("ship", "road", "water"))


def write(root: Path, objects: list[tuple[str, list[float]]]) -> Path:
    row = {"width": 200, "height": 100, "objects": [{"category": n, "bbox": b} for n, b in objects]}
    (root / "train.jsonl").write_text(json.dumps(row) + "\n")
    return root


def test_labels_become_objects_in_shares_largest_first(tmp_path: Path) -> None:
    root = write(tmp_path, [("ship", [20, 10, 40, 20]), ("helipad", [0, 0, 9, 9]), ("water", [0, 0, 200, 50])])
    ((water, ship),) = labelled_objects(root, "train")
    assert (ship.class_index, ship.box_01, ship.size_01) == (SHIP, (0.1, 0.1, 0.2, 0.2), 0.01)
    assert (water.class_index, water.box_01) == (WATER, (0, 0, 1, 0.5))
    assert water.size_01 == 0.25  # an area fills about half of its box
    assert [water.source, ship.source] == [0, 1]


def test_fragments_and_the_sixth_part_of_an_area_are_left_out(tmp_path: Path) -> None:
    parts: list[tuple[str, list[float]]] = [("road", [0, 10.0 * k, 150, 10.0 * k + 9]) for k in range(7)]
    parts.append(("water", [0, 0, 12, 12]))  # 72 of 20,000 px: under 0.4 %
    (found,) = labelled_objects(write(tmp_path, parts), "train")
    assert [o.class_index for o in found] == [ROAD] * 5


def test_images_without_a_known_label_are_left_out(tmp_path: Path) -> None:
    assert labelled_objects(write(tmp_path, [("helipad", [0, 0, 9, 9])]), "train") == []


def objects(count: int) -> list[ListedObject]:
    return [ListedObject(SHIP, (0.1 * k, 0.1, 0.1 * k + 0.08, 0.3), 0.016, 1.0, k) for k in range(count)]


def test_perturbed_listings_are_near_their_labels() -> None:
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(50):
        listing = perturbed_listing(objects(10), rng)
        for o in listing.objects:
            x1, y1, x2, y2 = o.box_01
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
            assert 0 < o.score < 1
        ships = listing.group_of(SHIP)
        counts.append(ships.count if ships else 0)
    assert 4 <= min(counts) < 10, "some are missed"
    assert max(counts) >= 10
    assert sum(counts) / len(counts) > 8


def test_one_or_two_objects_are_never_missed() -> None:
    rng = np.random.default_rng(1)
    for count in (1, 2):
        assert all((g := perturbed_listing(objects(count), rng).group_of(SHIP)) and g.count >= count for _ in range(40))


def test_drawn_listings_vary_and_hold_what_they_must() -> None:
    rng = np.random.default_rng(0)
    listings = [drawn_listing(rng, WATER if n % 2 else None) for n in range(60)]
    assert any(not listing.objects for listing in listings)
    assert all(listing.group_of(WATER) for listing in listings[1::2])
    assert all(len(listing.objects) <= MAX_OBJECTS for listing in listings)
    seen = {g.class_index for listing in listings for g in listing.groups}
    assert seen == set(range(len(CLASSES)))
    sizes = {is_thing: [o.size_01 for li in listings for o in li.objects if (o.class_index < len(THINGS)) is is_thing]
             for is_thing in (True, False)}  # fmt: skip
    assert np.median(sizes[False]) > 3 * np.median(sizes[True])


def test_the_same_seed_draws_the_same_listing() -> None:
    a, b = (drawn_listing(np.random.default_rng(9), WATER) for _ in range(2))
    assert a.objects == b.objects
