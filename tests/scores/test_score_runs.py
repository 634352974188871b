"""Masks as runs against dense masks and pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from remotereasoner.errors import ResultFormatError, UsageError
from remotereasoner.export.rle import encode_rle
from remotereasoner.scores.runs import Runs, intersections, union_runs
from remotereasoner.transform.masks import trim

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(MASKS)
def test_dense_runs_and_coco_are_one_mask(mask: np.ndarray) -> None:
    runs = Runs.of_mask(mask)
    assert runs.area_px == mask.sum()
    assert (np.diff(runs.edges) > 0).all()
    np.testing.assert_array_equal(runs.to_mask(), mask)
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert runs.to_coco() == {"size": list(mask.shape), "counts": theirs["counts"].decode()}
    for form in (theirs, runs.to_coco(), encode_rle(mask)):
        np.testing.assert_array_equal(Runs.of_coco(form).edges, runs.edges)


@given(st.data())
def test_pairs_share_what_dense_masks_share(data: st.DataObject) -> None:
    pairs = data.draw(st.lists(array_shapes(min_dims=2, max_dims=2, max_side=9), min_size=1, max_size=5))
    first = [data.draw(arrays(np.bool_, shape)) for shape in pairs]
    second = [data.draw(arrays(np.bool_, shape)) for shape in pairs]
    found = intersections([Runs.of_mask(mask) for mask in first], [Runs.of_mask(mask) for mask in second])
    assert found.tolist() == [int((a & b).sum()) for a, b in zip(first, second, strict=True)]
    for a, b in zip(first, second, strict=True):
        joined = union_runs([Runs.of_mask(a), Runs.of_mask(b)], (a.shape[0], a.shape[1]))
        np.testing.assert_array_equal(joined.edges, Runs.of_mask(a | b).edges)


def test_large_counts_survive_the_compressed_text() -> None:
    mask = np.zeros((3000, 2000), dtype=np.bool_)
    mask[10:2990, 1200:1210] = True
    mask[0, 5] = True
    form = Runs.of_mask(mask).to_coco()
    assert form["counts"].encode() == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    np.testing.assert_array_equal(Runs.of_coco(form).to_mask(), mask)


def test_a_crop_lies_where_its_offset_says() -> None:
    frame = np.zeros((7, 9), dtype=np.bool_)
    frame[2:5, 3:9] = True
    frame[3, 4] = False
    crop = trim(frame, (0, 0), 0.5)
    np.testing.assert_array_equal(Runs.of_instance(crop, (7, 9)).to_mask(), frame)
    assert Runs.of_mask(frame).to_instance().offset_xy == (3, 2)
    with pytest.raises(UsageError, match="does not fit"):
        Runs.of_instance(crop, (7, 8))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (None, "run-length"),
        ({"size": [2, 2]}, "run-length"),
        ({"size": [2, 2], "counts": [1, 2]}, "add up"),
        ({"size": [2, 2], "counts": [5, -1]}, "impossible"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "impossible"),
        ({"size": [2, 2], "counts": "\x01"}, "damaged"),
        ({"size": [2, 2], "counts": "o"}, "damaged"),
        ({"size": [2, 2], "counts": "o" * 40 + "0"}, "too many digits"),
        ({"size": [2, 2], "counts": "é"}, "run-length"),
        ({"size": [2, 2], "counts": [[1, 3]]}, "impossible"),
    ],
)
def test_a_damaged_form_is_refused(form: object, words: str) -> None:
    with pytest.raises(ResultFormatError, match=words):
        Runs.of_coco(form)


def test_frames_of_two_sizes_are_not_compared() -> None:
    with pytest.raises(UsageError, match="cannot be compared"):
        intersections([Runs.empty((2, 3))], [Runs.empty((3, 2))])
    with pytest.raises(UsageError, match="cannot be joined"):
        union_runs([Runs.empty((2, 3))], (3, 2))
    with pytest.raises(UsageError, match="cannot be paired"):
        intersections([], [Runs.empty((3, 2))])
