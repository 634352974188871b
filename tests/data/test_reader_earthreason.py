"""EarthReason in miniature."""

from pathlib import Path

import numpy as np
import pytest
from miniatures import A, B, earthreason, mask_of
from reader_results import read

from remotereasoner.data.boxes_from_masks import BoxRule
from remotereasoner.errors import InputError

BOX_A, BOX_B = tuple(map(float, A)), tuple(map(float, B))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return earthreason(tmp_path)


def test_first_question_masks_and_boxes(root: Path) -> None:
    items, _ = read("earthreason", root)
    samples = {item.sample.id.split("/")[2]: item for item in items}
    assert list(samples) == ["P01.rf.x9", "P02.whole", "none", "palette", "plain", "small"]
    plain = samples["plain"].sample
    assert plain.query == "Where could water be kept?"
    assert plain.boxes == (BOX_A, BOX_B)
    assert (plain.image, plain.split, plain.source) == ("test/images/plain.jpg", "test", "earthreason")
    assert plain.attributes["reference_answers"] == ["The tanks."]
    assert np.array_equal(samples["plain"].mask, mask_of(A, B))


def test_dots_in_names(root: Path) -> None:
    items, _ = read("earthreason", root)
    boxes = {item.sample.image: item.sample.boxes for item in items}
    assert boxes["test/images/P01.rf.x9.jpg"] == (BOX_A,)  # label P01.png
    assert boxes["test/images/P02.whole.png"] == (BOX_B,)  # label P02.whole.png


def test_no_target_is_an_empty_mask_not_a_missing_one(root: Path) -> None:
    items, bad = read("earthreason", root)
    none = next(item.sample for item in items if "none" in item.sample.id)
    assert (none.boxes, none.kind) == ((), "implicit_absent")
    assert any("lonely" in record.file and "there is no" in record.reason for record in bad)


def test_a_smaller_mask_is_brought_to_the_images_size_and_that_is_said(root: Path) -> None:
    items, _ = read("earthreason", root)
    small = next(item for item in items if "small" in item.sample.id)
    assert small.sample.boxes == ((4.0, 6.0, 24.0, 20.0),)
    assert small.mask.shape == (48, 64)
    assert small.sample.attributes["mask_stored_hw"] == [24, 32]


def test_what_cannot_be_told_is_a_bad_record(root: Path) -> None:
    _, bad = read("earthreason", root)
    reasons = {record.file: record.reason for record in bad}
    assert "not the same shape" in reasons["test/images/turned.jpg"]
    assert "several images come down to" in reasons["test/images/twin.a.jpg"]
    assert "several images come down to" in reasons["test/images/twin.b.jpg"]
    assert "questions[0] must be text" in reasons["test/QAs/blank.json"]
    assert len(bad) == 5


def test_question_policies(root: Path) -> None:
    every, _ = read("earthreason", root, questions="all")
    assert sum("plain" in item.sample.id for item in every) == 6
    assert {item.mask_name for item in every if "plain" in item.sample.id} == {"test/plain"}
    one, _ = read("earthreason", root, questions="seeded", seed=1)
    again, _ = read("earthreason", root, questions="seeded", seed=1)
    assert [item.sample for item in one] == [item.sample for item in again]
    drawn = {
        next(
            i.sample.query
            for i in read("earthreason", root, questions="seeded", seed=seed)[0]
            if "plain" in i.sample.id
        )
        for seed in range(12)
    }
    assert len(drawn) > 2
    assert one[0].sample.attributes["question_policy"] == "seeded"


def test_the_rule_of_boxes_is_used_and_recorded(root: Path) -> None:
    items, _ = read("earthreason", root, box_rule=BoxRule(min_area_px=300, merge_px=0))
    plain = next(item.sample for item in items if "plain" in item.sample.id)
    assert plain.boxes == (BOX_B,)
    assert plain.attributes["box_rule"] == {
        "rule": "components", "connectivity": 8, "min_area_px": 300, "merge_px": 0,
    }  # fmt: skip
    joined, _ = read("earthreason", root, box_rule=BoxRule(merge_px=15))
    assert len(next(item.sample for item in joined if "plain" in item.sample.id).boxes) == 1


def test_a_split_that_is_not_there_and_a_folder_that_is_something_else(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no split val here: there is test"):
        read("earthreason", root, splits=("val",))
    with pytest.raises(InputError, match="does not hold EarthReason"):
        read("earthreason", tmp_path / "test")


def test_progress_counts_images(root: Path) -> None:
    told: list[tuple[int, int]] = []
    read("earthreason", root, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 11)
    assert told[-1] == (11, 11)
