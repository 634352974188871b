from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest

from nano_parts import ChosenTower, Thing
from remotereasoner.policy.nano.tower import PerceptionTower
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.training.nano.overhead import LabelledImage
from remotereasoner.training.nano.tower_eval import ThingTally, average_precision, evaluate_tower, tally_things

SHIP, TREE = THINGS.index("ship"), THINGS.index("tree")


@pytest.mark.parametrize(
    ("scores", "hits", "total", "expected"),
    [
        ([0.9, 0.8, 0.7], [1, 0, 1], 3, 1 / 3 * 1 + 1 / 3 * 2 / 3),
        ([0.7, 0.9, 0.8], [1, 1, 0], 3, 1 / 3 * 1 + 1 / 3 * 2 / 3),  # the same, not in order
        ([0.9, 0.8], [0, 1], 1, 0.5),
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1], 3, 3 / 4),  # the envelope lifts what lies before
        ([0.9], [1], 1, 1.0),
        ([0.9, 0.8], [0, 0], 4, 0.0),
        ([], [], 2, 0.0),
    ],
)
def test_average_precision(scores: list[float], hits: list[int], total: int, expected: float) -> None:
    got = average_precision(np.array(scores, float), np.array(hits, bool), total)
    assert got == pytest.approx(expected)


def test_without_instances_there_is_no_precision() -> None:
    assert math.isnan(average_precision(np.array([0.5]), np.array([False]), 0))


def test_the_threshold_with_the_best_f1() -> None:
    tally = ThingTally([0.9, 0.8, 0.455, 0.445, 0.3, 0.25], [True, True, True, False, False, False], 3)
    assert tally.best_threshold() == 0.45
    assert ThingTally([0.9], [True], 1).best_threshold() == 0.2
    assert ThingTally([0.9, 0.6], [True, False], 1).best_threshold() == 0.2  # 0.6 is out of bounds
    assert ThingTally([0.9, 0.535], [True, False], 1).best_threshold() == 0.54


def image(things: list[tuple[int, tuple[float, float, float, float]]], **changes: Any) -> LabelledImage:
    facts: dict[str, Any] = {
        "pixels": np.zeros((320, 416, 3), np.uint8),
        "boxes_xyxy": np.array([box for _, box in things], float).reshape(-1, 4),
        "classes": np.array([k for k, _ in things], np.int64),
        "negative_weights": np.ones(len(THINGS)),
        "area_values": None,
        "area_known": np.zeros(len(AREAS), bool),
        "area_presence": np.full(len(AREAS), -1),
        "source_set": "test",
        "scene": None,
        "multilabels": (),
    }
    return LabelledImage(**(facts | changes))


def tower_of(things: list[Thing], areas: dict[str, list[tuple[int, int]]] | None = None) -> PerceptionTower:
    return cast("PerceptionTower", ChosenTower(things, dict(areas or {})))


A, B = (16.0, 16.0, 80.0, 56.0), (120.0, 16.0, 200.0, 80.0)
C, D = (240.0, 100.0, 300.0, 160.0), (40.0, 200.0, 100.0, 260.0)


def test_detections_are_matched_once_best_first() -> None:
    shifted, later = (26.0, 16.0, 90.0, 56.0), (4.0, 16.0, 68.0, 56.0)  # both find A, neither hides the other
    tower = tower_of(
        [("ship", 0.6, shifted), ("ship", 0.9, B), ("ship", 0.5, C), ("tree", 0.8, D), ("ship", 0.3, later)]
    )
    tallies = tally_things(tower, [image([(SHIP, A), (SHIP, B)])])
    ships = tallies[SHIP]
    assert ships.total == 2
    hits = dict(zip((round(s, 2) for s in ships.scores), ships.hits, strict=True))
    assert hits == {0.9: True, 0.6: True, 0.5: False, 0.3: False}
    assert (tallies[TREE].total, tallies[TREE].hits) == (0, [False])


def test_classes_that_are_not_fully_labelled_do_not_count() -> None:
    weights = np.ones(len(THINGS))
    weights[SHIP] = 0.08
    tallies = tally_things(tower_of([("ship", 0.9, A)]), [image([(SHIP, B)], negative_weights=weights)])
    assert (tallies[SHIP].total, tallies[SHIP].scores) == (0, [])


def test_a_perfect_tower_gets_ones() -> None:
    values = np.zeros((320, 416), np.uint8)
    water = AREAS.index("water")
    values[64:160, 80:240] = water + 1
    values[:8] = 255  # unknown
    cells = [(r, c) for r in range(8, 20) for c in range(10, 30)] + [(0, c) for c in range(52)]
    known = np.zeros(len(AREAS), bool)
    known[water] = True
    labelled = image([(SHIP, A), (TREE, C)], area_values=values, area_known=known)
    report = cast(
        "dict[str, Any]", evaluate_tower(tower_of([("ship", 0.9, A), ("tree", 0.4, C)], {"water": cells}), [labelled])
    )
    assert report["map50"] == 1.0
    assert report["ap50"] == {"ship": 1.0, "tree": 1.0}
    assert report["instances"] == {"ship": 1, "tree": 1}
    assert set(report["area_iou"]) == {"water"}
    assert report["area_iou"]["water"] > 0.96


def test_half_of_an_area_gets_a_half() -> None:
    values = np.full((320, 416), AREAS.index("land") + 1, np.uint8)
    known = np.zeros(len(AREAS), bool)
    known[AREAS.index("land")] = True
    cells = [(r, c) for r in range(40) for c in range(26)]
    labelled = image([(SHIP, A)], area_values=values, area_known=known)
    report = cast("dict[str, Any]", evaluate_tower(tower_of([], {"land": cells}), [labelled]))
    assert report["area_iou"] == {"land": pytest.approx(0.5, abs=0.01)}
    assert report["ap50"] == {"ship": 0.0}
