from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remotereasoner.policy.nano.listing import ListedObject, make_listing
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.training.nano.held_out import HELD_OUT_TYPES, held_out_samples, read_held_out

SHIP = CLASSES.index("ship")
# x, y, side: by size C B A D; A is the northernmost, D the southernmost
A, B, C, D = (
    [10.0, 10.0, 40.0, 40.0],
    [200.0, 60.0, 240.0, 100.0],
    [100.0, 110.0, 160.0, 170.0],
    [300.0, 180.0, 320.0, 200.0],
)
EXPECTED = {
    "second_largest": [B],
    "two_largest": [C, B],
    "all_but_largest": [B, A, D],
    "all_but_northernmost": [C, B, D],
    "both_ends": [A, D],
    "implicit_largest": [C],
    "implicit_northernmost": [A],
}


def write(root: Path, boxes: list[list[float]], copies: int = 1) -> Path:
    row: dict[str, Any] = {
        "image": "a.jpg", "set": "x", "width": 400, "height": 220, "exhaustive_for": ["ship"],
        "objects": [{"category": "ship", "bbox": box} for box in boxes],
    }  # fmt: skip
    (root / "val.jsonl").write_text((json.dumps(row) + "\n") * copies)
    return root


def test_every_type_has_its_answer(tmp_path: Path) -> None:
    samples = held_out_samples(write(tmp_path, [A, B, C, D]), per_group=99)
    assert {s["kind"] for s in samples} == set(EXPECTED) == set(HELD_OUT_TYPES)
    for sample in samples:
        assert sorted(sample["boxes"]) == sorted(EXPECTED[sample["kind"]]), sample["kind"]
        assert "{" not in sample["query"]
        named = "ship" in sample["query"].casefold() or "vessel" in sample["query"].casefold()
        assert named is not sample["kind"].startswith("implicit")


@pytest.mark.parametrize("asked", HELD_OUT_TYPES)
def test_a_faultless_reader_answers_what_is_labelled(asked: str) -> None:
    shares = [(np.array(box) / [400, 220, 400, 220]).tolist() for box in (A, B, C, D)]
    objects = [
        ListedObject(SHIP, (x1, y1, x2, y2), (x2 - x1) * (y2 - y1), 1.0, n) for n, (x1, y1, x2, y2) in enumerate(shares)
    ]
    listing = make_listing(objects)
    numbers = read_held_out(asked, listing, listing.groups[0])
    places = [listing.objects[number].source for number in numbers]
    assert sorted([A, B, C, D][place] for place in places) == sorted(EXPECTED[asked])


def test_nothing_is_asked_that_a_pixel_decides(tmp_path: Path) -> None:
    same = [[10.0, 10.0, 40.0, 40.0], [100.0, 12.0, 130.0, 42.0], [300.0, 11.0, 330.0, 41.0]]
    assert held_out_samples(write(tmp_path, same), per_group=99) == []


def test_fewer_than_three_are_not_asked_about(tmp_path: Path) -> None:
    assert held_out_samples(write(tmp_path, [A, D]), per_group=99) == []


def test_the_seed_decides(tmp_path: Path) -> None:
    root = write(tmp_path, [A, B, C, D], copies=8)
    first, again, other = (held_out_samples(root, seed=seed, per_group=2) for seed in (0, 0, 1))
    assert first == again != other
    assert len({s["id"] for s in first}) == len(first) == 16
    assert all(a["id"] != b["id"] for a, b in pairwise(first))
