from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.training.nano.questions import QuestionBank
from remotereasoner.training.nano.val_samples import val_samples

FIELDS = {"id", "image", "query", "boxes", "task", "split", "source", "kind", "category", "attributes"}


def row(objects: list[tuple[str, list[float]]], exhaustive: list[str] | None, number: int = 0) -> dict[str, Any]:
    return {
        "image": f"images/{number}.jpg",
        "set": "nwpu_vhr10",
        "width": 400,
        "height": 200,
        "objects": [{"category": name, "bbox": box} for name, box in objects],
        "exhaustive_for": exhaustive,
    }


def samples_of(tmp_path: Path, *rows: dict[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    (tmp_path / "val.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return val_samples(tmp_path, "val", seed)


WEST, EAST, SMALL = [10.0, 20.0, 60.0, 70.0], [300.0, 100.0, 380.0, 190.0], [200.0, 10.0, 210.0, 20.0]


def test_every_sample_has_its_fields_and_a_name_of_its_own(tmp_path: Path) -> None:
    rows = [row([("ship", WEST), ("ship", EAST)], ["ship", "airplane"], n) for n in range(4)]
    samples = samples_of(tmp_path, *rows)
    assert len({s["id"] for s in samples}) == len(samples)
    for sample in samples:
        assert set(sample) == FIELDS
        assert (sample["task"], sample["split"], sample["source"]) == ("locate", "val", "nwpu_vhr10")
        assert sample["query"]
        is_implicit = sample["kind"].endswith("implicit") or sample["attributes"]["asked"] == "implicit_absent"
        assert not is_implicit or sample["attributes"]["style"] in ("plain", "oblique")
        assert sample["category"] is None or sample["category"] in CLASSES
    assert {s["image"] for s in samples} == {f"images/{n}.jpg" for n in range(4)}


def test_one_object_is_a_single_target(tmp_path: Path) -> None:
    samples = samples_of(tmp_path, row([("ship", WEST)], ["ship"]))
    single = [s for s in samples if s["kind"].startswith("single")]
    assert [s["kind"] for s in single] == ["single_implicit", "single_direct"]
    assert all(s["boxes"] == [WEST] for s in single)
    assert not [s for s in samples if s["kind"] == "relation"]


def test_several_objects_are_a_set_and_have_relations(tmp_path: Path) -> None:
    objects = [("ship", WEST), ("ship", EAST), ("ship", SMALL)]
    kinds = set()
    for seed in range(12):
        for sample in samples_of(tmp_path, row(objects, ["ship"]), seed=seed):
            kinds.add(sample["kind"])
            if sample["kind"].startswith("set"):
                assert sorted(sample["boxes"]) == sorted([WEST, EAST, SMALL])
            elif sample["kind"] == "relation":
                assert len(sample["boxes"]) == 1
                words = sample["query"].casefold()
                if "smallest" in words or "littlest" in words:
                    assert sample["boxes"] == [SMALL]
                if "westernmost" in words or "farthest west" in words:
                    assert sample["boxes"] == [WEST]
    assert kinds == {"set_implicit", "set_direct", "relation", "absent"}


def test_classes_that_are_not_fully_labelled_are_not_asked_about(tmp_path: Path) -> None:
    objects = [("ship", WEST), ("tree", EAST), ("helipad", SMALL)]
    samples = samples_of(tmp_path, row(objects, ["ship"]), row(objects, None, 1), row([], [], 2))
    assert {s["category"] for s in samples} == {"ship", None}
    assert {s["image"] for s in samples if s["category"]} == {"images/0.jpg"}


def test_absence_is_asked_where_it_is_known(tmp_path: Path) -> None:
    rows = [row([("ship", WEST)], ["ship", "airplane", "bridge"], n) for n in range(6)]
    absent = [s for s in samples_of(tmp_path, *rows) if s["kind"] == "absent"]
    assert all(s["boxes"] == [] for s in absent)
    assert {s["category"] for s in absent} <= {"airplane", "bridge", None}
    # two questions per image with a missing class, and one about something else on every third image
    assert len(absent) == 2 * 6 + 2


def test_fragments_of_areas_are_no_objects(tmp_path: Path) -> None:
    fragment = [0.0, 0.0, 16.0, 16.0]  # 256 of 80,000 px: under 0.4 %
    samples = samples_of(tmp_path, row([("water", EAST), ("water", fragment), ("ship", fragment)], ["water", "ship"]))
    by_class = {s["category"]: s["boxes"] for s in samples if s["kind"] == "single_direct"}
    assert by_class == {"water": [EAST], "ship": [fragment]}


def test_an_image_full_of_objects_keeps_them_all(tmp_path: Path) -> None:
    boxes = [[4.0 * k, 10.0, 4.0 * k + 3, 10.0 + k % 7 + 2] for k in range(90)]
    samples = samples_of(tmp_path, row([("vehicle", b) for b in boxes], ["vehicle"]))
    (direct,) = [s for s in samples if s["kind"] == "set_direct"]
    assert sorted(direct["boxes"]) == boxes


def test_only_val_sentences_are_used(tmp_path: Path) -> None:
    bank = QuestionBank("train")
    trained = {q["q"] for name in CLASSES for q in bank.implicit(name)}
    rows = [row([("ship", WEST), ("tree", EAST)], ["ship", "tree", "bridge"], n) for n in range(10)]
    queries = {s["query"] for s in samples_of(tmp_path, *rows)}
    assert len(queries) > 10
    assert not queries & trained


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_decides_everything(tmp_path: Path, seed: int) -> None:
    rows = [row([("ship", WEST), ("ship", EAST)], ["ship", "bridge"], n) for n in range(5)]
    assert samples_of(tmp_path, *rows, seed=seed) == samples_of(tmp_path, *rows, seed=seed)
    assert samples_of(tmp_path, *rows, seed=seed) != samples_of(tmp_path, *rows, seed=seed + 1)
