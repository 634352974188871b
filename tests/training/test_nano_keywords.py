"""The detector with keywords that the embedded model is compared with."""

from __future__ import annotations

import pytest

from remotereasoner.policy.nano.listing import ListedObject, make_listing
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.training.nano.keywords import keyword_answer, named_classes


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("Find all ships.", {"ship"}),
        ("Which storage tank is the largest?", {"storage_tank"}),
        ("Mark the tennis courts and the basketball courts.", {"tennis_court", "basketball_court"}),
        ("Where could a kayaker paddle?", set()),
        ("SHIPS IN THE HARBOR", {"ship", "harbor"}),
        ("What is worship?", set()),
        ("Which vehicle is nearest to the water?", {"vehicle", "water"}),
    ],
)
def test_named_classes(query: str, names: set[str]) -> None:
    assert {CLASSES[index] for index in named_classes(query)} == names


def test_all_listed_objects_of_the_named_classes_and_no_others() -> None:
    ship, harbor = CLASSES.index("ship"), CLASSES.index("harbor")
    objects = [
        ListedObject(index, (0.1 * n, 0.1, 0.1 * n + 0.05, 0.2), 0.005, 0.9, n)
        for n, index in enumerate([ship, harbor, ship])
    ]
    listing = make_listing(objects)
    group = listing.group_of(ship)
    assert group is not None
    assert keyword_answer("Show every ship", listing) == list(group.numbers)
    assert len(keyword_answer("ships, harbors", listing)) == 3
    assert keyword_answer("Show every bridge", listing) == []
    assert keyword_answer("Where do boats rest?", make_listing([])) == []
