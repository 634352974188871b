"""RRSIS-D in miniature."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from miniatures import A, B, mask_of, rrsisd
from reader_results import read

from remotereasoner.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return rrsisd(tmp_path)


def test_boxes_masks_and_categories_by_annotation_not_by_ref(root: Path) -> None:
    items, _ = read("rrsis-d", root, splits=("test",))
    tank, again, dam = items
    assert tank.sample.image == "images/rrsisd/JPEGImages/00011.jpg"  # its ref_id is 12
    assert tank.sample.boxes == (tuple(map(float, A)),)
    assert (tank.sample.query, again.sample.query) == ("The tank on the left", "A round tank")
    assert (tank.sample.category, dam.sample.category) == ("storage tank", "dam")
    assert tank.mask_name == again.mask_name != dam.mask_name


def test_packed_and_plain_run_lengths_and_polygons(root: Path) -> None:
    items, _ = read("rrsis-d", root)
    masks = {item.sample.query: item for item in items}
    assert np.array_equal(masks["The tank on the left"].mask, mask_of(A))
    assert np.array_equal(masks["The dam on the right"].mask, mask_of(B))
    small = masks["The small dam"]
    assert small.mask is None
    assert small.sample.polygons == ((((5.0, 6.0), (25.0, 6.0), (25.0, 20.0), (5.0, 20.0)),),)


def test_bad_refs_are_named_and_the_rest_is_read(root: Path) -> None:
    items, bad = read("rrsis-d", root)
    assert len(items) == 4
    reasons = [record.reason for record in bad]
    assert [reason.split(":")[0] for reason in reasons] == [f"refs[{k}]" for k in (3, 4, 5, 6, 7)]
    for reason, part in zip(
        reasons, ["finite numbers", "no annotation", "is of size", "of another image", "must be an object"], strict=True
    ):
        assert part in reason


def test_the_first_sentence_only(root: Path) -> None:
    items, _ = read("rrsis-d", root, questions="first")
    assert sum("tank" in item.sample.query for item in items) == 1


def test_a_pickle_that_is_no_list(root: Path) -> None:
    (root / "rrsisd/refs(unc).p").write_bytes(pickle.dumps({"refs": []}))
    with pytest.raises(InputError, match="must hold a list"):
        read("rrsis-d", root)


def test_huge_annotations_are_not_read(root: Path) -> None:
    with (root / "rrsisd/instances.json").open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(InputError, match="larger than"):
        read("rrsis-d", root)
