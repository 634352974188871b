"""Our labelled images, asked about with the question bank."""

from pathlib import Path

import pytest
from miniatures import labelled
from reader_results import read

from remotereasoner.data.readers.bank import RELATIONS, bank, pick
from remotereasoner.data.sentences import sentences
from remotereasoner.policy.nano.vocabulary import SINGULARS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return labelled(tmp_path)


def test_only_what_is_exhaustively_labelled_is_asked_about(root: Path) -> None:
    items, _ = read("labelled", root, splits=("train",))
    assert {item.sample.image for item in items} == {"images/a.jpg"}
    categories = {item.sample.category for item in items}
    assert "ship" in categories
    assert len(categories) == 2  # one present, so one absent of two; the bank does not know helicopters
    assert categories < {"ship", "airplane", "bridge"}


def test_answers_follow_the_labels(root: Path) -> None:
    samples = [item.sample for item in read("labelled", root, splits=("train",))[0]]
    ships = {sample.kind: sample for sample in samples if sample.category == "ship"}
    both = ((10.0, 10.0, 20.0, 20.0), (40.0, 30.0, 60.0, 45.0))
    assert ships["direct"].boxes == ships["implicit"].boxes == both
    assert len(ships["direct"].polygons) == 2
    relation = next(sample for kind, sample in ships.items() if kind.startswith("relation_"))
    assert len(relation.boxes) == 1
    question = next(sample for sample in ships.values() if sample.task == "vqa")
    assert question.answers == (("2",) if question.kind == "count" else ("yes",))
    absent = [sample for sample in samples if sample.category != "ship"]
    assert all(sample.boxes == () for sample in absent)
    assert {sample.kind for sample in absent if sample.task == "locate"} == {"direct_absent", "implicit_absent"}
    assert {sample.answers[0] for sample in absent if sample.task == "vqa"} <= {"0", "no"}


def test_metadata(root: Path) -> None:
    sample = read("labelled", root, splits=("train",))[0][0].sample
    assert (sample.source, sample.licence) == ("nwpu_vhr10", "research")
    assert sample.attributes["gsd_m"] == 0.5


def test_the_reasoning_is_that_of_the_sentence_and_names_the_category(root: Path) -> None:
    words = sentences("train")
    thinks = {item["q"]: item["think"] for name in ("ship", "harbor", "vehicle") for item in words.implicit(name)}
    samples = [item.sample for item in read("labelled", root, splits=("train",))[0]]
    implicit = [s for s in samples if s.kind in ("implicit", "implicit_absent")]
    assert implicit
    assert all(s.attributes["reasoning"] == thinks[s.query] for s in implicit if s.query in thinks)
    for sample in samples:
        assert sample.category is not None
        name = {"vegetation": "vegetation", "land": "land", "water": "water"}.get(
            sample.category, SINGULARS[sample.category]
        )
        assert name in sample.attributes["reasoning"]


def test_sentences_of_val_are_kept_apart(root: Path) -> None:
    train = {item.sample.query for item in read("labelled", root, splits=("train",), seed=3)[0]}
    val = {item.sample.query for seed in range(9) for item in read("labelled", root, splits=("val",), seed=seed)[0]}
    assert not train & val


def test_draws_depend_on_seed_and_image_only(root: Path) -> None:
    alone, _ = read("labelled", root, splits=("val",), seed=5)
    with_others, _ = read("labelled", root, seed=5)
    assert [item.sample for item in alone] == [i.sample for i in with_others if i.sample.split == "val"]
    other, _ = read("labelled", root, splits=("val",), seed=6)
    assert [item.sample for item in alone] != [item.sample for item in other]


def test_bad_lines_by_number(root: Path) -> None:
    _, bad = read("labelled", root)
    told = {(record.file, record.line): record.reason for record in bad}
    assert set(told) == {("train.jsonl", 4), ("train.jsonl", 5), ("train.jsonl", 6)}
    assert "there is no image" in told["train.jsonl", 4]
    assert "not JSON" in told["train.jsonl", 5]
    assert "objects[0]: bbox must have x1 < x2" in told["train.jsonl", 6]


def test_labels_jsonl_has_no_split(root: Path) -> None:
    (root / "train.jsonl").rename(root / "labels.jsonl")
    (root / "val.jsonl").unlink()
    items, _ = read("labelled", root)
    assert {item.sample.split for item in items} == {None}


BOXES = [(0.0, 0.0, 10.0, 10.0), (40.0, 40.0, 60.0, 60.0), (85.0, 85.0, 100.0, 100.0)]


@pytest.mark.parametrize(
    ("kind", "index"),
    [("largest", 1), ("smallest", 0), ("northernmost", 0), ("southernmost", 2), ("westernmost", 0), ("easternmost", 2),
     ("nearest_center", 1)],
)  # fmt: skip
def test_relations(kind: str, index: int) -> None:
    assert pick(kind, BOXES, [100.0, 400.0, 225.0], (100, 100)) == index


@pytest.mark.parametrize("kind", RELATIONS)
def test_no_relation_between_equals(kind: str) -> None:
    boxes = [(10.0, 10.0, 20.0, 20.0), (11.0, 11.0, 21.0, 21.0)]
    assert pick(kind, boxes, [100.0, 101.0], (100, 100)) is None


@pytest.mark.parametrize("half", ["train", "val"])
def test_the_bank_has_every_relation(half: str) -> None:
    from random import Random

    for kind in RELATIONS:
        text = bank(half).relation(kind, "storage_tank", Random(1))
        assert text
        assert "{" not in text
