"""RefSegRS and RISBench in miniature."""

from pathlib import Path

import numpy as np
from miniatures import A, B, mask_of, refsegrs, risbench
from reader_results import read

BOX_A, BOX_B = tuple(map(float, A)), tuple(map(float, B))


def test_refsegrs_tiff_and_three_channel_masks(tmp_path: Path) -> None:
    items, _ = read("refsegrs", refsegrs(tmp_path), splits=("test",))
    first, second, third = (item.sample for item in items)
    assert (first.image, first.query, first.boxes) == ("images/a1.tif", "the two vehicles", (BOX_A, BOX_B))
    assert (second.boxes, second.kind) == ((), "referring_absent")
    assert np.array_equal(items[0].mask, mask_of(A, B))
    assert first.attributes["box_rule"]["rule"] == "components"
    assert third.boxes == (BOX_A,)


def test_a_mask_kept_as_jpeg_is_read_without_its_rings(tmp_path: Path) -> None:
    items, _ = read("refsegrs", refsegrs(tmp_path), splits=("test",))
    difference = items[2].mask ^ mask_of(A)
    assert difference.sum() <= 4


def test_bad_lines_are_named_by_file_and_line(tmp_path: Path) -> None:
    _, bad = read("refsegrs", refsegrs(tmp_path))
    told = {(record.file, record.line): record.reason for record in bad}
    assert set(told) == {
        ("output_phrase_train.txt", 2), ("output_phrase_test.txt", 4), ("output_phrase_test.txt", 5),
        ("output_phrase_test.txt", 6),
    }  # fmt: skip
    assert "not UTF-8" in told["output_phrase_train.txt", 2]
    assert "the phrase of 'a1' must be text" in told["output_phrase_test.txt", 4]
    assert "there is no file 'zz'" in told["output_phrase_test.txt", 5]
    assert "must not lead out of the root" in told["output_phrase_test.txt", 6]


def test_risbench_has_one_box_around_the_mask(tmp_path: Path) -> None:
    items, bad = read("risbench", risbench(tmp_path))
    assert not bad
    ship, pier = (item.sample for item in items)
    assert ship.boxes == ((5.0, 6.0, 60.0, 40.0),)
    assert "box_rule" not in ship.attributes
    assert (pier.query, pier.boxes) == ("the pier", (BOX_B,))
    assert [item.mask_name for item in items] == ["mask/00001", "mask/00002"]
