"""RSVQA in miniature."""

from pathlib import Path

import pytest
from miniatures import rsvqa, write_json
from reader_results import read

from remotereasoner.errors import InputError


def test_active_entries_by_their_numbers(tmp_path: Path) -> None:
    items, bad = read("rsvqa-lr", rsvqa(tmp_path))
    assert [(i.sample.image, i.sample.query, i.sample.answers, i.sample.kind) for i in items] == [
        ("Images_LR/1.tif", "How many farms?", ("17",), "count"),
        ("Images_LR/1.tif", "Is a road there?", ("yes",), "presence"),
        ("Images_LR/2.tif", "What area?", ("1234m2",), "area"),
    ]
    assert {i.sample.split for i in items} == {"test"}
    assert sorted(record.reason.split(":")[0] for record in bad) == ["image 3", "question 4"]


def test_the_second_test_split_of_the_high_resolution(tmp_path: Path) -> None:
    items, _ = read("rsvqa-hr", rsvqa(tmp_path, high=True), splits=("test_phili",))
    assert items[0].sample.image == "Data/1.tif"
    assert items[0].sample.attributes == {"gsd_m": 0.15}


def test_a_question_of_another_image(tmp_path: Path) -> None:
    root = rsvqa(tmp_path)
    question = {"id": 0, "active": True, "img_id": 2, "question": "?", "answers_ids": [1]}
    write_json(root / "LR_split_test_questions.json", {"questions": [question]})
    items, bad = read("rsvqa-lr", root)
    assert not items
    assert any("says that it is of 2" in record.reason for record in bad)


def test_three_files_or_nothing(tmp_path: Path) -> None:
    root = rsvqa(tmp_path)
    (root / "LR_split_test_answers.json").unlink()
    with pytest.raises(InputError, match="does not hold RSVQA"):
        read("rsvqa-lr", root)
