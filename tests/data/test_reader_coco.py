"""COCO files in miniature."""

from pathlib import Path

import pytest
from miniatures import A, B, coco, packed
from reader_results import read

from remotereasoner.data.fields import FieldError
from remotereasoner.data.readers.coco_masks import rings_of, rle_mask
from remotereasoner.errors import UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return coco(tmp_path)


def test_one_question_a_category_with_all_its_objects(root: Path) -> None:
    items, _ = read("coco", root, images="img", splits=("val",))
    tanks, ships = (item.sample for item in items)
    assert (tanks.query, tanks.category) == ("Find every storage tank in this image.", "storage_tank")
    assert tanks.boxes == ((10.0, 10.0, 20.0, 20.0), tuple(map(float, B)))
    x1, y1, x2, y2 = map(float, B)
    assert tanks.polygons[0] == (((10.0, 10.0), (20.0, 10.0), (15.0, 20.0)),)
    assert set(tanks.polygons[1][0]) == {(x1, y1), (x1, y2), (x2, y2), (x2, y1)}  # from run lengths
    assert (ships.boxes, ships.polygons) == ((tuple(map(float, A)),), None)
    assert tanks.split == "val"


def test_incomplete_answers_are_left_out_and_bad_records_told(root: Path) -> None:
    items, bad = read("coco", root, images="img")
    assert {item.sample.image for item in items} == {"img/1.png"}  # 2: a crowd, and a box that is none
    reasons = "\n".join(record.reason for record in bad)
    for part in (
        "annotations[4]: bbox must have a width",
        "annotations[5]: there is no category 9",
        "1 annotations are of image 99",
        "annotations[7]: it has no usable image_id",
        "images[2]: it is 65 x 48 by the annotations and 64 x 48 by its file",
        "images[3]: file_name must not lead out of the root",
    ):
        assert part in reasons
    assert len(bad) == 6


def test_the_template(root: Path) -> None:
    items, _ = read("coco", root, images="img", template="Where is the {category}?")
    assert items[0].sample.query == "Where is the storage tank?"
    for template in ("{0}", "{category.__class__}x{", "{other}"):
        with pytest.raises(UsageError, match="template"):
            read("coco", root, images="img", template=template)


def test_which_file_must_be_clear(root: Path) -> None:
    (root / "captions.json").write_text("{}")
    with pytest.raises(UsageError, match=r"not one JSON file but 2 \(captions.json, instances.json\)"):
        read("coco", root, images="img")
    assert read("coco", root, images="img", annotations="instances.json")[0]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [4, 4], "counts": [3, 4]}, "do not add up"),
        ({"size": [4, 4], "counts": "0!"}, "does not belong"),
        ({"size": [4, 4], "counts": "P"}, "break off"),
        ({"size": [4, 4], "counts": "o" * 40}, "does not belong"),
        ({"size": [4, 4], "counts": [-1, 17]}, "impossible"),
        ({"size": [1 << 40, 4], "counts": [16]}, "is of size"),
        ({"size": [4, 4], "counts": None}, "cannot be read"),
        ({"counts": [16]}, "is of size None"),
    ],
)
def test_run_lengths_that_do_not_fit(segmentation: dict, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        rle_mask(segmentation, (4, 4), "segmentation")


def test_packed_run_lengths_agree_with_the_plain_ones() -> None:
    counts = [5, 3, 1000, 2, 40, 700, 0, 250]
    size = (50, 40)
    plain = rle_mask({"size": list(size), "counts": counts}, size, "")
    assert (plain == rle_mask({"size": list(size), "counts": packed(counts)}, size, "")).all()
    assert (plain == rle_mask([{"size": list(size), "counts": packed(counts).encode()}], size, "")).all()


@pytest.mark.parametrize(
    "ring", [[1, 2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, float("nan")], ["a"] * 6, [[1, 2]] * 3]
)
def test_rings_that_are_none(ring: list) -> None:
    with pytest.raises(FieldError):
        rings_of([ring], "segmentation")
